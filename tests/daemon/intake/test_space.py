"""When the disk fills up: ticks are given up first, the ballast last, bars and ledger never."""

import resource
from pathlib import Path

import pytest
import structlog

from core.doubts import Doubt, DoubtKind
from core.ports import EventKind
from core.types import NEVER_NS
from daemon.intake.doubts import Doubts
from daemon.intake.space import (
    BALLAST_BYTES,
    BALLAST_FILE,
    LOW_BYTES,
    SHORT_BYTES,
    Space,
    keep_ballast,
)
from stores.memory import MemoryMarketStore
from tests.daemon.days import play, recorded, synthetic_plan

SPACE = Doubt(DoubtKind.SPACE)


class Disk:
    """As much free as it is told."""

    def __init__(self, free: int) -> None:
        self.free = free

    def __call__(self, directory: Path) -> int:
        return self.free


def test_short_of_space_is_doubted_and_keeps_no_tick_until_there_is_room(tmp_path: Path) -> None:
    disk, doubts = Disk(SHORT_BYTES - 1), Doubts()
    space = Space(tmp_path, doubts, disk)
    space.look()
    assert (space.is_short, SPACE in doubts.open_now) == (True, True)
    disk.free = SHORT_BYTES
    space.look()

    assert (space.is_short, SPACE in doubts.open_now) == (False, False)


def test_low_space_is_told_once(tmp_path: Path) -> None:
    space = Space(tmp_path, Doubts(), Disk(LOW_BYTES - 1))
    with structlog.testing.capture_logs() as logs:
        space.look()
        space.look()

    assert [log["event"] for log in logs] == ["space_low"]


def test_the_ballast_takes_its_room_at_the_start(tmp_path: Path) -> None:
    keep_ballast(tmp_path, SHORT_BYTES)
    ballast = tmp_path / BALLAST_FILE

    assert ballast.stat().st_size == BALLAST_BYTES
    assert ballast.stat().st_blocks * 512 >= BALLAST_BYTES


@pytest.mark.parametrize("free", [BALLAST_BYTES - 1, BALLAST_BYTES])
def test_the_ballast_goes_when_nothing_else_is_left(free: int, tmp_path: Path) -> None:
    keep_ballast(tmp_path, SHORT_BYTES)
    Space(tmp_path, Doubts(), Disk(free)).look()

    assert (tmp_path / BALLAST_FILE).exists() is (free >= BALLAST_BYTES)


def test_a_start_without_room_takes_none_and_gives_up_what_there_is(tmp_path: Path) -> None:
    keep_ballast(tmp_path, SHORT_BYTES)
    keep_ballast(tmp_path, SHORT_BYTES - 1)

    assert list(tmp_path.iterdir()) == []


def test_a_day_on_a_full_disk_keeps_bars_and_ledger_and_no_tick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.intake.space.shutil.disk_usage", lambda path: _Usage)
    plan = synthetic_plan(history_sessions=1)
    store = MemoryMarketStore(plan.source.instruments)
    [outcome] = play(plan, tmp_path, open_store=lambda path, ours: store)
    [doubt] = recorded(tmp_path, [EventKind.DOUBT])

    assert outcome.complete
    assert doubt.payload["doubt"] == "space"
    first_minute_ns = recorded(tmp_path, [EventKind.MINUTE])[0].ts_ns
    assert len(store.ticks(first_minute_ns + 60_000_000_000, NEVER_NS)) == 0
    assert len(store.bars(first_minute_ns - 60_000_000_000, NEVER_NS)) == 375


class _Usage:
    free = SHORT_BYTES - 1


def test_a_disk_that_cannot_hold_the_ballast_is_no_reason_not_to_start(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (BALLAST_BYTES - 1, before[1]))
    try:
        with structlog.testing.capture_logs() as logs:
            keep_ballast(tmp_path, SHORT_BYTES)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert [log["event"] for log in logs] == ["ballast_missing"]
    assert not (tmp_path / BALLAST_FILE).exists()
