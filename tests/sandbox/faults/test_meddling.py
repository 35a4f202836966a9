"""Faults in what becomes of orders: rejected, in parts, too much, after a cancel, unasked."""

import pytest

from sandbox.orders.matching import OrderType
from sandbox.orders.order import Status
from tests.sandbox.order_market import SHARE, Market, terms, trades_of

BUY, SELL = 1, -1
FAR = terms(BUY, 10, OrderType.LIMIT, price=90.0)


@pytest.mark.parametrize(
    ("word", "raw"),
    [
        ("funds", "RMS:Margin Exceeds"),
        ("band", "17070"),
        ("freeze", "freeze quantity"),
        ("closed", "market is closed"),
        ("intraday", "Intraday orders are blocked"),
    ],
)
def test_every_order_may_be_rejected_with_a_text(word: str, raw: str) -> None:
    market = Market(faults=[f"reject={word}@12:00-12:01"])
    order = market.place(FAR)
    market.at(60_000)
    later = market.place(FAR)

    assert (Status.REJECTED, Status.OPEN_PENDING) == (order.status, later.status)
    assert order.trail[-1].message
    assert raw in (order.trail[-1].raw or "")


def test_an_order_may_trade_in_so_many_parts() -> None:
    market = Market(*[(100 * n, 100.0, 500) for n in range(1, 9)], faults=["partial=4"])
    order = market.place(terms(BUY, 10))
    market.at(1_000)

    assert [3, 3, 3, 1] == [quantity for _, _, quantity in trades_of(order)]


def test_an_order_may_trade_more_than_was_asked() -> None:
    market = Market((100, 100.0, 500), faults=["overfill=5"])
    order = market.place(terms(BUY, 10))
    market.at(1_000)

    assert (Status.COMPLETE, 15) == (order.status, order.filled)
    assert 15 == market.desk.account.net(SHARE.key, "I")


def test_a_cancelled_order_may_trade() -> None:
    market = Market((0, 100.0, 1), at_ms=1, faults=["fill-cancelled=2"])
    order = market.place(FAR)
    market.at(100)
    market.desk.cancel(order.order_id)
    market.at(1_000)
    assert (Status.CANCELLED, 0) == (order.status, order.filled)
    market.at(5_000)

    assert (Status.CANCELLED, 10) == (order.status, order.filled)
    assert [(2_120, 100.0, 10)] == trades_of(order)


def test_an_order_may_be_cancelled_unasked() -> None:
    """F21."""
    market = Market(faults=["cancel-unasked=3"])
    order = market.place(FAR)
    market.at(2_000)
    assert Status.OPEN is order.status
    market.at(4_000)

    assert Status.CANCELLED is order.status
    assert Status.CANCEL_PENDING not in [state.status for state in order.trail]
    assert "RMS:" in (order.trail[-1].raw or "")


def test_the_broker_may_square_off_at_any_time() -> None:
    market = Market((100, 100.0, 50), (61_000, 101.0, 50), faults=["square-off@12:01"])
    market.place(terms(BUY, 10))
    market.at(30_000)
    stop = market.place(terms(SELL, 10, OrderType.SL_M, trigger=90.0))
    market.at(70_000)

    assert Status.CANCELLED is stop.status
    assert market.desk.account.is_flat


def test_another_hand_may_buy() -> None:
    market = Market((60_100, 100.0, 50), faults=["by-hand=7@12:01"])
    market.at(70_000)
    [order] = market.desk.orders.values()

    assert ("SANDBX-WEB", None, 7) == (order.placed_by, order.terms.tag, order.filled)
    assert 7 == market.desk.account.net(SHARE.key, "I")
