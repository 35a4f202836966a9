"""A told book's breakers in words: what trips, what is said of it, what a halt takes back."""

import pytest

from core.breakers import Trip
from core.doubts import Doubt, DoubtKind
from core.events import Commanded, Doubted, SignalDecided, Tripped
from core.ports import ReportKind
from core.rules.brakes import trading_state
from core.types import Command, Refusal, TradingState
from tests.market import BUY, at
from tests.told import CANCEL, MODIFY, NOT_TAKEN, TAKEN, Told, answer, entered, short

K = ReportKind
CLOCKS = [f"{hour:02d}:{minute:02d}" for hour in range(9, 15) for minute in range(0, 60, 5)]
ALL_DAY = {
    (number, at(clock)): [(1, BUY)] for clock in CLOCKS if clock >= "09:15" for number in range(2)
}


def busy(**limits: float) -> Told:
    """Two instruments that are to be entered at every bar."""
    return Told(others=1, entries=ALL_DAY, terms={"cooldown_bars": 0}, limits=limits)


def refusals(told: Told, clock: str) -> list[str]:
    """Of the signals decided up to a time."""
    effects = told.until(clock)
    return [one.signal.refusal.name for one in effects if isinstance(one, SignalDecided)]


def told_of(told: Told) -> list[tuple[str, str]]:
    """Name and reason of each trip."""
    return [(one.breaker.name, one.reason) for one in told.effects if isinstance(one, Tripped)]


def test_the_second_of_two_entries_is_refused_the_positions_and_nothing_trips() -> None:
    told = busy(max_positions=1)

    assert ["NONE", "MAX_POSITIONS"] == refusals(told, "09:20")
    assert (TradingState.ACTIVE, {}) == (told.state, told.engine.breakers.tripped)


def test_an_entry_beyond_the_exposure_is_refused_and_what_fits_is_not() -> None:
    told = busy(max_exposure=49_999)  # an entry is worth 25,000

    assert ["NONE", "EXPOSURE"] == refusals(told, "09:20")


def test_rejects_in_a_row_trip_and_the_last_one_is_named() -> None:
    told = busy(max_rejects=2)
    told.until("09:20")
    assert [] == short(told.say(K.REJECTED, "E"))
    told.until("09:25")
    answered = [order for order in told.engine.orders.values() if order.instrument == "A"]
    effects = [one for order in answered for one in told.refuse(order.order_id)]

    assert ["Tripped rejects"] == short(effects)
    assert [("REJECTS", "2 rejects in a row, the last: why")] == told_of(told)
    assert ["REJECTS", "POSITION"] == refusals(told, "09:30")
    assert TradingState.HALTED is told.state


def test_what_a_fill_or_a_change_proved_ends_the_row_of_rejects() -> None:
    told = entered((250, 100.0), limits={"max_rejects": 2})
    told.touch(104.0)
    told.say(NOT_TAKEN, "S", call=MODIFY)
    told.until("09:21")  # asked for again
    told.say(TAKEN, "S", call=MODIFY)
    told.say(K.REJECTED, "S")

    assert Refusal.REJECTS not in told.engine.breakers.tripped


def test_a_change_refused_again_and_again_trips_and_is_still_asked_for() -> None:
    told = entered((250, 100.0), limits={"max_rejects": 3})
    told.touch(104.0)
    for clock in ("09:21", "09:22", "09:23"):
        told.say(NOT_TAKEN, "S", call=MODIFY)
        assert ["Modify S 250 MARKET 0"] == short(told.until(clock))

    assert [Refusal.REJECTS] == list(told.engine.breakers.tripped)


def test_the_minute_of_too_many_orders_trips_at_the_entry_and_names_both_counts() -> None:
    told = busy(max_orders_per_minute=1)

    assert ["NONE", "ORDER_RATE"] == refusals(told, "09:20")
    assert [("ORDER_RATE", "1 orders in a minute, 1 today")] == told_of(told)
    assert {Refusal.ORDER_RATE: Trip(at("09:20"), told_of(told)[0][1])} == (
        told.engine.breakers.tripped
    )


def test_orders_of_exits_count_and_are_never_refused() -> None:
    told = entered((250, 100.0), limits={"max_orders_of_entries": 1, "max_orders_per_minute": 1})
    assert (2, 2) == tuple(
        told.engine.holdings.account[0][name] for name in ("orders_today", "orders_since")
    )

    assert ["Modify S 250 MARKET 0"] == short(told.touch(104.0))
    assert 3 == told.engine.holdings.account[0].orders_today


def test_a_feed_in_doubt_for_so_many_minutes_trips_in_a_flat_book_too() -> None:
    told = busy(max_feed_doubt_minutes=3)
    told.handle(Doubted(frozenset({Doubt(DoubtKind.FEED)})))
    assert [] == told.until("09:17")

    assert ["Tripped feed_doubt"] == short(told.until("09:18"))
    told.handle(Doubted(frozenset()))
    assert ["FEED_DOUBT", "FEED_DOUBT"] == refusals(told, "09:20")
    assert "the feed was in doubt for 3 Minutes" == told_of(told)[0][1]


def test_a_clock_that_differs_trips_and_a_doubt_of_one_instrument_does_not() -> None:
    told = busy(max_feed_doubt_minutes=2, max_clock_doubt_minutes=2)
    told.handle(Doubted(frozenset({Doubt(DoubtKind.FEED, 1), Doubt(DoubtKind.CLOCK, 1)})))
    assert [] == told.until("09:19")
    told.handle(Doubted(frozenset({Doubt(DoubtKind.CLOCK)})))

    assert ["Tripped clock_skew"] == short(told.until("09:22"))[-1:]
    assert "our clock was not the exchange's for 2 Minutes" == told_of(told)[0][1]


def test_a_day_loss_is_told_once_and_released_by_the_next_day_alone() -> None:
    told = entered((250, 100.0), limits={"max_daily_loss_paise": 10_000})
    told.fill("S", 250, 99.0)

    assert ["Trade STOP 250", "Tripped day_loss"] == short(told.until("09:21"))
    [(name, reason)] = told_of(told)
    assert ("DAY_LOSS", True) == (name, reason.endswith("the limit is Rs -100.00"))
    assert TradingState.ACTIVE is told.state
    assert [] == told.handle(Commanded(Command.RESUME, told.now_ns))
    told.engine.holdings.account[0].day_loss_latched = False  # as a new day does
    assert ["Released day_loss"] == short(told.handle(Commanded(Command.REDUCE, told.now_ns)))


def test_each_order_that_is_unknown_is_told_and_the_first_is_kept() -> None:
    told = busy()
    told.until("09:20")
    told.say(K.LOST, "E")
    told.say(K.STRANGER, "E")

    assert [("UNKNOWN_ORDER", "no answer: why")] == told_of(told)[:1]
    assert [("UNKNOWN_ORDER", "an order that is not ours: why")] == told_of(told)[1:]
    assert (
        Trip(at("09:20"), "no answer: why") == told.engine.breakers.tripped[Refusal.UNKNOWN_ORDER]
    )


def test_a_resume_releases_each_and_says_so_and_they_may_trip_again() -> None:
    told = busy(max_clock_doubt_minutes=1)
    told.handle(Doubted(frozenset({Doubt(DoubtKind.CLOCK)})))
    told.say_of_nobody()
    told.until("09:16")
    said = short(told.handle(Commanded(Command.RESUME, told.now_ns)))

    assert ["Released clock_skew", "Released unknown_order"] == said
    assert (TradingState.ACTIVE, {}) == (told.state, told.engine.breakers.tripped)
    assert ["Tripped clock_skew"] == short(told.until("09:17"))


# --- the kill switch -----------------------------------------------------------------------------


def test_a_halt_cancels_what_has_not_come_and_what_has_come_keeps_its_stop() -> None:
    told = entered((100, 100.0))

    assert ["Cancel E"] == short(told.handle(Commanded(Command.HALT, told.now_ns)))
    assert ["Fill E 50 of 150", "Modify S 150 STOP_MARKET 98"] == short(told.fill("E", 50, 100.0))
    told.say(TAKEN, "S", call=MODIFY)
    told.say(K.CANCELLED, "E")
    assert [] == short(told.until("09:30"))
    assert (150, 0) == (told.shares, told.row.coming)


def test_a_halt_of_an_entry_without_an_answer_cancels_it_as_soon_as_there_is_one() -> None:
    told = Told()
    told.until("09:20")

    assert [] == told.handle(Commanded(Command.HALT, told.now_ns))
    assert ["Cancel E"] == short(told.say(K.ACKNOWLEDGED, "E"))


def test_an_entry_that_was_held_back_at_the_halt_is_nothing_at_all() -> None:
    told = Told()
    told.until("09:20")
    told.handle(Commanded(Command.HALT, told.now_ns))
    told.say(K.REJECTED, "E")

    assert (0, {}, {}) == (told.row.status, told.engine.orders, told.engine.signals)


def test_a_cancel_that_was_refused_is_asked_for_again_and_a_fill_meanwhile_is_protected() -> None:
    told = entered()
    told.handle(Commanded(Command.HALT, told.now_ns))
    told.say(NOT_TAKEN, "E", call=CANCEL)

    assert ["Cancel E"] == short(told.until("09:21"))
    assert ["Fill E 250 of 250", "Submit S 250 STOP_MARKET 98"] == short(told.fill("E", 250, 100.0))


@pytest.mark.parametrize("command", [Command.REDUCE, Command.RESUME])
def test_no_other_command_takes_an_entry_back_but_flatten(command: Command) -> None:
    told = entered((100, 100.0))
    assert [] == short(told.handle(Commanded(command, told.now_ns)))

    flattened = short(told.handle(Commanded(Command.FLATTEN, told.now_ns)))
    assert ["Cancel E", "Modify S 100 MARKET 0"] == flattened


def test_after_a_halt_the_next_entry_of_the_instrument_is_not_withdrawn() -> None:
    told = busy()
    told.until("09:20")
    told.handle(Commanded(Command.HALT, told.now_ns))
    for order_id in list(told.engine.orders):
        told.refuse(order_id)
    told.handle(Commanded(Command.RESUME, told.now_ns))
    told.until("09:25")

    assert not told.engine.holdings.positions["withdrawn"].any()
    assert TradingState.ACTIVE is trading_state(told.engine.holdings)
    assert [] == short([one for effect in told.effects for one in answer(told, effect)])
