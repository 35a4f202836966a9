"""The floor stands on the day that is played, whatever day its exchange was opened on."""

from core.session import at_ist
from sandbox.market.exchange import Exchange, hours
from sandbox.market.universe import SHARES
from sandbox.orders.closing_times import ClosingTimes
from sandbox.orders.desk import Desk
from sandbox.orders.order import Status
from tests.sandbox.markets import DAY, HandClock
from tests.sandbox.order_market import CASH_PAISE, NOON_MS, WrittenWorld, terms


def test_an_earlier_day_than_the_exchange_was_opened_on_is_traded_as_any_other() -> None:
    world = WrittenWorld([(100, 100.0, 10)], 100.0, ())
    later = HandClock(at_ist(DAY + 30, "08:00"))
    exchange = Exchange(SHARES, world, hours, later)
    desk = Desk(exchange, CASH_PAISE)
    ClosingTimes(desk)
    exchange.clock = clock = HandClock(NOON_MS * 1_000_000)

    desk.settle()
    order = desk.orders[desk.place([terms(1, 5)])[0]]
    clock.move((NOON_MS + 1_000) * 1_000_000)
    desk.settle()

    assert Status.COMPLETE is order.status
    assert DAY == desk.floor.day
