"""A backfill that is killed or interrupted leaves whole days; the next one asks for the others."""

import signal
import sys
from pathlib import Path

import pytest

from stores.archive import BarArchive
from tests.e2e.processes import ROOT, result_of, running
from tests.sandbox.beside import sandbox_at

DYING = (sys.executable, str(Path(__file__).with_name("dying_backfill.py")))
SPAN = ("--symbols", "RELIANCE,TCS", "--from", "2026-07-20", "--to", "2026-08-04")


def files(out: Path) -> dict[int, bytes]:
    archive = BarArchive(out)
    return {day: archive.path(day).read_bytes() for day in archive.days()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "days", "asked_again"),
    [
        ("SIGKILL", -signal.SIGKILL, 4, 2 * (7 * 375 + 2 * 360)),  # the fourth day, and the rest
        ("SIGINT", 130, 12, 2 * 360),  # the days that had come are written: but the last
    ],
)
def test_what_was_left_is_whole_and_the_rest_is_fetched(
    tmp_path: Path, number: str, code: int, days: int, asked_again: int
) -> None:
    left, whole = tmp_path / "left", tmp_path / "whole"
    with sandbox_at() as address:
        asked = ("data", "backfill", "--api", address, *SPAN, "--out")
        result_of(*asked, str(whole))
        environ = {"PYTHONPATH": str(ROOT)}
        with running(number, "5", *asked, str(left), environ=environ, program=DYING) as command:
            ended = command.ended()
            told = command.lines
        found = files(left)
        again, lines = result_of(*asked, str(left))

    assert code == ended, told
    assert days == len(found)
    assert found.items() <= files(whole).items()
    assert 0 == again
    assert files(whole) == files(left)
    assert any(line.startswith(f"bars         {asked_again:,} on ") for line in lines), lines
    assert not list(left.rglob("*.partial"))
