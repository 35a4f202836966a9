"""The evening: what is kept twice, what is dropped, and that it never costs the day."""

import asyncio
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
import structlog

from backtest.run import run as run_backtest
from core.errors import StoreFailed
from core.ports import EventKind
from core.session import day_text
from daemon import chores, evening
from daemon.bootstrap import Daemon, OpenStore
from daemon.chores import BACKUP_FOLDER, back_up, backups, drop_blobs
from daemon.lock import StateLock
from daemon.plan import DayOutcome, Plan
from providers.dataset import DataOptions, load
from stores.archive import BarArchive
from stores.ledger import SqliteLedger
from stores.ledger_reader import open_read_only
from stores.market import DuckMarketStore
from stores.owner import InlineOwner
from tests.daemon.days import files_of, recorded, replay_plan, told
from tests.datasets import LIVELY, WEEK, generated, request_on

SOUND = ["bars_archived", "day_certified", "ledger_backed_up"]


def week() -> Plan:
    return replay_plan(request_on(generated("week", seed=2), *LIVELY))


def played(
    directory: Path,
    *days: int,
    open_store: OpenStore = DuckMarketStore,
    stop: asyncio.Event | None = None,
) -> tuple[list[DayOutcome], list[str]]:
    """The days and their evenings, and the events of these in order."""

    async def main() -> list[DayOutcome]:
        owners = {"ledger_owner": InlineOwner(), "store_owner": InlineOwner()}
        daemon, outcomes = Daemon(week(), directory, **owners, open_store=open_store), []
        with StateLock(directory):
            try:
                await daemon.open()
                for day in days:
                    outcomes.append(await daemon.play(day))
                    await daemon.evening.follow(day, stop)
                return outcomes
            finally:
                await daemon.close()

    with structlog.testing.capture_logs() as logs:
        outcomes = asyncio.run(main())
    names = [str(log["event"]) for log in logs]
    return outcomes, [one for one in names if one in (*SOUND, "chore_failed", *DROPPED)]


DROPPED = ("blobs_dropped", "ticks_dropped")


def test_a_closed_day_is_archived_and_backed_up(tmp_path: Path) -> None:
    [outcome], told_of = played(tmp_path, WEEK[1])
    text = day_text(WEEK[1])

    assert outcome.complete
    assert told_of == SOUND
    assert BarArchive(tmp_path).days() == [WEEK[1]]
    assert {one for one in files_of(tmp_path) if "/" in one} == {
        f"bars/year={text[:4]}/month={text[5:7]}/{text}.parquet",
        f"{BACKUP_FOLDER}/ledger-{text}.db",
        f"{BACKUP_FOLDER}/ledger-{text}.head.json",
        f"reports/{text}.json",
        f"reports/{text}.md",
        f"certificates/{text}.json",
    }


def test_the_archive_is_data_that_gives_the_same_day_again(tmp_path: Path) -> None:
    days = WEEK[:3]
    played(tmp_path, *days)
    dataset = load([tmp_path / "bars"], DataOptions(closing_auction=()))
    request = request_on(dataset, *LIVELY, to_day=days[-1])
    expected = run_backtest(request_on(generated("week", seed=2), *LIVELY, to_day=days[-1]))
    actual = run_backtest(request)

    assert len(actual.trades) > 0
    assert actual.trades.drop("signal_id").equals(expected.trades.drop("signal_id"))


def test_chores_change_nothing_that_the_ledger_says(tmp_path: Path) -> None:
    played(tmp_path / "with", WEEK[1], WEEK[2])
    daemon = Daemon(week(), tmp_path / "without")

    async def without() -> None:
        await daemon.open()
        for day in WEEK[1:3]:
            await daemon.play(day)
        await daemon.close()

    asyncio.run(without())

    assert told(tmp_path / "with") == told(tmp_path / "without")
    assert not [one for one in files_of(tmp_path / "without") if "/" in one]


def test_a_backup_put_back_goes_on_with_the_next_day(tmp_path: Path) -> None:
    played(tmp_path / "first", WEEK[1])
    [backup] = backups(tmp_path / "first" / BACKUP_FOLDER)
    (tmp_path / "second").mkdir()
    backup.rename(tmp_path / "second" / "ledger.db")
    backup.with_suffix(".head.json").rename(tmp_path / "second" / "head.json")
    played(tmp_path / "first", WEEK[2])
    played(tmp_path / "second", WEEK[2])

    assert told(tmp_path / "second") == told(tmp_path / "first")


# --- failures ------------------------------------------------------------------------------------


class NoArchive(DuckMarketStore):
    """A store whose day cannot be archived."""

    def compact(self, day: int, archive: BarArchive) -> Path:
        raise StoreFailed("disk full")


def test_a_chore_that_fails_is_named_and_costs_neither_the_day_nor_the_others(
    tmp_path: Path,
) -> None:
    [outcome], told_of = played(tmp_path, WEEK[1], open_store=NoArchive)

    assert outcome.complete
    assert told_of == ["chore_failed", "day_certified", "ledger_backed_up"]


def test_an_evening_that_was_missed_is_made_up_for(tmp_path: Path) -> None:
    played(tmp_path, WEEK[1], open_store=NoArchive)
    _, told_of = played(tmp_path, WEEK[2])

    assert told_of == SOUND
    assert BarArchive(tmp_path).days() == WEEK[1:3]


def test_no_chore_is_begun_once_the_daemon_is_to_stop(tmp_path: Path) -> None:
    stop = asyncio.Event()

    class Stopping(DuckMarketStore):
        def compact(self, day: int, archive: BarArchive) -> Path:
            stop.set()
            return super().compact(day, archive)

    [outcome], told_of = played(tmp_path, WEEK[1], open_store=Stopping, stop=stop)

    assert outcome.complete
    assert told_of == ["bars_archived"]


# --- what is dropped -----------------------------------------------------------------------------


def short_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Days pass quicker in a test: blobs and ticks of the day before yesterday are old."""
    monkeypatch.setattr(evening, "KEEP_BLOB_DAYS", 1)
    monkeypatch.setattr(evening, "KEEP_TICK_DAYS", 1)


def blob_days(directory: Path) -> set[int]:
    """Days whose Minutes still have their bars in the ledger."""
    minutes = recorded(directory, [EventKind.MINUTE])
    return {int(str(one.payload["day"])) for one in minutes if one.blob is not None}


def test_bars_of_old_days_leave_the_ledger_once_archived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_memory(monkeypatch)
    _, told_of = played(tmp_path, *WEEK[:3])

    assert told_of == [*SOUND, *SOUND, *SOUND, "blobs_dropped"]
    assert blob_days(tmp_path) == {WEEK[1], WEEK[2]}
    with closing(open_read_only(tmp_path)) as ledger:
        ledger.verify(full=True)
    assert len(backups(tmp_path / BACKUP_FOLDER)) == 3
    assert played(tmp_path, WEEK[3])[0][0].complete


def test_bars_that_are_nowhere_else_are_not_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_memory(monkeypatch)
    played(tmp_path, *WEEK[:2])
    archive = BarArchive(tmp_path)
    frame = pl.read_parquet(archive.path(WEEK[0]))
    frame.head(len(frame) - 1).write_parquet(archive.path(WEEK[0]))
    _, told_of = played(tmp_path, WEEK[2])

    assert told_of == [*SOUND, "chore_failed"]
    assert blob_days(tmp_path) == set(WEEK[:3])


def test_days_before_one_that_is_not_archived_are_dropped(tmp_path: Path) -> None:
    plan = week()
    played(tmp_path, *WEEK[:3])
    archive = BarArchive(tmp_path)
    archive.path(WEEK[1]).unlink()

    with (
        closing(SqliteLedger(tmp_path)) as ledger,
        pytest.raises(StoreFailed, match=f"bars of {day_text(WEEK[1])} are in the ledger"),
    ):
        drop_blobs(ledger, archive, plan.source.instruments, WEEK[3])
    assert blob_days(tmp_path) == {WEEK[1], WEEK[2]}


def test_old_ticks_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short_memory(monkeypatch)
    asked: list[int] = []

    class Counting(DuckMarketStore):
        def drop_ticks(self, before_ns: int) -> int:
            asked.append(before_ns // 86_400_000_000_000)
            return super().drop_ticks(before_ns)

    played(tmp_path, WEEK[2], open_store=Counting)

    assert asked == [WEEK[1]]


def test_the_newest_backups_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chores, "KEEP_BACKUPS", 2)
    folder = tmp_path / BACKUP_FOLDER
    folder.mkdir()
    (folder / ".ledger-2020-01-01.db.partial").write_text("of a process that was killed")
    with closing(SqliteLedger(tmp_path)) as ledger:
        for day in WEEK[:4]:
            back_up(ledger, folder, day)
            back_up(ledger, folder, day)

    kept = [f"ledger-{day_text(day)}" for day in WEEK[2:4]]
    assert [path.stem for path in backups(folder)] == kept
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{name}{end}" for name in kept for end in (".db", ".head.json")
    )
