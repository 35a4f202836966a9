"""What paper makes of a decision: what a book on paper does, from any told price."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from core.bars import Resampler
from core.paper_fills import Decision, PaperFill, paper_entry, paper_exit
from core.rules.holdings import Holdings
from core.session import MINUTE_NS
from core.types import MISSING, ExitReason, MinuteSpan
from tests.market import (
    BUY,
    FIVE_MINUTES_NS,
    SELL,
    BarTuple,
    at,
    bar,
    flat,
    holdings_of,
    play,
    span_of,
)

STOP, TARGET = ExitReason.STOP, ExitReason.TARGET
SLIPPAGE = {"slippage_bps": 10.0}  # 10 paise of 100 rupees


@dataclass
class Day:
    """A flat day with some other bars; a decision at 09:20 to buy or sell 250 with an ATR of 2."""

    bars: list[BarTuple]
    side: int = BUY
    terms: dict[str, float] | None = None
    clock: str = "09:20"

    @property
    def span(self) -> MinuteSpan:
        resampler = Resampler([FIVE_MINUTES_NS], MINUTE_NS, [0])
        return resampler.resample(span_of([*flat("09:15", "15:30"), *self.bars]))

    @property
    def decided(self) -> Decision:
        minute = int(np.searchsorted(self.span.close_ns, at(self.clock)))
        return Decision(minute, 0, 0, self.side, 100.0, 2.0, 250)

    @property
    def fresh(self) -> Holdings:
        return holdings_of(limits=SLIPPAGE, terms=self.terms)

    def entry(self) -> PaperFill | None:
        return paper_entry(self.span, self.fresh, self.decided)

    def exit(
        self, price: float = 100.0, clock: str = "09:20", late: str = "", flatten: str = ""
    ) -> PaperFill | None:
        """Of a position that came in at `price`; `late`: the Minutes from then on."""
        closes = self.span.close_ns
        none = np.zeros(len(closes), np.bool_)
        lates = closes >= at(late) if late else none
        flattened = closes == at(flatten) if flatten else none
        told = (price, at(clock), lates, flattened)
        return paper_exit(self.span, self.fresh, self.decided, *told)


def test_an_entry_fills_at_the_next_open_with_slippage() -> None:
    day = Day([bar("09:20", 101, 101, 101, 101)])
    assert PaperFill(at("09:20"), 101.15, 101.0) == day.entry()


def test_an_entry_waits_for_the_next_bar_of_its_instrument() -> None:
    nan = float("nan")
    gone = bar("09:20", nan, nan, nan, nan, quality=MISSING)
    day = Day([gone, bar("09:21", 99, 99, 99, 99)], side=SELL)
    assert PaperFill(at("09:21"), 98.9, 99.0) == day.entry()


@pytest.mark.parametrize("clock", ["15:10", "15:30"])
def test_an_entry_that_no_bar_comes_for_has_no_fill(clock: str) -> None:
    nan = float("nan")
    minutes = range(at("15:10"), at("15:30"), MINUTE_NS)
    gone = [(0, MISSING, open_ns, nan, nan, nan, nan, 0) for open_ns in minutes]
    assert Day(gone, clock=clock).entry() is None


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        # In the bar of the entry the open is no gap, and the stop comes before the target.
        ([bar("09:20", 90, 105, 90, 100)], PaperFill(at("09:21"), 97.9, 98.0, STOP)),
        ([bar("09:20", 100, 104, 99, 100)], PaperFill(at("09:21"), 104.0, 104.0, TARGET)),
        ([bar("09:25", 100, 100, 97, 98)], PaperFill(at("09:26"), 97.9, 98.0, STOP)),
        ([bar("09:25", 96, 97, 96, 97)], PaperFill(at("09:25"), 95.9, 96.0, STOP)),
        ([bar("09:25", 106, 107, 106, 107)], PaperFill(at("09:25"), 106.0, 106.0, TARGET)),
        ([bar("09:25", 100, 104, 100, 100)], PaperFill(at("09:26"), 104.0, 104.0, TARGET)),
    ],
)
def test_the_bracket_is_that_of_the_told_price(bars: list[BarTuple], expected: PaperFill) -> None:
    assert expected == Day(bars).exit()


def test_a_worse_entry_has_another_stop() -> None:
    day = Day([bar("09:25", 100, 100, 98, 100)])
    assert PaperFill(at("09:26"), 98.4, 98.5, STOP) == day.exit(100.5)
    assert at("09:26") == (day.exit() or PaperFill(0, 0.0, 0.0)).ts_ns


def test_time_stop_and_square_off_take_the_next_open() -> None:
    held = Day([], terms={"time_stop_bars": 2})
    assert PaperFill(at("09:30"), 99.9, 100.0, ExitReason.TIME) == held.exit()
    night = Day([], terms={"time_stop_bars": 1000})
    assert PaperFill(at("15:10"), 99.9, 100.0, ExitReason.SQUARE_OFF) == night.exit()


def test_a_strategy_bar_that_closes_in_the_minute_of_the_entry_counts() -> None:
    day = Day([], terms={"time_stop_bars": 1})
    late_fill = at("09:24") + 1
    [minute] = np.flatnonzero(day.span.close_ns == at("09:25"))
    assert minute == np.searchsorted(day.span.close_ns, late_fill, "right")
    found = day.exit(clock="09:24")
    assert PaperFill(at("09:25"), 99.9, 100.0, ExitReason.TIME) == found


def test_late_minutes_ask_for_no_timed_exit() -> None:
    day = Day([], terms={"time_stop_bars": 2})
    found = day.exit(late="09:20")
    assert found is not None
    assert (ExitReason.FORCED, at("15:30"), 100.0) == (found.reason, found.ts_ns, found.reference)


def test_timed_exits_that_waited_are_asked_for_in_the_first_timely_minute() -> None:
    day = Day([], terms={"time_stop_bars": 1})
    closes = day.span.close_ns
    lates = (closes >= at("09:21")) & (closes <= at("09:40"))
    never = np.zeros(len(closes), np.bool_)
    found = paper_exit(day.span, day.fresh, day.decided, 100.0, at("09:20"), lates, never)
    assert PaperFill(at("09:41"), 99.9, 100.0, ExitReason.TIME) == found


def test_an_operators_flatten_takes_the_next_open() -> None:
    found = Day([]).exit(flatten="09:22")
    assert PaperFill(at("09:22"), 99.9, 100.0, ExitReason.FLATTEN) == found


def test_what_the_day_does_not_end_has_no_fill() -> None:
    assert Day([]).exit(clock="15:30") is None


@pytest.mark.parametrize("clock", ["09:16", "09:19"])
def test_a_day_that_still_runs_has_no_fill_yet(clock: str) -> None:
    day, first = Day([]), 5  # Minutes so far
    span = day.span._replace(
        close_ns=day.span.close_ns[:first],
        day_index=day.span.day_index[:first],
        first_bar=day.span.first_bar[: first + 1],
        first_strategy_bar=day.span.first_strategy_bar[: first + 1],
    )
    never = np.zeros(first, np.bool_)
    assert paper_exit(span, day.fresh, day.decided, 100.0, at(clock), never, never) is None
    assert paper_entry(span, day.fresh, day.decided._replace(minute=first - 1)) is None


def test_an_entry_whose_bars_have_not_come_has_no_fill_yet() -> None:
    nan = float("nan")
    gone = [bar(clock, nan, nan, nan, nan, quality=MISSING) for clock in ("09:21", "09:22")]
    day = Day(gone, clock="09:21")
    span, first = day.span, 8
    span = span._replace(close_ns=span.close_ns[:first], first_bar=span.first_bar[: first + 1])
    assert paper_entry(span, day.fresh, day.decided) is None


def test_a_position_that_came_in_a_minute_without_a_bar_is_looked_at_from_the_next() -> None:
    nan = float("nan")
    day = Day([bar("09:20", nan, nan, nan, nan, quality=MISSING), bar("09:21", 98, 98, 98, 98)])
    assert PaperFill(at("09:21"), 97.9, 98.0, STOP) == day.exit()


@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("seed", range(10))
def test_a_told_entry_at_papers_price_leaves_as_the_book_on_paper_does(
    seed: int, side: int
) -> None:
    rng = np.random.default_rng(seed)
    walk = (2000 + np.cumsum(rng.integers(-6, 7, 376))) / 20.0
    opens = range(at("09:15"), at("15:30"), MINUTE_NS)
    bars = [
        (0, 0, open_ns, a, max(a, b) + 0.05, min(a, b) - 0.05, b, 100)
        for open_ns, (a, b) in zip(opens, pairwise(walk.tolist()), strict=True)
    ]
    span = Resampler([FIVE_MINUTES_NS], MINUTE_NS, [0]).resample(span_of(bars))
    terms = {"sl_mult": 0.3, "tp_mult": 0.5, "time_stop_bars": 6}
    booked = play(span_of(bars), {(0, at("09:30")): side}, limits=SLIPPAGE, terms=terms)
    [trade], [signal] = booked.trades, booked.signals
    minute = int(np.searchsorted(span.close_ns, signal.bar_close_ns))
    decided = Decision(minute, 0, 0, side, signal.close, signal.atr, signal.quantity)
    fresh = [holdings_of(limits=SLIPPAGE, terms=terms) for _ in range(2)]
    entry = paper_entry(span, fresh[0], decided)
    assert entry is not None
    assert (trade.entry_price, trade.entry_ns) == (entry.price, entry.ts_ns)
    never = np.zeros(len(span.close_ns), np.bool_)
    out = paper_exit(span, fresh[1], decided, entry.price, entry.ts_ns, never, never)
    assert out is not None
    assert (trade.exit_price, trade.exit_ns, trade.exit_reason) == (
        out.price,
        out.ts_ns,
        out.reason,
    )
