"""Every seam of the program on one page: what the pure side asks of the world.

Each Protocol has at least two implementations and one contract test suite that all of them pass.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from core.orders import Order
from core.reconciliation import Theirs
from core.session import Phase
from core.types import Float64s, Instrument, Int64s, MinuteSpan, Records


class Clock(Protocol):
    """Time. Implementations: system and virtual, which may be paced (`daemon/clocks.py`)."""

    def now_ns(self) -> int: ...

    async def sleep_until(self, when_ns: int) -> None: ...

    def call_at(self, when_ns: int, function: Callable[[], None]) -> Callable[[], None]:
        """Call `function` once at `when_ns`; returns a function that cancels it."""

    def held(self) -> AbstractContextManager[None]:
        """Time that waits for its readers stands still meanwhile; any other goes on."""


# --- feed --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TickBatch:
    """Ticks of one frame. `ticks` (TICK[n]) is reused by the feed: read it before asking again."""

    recv_ns: int
    ticks: Records


@dataclass(frozen=True, slots=True)
class FeedUp:
    """From now on these instruments are told; none named: all. A feed may have several links, and
    a link may tell some of what it was asked for only."""

    recv_ns: int
    connection: int = 0
    instruments: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedDown:
    """From now on these instruments are not told; none named: all. The others go on."""

    recv_ns: int
    reason: str
    connection: int = 0
    instruments: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class MarketStatus:
    """What the exchange says of its own phase, e.g. NORMAL_OPEN; the words are its own.

    `of`: of this session alone, which has words of its own; None: of the segment. `since_ns`: when
    it began; 0: not told.
    """

    recv_ns: int
    segment: str
    status: str
    of: Phase | None = None
    since_ns: int = 0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The link lives, nothing traded."""

    recv_ns: int


@dataclass(frozen=True, slots=True)
class PreviousCloses:
    """What the feed takes for yesterday's closes, in today's prices: rupees, NaN: not told."""

    recv_ns: int
    closes: Float64s


@dataclass(frozen=True, slots=True)
class LastMinutes:
    """What the feed takes for completed minutes: BAR rows, `candles` reused by the feed."""

    recv_ns: int
    candles: Records


FeedItem = TickBatch | FeedUp | FeedDown | MarketStatus | Heartbeat | PreviousCloses | LastMinutes


class Feed(Protocol):
    """A source of ticks. Never raises for a lost link: that is a `FeedDown`."""

    def stream(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]: ...


class Candles(Protocol):
    """The broker's own 1m bars of today, asked for where the feed was away.

    BAR rows of completed minutes in order of time, numbered as the instruments it was made for;
    an instrument of which it knows nothing has none. Raises BrokerError without a good answer.
    """

    async def last_minute(self, instruments: Sequence[int]) -> Records:
        """The last completed minute in which each traded; at most 500 instruments."""

    async def day(self, instrument: int) -> Records:
        """One instrument's minutes of today so far."""


class BarProvider(Protocol):
    """A source of Minutes. Live gives spans of one Minute, replay spans of days."""

    def spans(self) -> AsyncIterator[MinuteSpan]: ...


# --- broker ------------------------------------------------------------------------------------


class ReportKind(StrEnum):
    ACKNOWLEDGED = "ACKNOWLEDGED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    FILLED = "FILLED"
    LOST = "LOST"  # no answer: unknown until the book has been read
    STRANGER = "STRANGER"  # an order that is none of ours, by the broker's id; never touched
    DIFFERENCE = "DIFFERENCE"  # ledger and broker do not agree; named by what differs


class OrderCall(StrEnum):
    """What was asked of the broker."""

    SUBMIT = "SUBMIT"
    MODIFY = "MODIFY"
    CANCEL = "CANCEL"


@dataclass(frozen=True, slots=True)
class BrokerReport:
    """What a broker said about one order; a fill carries its own id, quantity and price.

    `call`: which call it is about: a modify that is REJECTED leaves the order as it was.
    `exchange_ns`: when the exchange says that it happened; `sent_ns`: of the answer to a call, when
    that left, by the clock of `ts_ns`; 0: not told.
    CANCELLED comes after every fill of its order: no more will be told.
    """

    kind: ReportKind
    order_id: str
    ts_ns: int
    reason: str = ""
    fill_id: str = ""
    quantity: int = 0
    price: float = 0.0
    call: OrderCall = OrderCall.SUBMIT
    exchange_ns: int = 0
    sent_ns: int = 0


class Broker(Protocol):
    """Where orders go. Its answer to a call says taken, refused or LOST; fills come as reports, and
    so does what became of a modify or a cancel that was taken only (ACKNOWLEDGED)."""

    async def submit(self, order: Order) -> BrokerReport: ...

    async def modify(self, order: Order) -> BrokerReport: ...

    async def cancel(self, order_id: str) -> BrokerReport: ...

    async def book(self) -> Sequence[Order]: ...

    def reports(self) -> AsyncIterator[BrokerReport]: ...


class RealBroker(Broker, Protocol):
    """One whose account others may use as well: its reports are not all that happens to it."""

    async def account(self) -> Theirs:
        """The whole account, read fresh. Raises BrokerError."""

    async def reconnected(self) -> None:
        """Wait until its updates come over a new connection: some may have been missed."""


# --- stores ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedBar:
    """A strategy bar of one instrument, what its strategy said on it, and what became of that.

    Kinds are numbered from 1 as the strategy names them; the first event is the signal. A gate is
    (value, threshold, passed), in the order of the strategy's names.
    """

    strategy: str
    open_ns: int
    close_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    minutes_seen: int
    minutes_expected: int
    gap: bool
    atr: float
    vwap: float
    events: tuple[tuple[int, int], ...]  # (kind, side)
    status: int  # SignalStatus of the signal, 0 without one
    refusal: int
    value: float
    limit: float
    quantity: int
    gates: tuple[tuple[float, float, bool], ...]


class MarketStore(Protocol):
    """Ticks, 1m bars and strategy bars of our instruments; rebuildable, never a message bus.

    Instruments are numbered as in the list given at opening. All calls come from one owner thread.
    """

    def append_ticks(self, ticks: Records) -> None:
        """Buffer TICK rows; durable after the next `commit`."""

    def append_bars(self, bars: Records, source: str) -> None:
        """Buffer BAR rows of closed minutes (`source`: feed, repair, backfill, import)."""

    def append_decisions(self, strategy: str, bars: Records, decisions: Records) -> None:
        """Buffer strategy bars with the gates of each decision (same length)."""

    def commit(self) -> None:
        """Flush everything buffered in one transaction. Raises StoreFailed."""

    def bars(self, from_ns: int, to_ns: int, instrument: int | None = None) -> Records:
        """BAR rows with from_ns <= open_ns < to_ns, by time, then instrument number.

        `instrument`: of this one alone."""

    def decisions(self, instrument: int, day: int, limit: int) -> list[DecidedBar]:
        """The last `limit` decided bars of a session date, by close, then as appended."""

    def ticks(self, from_ns: int, to_ns: int) -> Records:
        """TICK rows by arrival, `recv_ns` in the half-open span."""

    def tick_count(self, from_ns: int, to_ns: int) -> int:
        """How many rows `ticks` would give."""

    def altered_ticks(self, from_ns: int, to_ns: int) -> Int64s:
        """Which rows of `ticks` are not as they were appended: numbers of rows."""

    def days(self) -> list[int]:
        """Session dates (days since 1970-01-01, IST) that hold bars, ascending."""

    def held_days(self, source: str | None = None) -> list[set[int]]:
        """Session dates that hold a bar with a price, by instrument; of this source alone."""

    def close(self) -> None: ...


class EventKind(StrEnum):
    """Kinds of ledger events. Inputs first, then results (docs/events.md)."""

    RUN_START = "RUN_START"
    DAY_OPENED = "DAY_OPENED"
    MINUTE = "MINUTE"
    BROKER_REPORT = "BROKER_REPORT"
    TARGET_TOUCHED = "TARGET_TOUCHED"
    COMMAND = "COMMAND"
    DOUBT = "DOUBT"
    SIGNAL = "SIGNAL"
    ORDER = "ORDER"
    FILL = "FILL"
    TRADE = "TRADE"
    NOTE = "NOTE"
    DAY_CLOSED = "DAY_CLOSED"


@dataclass(frozen=True, slots=True)
class LedgerEvent:
    """One thing to be remembered. `payload` is canonical JSON; `blob` lies in a side table, the
    chain covers its SHA-256."""

    ts_ns: int
    kind: EventKind
    key: str
    payload: dict[str, object]
    blob: bytes | None = None


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    seq: int
    event: LedgerEvent
    hash: str


class Ledger(Protocol):
    """The authority: insert-only, hash-chained. One step is one transaction."""

    def append(self, events: Sequence[LedgerEvent]) -> int:
        """Commit `events` durably, all or none; returns the new head. Raises StoreFailed."""

    def events(
        self, after: int = 0, kinds: Sequence[EventKind] | None = None
    ) -> Iterable[RecordedEvent]: ...

    def head(self) -> tuple[int, str]:
        """Sequence number and hash of the last event; (0, "") when empty."""

    def write_runner_state(self, rows: Sequence[dict[str, object]]) -> None:
        """Replace the runner state table; not chained."""

    def update_runner_state(self, rows: Sequence[dict[str, object]]) -> None:
        """Replace those rows of it, which are there already, where they stand."""

    def rows(
        self, view: str, day: int | None = None, book: str | None = None
    ) -> list[dict[str, object]]:
        """A projection: signals, orders, fills, trades, positions, runner_state.

        Of one session date and one book, or of all."""

    def close(self) -> None: ...
