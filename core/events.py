"""What may happen to the engine (events, past tense) and what it may ask for (effects).

Effects come in the order in which they must be recorded; the shell commits them all, then sends
the Submits, Modifies and Cancels among them.
"""

from dataclasses import dataclass

from core.doubts import Doubt
from core.orders import Order
from core.ports import BrokerReport
from core.types import Command, MinuteSpan, OrderId, Records, Refusal, Row, Side, Signal, Trade

# --- events ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MinutePassed:
    """(a) and (b) of this Minute are done (`Engine.advance`); its reports wait to be named."""

    span: MinuteSpan
    minute: int


@dataclass(frozen=True, slots=True)
class EventsRaised:
    """(c): what a strategy said of closed strategy bars, at least one event among them.

    STRATEGY_BAR[k] beside SIGNAL[k]; what became of each event is written into the latter.
    """

    span: MinuteSpan
    minute: int
    strategy: int
    bars: Records
    signals: Records


@dataclass(frozen=True, slots=True)
class MinuteEnded:
    """The strategies are done with this Minute. `last`: no Minute follows, ever."""

    span: MinuteSpan
    minute: int
    last: bool = False


@dataclass(frozen=True, slots=True)
class OrderAcknowledged:
    order_id: OrderId
    ts_ns: int


@dataclass(frozen=True, slots=True)
class Commanded:
    """An operator commanded, between two Minutes; `ts_ns`: the close of the one before."""

    command: Command
    ts_ns: int


@dataclass(frozen=True, slots=True)
class Doubted:
    """What is doubted from now on: all that is open, between two Minutes."""

    doubts: frozenset[Doubt]


@dataclass(frozen=True, slots=True)
class OrderReported:
    """A broker told something of an order, between two Minutes.

    `rules`: DAY_RULES row of the day; `seen_ns`: the close of the Minute before.
    """

    report: BrokerReport
    rules: Row
    seen_ns: int


@dataclass(frozen=True, slots=True)
class TargetTouched:
    """A tick of an instrument (its number) came to the target of its position."""

    instrument: int
    price: float
    ts_ns: int


Event = (
    MinutePassed
    | EventsRaised
    | MinuteEnded
    | OrderAcknowledged
    | Commanded
    | Doubted
    | OrderReported
    | TargetTouched
)


# --- effects -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution of an order; unique by (order_id, fill_id)."""

    order_id: OrderId
    fill_id: str
    strategy: str
    instrument: str
    side: Side
    quantity: int
    price: float
    value_paise: int
    fees_paise: int
    ts_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """An open position as others see it."""

    strategy: str
    instrument: str
    side: Side
    quantity: int
    entry_price: float
    stop: float
    target: float
    entry_ns: int
    signal_id: str


@dataclass(frozen=True, slots=True)
class SignalDecided:
    signal: Signal


@dataclass(frozen=True, slots=True)
class Submit:
    """Send this order, once its intent is durable."""

    order: Order


@dataclass(frozen=True, slots=True)
class Modify:
    """Have this order, which works at a broker, become what it says here."""

    order: Order


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take this order back; the order says how it stands now."""

    order: Order


@dataclass(frozen=True, slots=True)
class OrderChanged:
    order: Order


@dataclass(frozen=True, slots=True)
class FillBooked:
    """A fill and the position it leaves; None: flat."""

    fill: Fill
    position: Position | None


@dataclass(frozen=True, slots=True)
class TradeClosed:
    trade: Trade


@dataclass(frozen=True, slots=True)
class Tripped:
    """A breaker has latched: no entry until an operator resumes; exits go on.

    UNKNOWN_ORDER: something a broker told of the order cannot be, or is not known."""

    order_id: str  # empty: it is about no order
    reason: str
    breaker: Refusal = Refusal.UNKNOWN_ORDER


@dataclass(frozen=True, slots=True)
class Released:
    """A breaker is off again: an operator resumed, or the day whose loss it was is over."""

    breaker: Refusal


Effect = (
    SignalDecided
    | Submit
    | Modify
    | Cancel
    | OrderChanged
    | FillBooked
    | TradeClosed
    | Tripped
    | Released
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What one strategy saw and said in one Minute: STRATEGY_BAR[k] beside SIGNAL[k]."""

    strategy: int
    bars: Records
    signals: Records


@dataclass(frozen=True, slots=True)
class Step:
    """One Minute in which something happened: its effects in order, and the decisions in it."""

    minute: int
    close_ns: int
    effects: list[Effect]
    decisions: list[Decision]
