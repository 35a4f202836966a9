"""Which day is played next: the unfinished one, the one that follows, or the one that is wanted.

Pure. Days of a state directory go forward, and none is left unfinished behind another.
"""

from collections.abc import Set
from pathlib import Path

from core.errors import ConfigError
from core.ports import EventKind
from core.session import day_text
from daemon.rerun import DayRecord, Readable
from daemon.sources import Source


def next_day(record: DayRecord, source: Source) -> int:
    """Where nobody wants a certain one. `record`: the last day in the ledger."""
    return record.day if _is_unfinished(record) else source.next_day(record.day)


def wanted_day(record: DayRecord, wanted: int, closed: Set[int], directory: Path) -> int | None:
    """None: it is among the `closed` ones already. Raises ConfigError where it cannot be played."""
    is_unfinished = _is_unfinished(record)
    if is_unfinished and wanted != record.day:
        raise ConfigError(
            f"day {day_text(record.day)} is unfinished in {directory}:"
            f" finish it first, or give another --state-dir"
        )
    if is_unfinished or wanted > record.day:
        return wanted
    if wanted in closed:
        return None
    raise ConfigError(
        f"day {day_text(wanted)} lies before {day_text(record.day)}, which"
        f" {directory} holds: days go forward, or give another --state-dir"
    )


def closed_days(ledger: Readable) -> set[int]:
    """Those that a ledger holds to their end."""
    return {
        int(str(recorded.event.payload["day"]))
        for recorded in ledger.events(kinds=[EventKind.DAY_CLOSED])
    }


def _is_unfinished(record: DayRecord) -> bool:
    return record.opened is not None and record.closed is None
