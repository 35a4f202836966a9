"""What the broker's book proves of orders without an answer, and what it does not."""

from collections.abc import Collection
from dataclasses import replace

import pytest

from core.orders import Order, OrderState, OrderType
from core.ports import BrokerReport, OrderCall, ReportKind
from core.reconciliation import STANDS_S, Theirs
from core.session import DAY_NS
from core.types import OrderId
from core.unsettled import ABSENT_S, Sight, Sights, proven
from tests.core.test_reconciliation import ENTRY, HELD, STOP, STOP_ID, ours, stops, theirs

NOW_NS = 12 * 3_600 * 10**9
K, C, S = ReportKind, OrderCall, OrderState


def of(
    order: Order,
    seen: Order | None,
    for_s: float,
    *,
    unanswered: Collection[OrderId] = (STOP_ID,),
    there: Theirs | None = None,
) -> list[tuple[ReportKind, OrderCall]]:
    """What is told of `order` when the book has shown it as `seen` for so long."""
    reports = told(order, seen, for_s, unanswered=unanswered, there=there)
    return [(one.kind, one.call) for one in reports]


def told(
    order: Order,
    seen: Order | None,
    for_s: float,
    *,
    unanswered: Collection[OrderId] = (STOP_ID,),
    there: Theirs | None = None,
) -> list[BrokerReport]:
    here = ours(orders=stops(order))
    return proven({Sight(order, seen): for_s}, here, there or theirs(), unanswered, NOW_NS)


def as_(state: OrderState) -> Order:
    return replace(STOP, state=state)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (S.SUBMITTED, K.REJECTED),
        (S.LOST, K.REJECTED),
        (S.OPEN, K.CANCELLED),
        (S.MODIFYING, K.CANCELLED),
        (S.CANCELLING, K.CANCELLED),
    ],
)
def test_an_order_that_no_book_shows_for_long_enough_is_over(
    state: OrderState, kind: ReportKind
) -> None:
    assert [] == of(as_(state), None, ABSENT_S - 1)
    assert [(kind, C.SUBMIT)] == of(as_(state), None, ABSENT_S)


def test_nothing_is_over_while_the_positions_differ() -> None:
    """It may have filled; or what would take its place would sell shares that nobody holds."""
    there = theirs(holdings=(HELD._replace(quantity=0),))

    assert [] == of(as_(S.LOST), None, ABSENT_S, there=there)


def test_an_order_of_an_earlier_day_is_over_at_once() -> None:
    yesterday = replace(STOP, created_ns=NOW_NS - DAY_NS)
    [report] = told(yesterday, None, 0.0)

    assert (K.CANCELLED, "it was good for an earlier day") == (report.kind, report.reason)


def test_a_change_that_the_book_shows_was_taken() -> None:
    assert [(K.ACKNOWLEDGED, C.MODIFY)] == of(as_(S.MODIFYING), STOP, 0.0)


def test_a_change_that_no_book_shows_was_not_taken() -> None:
    at_market = replace(STOP, state=S.MODIFYING, type=OrderType.MARKET, price=0.0)

    assert [] == of(at_market, STOP, STANDS_S - 1)
    assert [(K.REJECTED, C.MODIFY)] == of(at_market, STOP, STANDS_S)


def test_a_cancel_that_no_book_shows_was_not_taken() -> None:
    assert [] == of(as_(S.CANCELLING), STOP, STANDS_S - 1)
    assert [(K.REJECTED, C.CANCEL)] == of(as_(S.CANCELLING), STOP, STANDS_S)


def test_calls_of_this_process_are_told_by_whoever_made_them() -> None:
    for state in (S.MODIFYING, S.CANCELLING):
        assert [] == of(as_(state), STOP, ABSENT_S, unanswered=())


def test_a_lost_order_that_works_on_is_worked_with_again() -> None:
    assert [] == of(as_(S.LOST), STOP, ABSENT_S - 1, unanswered=())
    assert [(K.ACKNOWLEDGED, C.SUBMIT)] == of(as_(S.LOST), STOP, ABSENT_S, unanswered=())


def test_what_works_as_it_should_or_is_over_there_needs_no_word_of_ours() -> None:
    assert [] == of(STOP, STOP, ABSENT_S)
    assert [] == of(as_(S.LOST), as_(S.CANCELLED), ABSENT_S)


def test_a_sight_lasts_as_long_as_every_reading_has_it() -> None:
    sights, here = Sights(), ours()
    missing = theirs(orders={ENTRY.order_id: ENTRY})

    assert {Sight(STOP, None): 0.0} == sights.read(here, missing, 5.0)
    assert {Sight(STOP, None): 20.0} == sights.read(here, missing, 25.0)
    assert {Sight(STOP, STOP): 0.0} == sights.read(here, theirs(), 30.0)
    assert {Sight(STOP, None): 0.0} == sights.read(here, missing, 31.0)
