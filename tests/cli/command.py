"""The command under test, in this process or in one of its own, and small files for it to read."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.main import main
from core.session import ist_text
from providers.dataset import Dataset
from tests.datasets import LIVELY, generated

ROOT = Path(__file__).resolve().parents[2]
HEADER = "symbol,ts,open,high,low,close,volume"
LIVELY_SET = ("--set", *LIVELY)


@dataclass(frozen=True)
class Answer:
    """What a call gave back."""

    code: int
    out: str
    err: str


def call(capfd: pytest.CaptureFixture[str], *words: str) -> Answer:
    """Run the command in this process."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as left:
        main(words)
    out, err = capfd.readouterr()
    assert isinstance(left.value.code, int)
    return Answer(left.value.code, out, err)


def process(
    *words: str, cwd: Path, env: Mapping[str, str] | None = None, stdout: int = subprocess.PIPE
) -> Answer:
    """Run the command in a process of its own, which finds it in this checkout."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", "from cli.main import main; main()", *words],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
    )
    return Answer(done.returncode, done.stdout or "", done.stderr)


def rows_of(dataset: Dataset) -> list[str]:
    """The bars of `dataset` as lines of a CSV."""
    return [
        f"{dataset.instruments[bar['instrument']].symbol},{ist_text(int(bar['open_ns']))},"
        f"{bar['open']},{bar['high']},{bar['low']},{bar['close']},{bar['volume']}"
        for bar in dataset.bars
    ]


def write_csv(path: Path, rows: Sequence[str], header: str = HEADER) -> Path:
    path.write_text("".join(f"{line}\n" for line in (header, *rows)))
    return path


def lively_csv(path: Path) -> Path:
    """A week of one symbol on which `LIVELY_SET` makes signals and trades."""
    return write_csv(path, rows_of(generated("week")))


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Everything below `folder`, with size and time of change."""
    found = {path: path.lstat() for path in sorted(folder.rglob("*"))}
    return {
        str(path.relative_to(folder)): (seen.st_size, seen.st_mtime_ns)
        for path, seen in found.items()
    }
