"""How an order meets the tape: price, quantity, priority, triggers and market protection."""

import pytest

from sandbox.orders.matching import (
    AUTOMATIC,
    Execution,
    OrderType,
    Resting,
    Tick,
    meet,
    protected_paise,
)
from tests.sandbox.order_market import Market, terms, trades_of

BUY, SELL = 1, -1


def resting(name: str, sign: int, quantity: int, limit: int | None, place: int = 0) -> Resting:
    return Resting(
        order_id=name,
        sign=sign,
        quantity=quantity,
        limit_paise=limit,
        trigger_paise=None,
        protection_percent=0.0,
        place=place,
        most=quantity,
    )


def test_a_market_order_takes_the_first_trade_after_its_arrival() -> None:
    market = Market((0, 100.0, 50), (19, 101.0, 50), (20, 102.0, 50), (900, 103.0, 50), at_ms=0)
    order = market.place(terms(BUY, 10))
    market.at(1_000)

    assert [(20, 102.0, 10)] == trades_of(order)  # on its way for 20 ms


def test_a_large_order_takes_what_each_burst_traded() -> None:
    market = Market((100, 101.0, 30), (300, 102.0, 50), (600, 99.0, 500))
    order = market.place(terms(SELL, 100))
    market.at(1_000)

    assert [(100, 101.0, 30), (300, 102.0, 50), (600, 99.0, 20)] == trades_of(order)
    assert 101.1 == order.trail[-1].average_rupees


@pytest.mark.parametrize(
    ("sign", "limit", "bursts", "expected"),
    [
        (BUY, 99.0, [(100, 99.1, 5), (200, 99.0, 5)], [(200, 99.0, 5)]),  # at the limit
        (BUY, 99.0, [(100, 98.0, 5)], [(100, 99.0, 5)]),  # through it: at our own price
        (SELL, 101.0, [(100, 100.9, 5), (200, 102.0, 5)], [(200, 101.0, 5)]),
        (BUY, 101.0, [(100, 100.5, 5)], [(100, 100.5, 5)]),  # met the other side as it came
        (SELL, 99.0, [(100, 99.5, 5)], [(100, 99.5, 5)]),
        (BUY, 101.0, [(100, 101.1, 5), (200, 100.0, 5)], [(200, 101.0, 5)]),  # left behind: waits
    ],
)
def test_a_limit_order_trades_where_the_tape_comes_to_it(
    sign: int, limit: float, bursts: list[tuple[int, float, int]], expected: object
) -> None:
    market = Market((0, 100.0, 1), *bursts, at_ms=1)
    order = market.place(terms(sign, 5, OrderType.LIMIT, price=limit))
    market.at(1_000)

    assert expected == trades_of(order)


def test_a_triggered_order_meets_the_trade_after_the_one_that_triggered_it() -> None:
    market = Market((0, 100.0, 1), (100, 98.9, 50), (300, 98.5, 50), at_ms=1)
    order = market.place(terms(SELL, 5, OrderType.SL_M, trigger=99.0))
    market.at(200)

    assert ("open", 0) == (order.status, order.filled)
    market.at(1_000)
    assert [(300, 98.5, 5)] == trades_of(order)


def test_a_stop_limit_order_does_not_trade_beyond_its_limit() -> None:
    market = Market((0, 100.0, 1), (100, 98.9, 9), (300, 98.0, 9), (500, 98.6, 9), at_ms=1)
    order = market.place(terms(SELL, 5, OrderType.SL, trigger=99.0, price=98.5))
    market.at(1_000)

    assert [(500, 98.5, 5)] == trades_of(order)


def test_a_stop_limit_order_takes_a_better_price_as_it_comes() -> None:
    market = Market((0, 100.0, 1), (100, 98.9, 9), (300, 98.8, 9), at_ms=1)
    order = market.place(terms(SELL, 5, OrderType.SL, trigger=99.0, price=98.5))
    market.at(1_000)

    assert [(300, 98.8, 5)] == trades_of(order)


def test_what_trades_at_the_moment_of_arrival_is_met_and_has_not_happened_before() -> None:
    market = Market((0, 100.0, 1), (20, 102.0, 50), at_ms=0)
    market.place(terms(BUY, 1, OrderType.LIMIT, price=95.0))  # the tape is watched already
    order = market.place(terms(BUY, 5))
    market.at(20)
    assert ("open", []) == (order.status, trades_of(order))
    market.at(21)

    assert [(20, 102.0, 5)] == trades_of(order)


def test_what_is_immediate_or_cancel_has_one_slot_of_the_tape() -> None:
    market = Market((100, 100.0, 3), (280, 100.0, 50))
    order = market.place(terms(BUY, 10, is_ioc=True))
    market.at(1_000)

    assert ([(100, 100.0, 3)], "cancelled") == (trades_of(order), order.status)
    assert "16388" in (order.trail[-1].raw or "")


def test_a_protected_market_order_waits_at_its_worst_price() -> None:
    market = Market((0, 100.0, 1), (100, 102.1, 9), (300, 100.9, 9), at_ms=1)
    order = market.place(terms(BUY, 5, protection=1.0))
    market.at(200)

    assert ("open", 0) == (order.status, order.filled)
    market.at(1_000)
    assert [(300, 101.0, 5)] == trades_of(order)


@pytest.mark.parametrize(
    ("sign", "last", "percent", "expected"),
    [
        (BUY, 100_00, 0.0, None),
        (BUY, 100_00, 3.0, 103_00),
        (SELL, 99_90, AUTOMATIC, 97_90),  # 2 % below 100 rupees
        (BUY, 400_00, AUTOMATIC, 404_00),  # 1 % below 500
        (SELL, 1_000_00, AUTOMATIC, 995_00),  # else 0.5 %
    ],
)
def test_market_protection_is_a_limit_on_the_tick_grid(
    sign: int, last: int, percent: float, expected: int | None
) -> None:
    assert expected == protected_paise(sign, last, 10, percent)


def test_orders_of_one_side_share_a_burst_by_price_then_time() -> None:
    book = [
        resting("late", BUY, 5, 101_00, place=3),
        resting("early", BUY, 5, 101_00, place=2),
        resting("best", BUY, 5, 102_00, place=4),
        resting("other side", SELL, 5, 99_00, place=1),  # has a burst of its own
    ]
    executions, _ = meet(book, Tick(0, 100_00, 8), 10)

    assert [
        Execution("best", 5, 102_00),
        Execution("early", 3, 101_00),
        Execution("other side", 5, 99_00),
    ] == sorted(executions)


def test_what_comes_of_orders_does_not_depend_on_how_often_one_asks() -> None:
    bursts = [(137 * n, 100.0 + (n * 7 % 11) / 10, 3 + n % 5) for n in range(200)]
    told = []
    for step in (50, 30_000):
        market = Market(*bursts)
        market.place(terms(BUY, 40, OrderType.LIMIT, price=100.4))
        market.place(terms(SELL, 90, OrderType.SL_M, trigger=99.0))
        market.place(terms(SELL, 70))
        for ms in range(0, 30_001, step):
            market.at(ms)
        told.append([trades_of(one) for one in market.desk.orders.values()])

    assert told[0] == told[1]
