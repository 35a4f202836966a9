"""One order's life: what was asked, the documented 17 statuses, its trail and its trades.

Decides names, numbers and stamps; when something happens is the desk's affair.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from sandbox.market.universe import Listing
from sandbox.orders.matching import OrderType


class Status(StrEnum):
    """In the broker's words."""

    RECEIVED = "put order req received"
    VALIDATION_PENDING = "validation pending"
    OPEN_PENDING = "open pending"
    OPEN = "open"
    TRIGGER_PENDING = "trigger pending"
    MODIFY_VALIDATION_PENDING = "modify validation pending"
    MODIFY_PENDING = "modify pending"
    MODIFIED = "modified"
    NOT_MODIFIED = "not modified"
    CANCEL_PENDING = "cancel pending"
    NOT_CANCELLED = "not cancelled"
    CANCELLED = "cancelled"
    COMPLETE = "complete"
    REJECTED = "rejected"
    AFTER_MARKET = "after market order req received"
    AFTER_MARKET_MODIFIED = "modify after market order req received"
    AFTER_MARKET_CANCELLED = "cancelled after market order"


TERMINAL = frozenset(
    (Status.COMPLETE, Status.REJECTED, Status.CANCELLED, Status.AFTER_MARKET_CANCELLED)
)
WAITING_FOR_OPEN = frozenset((Status.AFTER_MARKET, Status.AFTER_MARKET_MODIFIED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is asked of the exchange; money in paise, `sign` +1 to buy."""

    listing: Listing
    sign: int
    quantity: int
    product: str
    order_type: OrderType
    is_ioc: bool = False
    price_paise: int = 0
    trigger_paise: int = 0
    disclosed_quantity: int = 0
    protection_percent: float = 0.0
    tag: str | None = None
    is_after_market: bool = False


class Rejection(NamedTuple):
    """Why not: for the user, and as the system behind said it."""

    message: str
    raw: str


class Trade(NamedTuple):
    """One execution of an order."""

    order: "Order"
    trade_id: str
    quantity: int
    price_paise: int
    time_ms: int


class State(NamedTuple):
    """An order at one moment of its trail."""

    time_ms: int
    status: Status
    terms: Terms
    filled: int
    average_rupees: float
    message: str | None
    raw: str | None
    exchange_order_id: str
    exchange_ms: int | None
    requests: int


@dataclass(slots=True)
class Order:
    """One order; `trail` holds every state it was in, the last one is the present."""

    order_id: str
    terms: Terms
    placed_by: str
    reference: str
    exchange_order_id: str = ""
    exchange_ms: int | None = None
    requests: int = 1
    has_triggered: bool = False
    trades: list[Trade] = field(default_factory=list)
    trail: list[State] = field(default_factory=list)

    @property
    def status(self) -> Status:
        return self.trail[-1].status

    @property
    def filled(self) -> int:
        return sum(trade.quantity for trade in self.trades)

    @property
    def pending(self) -> int:
        return 0 if self.is_over else self.terms.quantity - self.filled

    def as_of(self, time_ms: int) -> State | None:
        """Its state at a moment; None: it was not yet."""
        return next((one for one in reversed(self.trail) if one.time_ms <= time_ms), None)

    @property
    def is_over(self) -> bool:
        return bool(self.trail) and self.status in TERMINAL

    @property
    def standing(self) -> Status:
        """How it stands in the exchange's book, whatever is asked of it meanwhile."""
        waits = self.terms.order_type.has_trigger and not self.has_triggered
        return Status.TRIGGER_PENDING if waits else Status.OPEN

    def become(self, status: Status, now_ms: int, why: Rejection | None = None) -> State:
        """Write the next line of the trail."""
        filled = self.filled
        value = sum(trade.quantity * trade.price_paise for trade in self.trades)
        state = State(
            time_ms=now_ms,
            status=status,
            terms=self.terms,
            filled=filled,
            average_rupees=round(value / filled / 100.0, 4) if filled else 0.0,
            message=None if why is None else why.message,
            raw=None if why is None else why.raw,
            exchange_order_id=self.exchange_order_id,
            exchange_ms=self.exchange_ms,
            requests=self.requests,
        )
        self.trail.append(state)
        return state
