"""The life of an order: statuses in the documented order, races, and what the day's hours do."""

from dataclasses import replace

import pytest

from core.session import at_ist
from sandbox.answers import Refused
from sandbox.market.world import MS_NS
from sandbox.orders.desk import TRANSIT_MS
from sandbox.orders.matching import OrderType
from sandbox.orders.order import Status, Terms
from tests.sandbox.markets import DAY
from tests.sandbox.order_market import NOON_MS, SHARE, Market, terms, trades_of, trail_of

BUY, SELL = 1, -1
S = Status
PLACED = [S.RECEIVED, S.VALIDATION_PENDING, S.OPEN_PENDING]


def at_ms(clock: str, day: int = DAY) -> int:
    """Milliseconds after 12:00 of the day."""
    return at_ist(day, clock) // MS_NS - NOON_MS


def limit(price: float) -> Terms:
    return terms(BUY, 10, OrderType.LIMIT, price=price)


def test_an_order_is_open_once_the_exchange_has_it_and_complete_once_it_traded() -> None:
    market = Market((100, 100.0, 4), (200, 100.0, 6))
    order = market.place(terms(BUY, 10))

    assert PLACED == trail_of(order)
    assert "" == order.exchange_order_id
    market.at(1_000)
    assert [*PLACED, S.OPEN, S.OPEN, S.COMPLETE] == trail_of(order)  # no status says "partly"
    assert [0, 4, 10] == [state.filled for state in order.trail[3:]]
    assert order.exchange_order_id


def test_ids_are_the_date_and_nine_digits_and_never_twice() -> None:
    market = Market()
    ids = [market.place(limit(90.0)).order_id for _ in range(3)]

    assert ["260805025000001", "260805025000002", "260805025000003"] == ids


def test_a_cancel_is_asked_for_then_done() -> None:
    market = Market()
    order = market.place(limit(90.0))
    market.at(100)
    market.desk.cancel(order.order_id)

    assert S.CANCEL_PENDING is order.status
    market.at(100 + TRANSIT_MS)
    assert (S.CANCELLED, 0) == (order.status, order.pending)


def test_a_cancel_that_crosses_a_fill_is_not_cancelled() -> None:
    market = Market((110, 90.0, 50))
    order = market.place(limit(90.0))
    market.at(100)
    market.desk.cancel(order.order_id)
    market.at(1_000)

    assert [S.CANCEL_PENDING, S.COMPLETE, S.NOT_CANCELLED, S.COMPLETE] == trail_of(order)[4:]


def test_a_cancelled_order_keeps_what_had_traded() -> None:
    market = Market((100, 100.0, 4), (500, 100.0, 50))
    order = market.place(terms(BUY, 10))
    market.at(200)
    market.desk.cancel(order.order_id)
    market.at(1_000)

    assert (S.CANCELLED, 4) == (order.status, order.filled)
    assert 4 == market.desk.account.net(SHARE.key, "I")


def test_a_modify_changes_terms_and_place_in_the_queue() -> None:
    market = Market((500, 91.0, 5), (600, 91.0, 50))
    first, second = market.place(limit(91.0)), market.place(limit(91.0))
    market.at(100)
    market.desk.modify(first.order_id, lambda one: replace(one, quantity=12))

    assert [S.MODIFY_VALIDATION_PENDING, S.MODIFY_PENDING] == trail_of(first)[4:]
    market.at(550)
    assert [S.MODIFIED, S.OPEN] == trail_of(first)[6:]
    assert (0, 5) == (first.filled, second.filled)
    market.at(1_000)
    assert (12, 10) == (first.filled, second.filled)


def test_a_stop_becomes_the_market_exit_by_a_modify() -> None:
    market = Market((50, 100.0, 50), (500, 103.0, 50))
    market.place(terms(BUY, 10))
    market.at(100)
    stop = market.place(terms(SELL, 10, OrderType.SL_M, trigger=98.0))
    market.at(200)
    assert S.TRIGGER_PENDING is stop.status
    market.desk.modify(
        stop.order_id, lambda one: replace(one, order_type=OrderType.MARKET, trigger_paise=0)
    )
    market.at(1_000)

    assert ([(500, 103.0, 10)], S.COMPLETE) == (trades_of(stop), stop.status)
    assert market.desk.account.is_flat


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"price_paise": 9_005}, "tick size"),
        ({"price_paise": 50_000}, "must be between"),
        ({"quantity": 4}, "not more than the traded 4"),
        ({"quantity": 90_000}, "You need to add Rs."),
    ],
)
def test_a_modify_that_is_refused_leaves_the_order_as_it_stood(
    change: dict[str, int], text: str
) -> None:
    market = Market((100, 90.0, 4))
    order = market.place(limit(90.0))
    market.at(200)
    market.desk.modify(order.order_id, lambda one: replace(one, **change))
    market.at(1_000)

    assert [S.NOT_MODIFIED, S.OPEN] == trail_of(order)[-2:]
    assert text in (order.trail[-2].message or "")
    assert limit(90.0) == order.terms


def test_a_modify_that_crosses_the_last_fill_is_not_modified() -> None:
    market = Market((110, 90.0, 50))
    order = market.place(limit(90.0))
    market.at(100)
    market.desk.modify(order.order_id, lambda one: replace(one, price_paise=8_000))
    market.at(1_000)

    assert [S.MODIFY_PENDING, S.COMPLETE, S.NOT_MODIFIED, S.COMPLETE] == trail_of(order)[5:]


def test_a_triggered_stop_takes_no_other_trigger() -> None:
    market = Market((0, 100.0, 1), (100, 97.0, 5), at_ms=1)
    order = market.place(terms(SELL, 10, OrderType.SL_M, trigger=98.0))
    market.at(200)
    market.desk.modify(order.order_id, lambda one: replace(one, trigger_paise=9_000))
    market.at(300)

    assert [S.NOT_MODIFIED, S.OPEN] == trail_of(order)[-2:]


def test_what_is_over_is_neither_cancelled_nor_modified_and_what_is_unknown_not_found() -> None:
    market = Market((100, 100.0, 50))
    order = market.place(terms(BUY, 10))
    market.at(1_000)
    codes = []
    for ask in (
        lambda: market.desk.cancel(order.order_id),
        lambda: market.desk.modify(order.order_id, lambda one: one),
        lambda: market.desk.cancel("260805000000000"),
    ):
        with pytest.raises(Refused) as refused:
            ask()
        codes.append(refused.value.code)

    assert ["UDAPI100040", "UDAPI100041", "UDAPI100010"] == codes


def test_an_order_for_the_next_open_waits_changes_and_goes() -> None:
    market = Market(at_ms=at_ms("08:00"))
    kept, dropped = (
        market.place(replace(limit(90.0), is_after_market=True)),
        market.place(replace(limit(91.0), is_after_market=True)),
    )
    market.desk.modify(kept.order_id, lambda one: replace(one, quantity=20))
    market.desk.cancel(dropped.order_id)
    market.at(at_ms("09:16"))

    assert [S.AFTER_MARKET, S.AFTER_MARKET_MODIFIED, *PLACED, S.OPEN] == trail_of(kept)
    assert [S.AFTER_MARKET, S.AFTER_MARKET_CANCELLED] == trail_of(dropped)
    assert 20 == kept.terms.quantity


def test_one_for_after_todays_close_is_released_tomorrow() -> None:
    market = Market(at_ms=at_ms("17:00"))
    order = market.place(replace(limit(90.0), is_after_market=True, product="D"))
    market.at(at_ms("09:15", DAY + 1) + TRANSIT_MS)

    assert [S.AFTER_MARKET, *PLACED, S.OPEN] == trail_of(order)
    assert [order] == market.desk.working()


def test_one_that_waits_for_tomorrow_is_not_cancelled_with_todays() -> None:
    market = Market(at_ms=at_ms("15:31"))
    order = market.place(replace(limit(90.0), is_after_market=True))
    market.at(at_ms("15:36"))

    assert S.AFTER_MARKET is order.status


def test_an_immediate_order_that_was_changed_to_a_days_order_stays() -> None:
    market = Market()
    order = market.place(replace(limit(90.0), is_ioc=True))
    market.at(100)
    market.desk.modify(order.order_id, lambda one: replace(one, is_ioc=False))
    market.at(1_000)

    assert S.OPEN is order.status


def test_what_is_placed_while_the_market_is_shut_is_rejected() -> None:
    order = Market(at_ms=at_ms("17:00")).place(limit(90.0))

    assert S.REJECTED is order.status
    assert "market is closed" in (order.trail[-1].raw or "")


def test_the_end_of_continuous_trading_cancels_what_cannot_wait_for_the_auction() -> None:
    """F21: nobody asked."""
    market = Market((0, 100.0, 5), (at_ms("15:10"), 100.0, 5), at_ms=at_ms("14:00"))
    near = market.place(terms(BUY, 10, OrderType.LIMIT, price=97.0, product="D"))
    far = market.place(terms(BUY, 10, OrderType.LIMIT, price=96.9, product="D"))
    shown = market.place(terms(BUY, 10, OrderType.LIMIT, price=97.0, product="D", disclosed=1))
    stop = market.place(terms(BUY, 1, OrderType.SL_M, trigger=105.0, product="D"))
    market.at(at_ms("15:15"))

    assert ["open", "cancelled", "cancelled", "cancelled"] == [
        one.status for one in (near, far, shown, stop)
    ]
    assert "exchange" in (far.trail[-1].message or "")


def test_the_auction_matches_at_one_price_and_cancels_the_rest() -> None:
    print_ms = at_ms("15:32")
    market = Market((at_ms("15:10"), 100.0, 5), (print_ms, 98.0, 50), prints=[print_ms])
    held = market.place(terms(BUY, 10, OrderType.LIMIT, price=99.0, product="D"))
    low = market.place(terms(BUY, 10, OrderType.LIMIT, price=97.5, product="D"))
    market.at(at_ms("15:36"))

    assert ([(print_ms, 98.0, 10)], S.COMPLETE) == (trades_of(held)[-1:], held.status)
    assert S.CANCELLED is low.status


@pytest.mark.parametrize(
    ("clock", "kind", "taken"),
    [
        ("15:17", OrderType.LIMIT, False),
        ("15:21", OrderType.MARKET, True),
        ("15:21", OrderType.SL_M, False),
        ("15:26", OrderType.LIMIT, True),
        ("15:26", OrderType.MARKET, False),
        ("15:31", OrderType.LIMIT, False),
    ],
)
def test_the_auction_takes_orders_in_its_own_windows(
    clock: str, kind: OrderType, taken: bool
) -> None:
    market = Market((at_ms("15:10"), 100.0, 5), at_ms=at_ms(clock))
    price = 100.0 if kind.has_limit else 0.0
    trigger = 101.0 if kind.has_trigger else 0.0
    order = market.place(terms(BUY, 1, kind, price=price, trigger=trigger, product="D"))

    assert taken is (order.status is S.OPEN_PENDING)


def test_the_broker_squares_intraday_positions_off_and_cancels_their_orders() -> None:
    close_ms = at_ms("15:00")
    market = Market((100, 100.0, 50), (close_ms + 500, 101.0, 50))
    market.place(terms(BUY, 10))
    market.at(1_000)
    stop = market.place(terms(SELL, 10, OrderType.SL_M, trigger=90.0))
    market.at(at_ms("15:01"))
    closing = list(market.desk.orders.values())[-1]

    assert (S.CANCELLED, "RMS:Intraday square off") == (stop.status, stop.trail[-1].raw)
    assert ("RMS", [(close_ms + 500, 101.0, 10)]) == (closing.placed_by, trades_of(closing))
    assert market.desk.account.is_flat


def test_late_in_the_day_intraday_positions_are_only_closed() -> None:
    market = Market((100, 100.0, 50))
    market.place(terms(BUY, 10))
    market.at(at_ms("14:58"))
    more, less = market.place(terms(BUY, 1)), market.place(terms(SELL, 10))

    assert (S.REJECTED, S.OPEN_PENDING) == (more.status, less.status)


def test_a_new_day_begins_with_an_empty_book_and_yesterdays_result() -> None:
    market = Market((100, 100.0, 50), (500, 103.0, 50))
    market.place(terms(BUY, 10))
    market.at(200)
    market.place(terms(SELL, 10))
    market.at(at_ms("09:00", DAY + 1))

    assert ({}, []) == (market.desk.orders, market.desk.trades)
    assert 1_000_030_00 == market.desk.account.cash_paise


def test_the_end_of_a_day_makes_no_tape_for_shares_without_orders() -> None:
    market = Market()
    market.place(limit(90.0))
    market.at(at_ms("09:00", DAY + 1))

    assert {SHARE.key} == market.world.asked
