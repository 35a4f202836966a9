"""What holds for any orders on a generated day, whatever they are."""

import random

import pytest

from core.session import at_ist
from sandbox.market.universe import SHARES, Listing
from sandbox.market.world import MS_NS
from sandbox.orders.closing_times import ClosingTimes
from sandbox.orders.desk import Desk
from sandbox.orders.matching import OrderType
from sandbox.orders.order import TERMINAL, Order, Status, Terms
from tests.sandbox.markets import DAY, HandClock, exchange_by
from tests.sandbox.order_market import terms

OPEN_MS, CLOSE_MS = (at_ist(DAY, clock) // MS_NS for clock in ("09:15", "15:40"))


def traded_day(seed: int, step_ms: int) -> Desk:
    """Orders, changes and cancels at random; asked for the book every `step_ms`."""
    draw = random.Random(seed)
    clock = HandClock(OPEN_MS * MS_NS)
    desk = Desk(exchange_by(clock, SHARES), 10_000_000_00)
    ClosingTimes(desk)
    calls = sorted(draw.randrange(OPEN_MS, CLOSE_MS) for _ in range(150))
    looks = range(OPEN_MS, CLOSE_MS, step_ms)
    for now_ms in sorted({*calls, *looks, CLOSE_MS}):
        clock.move(now_ms * MS_NS)
        desk.settle()
        if now_ms in calls:
            _call(draw, desk)
    return desk


def _call(draw: random.Random, desk: Desk) -> None:
    open_orders = desk.working()
    if open_orders and draw.random() < 0.4:
        order = draw.choice(open_orders)
        if draw.random() < 0.5:
            desk.cancel(order.order_id)
        else:
            drawn = _drawn(draw, desk, order.terms.listing, order.terms.sign)
            desk.modify(order.order_id, lambda _: drawn)
    else:
        desk.place([_drawn(draw, desk, draw.choice(SHARES), draw.choice((1, -1)))])


def _drawn(draw: random.Random, desk: Desk, listing: Listing, sign: int) -> Terms:
    kind = draw.choice(tuple(OrderType))
    last, tick = desk.floor.last_paise(listing), listing.tick_paise

    def near() -> float:
        return (round(last / tick) + draw.randint(-8, 8)) * tick / 100

    return terms(
        sign,
        draw.choice((1, 50, 2_000)),
        kind,
        price=near() if kind.has_limit else 0.0,
        trigger=near() if kind.has_trigger else 0.0,
        is_ioc=draw.random() < 0.2,
        protection=0.0 if kind.has_limit else draw.choice((0.0, 1.0, -1.0)),
        listing=listing,
    )


@pytest.mark.parametrize("seed", range(4))
def test_orders_end_trade_within_their_terms_and_no_more_than_the_tape(seed: int) -> None:
    desk = traded_day(seed, 60_000)
    orders = list(desk.orders.values())

    assert {order.status for order in orders} <= TERMINAL
    assert {Status.COMPLETE, Status.CANCELLED, Status.REJECTED} == {one.status for one in orders}
    for order in orders:
        assert order.filled <= order.terms.quantity
        assert (order.filled == order.terms.quantity) is (order.status is Status.COMPLETE)
        assert [state.filled for state in order.trail] == sorted(one.filled for one in order.trail)
    assert desk.account.is_flat  # the broker squared off
    bought = sum(one.quantity * one.order.terms.sign for one in desk.trades)
    paid = sum(one.quantity * one.price_paise * one.order.terms.sign for one in desk.trades)
    assert (0, -paid) == (bought, desk.account.realised_paise)
    assert [] == [one for one in desk.trades if not _on_tape(desk, one.order, one.time_ms)]


def _on_tape(desk: Desk, order: Order, time_ms: int) -> bool:
    """Whether the tape traded then, as much as our orders of that side took of it."""
    tape = desk.exchange.tape(order.terms.listing, DAY)
    [at] = (tape.time_ms == time_ms).nonzero()
    taken = sum(
        one.quantity
        for one in desk.trades
        if one.time_ms == time_ms
        and one.order.terms.sign == order.terms.sign
        and one.order.terms.listing is order.terms.listing
    )
    return len(at) == 1 and taken <= tape.quantity[at[0]]


def test_the_day_does_not_depend_on_who_looks() -> None:
    often, seldom = (traded_day(9, step_ms) for step_ms in (5_000, 3_600_000))

    assert [order.trail for order in often.orders.values()] == [
        order.trail for order in seldom.orders.values()
    ]
