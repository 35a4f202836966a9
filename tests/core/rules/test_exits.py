"""Exits that time brings: which, when, at what price, and that the first reason stays."""

import pytest

from core.events import Cancel, FillBooked, Submit
from core.orders import OrderRole
from core.types import ExitReason
from tests.market import (
    BUY,
    DAY,
    NEXT_DAY,
    SELL,
    Played,
    at,
    bar,
    flat,
    play,
    span_of,
)

ENTRY = {(0, at("09:15")): BUY}
SLIPPAGE = {"slippage_bps": 2.0}


def exit_of(played: Played) -> tuple[ExitReason, int, float, int]:
    (trade,) = played.trades
    return trade.exit_reason, trade.exit_ns, trade.exit_price, trade.bars_held


def test_time_stop_asks_at_the_bar_and_fills_at_the_next_open() -> None:
    played = play(span_of(flat("09:15", "10:30")), ENTRY, terms={"time_stop_bars": 3})

    # Entered at 09:20; bars close at 09:25, 09:30, 09:35.
    assert (ExitReason.TIME, at("09:35"), 100.0, 3) == exit_of(played)


def test_square_off_begins_with_the_first_minute_at_its_time() -> None:
    played = play(span_of(flat("09:15", "15:30")), {(0, at("14:40")): BUY})

    assert (ExitReason.SQUARE_OFF, at("15:10"), 100.0, 5) == exit_of(played)


def test_square_off_is_asked_before_the_time_stop() -> None:
    # Entered 14:45, so the fifth bar closes at 15:10, the time of the square-off.
    played = play(
        span_of(flat("09:15", "15:30")), {(0, at("14:40")): BUY}, terms={"time_stop_bars": 5}
    )

    assert ExitReason.SQUARE_OFF is played.trades[0].exit_reason


def test_the_first_reason_of_a_pending_exit_stays() -> None:
    # The fourth bar asks TIME at 15:05; nothing trades until the square-off is due.
    bars = [*flat("14:00", "15:05"), *flat("15:12", "15:30", 100.5)]
    played = play(span_of(bars), {(0, at("14:40")): BUY}, terms={"time_stop_bars": 4})
    asked = [e.order.role for e in played.effects if isinstance(e, Submit)]

    assert (ExitReason.TIME, at("15:12"), 100.5, 4) == exit_of(played)
    assert OrderRole.SQUARE_OFF not in asked


def test_square_off_cancels_a_pending_entry_and_the_signal_stays_acted() -> None:
    played = play(span_of(flat("14:00", "14:45")), {(0, at("14:40")): BUY})

    assert ["NONE"] == played.refusals
    assert [at("15:10")] == [e.order.updated_ns for e in played.effects if isinstance(e, Cancel)]
    assert [] == played.trades


def test_an_entry_still_pending_after_the_last_minute_is_cancelled() -> None:
    span = span_of(flat("15:00", "15:30"), last_entry_minutes=0, square_off_minutes=0)
    played = play(span, {(0, at("15:25")): BUY})

    assert ["NONE"] == played.refusals
    assert [at("15:30")] == [e.order.updated_ns for e in played.effects if isinstance(e, Cancel)]


def test_an_exit_without_a_bar_is_forced_at_the_last_close_without_slippage() -> None:
    bars = [*flat("14:00", "15:05"), bar("15:05", 100, 101.03, 100, 101.03)]
    played = play(span_of(bars), {(0, at("14:40")): BUY}, limits=SLIPPAGE)

    # The last bar of the instrument closed at 15:06, at a price that lies on no tick.
    assert (ExitReason.FORCED, at("15:06"), 101.03) == exit_of(played)[:3]
    assert 100.05 == played.trades[0].entry_price


def test_a_position_still_open_after_the_last_minute_is_forced() -> None:
    span = span_of(flat("15:00", "15:30"), last_entry_minutes=0, square_off_minutes=0)
    played = play(span, {(0, at("15:15")): SELL}, limits=SLIPPAGE)

    # Bars held: those that closed at 15:25 and 15:30, the last Minute included.
    assert (ExitReason.FORCED, at("15:30"), 100.0, 2) == exit_of(played)


def test_nothing_is_held_overnight() -> None:
    bars = [*flat("09:15", "15:30"), *flat("09:15", "15:30", 90.0, day=NEXT_DAY)]
    played = play(span_of(bars, days=[DAY, NEXT_DAY]), {(0, at("14:40")): BUY})

    assert ExitReason.SQUARE_OFF is played.trades[0].exit_reason
    assert 0 == played.book.engine.holdings.account["busy"][0]


def test_a_market_exit_looks_at_nothing_but_the_open() -> None:
    bars = [*flat("09:15", "10:30"), bar("09:35", 99.9, 110, 90, 100)]
    played = play(span_of(bars), ENTRY, terms={"time_stop_bars": 3}, limits=SLIPPAGE)

    # 99.9 less 2 bps is 99.88, on the tick against it 99.85.
    assert (ExitReason.TIME, at("09:35"), 99.85, 3) == exit_of(played)


def test_mae_and_mfe_run_over_whole_bars_from_entry_to_exit() -> None:
    bars = [
        *flat("09:15", "10:30"),
        bar("09:20", 100, 101, 99, 100),
        bar("09:35", 100, 103.5, 98.5, 100),  # the bar whose open takes the exit
    ]
    long, short = (
        play(span_of(bars), {(0, at("09:15")): side}, terms={"time_stop_bars": 3}).trades[0]
        for side in (BUY, SELL)
    )

    assert (1.5, 3.5) == (long.mae, long.mfe)
    assert (3.5, 1.5) == (short.mae, short.mfe)


# --- fill_on close -------------------------------------------------------------------------------


def test_fill_on_close_enters_at_the_close_of_the_deciding_bar() -> None:
    bars = [*flat("09:15", "09:20"), *flat("09:20", "10:30", 101.0)]
    played = play(span_of(bars), ENTRY, limits={"fill_on_close": True, "slippage_bps": 2.0})
    fills = [e.fill for e in played.effects if isinstance(e, FillBooked)]

    assert (at("09:20"), 100.05) == (fills[0].ts_ns, fills[0].price)


def test_fill_on_close_looks_at_brackets_from_the_next_bar_on() -> None:
    bars = [*flat("09:15", "10:30"), bar("09:19", 100, 105, 97, 100)]
    bars += [bar("09:20", 97, 97, 96, 97)]
    played = play(span_of(bars), ENTRY, limits={"fill_on_close": True})

    assert (ExitReason.STOP, at("09:20"), 97.0, 0) == exit_of(played)  # a gap: at the open


def test_fill_on_close_exits_at_the_close_that_asked() -> None:
    bars = [*flat("09:15", "10:30"), bar("09:34", 100, 101, 100, 101)]
    played = play(
        span_of(bars),
        ENTRY,
        terms={"time_stop_bars": 3},
        limits={"fill_on_close": True, "slippage_bps": 2.0},
    )

    assert (ExitReason.TIME, at("09:35"), 100.95, 3) == exit_of(played)


@pytest.mark.parametrize("time_stop_bars", [1, 2])
def test_the_bar_that_closes_with_the_entry_is_not_held(time_stop_bars: int) -> None:
    played = play(
        span_of(flat("09:15", "10:30")),
        ENTRY,
        terms={"time_stop_bars": time_stop_bars},
        limits={"fill_on_close": True},
    )

    exit_ns = at("09:20") + time_stop_bars * 300_000_000_000
    assert (ExitReason.TIME, exit_ns, 100.0, time_stop_bars) == exit_of(played)
