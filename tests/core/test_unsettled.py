"""What the broker's book proves of orders without an answer, and what it does not."""

from dataclasses import replace

import pytest

from core.orders import Order, OrderState
from core.ports import BrokerReport, ReportKind
from core.reconciliation import Theirs
from core.session import DAY_NS
from core.unsettled import ABSENT_S, Sight, Sights, proven
from tests.both_sides import ENTRY, HELD, STOP, ours, stops, theirs

NOW_NS = 12 * 3_600 * 10**9
K, S = ReportKind, OrderState


def told(
    order: Order, seen: Order | None, for_s: float, there: Theirs | None = None
) -> list[BrokerReport]:
    """Of `order` when the book has shown it as `seen` for so long."""
    here = ours(orders=stops(order))
    return proven({Sight(order, seen): for_s}, here, there or theirs(), NOW_NS)


def kinds(reports: list[BrokerReport]) -> list[ReportKind]:
    return [one.kind for one in reports]


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
    assert [] == told(as_(state), None, ABSENT_S - 1)
    assert [kind] == kinds(told(as_(state), None, ABSENT_S))


def test_nothing_is_over_while_the_positions_differ() -> None:
    """It may have filled; or what would take its place would sell shares that nobody holds."""
    there = theirs(holdings=(HELD._replace(quantity=0),))

    assert [] == told(as_(S.LOST), None, ABSENT_S, there)


def test_an_order_of_an_earlier_day_is_over_at_once() -> None:
    yesterday = replace(STOP, created_ns=NOW_NS - DAY_NS)
    [report] = told(yesterday, None, 0.0)

    assert (K.CANCELLED, "it was good for an earlier day") == (report.kind, report.reason)


def test_a_lost_order_that_works_on_is_worked_with_again() -> None:
    assert [] == told(as_(S.LOST), STOP, ABSENT_S - 1)
    assert [K.ACKNOWLEDGED] == kinds(told(as_(S.LOST), STOP, ABSENT_S))


def test_what_works_or_is_over_there_is_told_by_the_brokers_own_words() -> None:
    for state in (S.OPEN, S.MODIFYING, S.CANCELLING):
        assert [] == told(as_(state), STOP, ABSENT_S)
    assert [] == told(as_(S.LOST), as_(S.CANCELLED), ABSENT_S)


def test_a_sight_lasts_as_long_as_every_reading_has_it() -> None:
    sights, here = Sights(), ours()
    missing = theirs(orders={ENTRY.order_id: ENTRY})

    assert {Sight(STOP, None): 0.0} == sights.read(here, missing, 5.0)
    assert {Sight(STOP, None): 20.0} == sights.read(here, missing, 25.0)
    assert {Sight(STOP, STOP): 0.0} == sights.read(here, theirs(), 30.0)
    assert {Sight(STOP, None): 0.0} == sights.read(here, missing, 31.0)
