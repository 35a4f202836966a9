"""What follows a closed day: bars archived, ledger backed up, old blobs and ticks dropped.

Decides how long things are kept. Every chore may be run again; one that fails is logged, and made
up for on the next evening. Never fails the day, never drops the only copy of a bar.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import structlog

from core.errors import StoreFailed, TradingdError
from core.ports import RecordedEvent
from core.session import DAY_NS, day_text
from core.types import BAR, MISSING, Instrument, Records
from stores.archive import BarArchive
from stores.ledger import SqliteLedger
from stores.ledger_reader import HEAD_FILE
from stores.market import DuckMarketStore
from stores.owner import Owner

BACKUP_FOLDER = "backups"
KEEP_BACKUPS = 30  # reliability.md 1.6
KEEP_BLOB_DAYS = 10  # design.md 6: younger days can be certified
KEEP_TICK_DAYS = 30

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evening:
    """The stores of one state directory, and the threads that own them."""

    directory: Path
    instruments: Sequence[Instrument]
    ledger: SqliteLedger
    ledger_owner: Owner
    store: DuckMarketStore
    store_owner: Owner

    async def follow(self, day: int, stop: asyncio.Event | None = None) -> None:
        """Do the chores of `day`, which is closed. After `stop` no further one is begun."""
        chores = (
            ("archive_bars", self.store_owner, self._archive),
            ("back_up_ledger", self.ledger_owner, self._back_up),
            ("drop_blobs", self.ledger_owner, self._drop_blobs),
            ("drop_ticks", self.store_owner, self._drop_ticks),
        )
        for name, owner, chore in chores:
            if stop is not None and stop.is_set():
                return
            try:
                await owner.run(chore, day)
            except (TradingdError, OSError) as error:
                log.error("chore_failed", chore=name, day=day_text(day), reason=str(error))

    def _archive(self, day: int) -> None:
        days = archive_bars(self.store, BarArchive(self.directory), day)
        log.info("bars_archived", day=day_text(day), days=len(days))

    def _back_up(self, day: int) -> None:
        path = back_up(self.ledger, self.directory / BACKUP_FOLDER, day)
        log.info("ledger_backed_up", day=day_text(day), file=path.name)

    def _drop_blobs(self, day: int) -> None:
        before_day = day - KEEP_BLOB_DAYS
        archive = BarArchive(self.directory)
        if dropped := drop_blobs(self.ledger, archive, self.instruments, before_day):
            log.info("blobs_dropped", before=day_text(before_day), blobs=dropped)

    def _drop_ticks(self, day: int) -> None:
        before_day = day - KEEP_TICK_DAYS
        if dropped := self.store.drop_ticks(before_day * DAY_NS):
            log.info("ticks_dropped", before=day_text(before_day), ticks=dropped)


def archive_bars(store: DuckMarketStore, archive: BarArchive, day: int) -> list[int]:
    """Archive `day`, and every earlier day of the store that is not yet; returns which."""
    archived = set(archive.days())
    days = [one for one in store.days() if one < day and one not in archived]
    for one in [*days, day]:
        store.compact(one, archive)
    return [*days, day]


def back_up(ledger: SqliteLedger, folder: Path, day: int) -> Path:
    """Back the ledger up as that of `day`; of all backups the KEEP_BACKUPS newest stay."""
    for unfinished in folder.glob(".*.partial"):  # of a process that was killed
        unfinished.unlink()
    path = folder / _backup_name(day)
    ledger.backup(path)
    for old in backups(folder)[:-KEEP_BACKUPS]:
        old.unlink()
        old.with_suffix(f".{HEAD_FILE}").unlink(missing_ok=True)
    return path


def is_done(directory: Path, day: int) -> bool:
    """Whether `day` had its evening: a failed chore is made up for by the next one, not by this."""
    return (directory / BACKUP_FOLDER / _backup_name(day)).exists()


def _backup_name(day: int) -> str:
    return f"ledger-{day_text(day)}.db"


def backups(folder: Path) -> list[Path]:
    """The backups in `folder`, oldest day first."""
    return sorted(folder.glob("ledger-????-??-??.db"))


def drop_blobs(
    ledger: SqliteLedger, archive: BarArchive, instruments: Sequence[Instrument], before_day: int
) -> int:
    """Drop the blobs of days before `before_day`, none of a day that the archive lacks bars of.

    Raises StoreFailed for such a day; then the days before it have been dropped all the same.
    """
    held = groupby(ledger.minutes_held(before_day), lambda one: int(str(one.event.payload["day"])))
    for day, minutes in held:
        lacking = _bars_of(minutes) - _archived(archive, day, instruments)
        if lacking:
            ledger.drop_blobs(day)
            raise StoreFailed(
                f"{len(lacking)} bars of {day_text(day)} are in the ledger and not in the archive:"
                " blobs are kept from that day on"
            )
    return ledger.drop_blobs(before_day)


BarKeys = set[tuple[int, int]]  # open_ns, instrument number


def _bars_of(minutes: Iterable[RecordedEvent]) -> BarKeys:
    bars = np.concatenate([np.frombuffer(one.event.blob or b"", BAR) for one in minutes])
    return _keys(bars[bars["quality"] & MISSING == 0])  # without a price there is nothing to keep


def _archived(archive: BarArchive, day: int, instruments: Sequence[Instrument]) -> BarKeys:
    return _keys(archive.read(day, day, instruments))


def _keys(bars: Records) -> BarKeys:
    return set(zip(bars["open_ns"].tolist(), bars["instrument"].tolist(), strict=True))
