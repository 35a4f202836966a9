"""A position without its one exit order is said after three seconds, and one that has it never."""

from dataclasses import replace

import numpy as np

from core.orders import Order, OrderRole, OrderState, OrderType
from core.protection import Exposure, Unprotected
from core.rules.holdings import CLOSING, FLAT, OPEN, PENDING_ENTRY, PENDING_EXIT, POSITION
from core.types import OrderId, Records, Side, SignalId

STOP = Order(
    order_id=OrderId("a-S"),
    signal_id=SignalId("a"),
    strategy="scripted",
    instrument="A",
    role=OrderRole.STOP,
    type=OrderType.STOP_MARKET,
    side=Side.SELL,
    quantity=10,
    price=98.0,
    created_ns=0,
    updated_ns=0,
    state=OrderState.OPEN,
)
ENTRY = replace(STOP, order_id=OrderId("a-E"), role=OrderRole.ENTRY, side=Side.BUY)


def holding(shares: int, status: int = OPEN, exited: int = 0) -> Records:
    """Positions in A and B; B is flat."""
    rows = np.zeros(2, POSITION)
    rows[0]["status"], rows[0]["side"] = status, np.sign(shares)
    rows[0]["quantity"], rows[0]["exited"] = abs(shares), exited
    return rows


def looked(
    positions: Records, *orders: Order, times_s: tuple[float, ...] = (0.0, 3.0)
) -> list[str]:
    exposure = Exposure(["A", "B"])
    return [one.name for now_s in times_s for one in exposure.look(positions, orders, now_s)]


def test_a_position_without_an_exit_order_is_said_after_three_seconds_and_again() -> None:
    assert ["A"] == looked(holding(10), ENTRY)
    assert [] == looked(holding(10), times_s=(0.0, 2.9))
    assert ["A", "A"] == looked(holding(-10), times_s=(0.0, 3.0, 4.0, 6.0))
    assert str(Unprotected("A", -10, "a-S")).startswith("A -10 has been without a working exit")


def test_only_an_order_that_works_and_of_just_what_is_held_protects() -> None:
    assert [] == looked(holding(10), STOP, ENTRY)
    assert [] == looked(holding(10, PENDING_EXIT, exited=4), replace(STOP, filled=4))
    for order in (
        replace(STOP, state=OrderState.SUBMITTED),
        replace(STOP, state=OrderState.MODIFYING),
        replace(STOP, quantity=7),
        replace(STOP, filled=4),
        replace(STOP, instrument="B", order_id=OrderId("b-S")),
    ):
        assert ["a-S" if order.instrument == "A" else "A"] == looked(holding(10), order)


def test_nothing_is_said_of_what_holds_no_share() -> None:
    for status in (FLAT, PENDING_ENTRY, CLOSING):
        assert [] == looked(holding(10, status))
    assert [] == looked(holding(10, PENDING_EXIT, exited=10))


def test_whoever_was_protected_in_between_has_all_the_time_again() -> None:
    exposure, held = Exposure(["A", "B"]), holding(10)

    assert [] == exposure.look(held, [], 0.0)
    assert [] == exposure.look(held, [STOP], 2.0)
    assert [] == exposure.look(held, [], 4.0)
    assert [Unprotected("A", 10, "A")] == exposure.look(held, [], 7.0)
