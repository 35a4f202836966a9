"""A book: the order of decisions, which bars a strategy sees, and what it sees of the account."""

from typing import Any

import numpy as np
import pytest

from core.bars import Resampler
from core.book import AccountView
from core.events import SignalDecided
from core.session import MINUTE_NS
from core.types import Bools, ExitReason, MinuteSpan, Records, Refusal
from tests.market import (
    ALWAYS_OPEN,
    BUY,
    CASH,
    DAY,
    FIVE_MINUTES_NS,
    SELL,
    Events,
    Played,
    Scripted,
    at,
    bar,
    book_of,
    flat,
    holdings_of,
    span_of,
)

HOUR_NS = 60 * MINUTE_NS
BOTH = (CASH, CASH)


def two_instruments(*timeframes_ns: int) -> tuple[MinuteSpan, list[int]]:
    bars = flat("09:15", "10:30") + flat("09:15", "10:30", instrument=1)
    resampler = Resampler(timeframes_ns, MINUTE_NS, [0, 0])
    return resampler.resample(span_of(bars, classes=BOTH)), resampler.timeframes_ns.tolist()


def test_strategies_decide_in_configured_order_and_inside_it_instruments() -> None:
    span, timeframes = two_instruments(FIVE_MINUTES_NS)
    events = {(i, at("09:15")): [(1, BUY)] for i in (0, 1)}
    strategies = [Scripted(events, name="one"), Scripted(events, name="two")]
    book = book_of(strategies, holdings_of(BOTH, strategies=2), timeframes)
    played = Played(book, list(book.run(span)))

    assert [("one", "A"), ("one", "B"), ("two", "A"), ("two", "B")] == [
        (s.strategy, s.instrument) for s in played.signals
    ]
    assert ["NONE", "NONE", "POSITION", "POSITION"] == played.refusals


def test_a_position_belongs_to_the_strategy_that_entered() -> None:
    span, timeframes = two_instruments(FIVE_MINUTES_NS)
    strategies = [
        Scripted({(0, at("09:15")): [(1, BUY)]}, name="one"),
        Scripted({(0, at("09:40")): [(1, SELL)]}, name="two"),
    ]
    holdings = holdings_of(BOTH, strategies=2)
    holdings.terms["time_stop_bars"] = [3, 9]
    played = Played(book := book_of(strategies, holdings, timeframes), list(book.run(span)))

    # The first leaves at 09:35, its cooldown is not the second's.
    assert [("one", 3), ("two", 9)] == [(t.strategy, t.bars_held) for t in played.trades]
    assert [Refusal.NONE, Refusal.NONE] == [s.refusal for s in played.signals]


def test_a_strategy_sees_its_own_timeframes_longer_ones_first() -> None:
    span, timeframes = two_instruments(FIVE_MINUTES_NS, HOUR_NS)
    short = Scripted({}, name="short", timeframes_ns=(FIVE_MINUTES_NS,))
    both = Scripted({}, name="both", timeframes_ns=(FIVE_MINUTES_NS, HOUR_NS))
    book = book_of([short, both], holdings_of(BOTH, strategies=2), timeframes)
    list(book.run(span))

    assert [HOUR_NS, FIVE_MINUTES_NS] == timeframes
    assert {0} == {timeframe for timeframe, _, _ in short.seen}  # numbered among its own
    end = [(0, 0), (0, 1), (1, 0), (1, 1)]  # (timeframe, instrument) of the Minute that ends 10:15
    assert end == [(t, i) for t, i, o in both.seen if o in (at("09:15"), at("10:10"))][-4:]
    assert len(both.seen) == len(short.seen) + 4  # the hours 09:15 and 10:15 of each


def test_a_minute_without_a_bar_of_its_timeframe_does_not_call_a_strategy() -> None:
    span, timeframes = two_instruments(FIVE_MINUTES_NS, HOUR_NS)
    hourly = Scripted({}, timeframes_ns=(HOUR_NS,))
    book = book_of([hourly], holdings_of(BOTH), timeframes)
    steps = list(book.run(span))

    assert 4 == len(hourly.seen)
    assert 2 == sum(len(step.decisions) for step in steps)


def test_a_plain_strategy_sees_the_account_change_between_instruments() -> None:
    bars = flat("09:15", "10:30") + flat("09:15", "10:30", instrument=1)
    resampler = Resampler([FIVE_MINUTES_NS], MINUTE_NS, [0, 0])
    span = resampler.resample(span_of(bars, classes=BOTH))
    watching = Scripted({(0, at("09:15")): [(1, BUY)]}, sees_account=True)
    holdings = holdings_of(BOTH, limits={"fill_on_close": True, "slippage_bps": 50.0})
    book = book_of([watching], holdings, [FIVE_MINUTES_NS])
    list(book.run(span))

    # A's entry at 100.50 has lost 125 rupees by the time the strategy looks at B.
    assert [100_000.0, 99_875.0] == watching.equities[:2]
    assert [(0, 0), (0, 1)] == [(t, i) for t, i, _ in watching.seen[:2]]


def test_the_account_view_shows_the_position_of_an_instrument() -> None:
    span, timeframes = two_instruments(FIVE_MINUTES_NS)
    book = book_of([Scripted({(1, at("09:15")): [(1, SELL)]})], holdings_of(BOTH), timeframes)
    view = AccountView(book.engine)
    for step in book.run(span):
        if step.close_ns == at("09:25"):
            break
    position = view.position(1)

    assert None is view.position(0)
    assert position is not None
    assert ("B", SELL, 100.0) == (position.instrument, position.side, position.entry_price)


def test_history_warms_the_strategies_and_decides_nothing() -> None:
    span, timeframes = two_instruments(FIVE_MINUTES_NS, HOUR_NS)
    warmed = Scripted({(0, at("09:15")): [(1, BUY)]})
    idle = Scripted({}, timeframes_ns=(4 * HOUR_NS,))
    book = book_of([warmed, idle], holdings_of(BOTH, strategies=2), [*timeframes, 4 * HOUR_NS])
    book.warm(span)

    assert 30 == len(warmed.seen)
    assert [] == idle.seen
    assert (0, -1) == (
        book.engine.holdings.account["signals"][0],
        book.engine.holdings.account["day"][0],
    )


def test_a_step_tells_every_decision_with_its_bars() -> None:
    span, timeframes = two_instruments(FIVE_MINUTES_NS)
    book = book_of([Scripted({(1, at("09:15")): [(1, BUY)]})], holdings_of(BOTH), timeframes)
    step = next(book.run(span))
    (decision,) = step.decisions

    assert (4, at("09:20")) == (step.minute, step.close_ns)
    assert [0, 1] == decision.bars["instrument"].tolist()
    assert [0, 1] == decision.signals["count"].tolist()
    assert 1 == sum(isinstance(effect, SignalDecided) for effect in step.effects)


def test_at_the_end_of_24x7_data_nothing_stays_open_or_pending() -> None:
    bars = flat("10:00", "11:00") + flat("10:00", "11:00", instrument=1)
    bars += [bar("11:00", 101, 101, 101, 101)]
    kinds = (ALWAYS_OPEN, ALWAYS_OPEN)
    whole = Resampler([FIVE_MINUTES_NS], MINUTE_NS, [0, 0]).resample(span_of(bars, classes=kinds))
    last = int(np.searchsorted(whole.close_ns, at("11:01", DAY)))
    span = whole._replace(close_ns=whole.close_ns[: last + 1])
    events = {(0, at("10:05")): [(1, BUY)], (1, at("10:55")): [(1, BUY)]}
    book = book_of(
        [Scripted(events)], holdings_of(kinds, terms={"time_stop_bars": 99}), [FIVE_MINUTES_NS]
    )
    played = Played(book, list(book.run(span)))
    open_before = int(book.engine.holdings.account["busy"][0])
    end = book.finish(span)

    assert (2, 0) == (open_before, book.engine.holdings.account["busy"][0])
    assert [] == played.trades
    (trade,) = Played(book, [end]).trades
    assert (ExitReason.FORCED, 101.0, at("11:01")) == (
        trade.exit_reason,
        trade.exit_price,
        trade.exit_ns,
    )
    assert not book.engine.orders


class Silenced(Scripted):
    """Has raised before, so whoever stands before it answers for it: nothing (daemon/fuse.py)."""

    def on_bars(self, bars: Records, account: AccountView | None = None) -> Records | None:
        super().on_bars(bars, account)
        return None


class Speaking(Scripted):
    """Looks at the account on the bars of its events alone."""

    def __init__(self, events: Events, **given: Any) -> None:
        super().__init__(events, sees_account=True, **given)
        self.calls: list[int] = []

    def speaks_on(self, bars: Records) -> Bools:
        told = zip(bars["instrument"].tolist(), bars["open_ns"].tolist(), strict=True)
        return np.array([one in self._events for one in told], np.bool_)

    def on_bars(self, bars: Records, account: AccountView | None = None) -> Records:
        self.calls.append(len(bars))
        return super().on_bars(bars, account)


@pytest.mark.parametrize("every_bar", [False, True])
@pytest.mark.parametrize("others", [(), (HOUR_NS,)])
def test_a_selective_strategy_sees_every_bar_and_is_called_where_it_speaks(
    every_bar: bool, others: tuple[int, ...]
) -> None:
    span, timeframes = two_instruments(FIVE_MINUTES_NS, *others)
    events = {(1, at("09:25")): [(1, BUY)], (0, at("10:00")): [(2, SELL)]}
    speaking, plain = Speaking(events), Scripted(events)
    found = []
    for one in (speaking, plain):
        book = book_of([one], holdings_of(BOTH), timeframes)
        found.append(Played(book, list(book.run(span, every_bar=every_bar))))

    assert plain.seen == speaking.seen
    assert found[0].signals == found[1].signals
    assert 2 == len(found[0].signals)
    assert 30 == sum(speaking.calls)
    if not every_bar:
        assert [6, 14, 10] == speaking.calls  # to 09:30, to 10:05, and what is left
        # of the Minute alone, not of the bars that came along
        assert [2, 2] == [len(d.bars) for step in found[0].steps for d in step.decisions]


@pytest.mark.parametrize("sees_account", [False, True])
def test_a_strategy_that_is_off_decides_nothing_and_the_others_go_on(sees_account: bool) -> None:
    span, timeframes = two_instruments(FIVE_MINUTES_NS)
    silenced = Silenced({(0, at("09:15")): [(1, BUY)]}, name="off", sees_account=sees_account)
    other = Scripted({(1, at("09:15")): [(1, SELL)]}, name="on")
    book = book_of([silenced, other], holdings_of(BOTH, strategies=2), timeframes)
    steps = list(book.run(span))
    signals = [e.signal for step in steps for e in step.effects if isinstance(e, SignalDecided)]

    assert silenced.seen
    assert [("on", "B")] == [(one.strategy, one.instrument) for one in signals]
    assert {1} == {decision.strategy for step in steps for decision in step.decisions}


def test_open_positions_are_told_in_order_of_instruments() -> None:
    span = Resampler([FIVE_MINUTES_NS], MINUTE_NS, [0]).resample(span_of(flat("09:15", "09:40")))
    book = book_of([Scripted({(0, at("09:15")): [(1, BUY)]})], holdings_of(), [FIVE_MINUTES_NS])
    held = {step.close_ns: book.engine.positions() for step in book.run(span)}

    assert [] == held[at("09:20")]  # it fills at the next open
    assert [("A", BUY)] == [(one.instrument, one.side) for one in held[at("09:21")]]
