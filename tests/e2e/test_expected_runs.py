"""`tradingd backtest` agrees row by row with the expected results beside the checkout.

Those were made from the same text by an implementation that shares nothing with this one. Run as a
program (`make expected`) it says for each gear how many of the folders agree, and where the others
differ.
"""

import contextlib
import io
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest

from cli.main import main as tradingd
from tests.oracle.compare import EXPECTED, SIGNAL_COLUMNS, TRADE_COLUMNS, differences

INSTALLED = Path(sys.executable).with_name("tradingd")
SHARED = Path(__file__).resolve().parents[3] / "shared"
OWN_OPTIONS = ("label", "session", "closing_auction")
GEARS = ("event", "compiled")
QUICK = ("eq-2026", "index-2024", "ethusdt-1h")  # a fraction of a second each

Run = Callable[[Sequence[str]], tuple[int, str]]  # words -> exit code, standard error


@pytest.mark.parametrize("folder", QUICK)
def test_a_quick_run_agrees_row_by_row(folder: str, shared: Path, tmp_path: Path) -> None:
    assert [] == run_differences(folder, "compiled", shared, tmp_path / "out", in_process)


def test_the_installed_command_agrees_row_by_row(shared: Path, tmp_path: Path) -> None:
    if not INSTALLED.exists():
        pytest.skip("needs the tradingd command that `make setup` installs")

    assert [] == run_differences("eq-2026", "compiled", shared, tmp_path / "out", installed)


@pytest.mark.slow
@pytest.mark.parametrize("gear", GEARS)
@pytest.mark.parametrize("folder", EXPECTED)
def test_every_run_agrees_row_by_row_in_both_gears(
    folder: str, gear: str, shared: Path, tmp_path: Path
) -> None:
    assert [] == run_differences(folder, gear, shared, tmp_path / "out", in_process)


def run_differences(folder: str, gear: str, shared: Path, out: Path, run: Run) -> list[str]:
    """Play `folder`; one line per difference."""
    code, error = run(command(folder, gear, shared, out))
    if code:
        return [f"exit {code}: {error.strip()}"]
    return [
        f"{name}: {line}"
        for name, columns in (("signals", SIGNAL_COLUMNS), ("trades", TRADE_COLUMNS))
        for line in differences(
            pl.read_parquet(shared / "expected" / folder / f"{name}.parquet").to_dicts(),
            pl.read_parquet(out / f"{name}.parquet").to_dicts(),
            columns,
        )
    ]


def command(folder: str, gear: str, shared: Path, out: Path) -> list[str]:
    """The words after `tradingd`."""
    name, stated = EXPECTED[folder]
    options = dict(stated)
    line = ["backtest", "--strategy", "pixity", "--gear", gear, "--out", str(out)]
    line += ["--data", str(shared / "data" / f"{name}.parquet")]
    for option in OWN_OPTIONS:
        if option in options:
            line += [f"--{option.replace('_', '-')}", str(options.pop(option))]
    if "base_minutes" in options:
        line += ["--base", f"{options.pop('base_minutes')}m"]
    settings = [f"{key}={value}" for key, value in options.items()]
    return [*line, "--set", *settings] if settings else line


def in_process(words: Sequence[str]) -> tuple[int, str]:
    """Without the start of a process: twenty runs need one."""
    error = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(error):
        try:
            tradingd(words)
        except SystemExit as left:
            return int(left.code or 0), error.getvalue()


def installed(words: Sequence[str]) -> tuple[int, str]:
    """As a user calls it."""
    done = subprocess.run(
        [INSTALLED, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def main() -> int:
    wanted = len(EXPECTED)
    agreed = dict.fromkeys(GEARS, 0)
    with tempfile.TemporaryDirectory() as scratch:
        for gear in GEARS:
            for folder in EXPECTED:
                out = Path(scratch) / gear / folder
                found = run_differences(folder, gear, SHARED, out, in_process)
                agreed[gear] += not found
                verdict = "differs" if found else "agrees"
                lines = [f"{gear:<8} {folder}: {verdict}", *found]
                print("\n  ".join(lines), flush=True)
    for gear, count in agreed.items():
        print(f"{gear:<8} {count} of {wanted} expected runs agree")
    return 0 if set(agreed.values()) == {wanted} else 1


if __name__ == "__main__":
    sys.exit(main())
