"""What is turned away after it was accepted: an order in the book that is `rejected`, and why."""

from dataclasses import replace

import pytest

from sandbox.market.universe import INDICES, SHARES
from sandbox.orders.entry_rules import band_paise
from sandbox.orders.matching import OrderType
from sandbox.orders.order import Status, Terms
from tests.sandbox.order_market import SHARE, Market, terms

BUY, SELL = 1, -1
DELIVERED_ONLY = replace(SHARE, is_intraday=False)


@pytest.mark.parametrize(
    ("asked", "message", "raw"),
    [
        (terms(BUY, 1, OrderType.LIMIT, price=100.05), "multiple of the tick size", "16283"),
        (terms(BUY, 1, OrderType.LIMIT, price=110.1), "between 90.00 and 110.00", "17070"),
        (terms(SELL, 1, OrderType.LIMIT, price=89.9), "between 90.00 and 110.00", "17070"),
        (terms(BUY, 1, OrderType.SL_M, trigger=111.0), "Trigger price must be between", "17070"),
        (terms(SELL, 1, OrderType.SL_M, trigger=100.0), "must be lower than the last", "16448"),
        (terms(BUY, 1, OrderType.SL_M, trigger=100.0), "must be higher than the last", "16448"),
        (
            terms(BUY, 1, OrderType.SL, trigger=102.0, price=101.0),
            "beyond the limit",
            "16247",
        ),
        (terms(BUY, 100_001), "over the freeze quantity 100000", "freeze"),
        (terms(BUY, 1, product="MTF"), "not allowed with MTF", "MTF"),
        (terms(BUY, 1, listing=DELIVERED_ONLY), "cannot be traded intraday", "Intraday"),
        (terms(BUY, 1, listing=INDICES[0]), "index cannot be traded", "index"),
        (terms(SELL, 5, product="D"), "do not hold 5 shares of RELIANCE", "Check holdings"),
        (
            terms(BUY, 60_000),
            "You need to add Rs. 200000.00 in your account to place this trade.",
            "RMS:Margin Exceeds,Required:1200000.00, Available:1000000.00",
        ),
    ],
)
def test_a_rejected_order_says_why_in_both_texts(asked: Terms, message: str, raw: str) -> None:
    market = Market(listed=(*SHARES, *INDICES))
    order = market.place(asked)
    market.at(1_000)

    assert (Status.REJECTED, 0) == (order.status, order.pending)
    assert message in (order.trail[-1].message or "")
    assert raw in (order.trail[-1].raw or "")


@pytest.mark.parametrize("price", [90.0, 110.0])
def test_the_edges_of_the_band_are_taken(price: float) -> None:
    market = Market()
    order = market.place(terms(BUY, 1, OrderType.LIMIT, price=price))
    market.at(1_000)

    assert Status.OPEN is order.status


def test_a_band_lies_on_the_tick_grid_inside_its_percentage() -> None:
    assert (90_30, 110_30) == band_paise(100_33, 10, 10)


def test_a_closing_order_needs_no_margin_and_one_that_turns_the_position_does() -> None:
    market = Market((100, 100.0, 90_000), (300, 100.0, 90_000))
    market.place(terms(BUY, 50_000))  # all the money there is
    market.at(200)
    closing = market.place(terms(SELL, 50_000, OrderType.LIMIT, price=105.0))
    again = market.place(terms(SELL, 1, OrderType.LIMIT, price=105.0))

    assert (Status.OPEN_PENDING, Status.REJECTED) == (closing.status, again.status)


def test_money_that_waits_in_an_order_is_spoken_for() -> None:
    market = Market()
    market.place(terms(BUY, 50_000, OrderType.LIMIT, price=100.0))
    second = market.place(terms(BUY, 1))

    assert Status.REJECTED is second.status
    assert "Available:0.00" in (second.trail[-1].raw or "")


def test_a_position_is_closed_once_and_a_second_order_against_it_takes_money() -> None:
    market = Market((100, 100.0, 500))
    market.place(terms(BUY, 100))
    market.at(200)
    held = free(market)
    market.place(terms(SELL, 100, OrderType.LIMIT, price=105.0))
    assert held == free(market)
    market.place(terms(SELL, 100, OrderType.LIMIT, price=105.0))

    assert held - 2_100_00 == free(market)  # a fifth of 10,500 rupees


def free(market: Market) -> int:
    return market.desk.account.available_paise(market.desk.working(), market.desk.prices())
