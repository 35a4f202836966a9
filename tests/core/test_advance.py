"""One span through (a), (b) and marks: where it stops, and that both gears are the same text."""

import numpy as np
import pytest

from core.advance import advance, closing_in, ends_session, follow, raised_in, trade
from core.bars import Resampler
from core.rules.account import fill_entry, submit_entry
from core.rules.holdings import (
    ENTERED,
    EXITED,
    OPEN,
    PENDING_ENTRY,
    PENDING_EXIT,
    REPORT,
    Holdings,
)
from core.session import MINUTE_NS
from core.types import MISSING, ExitReason, MinuteSpan, Records, Refusal, SignalStatus
from strategies.kernel import signal_dtype
from tests.market import (
    ALWAYS_OPEN,
    AUCTION,
    AUCTION_DAY,
    BUY,
    CASH,
    DAY,
    FIVE_MINUTES_NS,
    NEXT_DAY,
    SELL,
    at,
    bar,
    flat,
    holdings_of,
    play,
    rules_on,
    span_of,
)

MIXED = (CASH, AUCTION)


def minute_that_ends(span: MinuteSpan, clock: str, day: int = DAY) -> int:
    return int(np.searchsorted(span.close_ns, at(clock, day)))


def pending(side: int = BUY, quantity: int = 10) -> Holdings:
    holdings = holdings_of()
    submit_entry(holdings, 0, 0, side, 100.0, 2.0, quantity)
    return holdings


def opened(side: int = BUY) -> Holdings:
    """Long or short at 100 since 09:15: stop and target 2 and 4 rupees away."""
    holdings = pending(side)
    fill_entry(holdings, 0, 100.0, at("09:15"), rules_on("2026-07-22"), 0)
    return holdings


def test_a_quiet_day_without_strategy_bars_runs_through_in_one_call() -> None:
    span = span_of(flat("09:15", "15:30"))

    assert (375, 0) == advance(span, 0, holdings_of(), closing_in(span), False)


def test_it_stops_where_something_was_reported() -> None:
    span = span_of(flat("09:40", "10:00"))
    holdings = pending()
    minute, count = advance(span, 0, holdings, closing_in(span), False)

    assert (minute_that_ends(span, "09:41"), 1) == (minute, count)
    assert ENTERED == holdings.reports[0].kind
    assert OPEN == holdings.positions[0].status


def test_it_stops_where_a_session_ends_while_the_book_is_not_flat() -> None:
    span = span_of([])
    holdings = opened()
    holdings.positions[0].status = PENDING_EXIT  # asked at the square-off, no bar has come since
    minute, count = advance(span, 0, holdings, closing_in(span), False)

    assert (374, 0) == (minute, count)
    assert ends_session(span, minute)
    assert not ends_session(span, minute - 1)


def test_a_minute_without_a_bar_fills_nothing_and_a_missing_bar_as_little() -> None:
    gap = bar("09:20", np.nan, np.nan, np.nan, np.nan, quality=MISSING)
    span = span_of([gap, bar("09:25", 101, 101, 101, 101)])
    holdings = pending()
    minute, count = advance(span, 0, holdings, closing_in(span), False)

    assert (minute_that_ends(span, "09:26"), 1) == (minute, count)
    assert 101.0 == holdings.reports[0].price


@pytest.mark.parametrize(
    ("prices", "reason", "price", "stamp"),
    [
        ((100, 105, 97, 100), ExitReason.STOP, 98.0, "09:31"),
        ((96, 97, 95, 96), ExitReason.STOP, 96.0, "09:30"),
        ((106, 107, 105, 106), ExitReason.TARGET, 106.0, "09:30"),
        ((100, 104, 99, 103), ExitReason.TARGET, 104.0, "09:31"),
    ],
)
def test_an_exit_at_an_open_is_stamped_with_it_and_one_inside_with_the_close(
    prices: tuple[float, float, float, float], reason: ExitReason, price: float, stamp: str
) -> None:
    open_, high, low, close = prices
    for side in (BUY, SELL):
        turned = (open_, high, low, close)
        if side == SELL:
            turned = (200 - open_, 200 - low, 200 - high, 200 - close)
        holdings = opened(side)
        _, count = advance(
            moved := span_of([bar("09:30", *turned)]), 0, holdings, closing_in(moved), False
        )
        report = holdings.reports[0]

        assert (1, EXITED, reason) == (count, report.kind, report.reason)
        assert (100.0 + side * (price - 100.0), at(stamp)) == (report.price, report.fill_ns)


def test_entry_and_exit_may_share_a_bar() -> None:
    holdings = pending()
    _, count = advance(
        moved := span_of([bar("09:30", 100, 101, 97, 98)]), 0, holdings, closing_in(moved), False
    )

    assert (2, ENTERED, EXITED) == (count, *holdings.reports["kind"][:2])
    assert ExitReason.STOP == holdings.reports[1].reason


def test_a_target_at_an_open_takes_the_price_off_the_grid_and_without_slippage() -> None:
    holdings = opened()
    holdings.limits[0].slippage_bps = 50.0
    span = span_of([bar("09:30", 104.03, 105, 104, 105)])
    advance(span, 0, holdings, closing_in(span), False)

    assert 104.03 == holdings.reports[0].price


def test_a_square_off_waits_for_the_first_timely_minute() -> None:
    span = span_of(flat("14:45", "15:30"))
    holdings = opened()
    timely = minute_that_ends(span, "15:10") + 5
    late = span._replace(close_ns=span.close_ns[:timely], first_bar=span.first_bar[: timely + 1])
    minute, count = advance(late, 0, holdings, closing_in(span)[:timely], True)

    assert (timely, 0, OPEN) == (minute, count, holdings.positions[0].status)
    minute, count = advance(span, timely, holdings, closing_in(span), False)
    assert (timely, 1, PENDING_EXIT) == (minute, count, holdings.positions[0].status)


def test_a_late_minute_fills_what_rests_at_the_exchange() -> None:
    span = span_of([bar("09:30", 100, 105, 97, 100)])
    holdings = opened()
    _, count = advance(span, 0, holdings, closing_in(span), True)

    assert (1, ExitReason.STOP) == (count, holdings.reports[0].reason)


def test_a_new_day_begins_with_its_first_minute() -> None:
    span = span_of(
        [*flat("09:15", "09:20"), *flat("09:15", "09:20", day=NEXT_DAY)], days=(DAY, NEXT_DAY)
    )
    holdings = holdings_of()
    holdings.account[0].entries_today = 9
    advance(span, 375, holdings, closing_in(span), False)

    assert (NEXT_DAY, 0) == (holdings.account[0].day, holdings.account[0].entries_today)


def test_entry_on_a_24x7_market_fills_on_the_next_day_if_nothing_traded_before() -> None:
    days = (DAY, NEXT_DAY)
    next_morning = bar("10:00", 102, 102, 102, 102, day=NEXT_DAY)
    span = span_of(
        [bar("08:00", 100, 100, 100, 100), next_morning], days=days, classes=(ALWAYS_OPEN,)
    )
    holdings = holdings_of((ALWAYS_OPEN,))
    submit_entry(holdings, 0, 0, BUY, 100.0, 2.0, 10)
    minute, _ = advance(span, 1_000, holdings, closing_in(span), False)

    assert at("10:01", NEXT_DAY) == span.close_ns[minute]
    assert 102.0 == holdings.reports[0].price


# --- groups of sessions --------------------------------------------------------------------------


def test_square_off_and_forced_are_those_of_each_instruments_session() -> None:
    bars = flat("09:15", "15:30", day=AUCTION_DAY)
    bars += flat("09:15", "15:15", instrument=1, day=AUCTION_DAY)
    events = {(i, at("14:20", AUCTION_DAY)): BUY for i in (0, 1)}
    span = span_of(bars, days=[AUCTION_DAY], classes=MIXED)
    squared = play(span, events, classes=MIXED)
    open_end = span_of(
        bars, days=[AUCTION_DAY], classes=MIXED, last_entry_minutes=0, square_off_minutes=0
    )
    forced = play(open_end, events, classes=MIXED, terms={"time_stop_bars": 1_000})

    assert [at("14:55", AUCTION_DAY), at("15:10", AUCTION_DAY)] == [
        t.exit_ns for t in squared.trades
    ]
    assert [("B", at("15:15", AUCTION_DAY)), ("A", at("15:30", AUCTION_DAY))] == [
        (t.instrument, t.exit_ns) for t in forced.trades
    ]


def test_a_loss_forced_at_the_close_of_one_session_latches_for_the_one_that_goes_on() -> None:
    """`day_loss` is looked at in every Minute, also when the book is flat again."""
    bars = flat("09:15", "15:30", day=AUCTION_DAY)
    bars += flat("09:15", "15:15", instrument=1, day=AUCTION_DAY)
    bars += [bar("15:14", 100, 100, 99, 99, instrument=1, day=AUCTION_DAY)]
    span = span_of(
        bars, days=[AUCTION_DAY], classes=MIXED, last_entry_minutes=0, square_off_minutes=0
    )
    events = {(1, at("15:00", AUCTION_DAY)): BUY, (0, at("15:15", AUCTION_DAY)): BUY}
    # 250 shares lose a rupee each: 250 rupees while open, and more with the charges of the exit.
    played = play(span, events, classes=MIXED, limits={"max_daily_loss_paise": 25_001})

    assert ["NONE", "DAY_LOSS"] == played.refusals


# --- the compiled gear ---------------------------------------------------------------------------


def scripted(span: MinuteSpan, sides: dict[int, int]) -> Records:
    signals: Records = np.zeros(len(span.strategy_bars), signal_dtype(0, 0))
    signals["close"], signals["atr"] = span.strategy_bars["close"], 2.0
    for row, strategy_bar in zip(signals, span.strategy_bars, strict=True):
        side = sides.get(int(strategy_bar.open_ns), 0)
        if side:
            row.count, row.kind[0], row.side[0] = 1, 1, side
    return signals


@pytest.mark.parametrize("fill_on_close", [False, True])
def test_the_compiled_loop_makes_the_trades_of_the_book(fill_on_close: bool) -> None:
    limits = {"slippage_bps": 2.0, "fill_on_close": fill_on_close}
    bars = [*flat("09:15", "15:30"), bar("09:41", 100, 105, 97, 100)]
    sides = {at(clock): BUY for clock in ("09:15", "09:20", "10:30", "14:35", "14:40")}
    span = Resampler([FIVE_MINUTES_NS], MINUTE_NS, [0]).resample(span_of(bars))
    signals, trades = scripted(span, sides), np.zeros(32, REPORT)
    minute, count = trade(
        span, 0, signals, 0, holdings_of(limits=limits), raised_in(span, signals), trades, 0
    )
    played = play(
        span_of(bars), {(0, open_ns): side for open_ns, side in sides.items()}, limits=limits
    )

    assert 375 == minute
    assert [t.net_paise for t in played.trades] == trades["net_paise"][:count].tolist()
    assert [t.exit_ns for t in played.trades] == trades["fill_ns"][:count].tolist()
    said = signals[signals["count"] > 0]
    assert [int(s.refusal) for s in played.signals] == said["refusal"].tolist()
    assert [s.quantity for s in played.signals] == said["quantity"].tolist()


def test_what_the_model_refused_stays_refused_by_it_whatever_the_account_says() -> None:
    """`model` is asked before every rule: here the last entry time, which would refuse too."""
    span = Resampler([FIVE_MINUTES_NS], MINUTE_NS, [0]).resample(span_of(flat("09:15", "15:30")))
    signals = scripted(span, {at("10:30"): BUY, at("15:00"): BUY})
    raised = signals["count"] > 0
    signals["refusal"][raised], signals["value"][raised] = int(Refusal.MODEL), 0.44
    signals["limit"][raised] = 0.45
    holdings, trades = holdings_of(), np.zeros(8, REPORT)

    assert (375, 0) == trade(span, 0, signals, 0, holdings, raised_in(span, signals), trades, 0)
    said = signals[raised]
    assert [int(Refusal.MODEL)] * 2 == said["refusal"].tolist()
    assert [int(SignalStatus.REFUSED)] * 2 == said["status"].tolist()
    assert [(0.44, 0.45, 0)] * 2 == said[["value", "limit", "quantity"]].tolist()


def test_the_compiled_loop_comes_back_before_its_buffer_is_full() -> None:
    clocks = ["09:15", "09:45", "10:15", "10:45"]
    bars = flat("09:15", "15:30")
    span = Resampler([FIVE_MINUTES_NS], MINUTE_NS, [0]).resample(span_of(bars))
    signals = scripted(span, {at(clock): BUY for clock in clocks})
    holdings = holdings_of(terms={"time_stop_bars": 1})
    trades: Records = np.zeros(5, REPORT)  # room for one and for a Minute's four reports
    minute, found = 0, 0
    while minute < len(span.close_ns):
        minute, count = trade(
            span, minute, signals, 0, holdings, raised_in(span, signals), trades, 0
        )
        found += count

        assert count <= 2
    assert 4 == found


def test_the_compiled_loop_runs_past_the_end_when_nothing_happens_any_more() -> None:
    span = Resampler([FIVE_MINUTES_NS], MINUTE_NS, [0]).resample(span_of(flat("09:15", "10:00")))
    trades: Records = np.zeros(8, REPORT)

    said = scripted(span, {})
    stops = raised_in(span, said)

    assert (375, 0) == trade(span, 0, said, 0, holdings_of(), stops, trades, 0)


def test_a_followed_minute_marks_and_counts_and_fills_nothing() -> None:
    span = Resampler([FIVE_MINUTES_NS], MINUTE_NS, [0]).resample(
        span_of([bar("09:15", 100, 101, 99, 100.5), bar("09:16", 100.5, 110.0, 90.0, 95.0)])
    )
    held, flat_, waiting = opened(), holdings_of(), pending()
    span.bars["quality"][0] = MISSING  # of a bar that is not there nothing is marked
    for minute in range(2):
        for holdings in (held, flat_, waiting):
            follow(span, minute, holdings)

    position = held.positions[0]  # stop and target were both touched: it is told, not found
    assert (OPEN, 95.0) == (position.status, position.last_close)
    assert (95.0, at("09:17")) == (
        flat_.positions[0].last_close,
        flat_.positions[0].last_close_ns,
    )
    assert PENDING_ENTRY == waiting.positions[0].status
    assert waiting.positions[0].last_close == pending().positions[0].last_close
