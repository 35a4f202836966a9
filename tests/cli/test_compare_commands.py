"""`compare`: two backtests side by side, its files, and one line for what cannot be compared."""

import json
from pathlib import Path

import pytest

from core.errors import ConfigError, DataError
from tests.cli.command import LIVELY_SET, call, lively_csv


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    lively_csv(folder / "bars.csv")
    return folder


@pytest.fixture
def runs(folder: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    for name, sl_mult in (("near", "1"), ("wide", "2")):
        if not (folder / name).exists():
            line = ["--data", str(folder / "bars.csv"), "--out", str(folder / name)]
            answer = call(capfd, "backtest", *line, *LIVELY_SET, f"sl_mult={sl_mult}")
            assert answer.code == 0
    return folder


def test_two_runs_are_told_side_by_side_and_written(
    runs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = call(capfd, "compare", f"{runs}/near", f"{runs}/wide", "--out", f"{runs}/both")

    assert (answer.code, answer.err) == (0, "")
    lines = [line.split() for line in answer.out.splitlines()]
    assert ["near", "wide"] in lines
    assert ["sl_mult", "1.0", "2.0"] in lines
    summary = json.loads((runs / "near/summary.json").read_text())
    trades = next(line for line in lines if line[:1] == ["trades"])
    assert trades[1] == str(summary["trades"])
    assert {one.suffix for one in (runs / "both").iterdir()} == {
        *(".json", ".html", ".parquet", ".csv")
    }


def test_the_same_comparison_writes_the_same_bytes(
    runs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for out in ("one", "two"):
        assert (
            call(capfd, "compare", f"{runs}/near", f"{runs}/wide", "--out", f"{runs}/{out}").code
            == 0
        )

    for path in (runs / "one").iterdir():
        assert path.read_bytes() == (runs / "two" / path.name).read_bytes(), path.name


def test_one_run_is_compared_with_holding_its_bars(
    runs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    held = ("data", "export", "--data", f"{runs}/bars.csv", "--out", f"{runs}/bars.parquet")
    assert call(capfd, *held).code == 0
    line = ("--benchmark", f"{runs}/bars.parquet", "--out", f"{runs}/held")
    answer = call(capfd, "compare", f"{runs}/near", *line)

    assert (answer.code, answer.err) == (0, "")
    assert ["run", "beta", "alpha", "explained"] in [one.split() for one in answer.out.splitlines()]


def test_what_cannot_be_compared_is_one_line(runs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    near = f"{runs}/near"
    answer = call(capfd, "compare", near, near, "--out", f"{runs}/x")
    assert answer.code == ConfigError.exit_code
    assert answer.err == f"tradingd: {near} is given twice\n"

    answer = call(capfd, "compare", near, str(runs), "--out", f"{runs}/x")
    assert answer.code == DataError.exit_code
    assert "holds no run: neither run.json nor summary.json is in it" in answer.err

    answer = call(capfd, "compare", near, f"{runs}/wide", "--out", near)
    assert (answer.code, answer.err) == (2, f"tradingd: --out {near} is one of the runs\n")
