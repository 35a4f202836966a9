"""The chores of a closed day: bars archived, ledger backed up, old blobs dropped.

Decides how long things are kept. Every chore may be run again, and what one has missed is made up
for on the next evening (`evening.py` calls them). Never drops the only copy of a bar.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from core.errors import StoreFailed
from core.ports import RecordedEvent
from core.session import day_text
from core.types import BAR, MISSING, Instrument, Records
from stores.archive import BarArchive
from stores.ledger import SqliteLedger
from stores.ledger_reader import HEAD_FILE
from stores.market import DuckMarketStore

BACKUP_FOLDER = "backups"
KEEP_BACKUPS = 30  # reliability.md 1.6


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
