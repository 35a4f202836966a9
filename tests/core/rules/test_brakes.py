"""The breakers of a live book as rules: what each looks at, their order, and when they latch."""

from collections.abc import Callable

import pytest

from core.rules.account import command_state, start_day
from core.rules.brakes import (
    begin_minute,
    brake,
    count_orders,
    count_reject,
    end_rejects,
    is_latched,
    latch,
    latched,
    may_enter,
    trading_state,
    withdraw_entries,
)
from core.rules.holdings import FLAT, OPEN, PENDING_ENTRY, Holdings
from core.types import Command, Refusal, Row, TradingState
from tests.market import CASH, DAY, holdings_of

LIMITS = {
    "max_positions": 2,
    "max_exposure": 10_000,
    "max_orders_per_minute": 6,
    "max_orders_of_entries": 20,
    "max_rejects": 3,
    "max_feed_doubt_minutes": 4,
    "max_clock_doubt_minutes": 2,
}
LATCHING = (
    Refusal.ORDER_RATE,
    Refusal.REJECTS,
    Refusal.FEED_DOUBT,
    Refusal.CLOCK_SKEW,
    Refusal.UNKNOWN_ORDER,
    Refusal.DIFFERENCE,
)


def book() -> tuple[Holdings, Row]:
    holdings = holdings_of([CASH, CASH], limits=LIMITS)
    return holdings, holdings.account[0]


def ask(holdings: Holdings, *, exposed: float = 0.0, cost: float = 1_000.0) -> Refusal:
    return Refusal(brake(holdings, exposed, cost)[0])


def one_position_less(account: Row) -> None:
    account.busy = 1


def released(breaker: Refusal) -> Callable[[Row], None]:
    def unlatch(account: Row) -> None:
        account.breakers &= ~(1 << breaker)

    return unlatch


def a_quiet_minute(account: Row) -> None:
    released(Refusal.ORDER_RATE)(account)
    account.orders_since = 2


def a_new_day(account: Row) -> None:
    released(Refusal.ORDER_RATE)(account)
    account.orders_today = 19


def test_the_first_breaker_answers_with_what_it_saw_and_its_limit() -> None:
    holdings, account = book()
    account.busy, account.rejects, account.orders_today = 2, 3, 20
    account.orders_before, account.orders_since = 3, 3
    account.feed_doubt_minutes, account.clock_doubt_minutes = 4, 2
    for breaker in LATCHING:
        latch(account, int(breaker))
    exposed = 9_500.0
    steps: list[tuple[Refusal, float, float, Callable[[Row], None]]] = [
        (Refusal.MAX_POSITIONS, 2.0, 2.0, one_position_less),
        (Refusal.EXPOSURE, 10_500.0, 10_000.0, one_position_less),
        (Refusal.ORDER_RATE, 0.0, 0.0, released(Refusal.ORDER_RATE)),
        (Refusal.ORDER_RATE, 6.0, 6.0, a_quiet_minute),
        (Refusal.ORDER_RATE, 20.0, 20.0, a_new_day),
        (Refusal.REJECTS, 3.0, 3.0, released(Refusal.REJECTS)),
        (Refusal.FEED_DOUBT, 4.0, 4.0, released(Refusal.FEED_DOUBT)),
        (Refusal.CLOCK_SKEW, 2.0, 2.0, released(Refusal.CLOCK_SKEW)),
        (Refusal.UNKNOWN_ORDER, 0.0, 0.0, released(Refusal.UNKNOWN_ORDER)),
        (Refusal.DIFFERENCE, 0.0, 0.0, released(Refusal.DIFFERENCE)),
    ]
    for refusal, value, limit, cure in steps:
        assert (refusal, value, limit) == brake(holdings, exposed, 1_000.0)
        exposed = 9_000.0 if refusal is Refusal.EXPOSURE else exposed
        cure(account)

    assert (Refusal.NONE, 0.0, 0.0) == brake(holdings, exposed, 1_000.0)


def test_positions_and_exposure_pass_again_by_themselves() -> None:
    holdings, account = book()
    account.busy = 2
    assert Refusal.MAX_POSITIONS is ask(holdings)
    account.busy = 1
    assert Refusal.EXPOSURE is ask(holdings, exposed=9_001.0)

    assert Refusal.NONE is ask(holdings, exposed=9_000.0)
    assert 0 == latched(account)


@pytest.mark.parametrize(("column", "count"), [("orders_since", 6), ("orders_today", 20)])
def test_the_entry_that_is_one_order_too_many_latches_the_rate(column: str, count: int) -> None:
    holdings, account = book()
    account[column] = count - 1
    assert Refusal.NONE is ask(holdings)
    count_orders(account, 1)
    assert Refusal.ORDER_RATE is ask(holdings)
    account.orders_since = account.orders_today = 0

    assert Refusal.ORDER_RATE is ask(holdings)


def test_a_minute_of_orders_is_that_since_the_close_of_the_last_minute() -> None:
    holdings, account = book()
    count_orders(account, 4)
    begin_minute(account, holdings.limits[0])
    count_orders(account, 2)
    assert (4, 2, 6) == (account.orders_before, account.orders_since, account.orders_today)
    begin_minute(account, holdings.limits[0])
    begin_minute(account, holdings.limits[0])

    assert (0, 0, 6) == (account.orders_before, account.orders_since, account.orders_today)


def test_rejects_latch_in_a_row_and_an_order_that_did_something_ends_the_row() -> None:
    holdings, account = book()
    for _ in range(2):
        count_reject(account, holdings.limits[0])
    end_rejects(account)
    for _ in range(2):
        count_reject(account, holdings.limits[0])
    assert not is_latched(account, Refusal.REJECTS)
    count_reject(account, holdings.limits[0])
    assert is_latched(account, Refusal.REJECTS)
    count_reject(account, holdings.limits[0])
    end_rejects(account)

    assert (3, True) == (account.rejects, is_latched(account, Refusal.REJECTS))


@pytest.mark.parametrize(
    ("what", "breaker", "most"),
    [("feed", Refusal.FEED_DOUBT, 4), ("clock", Refusal.CLOCK_SKEW, 2)],
)
def test_a_doubt_latches_after_so_many_minutes_in_a_row(
    what: str, breaker: Refusal, most: int
) -> None:
    holdings, account = book()

    def pass_minutes(count: int, *, doubted: bool) -> bool:
        account[f"{what}_doubted"] = doubted
        for _ in range(count):
            begin_minute(account, holdings.limits[0])
        return bool(is_latched(account, breaker))

    assert not pass_minutes(most - 1, doubted=True)
    assert not pass_minutes(1, doubted=False)
    assert not pass_minutes(most - 1, doubted=True)
    assert pass_minutes(1, doubted=True)
    assert pass_minutes(5, doubted=False)  # that it is over releases nothing
    assert most == account[f"{what}_doubt_minutes"]


def test_a_new_day_counts_anew_and_releases_nothing() -> None:
    holdings, account = book()
    for breaker in LATCHING:
        latch(account, int(breaker))
    account.day_loss_latched, account.orders_today, account.clock_doubt_minutes = True, 7, 2
    before = account.breakers
    start_day(holdings, DAY)

    assert (before, 0, 2) == (account.breakers, account.orders_today, account.clock_doubt_minutes)
    assert before == latched(account)  # the day's loss was yesterday's


def test_a_new_day_begins_the_row_of_doubtful_minutes_anew() -> None:
    holdings, account = book()
    account.feed_doubt_minutes = account.clock_doubt_minutes = 1
    start_day(holdings, DAY)

    assert (0, 0) == (account.feed_doubt_minutes, account.clock_doubt_minutes)


def test_only_a_resume_releases_what_is_latched_and_never_the_days_loss() -> None:
    holdings, account = book()
    for breaker in LATCHING:
        latch(account, int(breaker))
    account.day_loss_latched, account.rejects, account.orders_today = True, 3, 7
    for command in (Command.HALT, Command.REDUCE, Command.FLATTEN):
        command_state(holdings, int(command))
        assert latched(account) == account.breakers | 1 << Refusal.DAY_LOSS
    command_state(holdings, int(Command.RESUME))

    assert 1 << Refusal.DAY_LOSS == latched(account)
    assert (0, 7, TradingState.ACTIVE) == (account.rejects, account.orders_today, account.state)


@pytest.mark.parametrize("breaker", LATCHING)
def test_what_is_latched_is_halted_to_whoever_looks(breaker: Refusal) -> None:
    holdings, account = book()
    assert (TradingState.ACTIVE, True) == (trading_state(holdings), may_enter(holdings))
    latch(account, int(breaker))

    assert (TradingState.HALTED, False) == (trading_state(holdings), may_enter(holdings))
    assert TradingState.ACTIVE == account.state  # nobody commanded it


def test_an_entry_that_waits_may_not_leave_once_commanded_otherwise_or_the_day_is_lost() -> None:
    holdings, account = book()
    account.day_loss_latched = True
    assert (TradingState.ACTIVE, False) == (trading_state(holdings), may_enter(holdings))
    account.day_loss_latched = False
    command_state(holdings, int(Command.REDUCE))

    assert (TradingState.REDUCING, False) == (trading_state(holdings), may_enter(holdings))


def test_only_what_has_not_come_of_an_entry_is_withdrawn() -> None:
    holdings = holdings_of([CASH] * 4)
    rows = holdings.positions
    rows["status"], rows["coming"] = [FLAT, PENDING_ENTRY, OPEN, OPEN], [0, 0, 5, 0]
    withdraw_entries(holdings)

    assert [False, True, True, False] == rows["withdrawn"].tolist()
