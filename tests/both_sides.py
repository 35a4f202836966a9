"""A ledger and a broker that agree: ten shares of A, bought and protected."""

from collections.abc import Mapping
from dataclasses import replace

from core.orders import Order, OrderRole, OrderState, OrderType
from core.reconciliation import Execution, Holding, Ours, Theirs
from core.types import OrderId, Side, SignalId

SIGNAL = SignalId("ab" * 32)
ENTRY_ID, STOP_ID = OrderId("ab" * 12 + "-E"), OrderId("ab" * 12 + "-S")
ENTRY = Order(
    order_id=ENTRY_ID,
    signal_id=SIGNAL,
    strategy="pixity",
    instrument="A",
    role=OrderRole.ENTRY,
    type=OrderType.MARKET,
    side=Side.BUY,
    quantity=10,
    price=0.0,
    created_ns=0,
    updated_ns=0,
    state=OrderState.FILLED,
    filled=10,
)
STOP = replace(
    ENTRY,
    order_id=STOP_ID,
    role=OrderRole.STOP,
    type=OrderType.STOP_MARKET,
    side=Side.SELL,
    price=98.1,
    state=OrderState.OPEN,
    filled=0,
)
BOUGHT = {(ENTRY_ID, "1"): Execution("A", Side.BUY, 10, 100_00)}
HELD = Holding("A", True, 10, 10, 1_000_00, 0, 0)


def ours(**other: object) -> Ours:
    given: dict[str, object] = {
        "symbols": ("A", "B"),
        "orders": {one.order_id: one for one in (ENTRY, STOP)},
        "fills": BOUGHT,
        "positions": {"A": 10},
        "needed_paise": 500_00,
    }
    return Ours(**(given | other))  # type: ignore[arg-type]


def theirs(**other: object) -> Theirs:
    given: dict[str, object] = {
        "orders": {one.order_id: one for one in (ENTRY, STOP)},
        "trades": BOUGHT,
        "holdings": (HELD,),
        "available_paise": 500_00,
    }
    return Theirs(**(given | other))  # type: ignore[arg-type]


def stops(*changed: Order) -> Mapping[OrderId, Order]:
    """The entry, and these instead of the stop."""
    return {one.order_id: one for one in (ENTRY, *changed)}
