"""Windows that rest on themselves alone, and recurrences that step through core."""

import numpy as np
import polars as pl
import pytest

from core.types import Float64s
from research.signals.recurrences import (
    exponential_mean,
    relative_strength_index,
    signed_directional_index,
    true_ranges,
)
from research.signals.windows import (
    correlation,
    covariance,
    deviation,
    mean,
    mean_distance,
    residual_deviation,
    skewness,
    slope_on,
    total,
    variance,
)

X, Y = pl.col("x"), pl.col("y")
BARS = 21


def column(expression: pl.Expr, **columns: Float64s | list[float]) -> list[float | None]:
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Float64), nan_to_null=True)
    return frame.select(value=expression)["value"].to_list()


def test_every_window_equals_numpy() -> None:
    random = np.random.default_rng(2)
    x, y = random.normal(5.0, 2.0, 60), random.normal(0.0, 1.0, 60)
    a, b = x[-BARS:], y[-BARS:]
    line = np.polyfit(b, a, 1)
    centred = a - a.mean()
    expected = {
        "mean": (mean(X, BARS), a.mean()),
        "total": (total(X, BARS), a.sum()),
        "variance": (variance(X, BARS), a.var(ddof=1)),
        "deviation": (deviation(X, BARS), a.std(ddof=1)),
        "covariance": (covariance(X, Y, BARS), np.cov(a, b)[0, 1]),
        "correlation": (correlation(X, Y, BARS), np.corrcoef(a, b)[0, 1]),
        "slope": (slope_on(X, Y, BARS), line[0]),
        "residual": (residual_deviation(X, Y, BARS), (a - np.polyval(line, b)).std(ddof=1)),
        "distance": (mean_distance(X, BARS), np.abs(centred).mean()),
        "skewness": (skewness(X, BARS), (centred**3).mean() / (centred**2).mean() ** 1.5),
    }
    for name, (expression, value) in expected.items():
        found = column(expression, x=x, y=y)
        assert found[-1] == pytest.approx(value, rel=1e-9), name
        assert found[: BARS - 1] == [None] * (BARS - 1), name
        assert None not in found[BARS - 1 :], name


def test_a_window_with_an_absent_value_is_null_and_the_next_ones_are_not() -> None:
    x = [1.0, 2.0, float("nan"), 4.0, 5.0, 6.0]

    assert column(mean(X, 2), x=x) == [None, 1.5, None, None, 4.5, 5.5]
    assert column(covariance(X, X, 2), x=x) == [None, 0.5, None, None, 0.5, 0.5]


def test_a_wild_value_is_forgotten_when_it_leaves() -> None:
    """A running sum of squares would keep 1e8 of rounding for ever."""
    random = np.random.default_rng(1)
    calm = random.normal(0.0, 1e-3, 80)
    wild = calm.copy()
    wild[10] = 1e12

    for expression in (mean(X, 5), deviation(X, 5), skewness(X, 5)):
        assert column(expression, x=wild)[15:] == column(expression, x=calm)[15:]


def test_series_that_began_on_different_days_agree_to_the_bit() -> None:
    x = np.random.default_rng(3).normal(100.0, 1.0, 90)

    for expression in (mean(X, 20), deviation(X, 20), mean_distance(X, 20)):
        assert column(expression, x=x)[-30:] == column(expression, x=x[37:])[-30:]


def test_equal_values_have_exactly_no_spread() -> None:
    x = [0.1] * 6

    assert column(mean(X, 3), x=x)[2:] == [0.1] * 4
    assert column(deviation(X, 3), x=x)[2:] == [0.0] * 4
    assert column(correlation(X, Y, 3), x=x, y=[1.0, 2.0, 4.0, 1.0, 5.0, 2.0]) == [None] * 6
    assert column(slope_on(Y, X, 3), x=x, y=[1.0, 2.0, 4.0, 1.0, 5.0, 2.0]) == [None] * 6


def test_recurrences_pass_over_an_absent_bar_and_go_on_as_they_were() -> None:
    nan = float("nan")
    whole, holed = [1.0, 3.0, 2.0, 5.0], [1.0, 3.0, nan, 2.0, nan, 5.0]
    close = pl.col("close")

    smooth = column(exponential_mean(close, 3), close=whole)
    assert smooth == [None, None, 2.0, 3.5]  # by hand: 1, 2, 2, 3.5
    assert column(exponential_mean(close, 3), close=holed) == [None, None, None, 2.0, None, 3.5]
    strength = column(relative_strength_index(2), close=whole)
    assert strength == [None, None, pytest.approx(200 / 3), pytest.approx(800 / 9)]
    assert column(relative_strength_index(2), close=holed)[3::2] == strength[2:]


def test_ranges_reach_to_the_close_before_and_trends_have_a_sign() -> None:
    high, low, close = [12.0, 20.0, 19.0], [10.0, 18.0, 9.0], [11.0, 19.0, 10.0]
    assert column(true_ranges(), high=high, low=low, close=close) == [2.0, 9.0, 10.0]

    rise = np.arange(40.0) + 100.0
    up = column(signed_directional_index(5), high=rise + 1.0, low=rise - 1.0, close=rise)
    fall = rise[::-1].copy()
    down = column(signed_directional_index(5), high=fall + 1.0, low=fall - 1.0, close=fall)
    assert up[:9] == [None] * 9
    assert up[9:] == [pytest.approx(100.0)] * 31
    assert down[9:] == [pytest.approx(-100.0)] * 31
