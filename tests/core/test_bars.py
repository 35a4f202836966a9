"""Strategy bars: the checks of market.md 4, and the resampler against a reading in plain Python."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.bars import DAY_NS, Resampler
from core.session import MINUTE_NS, day_text, ist_text, recorded_session
from core.types import MISSING, NEVER_NS, MinuteSpan, Records, SessionClass, minute_of
from tests.market import (
    ALWAYS_OPEN,
    AUCTION,
    AUCTION_DAY,
    CASH,
    DAY,
    NEXT_DAY,
    TWO_PART_DAY,
    BarTuple,
    at,
    bar,
    flat,
    groups_of,
    span_of,
)

HOUR_NS = 60 * MINUTE_NS
COLUMNS = "instrument timeframe minute day open_ns close_ns open high low close volume".split()
COLUMNS += "minutes_seen minutes_expected gap".split()
Row = tuple[float, ...]


def resampled(span: MinuteSpan, *timeframes_ns: int, base_ns: int = MINUTE_NS) -> MinuteSpan:
    return Resampler(timeframes_ns, base_ns, [0]).resample(span)


def opens(bars: Records) -> list[str]:
    return [ist_text(int(open_ns))[11:16] for open_ns in bars["open_ns"]]


# --- the checks of the specification -------------------------------------------------------------


def test_1m_bars_09_15_to_09_29_are_the_09_15_bar() -> None:
    bars = [
        (0, 0, at("09:15") + i * MINUTE_NS, 10.0 + i, 20.0 + i, 5.0 - i / 10, 11.0 + i, i + 1)
        for i in range(15)
    ]
    (found,) = resampled(span_of(bars), 15 * MINUTE_NS).strategy_bars

    assert (10.0, 34.0, 3.6, 25.0, 120) == (
        found.open,
        found.high,
        found.low,
        found.close,
        found.volume,
    )
    assert (at("09:15"), at("09:30")) == (found.open_ns, found.close_ns)
    assert (15, 15, 0) == (found.minutes_seen, found.minutes_expected, found.gap)


def test_09_29_and_09_30_fall_in_different_bars() -> None:
    span = resampled(span_of(flat("09:29", "09:31")), 15 * MINUTE_NS)

    assert ["09:15", "09:30"] == opens(span.strategy_bars)


def test_the_15_29_minute_belongs_to_the_short_hour_15_15() -> None:
    (found,) = resampled(span_of(flat("15:29", "15:30")), HOUR_NS).strategy_bars

    assert (at("15:15"), at("15:30"), 15) == (found.open_ns, found.close_ns, found.minutes_expected)


def test_an_empty_bin_makes_no_bar() -> None:
    bars = [bar("09:20", 1, 1, 1, 1), bar("09:50", 1, 1, 1, 1)]

    assert ["09:15", "09:45"] == opens(resampled(span_of(bars), 15 * MINUTE_NS).strategy_bars)


@pytest.mark.parametrize(("kind", "count"), [(CASH, 25), (AUCTION, 24)])
def test_a_day_has_25_bars_of_15m_and_24_under_the_closing_auction(
    kind: SessionClass, count: int
) -> None:
    end = "15:15" if kind is AUCTION else "15:30"
    span = span_of(flat("09:15", end, day=AUCTION_DAY), days=[AUCTION_DAY], classes=[kind])

    assert count == len(resampled(span, 15 * MINUTE_NS).strategy_bars)


def test_a_bar_never_spans_two_parts_and_only_1d_spans_them_all() -> None:
    bars = flat("09:15", "10:00", day=TWO_PART_DAY) + flat("11:30", "12:30", day=TWO_PART_DAY)
    span = span_of(bars, days=[TWO_PART_DAY])

    assert ["09:15", "11:30"] == opens(resampled(span, 4 * HOUR_NS).strategy_bars)
    (day_bar,) = resampled(span, DAY_NS).strategy_bars
    assert (at("09:15", TWO_PART_DAY), at("12:30", TWO_PART_DAY)) == (
        day_bar.open_ns,
        day_bar.close_ns,
    )
    assert (105, 105) == (day_bar.minutes_seen, day_bar.minutes_expected)


def test_a_bar_is_emitted_once_in_the_minute_that_ends_its_period() -> None:
    span = resampled(span_of(flat("09:15", "15:30")), 15 * MINUTE_NS)
    emitted = np.flatnonzero(np.diff(span.first_strategy_bar))

    assert np.all(np.diff(span.first_strategy_bar) <= 1)
    assert span.close_ns[emitted].tolist() == span.strategy_bars["close_ns"].tolist()
    assert emitted.tolist() == span.strategy_bars["minute"].tolist()


def test_the_last_bar_of_a_day_comes_the_same_day_though_nothing_trades_any_more() -> None:
    span = resampled(span_of([bar("15:16", 1, 1, 1, 1)]), 15 * MINUTE_NS)

    assert at("15:30") == span.close_ns[span.strategy_bars["minute"][0]]


def test_in_a_minute_longer_timeframes_come_first_then_instruments() -> None:
    bars = flat("09:15", "10:15") + flat("09:15", "10:15", instrument=1)
    span = span_of(bars, classes=[CASH, CASH])
    resampler = Resampler([5 * MINUTE_NS, HOUR_NS], MINUTE_NS, [0, 0])
    last = resampler.resample(span).strategy_bars[-4:]

    assert [HOUR_NS, 5 * MINUTE_NS] == resampler.timeframes_ns.tolist()
    assert (0, 1) == (
        resampler.timeframe_number(HOUR_NS),
        resampler.timeframe_number(5 * MINUTE_NS),
    )
    assert [(0, 0), (0, 1), (1, 0), (1, 1)] == [(b.timeframe, b.instrument) for b in last]


def test_a_missing_minute_is_a_gap_and_one_in_which_nothing_traded_is_none() -> None:
    nothing = np.nan
    lost = bar("09:17", nothing, nothing, nothing, nothing, volume=0, quality=MISSING)
    bars = [bar("09:15", 1, 2, 1, 2), lost, bar("09:19", 3, 3, 3, 3), bar("09:21", 4, 4, 4, 4)]
    first, second = resampled(span_of(bars), 5 * MINUTE_NS).strategy_bars

    assert (2, 5, 1) == (first.minutes_seen, first.minutes_expected, first.gap)
    assert (1.0, 3.0, 1.0, 3.0) == (first.open, first.high, first.low, first.close)
    assert (1, 0) == (second.minutes_seen, second.gap)


def test_a_bin_of_missing_minutes_alone_makes_no_bar() -> None:
    nothing = np.nan
    lost = bar("09:17", nothing, nothing, nothing, nothing, volume=0, quality=MISSING)
    span = resampled(span_of([lost, bar("09:21", 4, 4, 4, 4)]), 5 * MINUTE_NS)

    assert ["09:20"] == opens(span.strategy_bars)


def test_an_unfinished_bin_is_not_emitted_and_stays_open() -> None:
    whole = span_of(flat("09:15", "09:30"))
    resampler = Resampler([15 * MINUTE_NS], MINUTE_NS, [0])
    for minute in range(14):
        assert 0 == len(resampler.resample(minute_of(whole, minute)).strategy_bars)

    assert at("09:30") == resampler.bins["end_ns"][0, 0]
    assert 1 == len(resampler.resample(minute_of(whole, 14)).strategy_bars)
    assert 0 == resampler.bins["end_ns"][0, 0]
    assert NEVER_NS > at("09:30")


# --- against plain Python ------------------------------------------------------------------------

MARKETS: dict[str, tuple[tuple[int, ...], tuple[SessionClass, ...]]] = {
    "two days": ((DAY, NEXT_DAY), (CASH,)),
    "two parts": ((TWO_PART_DAY, TWO_PART_DAY + 2), (CASH, CASH)),
    "mixed auction": ((AUCTION_DAY,), (CASH, AUCTION, CASH)),
    "24x7": ((DAY, NEXT_DAY), (ALWAYS_OPEN,)),
}
TIMEFRAMES = [MINUTE_NS * m for m in (1, 5, 7, 15, 60, 240, 1440)]


def random_span(market: str, seed: int, kept: float) -> MinuteSpan:
    """Some minutes of each instrument, a few of them MISSING."""
    random = np.random.default_rng(seed)
    days, classes = MARKETS[market]
    bars: list[BarTuple] = []
    for day in days:
        for instrument, kind in enumerate(classes):
            session = recorded_session(day, kind)
            assert session is not None, day_text(day)
            for part_open, part_close in session.parts:
                for open_ns in range(part_open, part_close, MINUTE_NS):
                    if random.random() < kept:
                        quality = MISSING if random.random() < 0.05 else 0
                        p = random.integers(90, 110, 4).astype(float)
                        prices = (p[0], p.max(), p.min(), p[3]) if not quality else (np.nan,) * 4
                        bars.append((instrument, quality, open_ns, *prices, 7))
    return span_of(bars, days=days, classes=classes)


def expected_bars(
    span: MinuteSpan, timeframes_ns: list[int], classes: tuple[SessionClass, ...]
) -> list[Row]:
    """Bins by the text of market.md 4: group the 1m bars, then look at each group."""
    groups: dict[tuple[int, int, int, int], list[Any]] = {}
    bins: dict[tuple[int, int, int, int], tuple[int, int]] = {}
    ordered = sorted(timeframes_ns, reverse=True)
    one: Any
    for one in span.bars:
        minute = int(np.searchsorted(span.close_ns, one.open_ns, "right"))
        session: Any = span.sessions[span.day_index[minute], groups_of(classes)[one.instrument]]
        parts = [
            (int(session.part_open_ns[k]), int(session.part_close_ns[k]))
            for k in range(session.parts)
        ]
        for number, timeframe_ns in enumerate(ordered):
            if timeframe_ns >= DAY_NS:
                begin, end = parts[0][0], parts[-1][1]
                expected = sum(b - a for a, b in parts) // MINUTE_NS
            else:
                a, b = next(p for p in parts if p[0] <= one.open_ns < p[1])
                begin = a + (int(one.open_ns) - a) // timeframe_ns * timeframe_ns
                end = min(begin + timeframe_ns, b)
                expected = (end - begin) // MINUTE_NS
            key = (end, number, int(one.instrument), begin)
            groups.setdefault(key, []).append(one)
            bins[key] = expected, int(session.day)
    rows: list[Row] = []
    for key in sorted(groups):
        end, number, instrument, begin = key
        seen = [one for one in groups[key] if not one.quality & MISSING]
        if not seen:
            continue
        expected, day = bins[key]
        rows.append(
            (
                *(instrument, number, int(np.searchsorted(span.close_ns, end)), day, begin, end),
                *(seen[0].open, max(b.high for b in seen), min(b.low for b in seen)),
                *(seen[-1].close, sum(b.volume for b in seen), len(seen), expected),
                len(groups[key]) - len(seen),
            )
        )
    return rows


def rows_of(bars: Records) -> list[Row]:
    return [tuple(row[c].item() for c in COLUMNS) for row in bars]


@settings(max_examples=25)
@given(
    st.sampled_from(sorted(MARKETS)),
    st.integers(0, 10**6),
    st.sampled_from([0.02, 0.5, 1.0]),
    st.lists(st.sampled_from(TIMEFRAMES), min_size=1, max_size=3, unique=True),
)
def test_bars_equal_a_brute_force_reading(
    market: str, seed: int, kept: float, timeframes_ns: list[int]
) -> None:
    classes = MARKETS[market][1]
    span = random_span(market, seed, kept)
    found = Resampler(timeframes_ns, MINUTE_NS, groups_of(classes)).resample(span)

    assert expected_bars(span, timeframes_ns, classes) == rows_of(found.strategy_bars)


@settings(max_examples=10)
@given(st.sampled_from(sorted(MARKETS)), st.integers(0, 10**6), st.integers(1, 700))
def test_one_minute_at_a_time_and_a_restart_in_between_give_the_bars_of_the_whole_span(
    market: str, seed: int, restart: int
) -> None:
    groups = groups_of(MARKETS[market][1])
    span, timeframes = random_span(market, seed, 0.5), [5 * MINUTE_NS, HOUR_NS, DAY_NS]
    whole = Resampler(timeframes, MINUTE_NS, groups).resample(span).strategy_bars
    live = Resampler(timeframes, MINUTE_NS, groups)
    found: list[Row] = []
    for minute in range(len(span.close_ns)):
        if minute == restart:
            snapshot, live = live.bins.copy(), Resampler(timeframes, MINUTE_NS, groups)
            live.bins = snapshot
        bars = live.resample(minute_of(span, minute)).strategy_bars
        bars["minute"] = minute
        found += rows_of(bars)

    assert rows_of(whole) == found


def test_base_bars_longer_than_a_minute_count_as_minutes_do() -> None:
    bars = [bar("09:15", 1, 1, 1, 1), bar("15:15", 2, 2, 2, 2)]
    span = span_of(bars, base_ns=HOUR_NS)
    first, last = resampled(span, HOUR_NS, base_ns=HOUR_NS).strategy_bars
    (day_bar,) = resampled(span, DAY_NS, base_ns=HOUR_NS).strategy_bars

    assert (1, 1) == (first.minutes_expected, last.minutes_expected)
    assert (2, 7) == (day_bar.minutes_seen, day_bar.minutes_expected)
