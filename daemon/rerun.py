"""Recovery is replay: the day's recorded Minutes run again, compared with what was recorded.

Nothing is sent. A result that differs stops the start: then either the code or the ledger is not
what it was, and a person has to look (docs/runbook.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import StoreFailed
from core.events import Step, Submit
from core.ports import EventKind, Ledger, LedgerEvent
from core.session import ist_text
from core.types import BAR, MinuteSpan
from daemon.desk import Desk
from providers.live import DayFrame
from stores.chain import canonical_json

RESULTS = (EventKind.SIGNAL, EventKind.ORDER, EventKind.FILL, EventKind.TRADE)


@dataclass(frozen=True, slots=True)
class DayRecord:
    """What the ledger holds of its last day. `opened` None: no day was ever opened."""

    opened: LedgerEvent | None
    closed: LedgerEvent | None
    steps: list[list[LedgerEvent]]  # each begins with its MINUTE

    @property
    def day(self) -> int:
        return -1 if self.opened is None else int(str(self.opened.payload["day"]))

    @property
    def last_close_ns(self) -> int:
        return 0 if not self.steps else int(str(self.steps[-1][0].payload["close_ns"]))


def last_day(ledger: Ledger) -> DayRecord:
    """The last day in the ledger, whole."""
    opened_seq, opened = 0, None
    for recorded in ledger.events(kinds=[EventKind.DAY_OPENED]):
        opened_seq, opened = recorded.seq, recorded.event
    closed: LedgerEvent | None = None
    steps: list[list[LedgerEvent]] = []
    if opened is not None:
        for recorded in ledger.events(after=opened_seq):
            event = recorded.event
            if event.kind is EventKind.MINUTE:
                steps.append([event])
            elif event.kind is EventKind.DAY_CLOSED:
                closed = event
            elif event.kind in RESULTS and steps:
                steps[-1].append(event)
    return DayRecord(opened, closed, steps)


def rerun(
    desk: Desk,
    frame: DayFrame,
    steps: Sequence[Sequence[LedgerEvent]],
    shown: Callable[[MinuteSpan, list[Step]], None],
) -> list[LedgerEvent]:
    """Run recorded Minutes through `desk`, which stands at the day's opening.

    `shown` is told of each Minute, so that the page knows the day so far.
    Returns the events that the last Minute still lacks: its orders were durable, their
    acknowledgement was not. Raises StoreFailed at the first result that differs.
    """
    missing: list[LedgerEvent] = []
    for recorded in steps:
        minute = recorded[0]
        bars = np.frombuffer(minute.blob or b"", BAR).copy()  # kernels take no read-only arrays
        span = desk.resampler.resample(frame.span(int(str(minute.payload["close_ns"])), bars))
        done, events = desk.minute(span, late=bool(minute.payload["late"]))
        shown(span, done)
        results = events[1:]
        effects = [effect for step in done for effect in step.effects]
        results += desk.acknowledged([one for one in effects if isinstance(one, Submit)])
        missing = _compared(results, recorded[1:], minute, is_last=recorded is steps[-1])
    return missing


def _compared(
    results: list[LedgerEvent],
    recorded: Sequence[LedgerEvent],
    minute: LedgerEvent,
    *,
    is_last: bool,
) -> list[LedgerEvent]:
    """What of `results` is not recorded yet; only the last Minute may lack its end."""
    for ours, theirs in zip(results, recorded, strict=False):
        if _text(ours) != _text(theirs):
            raise StoreFailed(
                f"the ledger is refused: the Minute of {ist_text(minute.ts_ns)} run again gives"
                f" {ours.kind} {ours.key}, recorded is {theirs.kind} {theirs.key};"
                " see 'A re-run differs' in docs/runbook.md"
            )
    if len(recorded) > len(results) or (len(recorded) < len(results) and not is_last):
        raise StoreFailed(
            f"the ledger is refused: the Minute of {ist_text(minute.ts_ns)} has"
            f" {len(recorded)} results, run again {len(results)};"
            " see 'A re-run differs' in docs/runbook.md"
        )
    return results[len(recorded) :]


def _text(event: LedgerEvent) -> str:
    return f"{event.kind} {event.key} {canonical_json(event.payload, 'result')}"
