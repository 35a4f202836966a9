"""A book whose fills are told: one protective order, every fill once, never a guess."""

import math

import pytest

from core.errors import InvariantBroken
from core.events import Commanded, Modify, OrderReported, TargetTouched, Tripped
from core.orders import OrderState
from core.ports import BrokerReport, ReportKind
from core.rules.account import exposure, unrealised_paise
from core.rules.fees import fees_paise, value_paise
from core.types import Command, ExitReason, OrderId, Refusal, TradingState
from tests.market import BUY, SELL, at, bar, book_of, holdings_of
from tests.told import CANCEL, MODIFY, NOT_TAKEN, RULES, TAKEN, Told, answer, entered, short

K = ReportKind


def test_the_first_fill_brings_one_protective_order_and_each_further_one_raises_it() -> None:
    told = entered()

    assert ["Fill E 100 of 100", "Submit S 100 STOP_MARKET 98"] == short(told.fill("E", 100, 100.0))
    told.say(K.ACKNOWLEDGED, "S")
    assert ["Fill E 50 of 150", "Modify S 150 STOP_MARKET 98"] == short(told.fill("E", 50, 100.6))
    assert ["Fill E 100 of 250"] == short(told.fill("E", 100, 100.3))  # one change at a time
    assert ["Modify S 250 STOP_MARKET 98"] == short(told.say(TAKEN, "S", call=MODIFY))
    told.say(TAKEN, "S", call=MODIFY)
    assert (250, OrderState.OPEN) == (told.order("S").quantity, told.order("S").state)
    assert told.id_of("E") not in told.engine.orders
    assert 100.24 == told.row.entry_price


@pytest.mark.parametrize("side", [BUY, SELL])
def test_fees_are_those_of_whole_orders_to_the_paisa(side: int) -> None:
    told = entered((33, 100.05), (33, 100.15), (184, 100.1), side=side)
    told.fill("S", 1, 98.35)
    told.fill("S", 249, 98.4)
    told.until("09:21")
    [trade] = told.trades
    bought = sum(value_paise(q, p) for q, p in ((33, 100.05), (33, 100.15), (184, 100.1)))
    sold = value_paise(1, 98.35) + value_paise(249, 98.4)
    fees = fees_paise(bought, side, RULES) + fees_paise(sold, -side, RULES)
    booked = [one.fill for one in told.effects if hasattr(one, "fill")]

    assert (side * (sold - bought), fees) == (trade.gross_paise, trade.fees_paise)
    assert trade.fees_paise == sum(fill.fees_paise for fill in booked)
    assert bought + sold == sum(fill.value_paise for fill in booked)
    assert told.engine.holdings.account[0].realised_paise == trade.net_paise
    assert told.engine.holdings.account[0].busy == 0
    assert told.engine.orders == {}
    assert told.engine.signals == {}


def test_a_target_is_a_change_of_the_protective_order() -> None:
    told = entered((250, 100.0))

    assert [] == told.touch(103.95)
    assert ["Modify S 250 MARKET 0"] == short(told.touch(104.0))
    assert [] == told.touch(104.0)
    told.say(TAKEN, "S", call=MODIFY)
    assert ["Fill S 100 of 150"] == short(told.fill("S", 100, 104.0))
    assert ["Fill S 150 of 0"] == short(told.fill("S", 150, 103.9))
    assert ["Trade TARGET 250"] == short(told.until("09:21"))
    assert (103.94, at("09:20")) == (told.trades[0].exit_price, told.trades[0].exit_ns)


def test_a_touch_of_an_instrument_that_is_flat_is_nothing() -> None:
    assert [] == Told().touch(104.0)


def test_time_stop_and_square_off_change_the_same_order_and_wait_until_told() -> None:
    for terms, clock, reason in (
        ({"time_stop_bars": 2}, "09:30", "TIME"),
        ({"time_stop_bars": 1000}, "15:10", "SQUARE_OFF"),
    ):
        told = entered((250, 100.0), terms=terms)

        assert ["Modify S 250 MARKET 0"] == short(told.until(clock))
        told.say(TAKEN, "S", call=MODIFY)
        assert [] == short(told.until("15:30"))  # nothing is ever forced
        assert 250 == told.shares
        assert ["Fill S 250 of 0"] == short(told.fill("S", 250, 100.0))
        assert reason == ExitReason(told.row.exit_reason).name


def test_a_pending_entry_at_the_square_off_is_cancelled_once_and_stays_until_told() -> None:
    told = Told(clock="14:40")
    told.until("14:45")
    told.say(K.ACKNOWLEDGED, "E")

    assert ["Cancel E"] == short(told.until("15:30"))
    assert 1 == told.engine.holdings.account[0].busy
    told.say(K.CANCELLED, "E")
    assert (0, 1) == tuple(
        told.engine.holdings.account[0][name] for name in ("busy", "entries_today")
    )
    assert {} == told.engine.orders == told.engine.signals


def test_an_entry_that_fills_after_it_was_to_be_taken_back_leaves_at_once() -> None:
    told = entered()
    assert ["Cancel E"] == short(told.handle(Commanded(Command.FLATTEN, told.now_ns)))
    assert [] == told.handle(Commanded(Command.FLATTEN, told.now_ns))

    assert ["Fill E 100 of 100", "Submit S 100 MARKET 0"] == short(told.fill("E", 100, 100.0))
    told.say(K.ACKNOWLEDGED, "S")
    told.say(K.CANCELLED, "E")
    told.fill("S", 100, 99.9)
    assert ["Trade FLATTEN 100"] == short(told.until("09:21"))


def test_an_entry_cancelled_in_its_middle_is_a_position_of_what_came() -> None:
    told = entered((100, 100.0))
    told.say(K.CANCELLED, "E")

    assert (100, 0) == (told.shares, told.row.coming)
    told.fill("S", 100, 98.0)
    assert ["Trade STOP 100"] == short(told.until("09:21"))


def test_a_rejected_entry_leaves_the_book_flat_and_its_count() -> None:
    told = entered()
    told.say(K.REJECTED, "E")

    assert (0, 0) == (told.row.status, told.engine.holdings.account[0].busy)
    assert 1 == told.engine.holdings.account[0].entries_today
    assert TradingState.ACTIVE is told.state


def test_a_stop_that_fills_while_the_entry_still_comes_takes_the_rest_back() -> None:
    told = entered((100, 100.0))
    assert ["Fill S 60 of 40", "Cancel E"] == short(told.fill("S", 60, 98.0))
    assert ["Fill S 40 of 0"] == short(told.fill("S", 40, 98.0))
    assert [] == short(told.until("09:21"))  # the entry may still come
    assert ["Trade STOP 100"] == short(told.say(K.CANCELLED, "E"))


def test_what_the_entry_brings_after_the_stop_was_done_is_sold_by_a_second_order_and_halts() -> (
    None
):
    told = entered((100, 100.0))
    told.fill("S", 100, 98.0)
    said = short(told.fill("E", 150, 97.9))

    assert ["Fill E 150 of 150", "Tripped S", "Submit K 150 MARKET 0"] == said
    assert TradingState.HALTED is told.state
    told.say(K.ACKNOWLEDGED, "K")
    told.fill("K", 150, 97.8)
    assert ["Trade STOP 250"] == short(told.until("09:21"))


def test_a_rejected_stop_halts_and_asks_for_the_market_at_once() -> None:
    told = entered()
    told.fill("E", 250, 100.0)

    assert ["Tripped S", "Submit K 250 MARKET 0"] == short(told.say(K.REJECTED, "S"))
    assert ["Tripped K"] == short(told.say(K.REJECTED, "K"))  # a person must
    assert [] == short(told.until("09:25"))
    assert TradingState.HALTED is told.state


def test_a_stop_cancelled_by_the_broker_while_the_entry_comes_is_replaced_for_all_that_comes() -> (
    None
):
    told = entered((100, 100.0))
    assert ["Cancel E"] != short(told.say(K.CANCELLED, "S"))
    told.say(K.ACKNOWLEDGED, "K")

    assert ["Fill E 50 of 150", "Modify K 150 MARKET 0"] == short(told.fill("E", 50, 100.0))


def test_a_refused_change_is_asked_for_again_at_the_next_minute() -> None:
    told = entered((250, 100.0))
    told.touch(104.0)

    assert [] == short(told.say(NOT_TAKEN, "S", call=MODIFY))
    assert "STOP_MARKET" == told.order("S").type
    assert ["Modify S 250 MARKET 0"] == short(told.until("09:21"))


def test_a_change_that_was_taken_and_then_refused_is_asked_for_again_too() -> None:
    told = entered((250, 100.0))
    told.touch(104.0)
    told.say(TAKEN, "S", call=MODIFY)

    assert [] == short(told.say(NOT_TAKEN, "S", call=MODIFY))
    assert ["Modify S 250 MARKET 0"] == short(told.until("09:21"))


def test_a_cancel_that_was_taken_is_no_end() -> None:
    told = entered()
    told.handle(Commanded(Command.FLATTEN, told.now_ns))

    assert [] == told.say(TAKEN, "E", call=CANCEL)
    assert OrderState.CANCELLING is told.order("E").state


def test_an_order_that_is_not_ours_halts_once_however_often_it_is_told() -> None:
    told = Told()
    stranger = BrokerReport(K.STRANGER, "260805025000009", 1, "BUY 10 A, complete, tag none")

    reason = "an order that is not ours: BUY 10 A, complete, tag none"
    assert [Tripped(stranger.order_id, reason)] == told.tell(stranger)
    told.handle(Commanded(Command.RESUME, 1))
    assert [] == told.tell(stranger)  # by the process after this one
    assert TradingState.ACTIVE is told.state


def test_a_change_refused_because_the_stop_was_done_leaves_the_rest_to_the_market() -> None:
    told = entered((100, 100.0))
    told.fill("E", 150, 100.0)  # asks for 250
    told.fill("S", 100, 98.0)

    assert ["Tripped S", "Submit K 150 MARKET 0"] == short(told.say(NOT_TAKEN, "S", call=MODIFY))


def test_a_refused_cancel_is_asked_for_again_too() -> None:
    told = entered()
    told.handle(Commanded(Command.FLATTEN, told.now_ns))

    assert [] == short(told.say(NOT_TAKEN, "E", call=CANCEL))
    assert ["Cancel E"] == short(told.until("09:21"))


def test_a_lost_order_halts_and_goes_on_as_it_is_found() -> None:
    told = Told()
    told.until("09:20")

    assert ["Tripped E"] == short(told.say(K.LOST, "E"))
    assert [] == told.say(K.LOST, "E")
    assert (TradingState.HALTED, 1) == (told.state, told.engine.holdings.account[0].busy)
    told.say(K.ACKNOWLEDGED, "E")
    assert ["Fill E 250 of 250", "Submit S 250 STOP_MARKET 98"] == short(told.fill("E", 250, 100.0))


def test_a_lost_change_is_asked_for_again_once_the_order_is_found() -> None:
    told = entered((250, 100.0))
    told.touch(104.0)
    told.say(K.LOST, "S")

    assert [] == short(told.until("09:22"))
    assert ["Modify S 250 MARKET 0"] == short(told.say(K.ACKNOWLEDGED, "S"))


def test_a_fill_is_booked_once_however_often_it_is_told() -> None:
    told = entered((100, 100.0))

    assert [] == told.say(K.FILLED, "E", 100, 100.0, "1")
    assert 100 == told.shares


@pytest.mark.parametrize(
    ("role", "quantity", "price"),
    [
        ("E", 151, 100.0),
        ("E", 0, 100.0),
        ("E", 10, 0.0),
        ("E", 10, math.nan),
        ("S", 101, 98.0),
        ("Q", 10, 98.0),
    ],
)
def test_a_fill_that_cannot_be_halts_and_is_not_booked(
    role: str, quantity: int, price: float
) -> None:
    told = entered((100, 100.0))
    before = told.row.copy()

    assert [f"Tripped {role}"] == short(told.fill(role, quantity, price))
    assert (TradingState.HALTED, before) == (told.state, told.row)
    assert ["Modify S 100 MARKET 0", "Cancel E"] == sorted(
        short(told.handle(Commanded(Command.FLATTEN, told.now_ns))), reverse=True
    )


def test_reports_that_come_too_late_change_nothing() -> None:
    told = entered((250, 100.0))

    assert [] == told.say(K.ACKNOWLEDGED, "E")
    assert [] == told.say(K.CANCELLED, "E")
    assert [] == told.say(K.ACKNOWLEDGED, "S")


def test_an_exit_told_after_its_minute_is_settled_at_once_and_counts_its_bar() -> None:
    told = entered((250, 100.0))
    told.until("09:30")
    stopped = BrokerReport(
        K.FILLED, told.id_of("S"), told.now_ns, "", "9", 250, 98.0, exchange_ns=at("09:24") + 1
    )

    assert ["Fill S 250 of 0", "Trade STOP 250"] == short(told.tell(stopped))
    assert 1 == told.engine.holdings.since_exit[0, 0]


def test_an_exit_inside_its_minute_has_the_extremes_of_that_minute() -> None:
    told = entered((250, 100.0), bars=[bar("09:20", 100, 101, 97, 98)])
    told.fill("S", 250, 97.95)
    told.until("09:21")

    assert (3.0, 1.0) == (told.trades[0].mae, told.trades[0].mfe)
    assert told.engine.position_of(0) is None


def test_exposure_and_day_loss_see_what_is_held_and_what_still_comes() -> None:
    told = entered((100, 100.0))
    assert 25_000.0 == exposure(told.engine.holdings)
    told.fill("S", 40, 98.0)
    assert 60 * 100.0 + 150 * 100.0 == exposure(told.engine.holdings)
    assert -8_000 == unrealised_paise(told.engine.holdings)


def test_a_book_on_a_simulated_exchange_cannot_be_told() -> None:
    engine = book_of([], holdings_of(), []).engine
    report = BrokerReport(K.ACKNOWLEDGED, OrderId("x-E"), 1)
    for event in (OrderReported(report, RULES, 0), TargetTouched(0, 1.0, 0)):
        with pytest.raises(InvariantBroken, match="simulated"):
            engine.handle(event)


def test_never_are_there_two_exit_orders() -> None:
    told = entered((100, 100.0), (150, 100.0))
    for effect in told.touch(104.0):
        answer(told, effect)
    told.handle(Commanded(Command.FLATTEN, told.now_ns))

    assert [told.id_of("S")] == list(told.engine.orders)
    assert 2 == sum(isinstance(one, Modify) for one in told.effects)
    assert ExitReason.TARGET == told.row.exit_reason


def test_a_difference_halts_as_often_as_it_is_told() -> None:
    told = Told()
    report = BrokerReport(K.DIFFERENCE, "A", 1, "position A: the ledger has +10, the broker +4")
    for _ in range(2):
        assert [Tripped("A", report.reason, Refusal.DIFFERENCE)] == told.tell(report)
        assert TradingState.HALTED is told.state
        told.handle(Commanded(Command.RESUME, 1))


def test_a_change_that_a_process_left_unanswered_is_asked_for_once_more() -> None:
    """Its order is acknowledged anew, by whatever terms it works."""
    told = entered((100, 100.0))
    told.fill("E", 150, 100.0)
    assert (OrderState.MODIFYING, 250) == (told.order("S").state, told.order("S").quantity)

    assert ["Modify S 250 STOP_MARKET 98"] == short(told.say(TAKEN, "S"))
    told.say(TAKEN, "S", call=MODIFY)
    assert (OrderState.OPEN, 250) == (told.order("S").state, told.order("S").quantity)
    assert TradingState.ACTIVE is told.state


def test_a_cancel_that_a_process_left_unanswered_is_asked_for_once_more() -> None:
    told = Told(clock="14:40")
    told.until("14:45")
    told.say(K.ACKNOWLEDGED, "E")
    told.until("15:10")
    assert OrderState.CANCELLING is told.order("E").state

    assert ["Cancel E"] == short(told.say(TAKEN, "E"))
