"""Sums over the newest bars, each window added up by itself.

A running sum keeps the rounding of every value that has left it: after one large value a variance
of small ones is noise, and two series that began on different days never agree again. Here a value
rests on its window alone. A window with an absent value is null.
"""

import numpy as np
import polars as pl

from core.jit import kernel
from core.types import Float64s
from research.signals.bridge import bridged

COVARIANCE, CORRELATION, SLOPE, RESIDUAL = range(4)


def mean(values: pl.Expr, bars: int) -> pl.Expr:
    """Of the newest `bars` values; exactly theirs where they are equal."""
    return bridged([values], lambda columns, out: average(columns[0], bars, out))


def total(values: pl.Expr, bars: int) -> pl.Expr:
    return mean(values, bars) * float(bars)


def covariance(one: pl.Expr, other: pl.Expr, bars: int) -> pl.Expr:
    """Sample covariance of the newest `bars` pairs; exactly 0 where one is constant."""
    return _paired(one, other, bars, COVARIANCE)


def variance(values: pl.Expr, bars: int) -> pl.Expr:
    return covariance(values, values, bars)


def deviation(values: pl.Expr, bars: int) -> pl.Expr:
    """Sample deviation."""
    return variance(values, bars).sqrt()


def correlation(one: pl.Expr, other: pl.Expr, bars: int) -> pl.Expr:
    """Pearson's; null where one is constant."""
    return _paired(one, other, bars, CORRELATION).clip(-1.0, 1.0)


def slope_on(values: pl.Expr, cause: pl.Expr, bars: int) -> pl.Expr:
    """Of the least squares line of the values on their cause; null where that is constant."""
    return _paired(values, cause, bars, SLOPE)


def residual_deviation(values: pl.Expr, cause: pl.Expr, bars: int) -> pl.Expr:
    """Root of the sum of squares about that line by n - 1; null where the cause is constant."""
    return _paired(values, cause, bars, RESIDUAL)


def mean_distance(values: pl.Expr, bars: int) -> pl.Expr:
    """Mean absolute distance of the newest `bars` from their mean."""
    return bridged([values], lambda columns, out: disperse(columns[0], bars, out))


def skewness(values: pl.Expr, bars: int) -> pl.Expr:
    """Third central moment by the deviation's cube, both with divisor n; NaN without spread."""
    middle, squares = mean(values, bars), mean(values**2, bars)
    third = mean(values**3, bars) - 3.0 * middle * squares + 2.0 * middle**3
    return third / (variance(values, bars) * ((bars - 1) / bars)).pow(1.5)


def _paired(one: pl.Expr, other: pl.Expr, bars: int, what: int) -> pl.Expr:
    def fill(columns: list[Float64s], out: Float64s) -> None:
        relate(columns[0], columns[1], bars, what, out)

    return bridged([one, other], fill)


@kernel
def average(values: Float64s, bars: int, out: Float64s) -> None:
    """x + sum(x_i - x) / n, x the oldest value of the window."""
    for end in range(bars, len(values) + 1):
        origin, sum_ = values[end - bars], 0.0
        for i in range(end - bars, end):
            sum_ += values[i] - origin
        out[end - 1] = origin + sum_ / bars


@kernel
def disperse(values: Float64s, bars: int, out: Float64s) -> None:
    """sum(|x_i - mean x|) / n."""
    for end in range(bars, len(values) + 1):
        begin = end - bars
        origin, middle, sum_ = values[begin], 0.0, 0.0
        for i in range(begin, end):
            middle += values[i] - origin
        middle /= bars
        for i in range(begin, end):
            sum_ += abs(values[i] - origin - middle)
        out[end - 1] = sum_ / bars


@kernel
def relate(one: Float64s, other: Float64s, bars: int, what: int, out: Float64s) -> None:
    """From xx, yy, xy: the sums of products of the distances from the means of the window."""
    for end in range(bars, len(one) + 1):
        begin = end - bars
        x, y, x_mean, y_mean = other[begin], one[begin], 0.0, 0.0
        for i in range(begin, end):
            x_mean += other[i] - x
            y_mean += one[i] - y
        x_mean /= bars
        y_mean /= bars
        xx, yy, xy = 0.0, 0.0, 0.0
        for i in range(begin, end):
            across, up = other[i] - x - x_mean, one[i] - y - y_mean
            xx += across * across
            yy += up * up
            xy += across * up
        if what == COVARIANCE:
            out[end - 1] = xy / (bars - 1)
        elif what == CORRELATION:
            spread = np.sqrt(xx) * np.sqrt(yy)
            out[end - 1] = xy / spread if spread > 0.0 else np.nan
        elif what == SLOPE:
            out[end - 1] = xy / xx if xx > 0.0 else np.nan
        elif xx > 0.0:
            out[end - 1] = np.sqrt(max(yy - xy * xy / xx, 0.0) / (bars - 1))
