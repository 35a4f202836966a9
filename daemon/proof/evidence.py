"""What a closed day left behind: its inputs, and beside them what was recorded as its results.

Decides what of the state directory a certificate is made of, and that there is enough of it. Reads
only; the ledger through a connection of its own, the market store as its owner.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import DataError, StoreFailed
from core.orders import OrderRole, OrderState
from core.ports import DecidedBar, EventKind, LedgerEvent, MarketStore
from core.session import day_span_ns, day_text
from core.types import Int64s, Records, SignalId
from daemon.intake.tape import Publication
from daemon.proof.recipe import instruments_of
from daemon.rerun import DayRecord, recorded_day
from stores.ledger_reader import LedgerReader

MAX_DECISIONS = 2_000  # of an instrument in a day: more than its minutes, for each of a few books


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Of one day. `opened`, `starts`, `steps[n][0]`, ticks and bars are its inputs."""

    day: int
    starts: Sequence[LedgerEvent]
    opened: LedgerEvent  # of a day that another setup took over, the opening of the last one
    before: int  # Minutes before that opening: of another setup, and not looked at
    steps: Sequence[Sequence[LedgerEvent]]  # an input, then what is recorded as its results
    closed: LedgerEvent | None
    seen: Sequence[SignalId]  # entries of earlier days
    ticks: Records
    altered: Int64s  # rows of `ticks` whose checksum is not theirs
    bars: Records  # as stored: what is given where nothing was built from ticks
    history: Records
    decisions: Sequence[Sequence[DecidedBar]]  # by instrument
    broken: str  # what is wrong with the chain of the ledger, "" if nothing

    @property
    def recipe(self) -> dict[str, Any]:
        recipe = self.starts[-1].payload["recipe"]
        assert isinstance(recipe, dict)
        return recipe

    @property
    def minutes(self) -> list[LedgerEvent]:
        return [step[0] for step in self.steps if step[0].kind is EventKind.MINUTE]

    @property
    def publications(self) -> list[Publication]:
        """How each Minute came about; empty for a day of imported bars."""
        return [one.payload for one in self.minutes if "marks" in one.payload]


def evidence_of(day: int, ledger: LedgerReader, store: MarketStore) -> Evidence:
    """Everything there is of `day`. Raises DataError for what is missing, StoreFailed."""
    record = recorded_day(ledger, day)
    if record.opened is None:
        raise DataError(f"the ledger holds no day {day_text(day)}{_held(ledger)}")
    if record.opened.blob is None:
        raise DataError(
            f"the opening snapshot of {day_text(day)} has left the ledger, as it does after some"
            " days: certify a copy of that evening in backups"
        )
    instruments = instruments_of(start_of(ledger, day))
    span = day_span_ns(day, instruments[0].session_class)
    ticks = store.ticks(*span)
    first_ns = record.opened.payload["history_first_bar_ns"]
    before = (int(str(first_ns)), span[0]) if first_ns is not None else (0, 0)
    return Evidence(
        day=day,
        starts=_starts(ledger, day),
        opened=record.opened,
        before=sum(step[0].kind is EventKind.MINUTE for step in record.before),
        steps=record.steps,
        closed=record.closed,
        seen=_seen(ledger, record),
        ticks=ticks,
        altered=store.altered_ticks(*span),
        bars=store.bars(*span),
        history=store.bars(*before),
        decisions=[
            [
                decided
                for decided in store.decisions(one, day, MAX_DECISIONS)
                if decided.close_ns > record.opened.ts_ns
            ]
            for one in range(len(instruments))
        ],
        broken=_broken(ledger),
    )


def start_of(ledger: LedgerReader, day: int) -> dict[str, Any]:
    """What `day` was run with (`recipe.py`). Raises DataError."""
    starts = _starts(ledger, day)
    if not starts:
        raise DataError(f"the ledger holds no day {day_text(day)}{_held(ledger)}")
    recipe = starts[-1].payload.get("recipe")
    if not isinstance(recipe, dict):
        raise DataError(
            f"{day_text(day)} was run by a version that did not record what it ran with"
        )
    return recipe


def _starts(ledger: LedgerReader, day: int) -> list[LedgerEvent]:
    found = (one.event for one in ledger.events(kinds=[EventKind.RUN_START]))
    return [one for one in found if one.payload["day"] == day]


def _seen(ledger: LedgerReader, record: DayRecord) -> list[SignalId]:
    """Entries intended before the opening; those behind it are computed again."""
    again = {event.key for step in record.steps for event in step}
    seen = []
    for recorded in ledger.events(kinds=[EventKind.ORDER]):
        row = recorded.event.payload
        if int(str(row["day"])) > record.day:
            break
        is_entry = row["role"] == OrderRole.ENTRY.name and row["state"] == OrderState.INTENDED.name
        if is_entry and recorded.event.key not in again:
            seen.append(SignalId(str(row["signal_id"])))
    return seen


def _broken(ledger: LedgerReader) -> str:
    try:
        ledger.verify(full=False)
    except StoreFailed as error:
        return str(error)
    return ""


def _held(ledger: LedgerReader) -> str:
    days = [
        day_text(int(str(one.event.payload["day"])))
        for one in ledger.events(kinds=[EventKind.DAY_CLOSED])
    ]
    return f": it holds {days[0]} to {days[-1]}" if days else ": none is closed"
