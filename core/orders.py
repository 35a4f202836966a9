"""The life cycle of an order: every transition lives in this file, and nowhere else."""

from dataclasses import dataclass, replace
from enum import StrEnum

from core.errors import IllegalTransition
from core.types import OrderId, Side, SignalId


class OrderState(StrEnum):
    INTENDED = "INTENDED"  # durable in the ledger, not yet sent
    SUBMITTED = "SUBMITTED"  # handed to the broker, no answer yet
    OPEN = "OPEN"  # acknowledged, working
    CANCELLING = "CANCELLING"  # cancel asked, not answered
    MODIFYING = "MODIFYING"  # change asked, not answered: the order says what was asked for
    LOST = "LOST"  # no answer in time: unknown until the book has been read
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"


class OrderMove(StrEnum):
    SEND = "SEND"
    ACKNOWLEDGE = "ACKNOWLEDGE"
    FILL = "FILL"
    FILL_PART = "FILL_PART"
    ASK_MODIFY = "ASK_MODIFY"
    MODIFY = "MODIFY"
    REFUSE = "REFUSE"  # of what was asked, a change or a cancel: the order works on as it did
    ASK_CANCEL = "ASK_CANCEL"
    CANCEL = "CANCEL"
    REJECT = "REJECT"
    LOSE = "LOSE"


S, M = OrderState, OrderMove

# A fill may overtake the acknowledgement or what was asked; the exchange may reject what the broker
# took; a lost order may turn out anything. An order of a process before this one is acknowledged
# anew: whether what was asked of it was sent at all nobody knows, and it is asked for again.
TRANSITIONS: dict[tuple[OrderState, OrderMove], OrderState] = {
    (S.INTENDED, M.SEND): S.SUBMITTED,
    (S.INTENDED, M.CANCEL): S.CANCELLED,
    (S.SUBMITTED, M.ACKNOWLEDGE): S.OPEN,
    (S.SUBMITTED, M.FILL): S.FILLED,
    (S.SUBMITTED, M.FILL_PART): S.OPEN,
    (S.SUBMITTED, M.CANCEL): S.CANCELLED,
    (S.SUBMITTED, M.REJECT): S.REJECTED,
    (S.SUBMITTED, M.LOSE): S.LOST,
    (S.OPEN, M.FILL): S.FILLED,
    (S.OPEN, M.FILL_PART): S.OPEN,
    (S.OPEN, M.ASK_CANCEL): S.CANCELLING,
    (S.OPEN, M.ASK_MODIFY): S.MODIFYING,
    (S.OPEN, M.CANCEL): S.CANCELLED,
    (S.OPEN, M.REJECT): S.REJECTED,
    (S.OPEN, M.REFUSE): S.OPEN,  # a change that the broker took, and the exchange did not
    (S.OPEN, M.LOSE): S.LOST,
    (S.CANCELLING, M.ACKNOWLEDGE): S.OPEN,
    (S.CANCELLING, M.CANCEL): S.CANCELLED,
    (S.CANCELLING, M.FILL): S.FILLED,
    (S.CANCELLING, M.FILL_PART): S.CANCELLING,
    (S.CANCELLING, M.REFUSE): S.OPEN,
    (S.CANCELLING, M.REJECT): S.REJECTED,
    (S.CANCELLING, M.LOSE): S.LOST,
    (S.MODIFYING, M.ACKNOWLEDGE): S.OPEN,
    (S.MODIFYING, M.MODIFY): S.OPEN,
    (S.MODIFYING, M.REFUSE): S.OPEN,
    (S.MODIFYING, M.FILL): S.FILLED,
    (S.MODIFYING, M.FILL_PART): S.MODIFYING,
    (S.MODIFYING, M.CANCEL): S.CANCELLED,
    (S.MODIFYING, M.REJECT): S.REJECTED,
    (S.MODIFYING, M.LOSE): S.LOST,
    (S.LOST, M.ACKNOWLEDGE): S.OPEN,
    (S.LOST, M.FILL): S.FILLED,
    (S.LOST, M.FILL_PART): S.LOST,
    (S.LOST, M.MODIFY): S.OPEN,
    (S.LOST, M.REFUSE): S.OPEN,
    (S.LOST, M.CANCEL): S.CANCELLED,
    (S.LOST, M.REJECT): S.REJECTED,
}

TERMINAL = frozenset({S.FILLED, S.CANCELLED, S.REJECTED})


class OrderRole(StrEnum):
    """What an order is for; its letter ends the order id (pixity.md 7)."""

    ENTRY = "E"
    STOP = "S"
    TARGET = "T"
    TIME = "X"
    SQUARE_OFF = "Q"
    FLATTEN = "K"
    FORCED = "F"


class OrderType(StrEnum):
    MARKET = "MARKET"
    STOP_MARKET = "STOP_MARKET"
    LIMIT = "LIMIT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order as we know it. `price` is the trigger or limit in rupees, 0 for a market order.

    `filled`: of its quantity so far, where fills are told; one that is simulated fills whole.
    """

    order_id: OrderId
    signal_id: SignalId
    strategy: str
    instrument: str
    role: OrderRole
    type: OrderType
    side: Side
    quantity: int
    price: float
    created_ns: int
    updated_ns: int
    state: OrderState = OrderState.INTENDED
    filled: int = 0


def order_id_of(signal_id: SignalId, role: OrderRole) -> OrderId:
    """The idempotency key of an order: `signal_id[:24]` and the letter of its role."""
    return OrderId(f"{signal_id[:24]}-{role.value}")


def moved(order: Order, move: OrderMove, ts_ns: int) -> Order:
    """`order` after `move`. Raises IllegalTransition and leaves the order as it was."""
    target = TRANSITIONS.get((order.state, move))
    if target is None:
        raise IllegalTransition(f"order {order.order_id} is {order.state}: cannot {move}")
    return replace(order, state=target, updated_ns=ts_ns)
