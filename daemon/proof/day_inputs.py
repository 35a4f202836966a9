"""What a day was given besides its bars: out of the ledger's inputs, and of what lies there now.

Reads; decides nothing. What it may explain is `reasons.py`'s part.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from core.book import MAIN_BOOK
from core.errors import StoreFailed
from core.ports import EventKind, LedgerEvent
from core.session import Session, SessionKind, day_text, recorded_session
from core.types import BAR, MISSING, NEVER_NS, PARTIAL, Records
from daemon.fuse import SWITCHED_OFF
from daemon.memory.journal import TRIPPED
from daemon.plan import Plan
from daemon.proof.reasons import Doubtful, Given
from daemon.sources import classes_of
from stores.ledger_reader import LedgerReader

INPUTS = (
    *(EventKind.MINUTE, EventKind.COMMAND, EventKind.DOUBT, EventKind.NOTE),
    EventKind.DAY_OPENED,  # of another setup, which took the day over
)

Sessions = Sequence[Session | None]


def given_of(
    ledger: LedgerReader, plan: Plan, day: int, sessions: Sessions, history: Records
) -> Given:
    """Of `day`, which is closed; `history` is what there is to warm up with now."""
    opened, inputs, closed = _recorded(ledger, day)
    again = [one for one in inputs if one.kind is EventKind.DAY_OPENED]
    minutes = [one for one in inputs if one.kind is EventKind.MINUTE]
    warmed_by = (opened.payload["history_first_bar_ns"], opened.payload["history_bars"])
    there_is = (int(history["open_ns"][0]) if len(history) else None, len(history))
    recorded = [recorded_session(day, one) for one in classes_of(plan.source.instruments)]
    held = [session for session in sessions if session is not None]
    return Given(
        open_ns=min(session.open_ns for session in held),
        commands_ns=[one.ts_ns for one in inputs if one.kind is EventKind.COMMAND],
        doubts=_doubts(opened, [one for one in inputs if one.kind is EventKind.DOUBT]),
        late_ns=[one.ts_ns for one in minutes if one.payload["late"]],
        gaps_ns=_gaps(minutes, [one.symbol for one in plan.source.instruments]),
        off=_off([opened, *again], inputs),
        tripped_ns=[one.ts_ns for one in inputs if one.key == TRIPPED],
        is_told=plan.is_told(MAIN_BOOK),
        observes=plan.mode == "observe",
        never_closes=any(session.kind is SessionKind.ALWAYS_OPEN for session in held),
        other_hours=_parts(sessions) != _parts(recorded),
        other_history=warmed_by != there_is,
        other_setup=bool(again),
        carries=_carried_paise(closed.payload) != 0,
    )


def _recorded(ledger: LedgerReader, day: int) -> tuple[LedgerEvent, list[LedgerEvent], LedgerEvent]:
    """DAY_OPENED of `day`, its inputs and notes, and DAY_CLOSED."""
    for began in ledger.events(kinds=[EventKind.DAY_OPENED]):
        if int(str(began.event.payload["day"])) != day:
            continue
        inputs: list[LedgerEvent] = []
        for recorded in ledger.events(after=began.seq, kinds=[*INPUTS, EventKind.DAY_CLOSED]):
            if recorded.event.kind is EventKind.DAY_CLOSED:
                return began.event, inputs, recorded.event
            inputs.append(recorded.event)
    raise StoreFailed(f"the ledger holds no closed day {day_text(day)}")


def _doubts(opened: LedgerEvent, changes: Sequence[LedgerEvent]) -> list[Doubtful]:
    """The stretches in doubt; a change takes effect after the Minute whose close it bears."""
    found: list[Doubtful] = []
    lasting = opened.payload["doubts"]
    assert isinstance(lasting, list)
    begun = dict.fromkeys(map(tuple, lasting), opened.ts_ns)
    for change in changes:
        symbol = change.payload["instrument"]
        key = (change.payload["doubt"], symbol)
        if change.payload["open"]:
            begun.setdefault(key, change.ts_ns)
        elif (after_ns := begun.pop(key, None)) is not None:
            found.append(Doubtful(after_ns, change.ts_ns, None if symbol is None else str(symbol)))
    return found + [Doubtful(after_ns, NEVER_NS, symbol) for (_, symbol), after_ns in begun.items()]


def _off(opened: Sequence[LedgerEvent], inputs: Sequence[LedgerEvent]) -> frozenset[str]:
    """Strategies that raised, in a warm-up or in the middle of the day."""
    rows = [one.payload for one in inputs if one.key == SWITCHED_OFF]
    for event in opened:
        at_open = event.payload["off"]
        assert isinstance(at_open, list)
        rows += at_open
    return frozenset(str(row["strategy"]) for row in rows)


def _gaps(minutes: Sequence[LedgerEvent], symbols: Sequence[str]) -> dict[str, int]:
    """By instrument, the open of its first minute without a bar, or with a part of one."""
    gaps: dict[str, int] = {}
    for minute in minutes:
        bars = np.frombuffer(minute.blob or b"", BAR)
        for bar in bars[bars["quality"] & (MISSING | PARTIAL) != 0]:
            gaps.setdefault(symbols[bar["instrument"]], int(bar["open_ns"]))
    return gaps


def _carried_paise(closed: Mapping[str, object]) -> int:
    """What earlier days had won or lost when the day began."""
    books = closed["books"]
    assert isinstance(books, dict)
    account = books[MAIN_BOOK]
    return int(account["realised_paise"]) - int(account["day_realised_paise"])


def _parts(sessions: Sessions) -> list[tuple[tuple[int, int], ...]]:
    return [() if session is None else session.parts for session in sessions]
