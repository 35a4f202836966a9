"""Whatever the order of rows, updates and trades, and however often: each thing is said once."""

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from brokers.upstox.known_orders import ABSENT_AFTER_S, UNTOLD_S, KnownOrders
from brokers.upstox.life import Asked
from brokers.upstox.wording import order_seen, trade_seen
from core.orders import OrderRole, OrderState, OrderType
from core.ports import BrokerReport, OrderCall, ReportKind
from tests.brokers.upstox.rows import ENTRY, KEY, NOW_NS, STOP, row, stop_row, trade

K, C = ReportKind, OrderCall
PENDING = ("put order req received", "validation pending", "open pending")


def known() -> KnownOrders:
    return KnownOrders({KEY: "RELIANCE"})


def heard(orders: KnownOrders, *rows: dict[str, Any]) -> list[BrokerReport]:
    return [one for told in rows for one in orders.heard(order_seen(told), NOW_NS)]


def traded(orders: KnownOrders, *trades: dict[str, Any]) -> list[BrokerReport]:
    return orders.traded([trade_seen(one) for one in trades], NOW_NS)


def kinds(reports: Iterable[BrokerReport]) -> list[tuple[ReportKind, OrderCall]]:
    return [(one.kind, one.call) for one in reports]


def test_an_order_of_the_process_before_is_acknowledged_and_its_trades_are_told() -> None:
    orders = known()

    assert [K.ACKNOWLEDGED] == [one.kind for one in heard(orders, row("open", 4))]
    assert orders.lack_trades
    [fill] = traded(orders, trade(1, 4), trade(1, 4), trade(9, 1, order_id="1"))
    assert (K.FILLED, ENTRY.order_id, "1", 4, 101.0) == (
        fill.kind,
        fill.order_id,
        fill.fill_id,
        fill.quantity,
        fill.price,
    )
    assert not orders.lack_trades


@given(some.randoms(use_true_random=False), some.sampled_from(["complete", "cancelled"]))
def test_rows_and_trades_in_any_order_tell_each_fill_once_and_the_end_last(
    chance: random.Random, end: str
) -> None:
    traded_by_end = 10 if end == "complete" else 7
    tape = [("trade", trade(n, quantity)) for n, quantity in ((1, 3), (2, 4), (3, 3))]
    tape = tape[: 3 if end == "complete" else 2]
    rows = [row(one) for one in (*PENDING, "open")]
    rows += [row("open", 3), row("open", 7), row(end, traded_by_end)]
    told = [*tape, *(("row", one) for one in rows)]
    shuffled = chance.sample([*told, *chance.choices(told, k=4)], k=len(told) + 4)
    orders, reports = known(), []
    orders.begin(ENTRY, 0.0)
    for kind, what in (*shuffled, *told):  # in the end all of it is read once more
        reports += heard(orders, what) if kind == "row" else traded(orders, what)

    fills = [one for one in reports if one.kind is K.FILLED]
    assert len(tape) == len(fills) == len({one.fill_id for one in fills})
    rest = [one.kind for one in reports if one.kind is not K.FILLED]
    assert [K.ACKNOWLEDGED, *([K.CANCELLED] if end == "cancelled" else [])] == rest
    if end == "cancelled":
        assert K.CANCELLED is reports[-1].kind


def test_an_end_waits_for_the_trades_before_it() -> None:
    orders = known()

    assert [K.ACKNOWLEDGED] == [one.kind for one in heard(orders, row("cancelled", 3))]
    assert [K.FILLED, K.CANCELLED] == [one.kind for one in traded(orders, trade(1, 3))]


def test_a_cancelled_order_that_trades_is_told_of_all_the_same() -> None:
    orders = known()
    heard(orders, row("cancelled"), row("complete", 10))

    assert orders.lack_trades
    assert [K.FILLED] == [one.kind for one in traded(orders, trade(1, 10))]


def test_a_rejected_order_is_rejected_with_the_brokers_text_and_once() -> None:
    orders = known()
    orders.begin(ENTRY, 0.0)
    told = heard(orders, *2 * [row("rejected", status_message="Margin exceeds")])

    assert [(K.REJECTED, "Margin exceeds")] == [(one.kind, one.reason) for one in told]


def test_a_late_row_does_not_reopen_what_is_over() -> None:
    orders = known()
    heard(orders, row("cancelled"), row("open"))

    [order] = orders.orders(["260805025000001"], NOW_NS)
    assert OrderState.CANCELLED is order.state


@pytest.mark.parametrize("tag", [None, "", "x" * 24 + "-E", "a" * 24 + "-Z", "a" * 23 + "-E"])
def test_a_tag_that_is_not_ours_is_a_stranger_and_named_once(tag: str | None) -> None:
    orders = known()
    told = heard(orders, *2 * [row("open", tag=tag)])

    assert [(K.STRANGER, "260805025000001")] == [(one.kind, one.order_id) for one in told]
    assert "BUY 10 RELIANCE, open" in told[0].reason
    assert [] == orders.orders(["260805025000001"], NOW_NS)
    assert [] == traded(orders, trade(1, 10))


def test_a_second_order_with_our_tag_is_a_stranger() -> None:
    orders = known()
    told = heard(orders, row("open"), row("open", order_id="2"))

    assert [(K.ACKNOWLEDGED, ENTRY.order_id), (K.STRANGER, "2")] == [
        (one.kind, one.order_id) for one in told
    ]
    assert "260805025000001" in told[1].reason


def resting_stop(asked: OrderCall) -> KnownOrders:
    orders = known()
    life = orders.begin(STOP, 0.0)
    assert life is not None
    heard(orders, stop_row("trigger pending"))
    life.asked[asked] = Asked(5.0, replace(STOP, quantity=20) if asked is C.MODIFY else None)
    return orders


def test_a_modify_is_done_when_the_terms_are_in_force() -> None:
    orders = resting_stop(C.MODIFY)
    quiet = heard(
        orders,
        stop_row("modify validation pending", quantity=20),
        stop_row("modify pending", quantity=20),
    )

    assert [] == quiet
    assert [(K.ACKNOWLEDGED, C.MODIFY)] == kinds(heard(orders, stop_row("modified", quantity=20)))
    assert [] == heard(orders, stop_row("modified", quantity=20))


def test_a_modify_that_is_refused_later_leaves_the_order_as_it_was() -> None:
    orders = resting_stop(C.MODIFY)
    told = heard(orders, stop_row("not modified", status_message="Already triggered"))

    assert [(K.REJECTED, C.MODIFY)] == kinds(told)
    assert "Already triggered" == told[0].reason
    [order] = orders.orders(["260805025000002"], NOW_NS)
    assert (OrderState.OPEN, 10) == (order.state, order.quantity)


def test_the_end_of_an_order_ends_what_was_asked_of_it() -> None:
    assert [(K.REJECTED, C.MODIFY), (K.CANCELLED, C.SUBMIT)] == kinds(
        heard(resting_stop(C.MODIFY), stop_row("cancelled"))
    )
    assert [(K.CANCELLED, C.SUBMIT)] == kinds(heard(resting_stop(C.CANCEL), stop_row("cancelled")))
    overtaken = heard(resting_stop(C.CANCEL), stop_row("complete", filled_quantity=10))
    assert [(K.REJECTED, C.CANCEL)] == kinds(overtaken)
    assert "complete" in overtaken[0].reason


def test_a_cancel_that_is_refused_later_is_told() -> None:
    told = heard(resting_stop(C.CANCEL), stop_row("not cancelled"))

    assert [(K.REJECTED, C.CANCEL)] == kinds(told)


def test_what_a_fresh_book_does_not_show_in_time_is_lost_and_said_once() -> None:
    orders = known()
    orders.begin(ENTRY, 10.0)

    assert [] == orders.overdue(10.0 + ABSENT_AFTER_S - 1.0, NOW_NS)
    assert [(K.LOST, C.SUBMIT)] == kinds(orders.overdue(10.0 + ABSENT_AFTER_S, NOW_NS))
    assert [] == orders.overdue(10.0 + 2 * ABSENT_AFTER_S, NOW_NS)
    assert [K.ACKNOWLEDGED] == [one.kind for one in heard(orders, row("open"))]  # late, but there
    assert [(K.LOST, C.MODIFY)] == kinds(resting_stop(C.MODIFY).overdue(1_000.0, NOW_NS))


def test_trades_that_are_not_told_in_time_are_a_difference_and_said_once() -> None:
    orders = known()
    heard(orders, row("complete", filled_quantity=10))

    assert [] == orders.untold(10.0, NOW_NS)
    assert [] == orders.untold(10.0 + UNTOLD_S - 0.5, NOW_NS)
    [told] = orders.untold(10.0 + UNTOLD_S, NOW_NS)
    assert (K.DIFFERENCE, ENTRY.order_id) == (told.kind, told.order_id)
    assert [] == orders.untold(10.0 + 2 * UNTOLD_S, NOW_NS)


def test_an_order_of_ours_keeps_what_the_broker_does_not_know_of_it() -> None:
    orders = known()
    orders.begin(ENTRY, 0.0)
    heard(orders, row("open"), stop_row("trigger pending"))
    entry, stop = orders.orders(["260805025000001", "260805025000002", "3"], NOW_NS + 1)

    assert replace(ENTRY, state=OrderState.OPEN, updated_ns=NOW_NS + 1) == entry
    assert (STOP.order_id, "RELIANCE", OrderRole.STOP, OrderType.STOP_MARKET, 99.5) == (
        stop.order_id,
        stop.instrument,
        stop.role,
        stop.type,
        stop.price,
    )


def test_an_id_is_taken_once_unless_it_never_left() -> None:
    orders = known()
    life = orders.begin(ENTRY, 0.0)

    assert life is not None
    assert orders.begin(ENTRY, 0.0) is None
    orders.forget(life)
    assert orders.begin(ENTRY, 0.0) is not None
