"""Recovery is replay: the day's recorded Minutes run again, compared with what was recorded.

Nothing is sent. A result that differs stops the start: then either the code or the ledger is not
what it was, and a person has to look (docs/runbook.md).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from core.errors import StoreFailed
from core.ports import EventKind, LedgerEvent, RecordedEvent
from core.session import ist_text
from core.types import BAR, Command, MinuteSpan, Records
from daemon.floor import Done, Floor
from daemon.fuse import Blown, blown_in
from daemon.memory.journal import report_of
from providers.live import DayFrame
from stores.chain import canonical_json

INPUTS = (
    EventKind.MINUTE,
    EventKind.COMMAND,
    EventKind.DOUBT,
    EventKind.BROKER_REPORT,
    EventKind.TARGET_TOUCHED,
)
RESULTS = (EventKind.SIGNAL, EventKind.ORDER, EventKind.FILL, EventKind.TRADE, EventKind.NOTE)


@dataclass(frozen=True, slots=True)
class DayRecord:
    """What the ledger holds of its last day. `opened` None: no day was ever opened."""

    opened: LedgerEvent | None
    closed: LedgerEvent | None
    steps: list[list[LedgerEvent]]  # each begins with its input (INPUTS)
    before: list[list[LedgerEvent]] = field(default_factory=list)  # the day was opened again

    @property
    def day(self) -> int:
        return -1 if self.opened is None else int(str(self.opened.payload["day"]))

    @property
    def is_under_way(self) -> bool:
        """Whether some of its Minutes were handled, and the day is not closed."""
        return self.closed is None and self.minutes > 0

    @property
    def last_close_ns(self) -> int:
        return max((one.ts_ns for one in self._minutes), default=0)

    @property
    def minutes(self) -> int:
        return len(self._minutes)

    @property
    def _minutes(self) -> list[LedgerEvent]:
        steps = [*self.before, *self.steps]
        return [step[0] for step in steps if step[0].kind is EventKind.MINUTE]


class Readable(Protocol):
    """What a day is read from: the daemon's own ledger, or a reader of its file."""

    def events(
        self, after: int = 0, kinds: Sequence[EventKind] | None = None
    ) -> Iterable[RecordedEvent]: ...


def last_day(ledger: Readable) -> DayRecord:
    """The last day in the ledger, whole."""
    return recorded_day(ledger, None)


def recorded_day(ledger: Readable, day: int | None) -> DayRecord:
    """A day in the ledger, whole; None: the last one. Its last opening counts: one in the middle of
    the day is that of another setup, which took over there."""
    first_seq, opened = 0, None
    for recorded in ledger.events(kinds=[EventKind.DAY_OPENED]):
        if day is not None and recorded.event.payload["day"] != day:
            continue
        if opened is None or recorded.event.key != opened.key:
            first_seq = recorded.seq
        opened = recorded.event
    closed: LedgerEvent | None = None
    before: list[list[LedgerEvent]] = []
    steps: list[list[LedgerEvent]] = []
    day_key = None if opened is None else opened.key
    for recorded in ledger.events(after=first_seq) if opened is not None else ():
        event = recorded.event
        if event.kind in INPUTS:
            steps.append([event])
        elif event.kind is EventKind.DAY_OPENED and event.key != day_key:
            break  # another day: what closed this one is not there
        elif event.kind is EventKind.DAY_OPENED:
            before, steps = before + steps, []
        elif event.kind is EventKind.DAY_CLOSED:
            closed = event
            break
        elif event.kind in RESULTS and steps:
            steps[-1].append(event)
    return DayRecord(opened, closed, steps, before)


def rerun(
    floor: Floor,
    frame: DayFrame,
    steps: Sequence[Sequence[LedgerEvent]],
    shown: Callable[[MinuteSpan | None, list[Done]], None],
) -> list[LedgerEvent]:
    """Run recorded Minutes, commands and doubts through `floor`, which stands at the day's opening.

    `shown` is told of each step, so that the page knows the day so far; None: it was no Minute.
    Returns the events that the last step still lacks: its orders were durable, their
    acknowledgement was not. Raises StoreFailed at the first result that differs.
    """
    missing: list[LedgerEvent] = []
    for recorded in steps:
        again = redo(floor, frame, recorded[0], blown_in(recorded[1:]))
        shown(again.span, again.done)
        is_last = recorded is steps[-1]
        missing = _compared(again.results, recorded[1:], recorded[0], is_last=is_last)
    return missing


class Redone(NamedTuple):
    """One input run again."""

    span: MinuteSpan | None  # None: it was no Minute
    done: list[Done]
    results: list[LedgerEvent]


def redo(
    floor: Floor,
    frame: DayFrame,
    given: LedgerEvent,
    awaited: Sequence[Blown] = (),
    bars: Records | None = None,
) -> Redone:
    """Run one input of the ledger through every book.

    Args:
        awaited: strategies that failed in it when it was recorded.
        bars: those of the Minute, computed anew; None: those that the ledger holds.
    """
    span, done = None, list[Done]()
    if given.kind is EventKind.DOUBT:
        events = floor.doubt_again(given)
    elif given.kind is EventKind.BROKER_REPORT:
        done, events = floor.reported(report_of(given.payload))
    elif given.kind is EventKind.TARGET_TOUCHED:
        symbol, price = str(given.payload["instrument"]), float(str(given.payload["price"]))
        done, events = floor.touched(symbol, price, int(str(given.payload["touched_ns"])))
    elif given.kind is EventKind.COMMAND:
        command = Command[str(given.payload["command"]).upper()]
        done, events = floor.obey(
            command, str(given.payload["user"]), int(str(given.payload["pid"]))
        )
    else:
        bars = recorded_bars(given) if bars is None else bars
        span = floor.resampler.resample(frame.span(int(str(given.payload["close_ns"])), bars))
        done, events = floor.minute(span, late=bool(given.payload["late"]), awaited=awaited)
    results = events[1:]
    for one in done:
        results += one.desk.acknowledged(one.submits)
    return Redone(span, done, results)


def recorded_bars(minute: LedgerEvent) -> Records:
    """The BAR rows of a MINUTE, writable: kernels take no others."""
    return np.frombuffer(minute.blob or b"", BAR).copy()


def _compared(
    results: list[LedgerEvent],
    recorded: Sequence[LedgerEvent],
    given: LedgerEvent,
    *,
    is_last: bool,
) -> list[LedgerEvent]:
    """What of `results` is not recorded yet; only the last step may lack its end."""
    what = "Minute of"
    if given.kind is not EventKind.MINUTE:
        what = f"{given.kind.lower()} {given.key} after"
    for ours, theirs in zip(results, recorded, strict=False):
        if _text(ours) != _text(theirs):
            raise StoreFailed(
                f"the ledger is refused: the {what} {ist_text(given.ts_ns)} run again gives"
                f" {ours.kind} {ours.key}, recorded is {theirs.kind} {theirs.key};"
                " see 'A re-run differs' in docs/runbook.md"
            )
    if len(recorded) > len(results) or (len(recorded) < len(results) and not is_last):
        raise StoreFailed(
            f"the ledger is refused: the {what} {ist_text(given.ts_ns)} has"
            f" {len(recorded)} results, run again {len(results)};"
            " see 'A re-run differs' in docs/runbook.md"
        )
    return results[len(recorded) :]


def _text(event: LedgerEvent) -> str:
    return f"{event.kind} {event.key} {canonical_json(event.payload, 'result')}"
