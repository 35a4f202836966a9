"""Both sides of the book compared: what differs is named with both values, what agrees is not."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from core.orders import Order, OrderState, OrderType
from core.reconciliation import (
    STANDS_S,
    Difference,
    Execution,
    Holding,
    Matter,
    Ours,
    Standing,
    Theirs,
    differences,
    in_flight,
    opens,
)
from core.types import OrderId, Side
from tests.both_sides import BOUGHT, ENTRY, ENTRY_ID, HELD, STOP, STOP_ID, ours, stops, theirs


def told(here: Ours, there: Theirs) -> list[str]:
    return [str(one) for one in differences(here, there)]


def test_a_book_that_the_broker_has_as_well_differs_in_nothing() -> None:
    assert [] == differences(ours(), theirs())


@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        (stops(STOP), stops(), "SELL 10 STOP_MARKET 98.10 OPEN, the broker none"),
        (
            stops(STOP),
            stops(replace(STOP, state=OrderState.CANCELLED, filled=4)),
            "OPEN, the broker SELL 10 STOP_MARKET 98.10 CANCELLED, 4 filled",
        ),
        (stops(replace(STOP, state=OrderState.CANCELLED)), stops(STOP), "CANCELLED, the broker"),
        (stops(), stops(STOP), "none, the broker SELL 10 STOP_MARKET 98.10 OPEN"),
        (stops(STOP), stops(replace(STOP, price=98.05)), "98.10 OPEN, the broker SELL 10"),
        (stops(STOP), stops(replace(STOP, quantity=5)), "the broker SELL 5"),
        (stops(STOP), stops(replace(STOP, side=Side.BUY)), "the broker BUY 10"),
        (stops(STOP), stops(replace(STOP, instrument="B")), "the broker SELL 10"),
        (stops(STOP), stops(replace(STOP, type=OrderType.LIMIT)), "the broker SELL 10 LIMIT 98.10"),
    ],
)
def test_an_order_that_one_side_lacks_or_has_otherwise_is_named(
    here: Mapping[OrderId, Order], there: Mapping[OrderId, Order], said: str
) -> None:
    found = differences(ours(orders=here), theirs(orders=there))
    [order] = [one for one in found if one.matter is Matter.ORDER]

    assert order.halts
    assert str(order).startswith(f"order {STOP_ID}: the ledger has ")
    assert said in str(order)


def test_an_order_of_another_ledger_is_named_while_it_works_and_by_its_fills() -> None:
    other = replace(ENTRY, order_id=OrderId("cd" * 12 + "-E"), instrument="B", quantity=3)
    works = replace(other, state=OrderState.OPEN, filled=0)
    sold = {(other.order_id, "7"): Execution("B", Side.SELL, 3, 50_00)}

    def named(order: Order, *trades: Mapping[tuple[str, str], Execution]) -> list[str]:
        there = theirs(
            orders={one.order_id: one for one in (ENTRY, STOP, order)},
            trades={key: one for some in (BOUGHT, *trades) for key, one in some.items()},
        )
        return told(ours(), there)

    [order] = named(works)
    assert f"order {other.order_id}: the ledger has none, the broker BUY 3 MARKET OPEN" == order
    assert [] == named(replace(other, state=OrderState.REJECTED, filled=0))
    assert [f"fill {other.order_id} 7: the ledger has none, the broker SELL 3 B at 50.00"] == (
        named(other, sold)
    )


def test_an_order_at_the_market_may_be_shown_as_another_type_but_not_as_a_stop() -> None:
    here = ours(orders=stops(replace(STOP, type=OrderType.MARKET, price=0.0)))
    limit = replace(STOP, type=OrderType.LIMIT, price=97.0)

    assert [] == differences(here, theirs(orders=stops(limit)))
    [still_a_stop] = differences(here, theirs(orders=stops(STOP)))
    assert Matter.ORDER is still_a_stop.matter


def test_terms_of_an_order_that_is_being_changed_are_not_compared() -> None:
    here = ours(orders=stops(replace(STOP, state=OrderState.MODIFYING, quantity=20)))

    assert [] == differences(here, theirs())


@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        ({}, BOUGHT, "the ledger has none, the broker BUY 10 A at 100.00"),
        (BOUGHT, {}, "the ledger has BUY 10 A at 100.00, the broker none"),
        (
            BOUGHT,
            {(ENTRY_ID, "1"): Execution("A", Side.BUY, 10, 100_05)},
            "the ledger has BUY 10 A at 100.00, the broker BUY 10 A at 100.05",
        ),
    ],
)
def test_every_fill_is_compared_to_the_paisa(here: object, there: object, said: str) -> None:
    found = differences(ours(fills=here), theirs(trades=there))
    [fill] = [one for one in found if one.matter is Matter.FILL]

    assert f"fill {ENTRY_ID} 1: {said}" == str(fill)
    assert fill.halts
    assert fill.is_past


def test_a_position_that_differs_is_named_and_its_protection_is_not_asked_for() -> None:
    found = told(ours(), theirs(holdings=(HELD._replace(quantity=4),), orders=stops(STOP)))

    assert ["position A: the ledger has +10, the broker +4"] == found


def test_what_is_held_outside_the_configured_instruments_is_compared_as_well() -> None:
    [missing] = differences(ours(positions={"A": 10, "GONE": -5}), theirs())

    assert "position GONE: the ledger has -5, the broker +0" == str(missing)


@pytest.mark.parametrize(
    ("exits", "said"),
    [
        ((), "none"),
        ((replace(STOP, quantity=6),), f"{STOP_ID} SELL 6 STOP_MARKET 98.10 OPEN"),
        ((replace(STOP, filled=1),), "OPEN, 1 filled"),
        ((STOP, replace(STOP, order_id=OrderId("ab" * 12 + "-K"))), f", {'ab' * 12}-K SELL 10"),
    ],
)
def test_a_position_has_exactly_one_exit_order_of_its_own_size(
    exits: tuple[Order, ...], said: str
) -> None:
    found = differences(ours(orders=stops(*exits)), theirs(orders=stops(*exits)))
    [bare] = [one for one in found if one.matter is Matter.PROTECTION]

    assert "one exit order of +10" == bare.ours
    assert said in bare.theirs


def test_an_account_that_may_not_trade_intraday_halts() -> None:
    [unfit] = differences(ours(), theirs(unfit="is not active"))

    assert unfit.halts
    assert "account account: the ledger has intraday orders, the broker is not active" == str(unfit)


def test_what_cannot_be_proven_is_told_and_does_not_halt() -> None:
    delivery = Holding("A", False, 3, 3, 300_00, 0, 0)
    foreign = Holding("ELSEWHERE", True, -2, 0, 0, 2, 200_00)
    there = theirs(
        holdings=(HELD._replace(bought=15, bought_paise=1_500_05, sold=5, sold_paise=499_95),
                  delivery, foreign),
        available_paise=-1_05,
    )  # fmt: skip
    found = differences(ours(), there)

    assert [
        "funds funds: the ledger has 500.00 for entries, the broker -1.05 available",
        "foreign A: the ledger has none, the broker +3 delivery",
        "foreign ELSEWHERE: the ledger has none, the broker -2 intraday",
        "turnover A: the ledger has bought 10 for 1,000.00, sold 0 for 0.00,"
        " the broker bought 15 for 1,500.05, sold 5 for 499.95",
    ] == [str(one) for one in found]
    assert not any(one.halts for one in found)


def test_both_sides_of_a_days_trades_are_added_up() -> None:
    sold = {(STOP_ID, "2"): Execution("A", Side.SELL, 10, 98_05)}
    gone = stops(replace(STOP, state=OrderState.FILLED, filled=10))
    here = ours(orders=gone, fills=BOUGHT | sold, positions={})
    flat = Holding("A", True, 0, 10, 1_000_00, 10, 980_50)

    assert [] == differences(here, theirs(orders=gone, trades=BOUGHT | sold, holdings=(flat,)))


@pytest.mark.parametrize(
    ("side", "net", "others", "said"),
    [
        (Side.SELL, 10, 0, ""),
        (Side.SELL, 12, 0, ""),
        (Side.SELL, 10, 5, ""),
        (Side.SELL, 0, 0, "the broker has +0 A, and orders of others for +0"),
        (Side.SELL, 10, -10, "the broker has +10 A, and orders of others for -10"),
        (Side.SELL, -10, 0, "the broker has -10 A, and orders of others for +0"),
        (Side.BUY, -10, 0, ""),
        (Side.BUY, -10, 1, "the broker has -10 A, and orders of others for +1"),
    ],
)
def test_an_exit_closes_what_is_held_and_nobody_else_closes(
    side: Side, net: int, others: int, said: str
) -> None:
    there = theirs(holdings=(HELD._replace(quantity=net),), others={"A": others} if others else {})

    assert said == opens(replace(STOP, side=side), there)


# --- what is under way is no difference ----------------------------------------------------------


def test_nothing_is_said_of_an_instrument_that_is_moving() -> None:
    there = theirs(holdings=(), orders=stops())

    assert [] != differences(ours(), there)
    assert [] == differences(ours(), there, {"A"})


@pytest.mark.parametrize(
    "changed",
    [
        {"orders": stops(replace(STOP, state=OrderState.FILLED))},
        {"fills": {}},
        {"positions": {}},
    ],
)
def test_what_happens_during_a_reading_makes_it_say_nothing(changed: dict[str, object]) -> None:
    assert {"A"} == in_flight(ours(), ours(**changed), ())


def test_an_answer_that_is_awaited_is_in_flight_unless_its_process_has_ended() -> None:
    asked = ours(orders=stops(replace(STOP, state=OrderState.MODIFYING)))

    assert {"A"} == in_flight(asked, asked, ())
    assert set() == in_flight(asked, asked, {STOP_ID})
    assert set() == in_flight(ours(), ours(), ())


POSITION = Difference(Matter.POSITION, "A", "A", "+10", "+4")
BARE = Difference(Matter.PROTECTION, "A", "A", "one exit order of +10", "none")


def test_a_difference_stands_once_every_reading_had_it_for_longer_than_a_book_may_be_old() -> None:
    standing = Standing()

    assert [] == standing.read([POSITION], 0.0)
    assert standing.is_new(0.0)
    assert [] == standing.read([POSITION], STANDS_S - 1)
    assert not standing.is_new(STANDS_S - 1)
    assert [POSITION] == standing.read([POSITION], STANDS_S)


def test_a_difference_that_goes_or_becomes_another_begins_anew() -> None:
    standing = Standing()
    standing.read([POSITION], 0.0)
    standing.read([], 20.0)

    assert [] == standing.read([POSITION], STANDS_S)
    assert [] == standing.read([POSITION._replace(theirs="+5")], 2 * STANDS_S)


def test_a_position_without_protection_stands_at_the_second_reading() -> None:
    standing = Standing()

    assert [] == standing.read([BARE, POSITION], 0.0)
    assert [] == standing.read([BARE, POSITION], 0.0)  # the same one
    assert [BARE] == standing.read([BARE, POSITION], 1.0)


def test_what_is_only_told_need_not_be_looked_at_again_at_once() -> None:
    standing = Standing()
    standing.read([Difference(Matter.FUNDS, "funds", "", "1", "0")], 0.0)

    assert not standing.is_new(0.0)
    assert not POSITION.is_past
