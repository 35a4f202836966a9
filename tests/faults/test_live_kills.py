"""kill -9 before and after every call to the broker and the booking of every report: at most one
order per id, every fill once, and a position that is protected or HALTED once a process lives."""

from pathlib import Path

import pytest

from core.types import Command
from tests.daemon.live_day import Kill, Stage, nothing
from tests.faults.crashpoints import places
from tests.faults.short_live_days import shorten_hours, watched_day
from tests.faults.tables import faults_with_their_tests

POINTS = sorted(name for name, _ in places() if name.startswith("broker."))
LATER = {"broker.submit": 3, "broker.modify": 4, "broker.report": 9, "broker.cancel": 2}


@pytest.fixture(autouse=True)
def _a_day_of_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_hours(monkeypatch)


async def flatten_twice(stage: Stage) -> None:
    """Each time while an entry waits at the exchange, which is then cancelled."""
    await stage.until("13:46:03")
    await stage.command(Command.FLATTEN)
    await stage.until("13:46:30")
    await stage.command(Command.RESUME)
    await stage.until("13:47:08")
    await stage.command(Command.FLATTEN)


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("is_later", [False, True], ids=["first", "later"])
def test_a_live_day_survives_a_kill_around_each_call_and_each_report(
    point: str, is_later: bool, tmp_path: Path
) -> None:
    call, _, _ = point.rpartition(".")
    kill = Kill(point, LATER[call] if is_later else 1)
    script = flatten_twice if call == "broker.cancel" else nothing
    day = watched_day(tmp_path, kills=[kill], script=script)

    assert day.directory.name == "life-2"


@pytest.mark.slow
def test_a_live_day_survives_a_kill_after_a_kill(tmp_path: Path) -> None:
    kills = [Kill("broker.submit.after", 2), Kill("broker.report.before", 2, back_s=0.5)]
    day = watched_day(tmp_path, kills=kills)

    assert day.directory.name == "life-3"


def test_every_call_to_the_broker_has_its_kill_points_and_its_rows_in_the_document() -> None:
    assert sorted(faults_with_their_tests("docs/live-faults.md", "## kill -9")) == POINTS
    assert {f"{call}.{when}" for call in LATER for when in ("before", "after")} == set(POINTS)
