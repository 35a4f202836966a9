"""A fuse before each strategy: what it raises switches it off for the rest of the day, and no more.

Guards the strategy's own call and nothing else: a fault of ours still stops the process. What was
recorded as switched off is switched off again at the same bar, whether or not it would raise now.
"""

import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from core.book import AccountView
from core.ports import EventKind, LedgerEvent
from core.types import Records
from strategies.registry import BoundStrategy

SWITCHED_OFF = "strategy_off"  # key of the NOTE
MAX_REASON_CHARS = 200


@dataclass(frozen=True, slots=True)
class Blown:
    """A strategy is off: after how many bars of its last Minute, and why.

    `trace` is for the log of the process in which it happened, and is not remembered.
    """

    strategy: str
    answered: int
    reason: str
    trace: str = field(default="", compare=False)

    def row(self) -> dict[str, object]:
        return {"strategy": self.strategy, "answered": self.answered, "reason": self.reason}


def blown_of(row: Mapping[str, object]) -> Blown:
    """What `row` said of it."""
    return Blown(str(row["strategy"]), int(str(row["answered"])), str(row["reason"]))


def note(blown: Blown, now_ns: int, day: int, book: str) -> LedgerEvent:
    """How it is remembered: a result of the Minute in which it happened."""
    payload = blown.row() | {"day": day, "book": book}
    return LedgerEvent(now_ns, EventKind.NOTE, SWITCHED_OFF, payload)


def blown_in(results: Iterable[LedgerEvent]) -> list[Blown]:
    """The strategies that went off in a Minute, out of its recorded results."""
    return [
        blown_of(event.payload)
        for event in results
        if event.kind is EventKind.NOTE and event.key == SWITCHED_OFF
    ]


def off_in(opened: LedgerEvent) -> list[Blown]:
    """The strategies that were off from the open, out of a DAY_OPENED."""
    rows = opened.payload["off"]
    assert isinstance(rows, list)
    return [blown_of(row) for row in rows]


class Fuse:
    """A strategy as the book sees it; None instead of signals from the moment it has raised."""

    def __init__(self, strategy: BoundStrategy) -> None:
        self._strategy = strategy
        self.name = strategy.name
        self.settings = strategy.settings
        self.kinds, self.gates, self.features = strategy.kinds, strategy.gates, strategy.features
        self.timeframes_ns = strategy.timeframes_ns
        self.sees_account = strategy.sees_account
        self.states: Records | None = getattr(strategy, "states", None)
        self.blown: Blown | None = None
        self._awaited: Blown | None = None
        self._answered = 0

    def begin_minute(self, awaited: Blown | None = None) -> None:
        """`awaited`: how it went off in this Minute when it was recorded."""
        self._awaited, self._answered = awaited, 0

    def on_bars(self, bars: Records, account: AccountView | None = None) -> Records | None:
        """SIGNAL rows for closed strategy bars; None: it is off."""
        if self.blown is not None:
            return None
        if self._awaited is not None and self._answered == self._awaited.answered:
            self.switch_off(self._awaited)
            return None
        try:
            signals = self._strategy.on_bars(bars, account)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the user's code does
            self.fail(error)
            return None
        self._answered += len(bars)
        return signals

    def fail(self, error: BaseException) -> None:
        """`error` is what it raised; told in ASCII, whatever its own text and `__str__` do."""
        last = traceback.format_exception_only(error)[-1].strip()
        reason = last.encode("ascii", "backslashreplace").decode()[:MAX_REASON_CHARS]
        trace = "".join(traceback.format_exception(error))
        self.switch_off(Blown(self.name, self._answered, reason, trace))

    def switch_off(self, blown: Blown) -> None:
        """Its memory goes too: half a call may have changed it."""
        self.blown = blown
        if self.states is not None:
            self.states[...] = np.zeros((), self.states.dtype)
