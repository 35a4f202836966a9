"""Indicator recurrences against the formulas of pixity.md 2, read in plain Python."""

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.indicators import (
    ADX,
    adx_next,
    deviation_of_last,
    is_peak,
    mean_of_last,
    put_sorted,
    recursive_mean,
    rsi,
    take_sorted,
    true_range,
    z_score,
)

PRICES = st.lists(
    st.tuples(st.integers(50, 60), st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=60
)


def adx_of(bars: list[tuple[float, float, float]], period: int) -> list[float]:
    """(high, low, close) bars through the kernel: ADX after each, NaN before its first DX."""
    state, found = np.zeros(1, ADX)[0], []
    high = low = close = 0.0
    for count, (up, down, last) in enumerate(bars, 1):
        range_ = up - down if count == 1 else true_range(up, down, close)
        adx_next(state, count, up, down, high, low, range_, 1.0 / period)
        high, low, close = up, down, last
        found.append(float(state.adx) if state.adx_seeded else math.nan)
    return found


def wilder(bars: list[tuple[float, float, float]], period: int) -> list[float]:
    """ADX as the text has it, list by list."""
    alpha = 1.0 / period
    ranges = [bars[0][0] - bars[0][1]]
    plus, minus = [], []
    for (old_high, old_low, old_close), (high, low, _) in itertools.pairwise(bars):
        ranges.append(max(high - low, abs(high - old_close), abs(low - old_close)))
        up, down = high - old_high, old_low - low
        plus.append(up if up > down and up > 0 else 0.0)
        minus.append(down if down > up and down > 0 else 0.0)

    def smooth(values: list[float]) -> list[float]:
        means = [values[0]]
        for value in values[1:]:
            means.append(means[-1] + alpha * (value - means[-1]))
        return means

    found, seen = [math.nan], []
    for tr, p, m in zip(smooth(ranges)[1:], smooth(plus), smooth(minus), strict=True):
        up_di, down_di = (100 * p / tr, 100 * m / tr) if tr else (0.0, 0.0)
        if up_di + down_di:
            seen.append(100 * abs(up_di - down_di) / (up_di + down_di))
        found.append(smooth(seen)[-1] if seen else math.nan)
    return found


def test_recursive_mean_moves_by_alpha_of_the_distance() -> None:
    assert [2.5, 10.0, 3.0] == [recursive_mean(2.0, 4.0, a) for a in (0.25,)] + [
        recursive_mean(2.0, 10.0, 1.0),
        recursive_mean(3.0, 9.0, 0.0),
    ]


@pytest.mark.parametrize(
    ("previous_close", "expected"), [(11.0, 2.0), (9.0, 3.0), (15.0, 5.0), (12.0, 2.0)]
)
def test_true_range_reaches_to_the_previous_close(previous_close: float, expected: float) -> None:
    assert expected == true_range(12.0, 10.0, previous_close)


@given(PRICES, st.integers(1, 14))
def test_adx_equals_wilders_lists(bars: list[tuple[int, int, int]], period: int) -> None:
    prices = [(float(base + up), float(base - down), float(base)) for base, up, down in bars]

    np.testing.assert_allclose(adx_of(prices, period), wilder(prices, period), rtol=1e-9)


def test_adx_keeps_its_value_over_bars_without_any_movement() -> None:
    trend = [(10.0 + i, 9.0 + i, 9.5 + i) for i in range(5)]
    still = [*trend, trend[-1], trend[-1]]

    assert [100.0] * 6 == adx_of(still, 3)[1:]


def test_adx_is_undefined_while_nothing_has_moved() -> None:
    assert all(math.isnan(value) for value in adx_of([(10.0, 10.0, 10.0)] * 4, 2))
    assert all(math.isnan(value) for value in adx_of([(11.0, 9.0, 10.0)] * 4, 2))


@given(st.lists(st.integers(0, 1_000), min_size=15, max_size=250))
def test_volume_z_looks_at_the_last_100_bars_and_needs_20(values: list[int]) -> None:
    ring = np.zeros(100)
    for i, value in enumerate(values):
        ring[i % 100] = value
    window = values[-100:]
    expected = 0.0
    if len(window) >= 20 and statistics.stdev(window) > 0:
        expected = (window[-1] - statistics.fmean(window)) / statistics.stdev(window)

    assert math.isclose(expected, z_score(ring, len(values), 20), rel_tol=1e-9, abs_tol=1e-12)


def test_volume_z_of_equal_volumes_is_0() -> None:
    assert 0.0 == z_score(np.full(100, 7.0), 100, 20)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 4))
def test_a_swing_is_the_extreme_of_the_bars_on_both_sides_ties_included(
    values: list[int], reach: int
) -> None:
    ring, length = np.zeros(201), 2 * reach + 1
    for count, value in enumerate(values, 1):
        ring[(count - 1) % length] = value
        window = values[count - length : count] if count >= length else []
        middle = window[reach] if window else 0

        assert (bool(window) and middle == max(window)) == is_peak(ring, count, reach, 1)
        assert (bool(window) and middle == min(window)) == is_peak(ring, count, reach, -1)


def test_rsi_is_the_share_of_gains_and_50_while_nothing_moves() -> None:
    assert [75.0, 0.0, 50.0] == [rsi(3.0, 1.0), rsi(0.0, 2.0), rsi(0.0, 0.0)]


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=90), st.integers(2, 20))
def test_mean_and_deviation_are_of_the_newest_values_wherever_in_the_ring(
    values: list[int], size: int
) -> None:
    ring, other = np.zeros(30), np.zeros(20)
    for i, value in enumerate(values):
        ring[i % 30] = other[i % 20] = value
    found = mean_of_last(ring, len(values), size), deviation_of_last(ring, len(values), size)

    if len(values) < size:
        assert [True, True] == [math.isnan(one) for one in found]
        return
    newest = values[-size:]
    assert (statistics.fmean(newest), pytest.approx(statistics.stdev(newest))) == found
    assert found[0] == mean_of_last(other, len(values), size)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_values_stay_sorted_as_the_oldest_make_room(values: list[int]) -> None:
    kept = np.zeros(6)
    for i, value in enumerate(values):
        if i >= 5:
            take_sorted(kept, 5, values[i - 5])
        put_sorted(kept, min(i, 4), value)

    newest = values[-5:]
    assert sorted(newest) == kept[: len(newest)].tolist()
