"""Whether one Sharpe ratio is above another on the same sessions, or only looks so.

The two records are held together session by session: what moved both says nothing about either.
Decides nothing.
"""

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from core.types import Float64s
from research.honesty.montecarlo import PATHS, block_length, block_rows
from research.honesty.sharpe import CONFIDENCE

FEWEST = 20  # sessions: the normal approximation says nothing about fewer
_AT_ONCE = 500  # paths of one working array


class Difference(NamedTuple):
    """Of the first ratio less the second, annualised as the ratios are.

    `p_value`: two-sided, that ratios which are equal look so far apart. `low`, `high`: the interval
    that holds the true difference with 95 % confidence, by a bootstrap of blocks of sessions.
    """

    difference: float
    z: float
    p_value: float
    low: float
    high: float


def sharpe_difference(
    first: Float64s, second: Float64s, periods_per_year: float, *, paths: int = PATHS, seed: int = 1
) -> Difference | None:
    """None for fewer than 20 sessions, for a flat record, and for one that repeats the other.

    Args:
        first, second: float64[n], net returns of the same n sessions, finite.

    Source: Jobson & Korkie, Journal of Finance 36 (1981), with the variance as corrected by Memmel,
    Finance Letters 1 (2003); the paired blocks as Ledoit & Wolf, Journal of Empirical Finance 15
    (2008), drawn as the stationary bootstrap does.
    """
    if len(first) < FEWEST or np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return None
    a, b = _sharpe(first), _sharpe(second)
    correlation = float(np.corrcoef(first, second)[0, 1])
    deviation = difference_deviation(float(a), float(b), correlation, len(first))
    if deviation < 1e-9:
        return None
    z = float(a - b) / deviation
    random = np.random.default_rng(seed)
    block = max(block_length(first), block_length(second))
    drawn = []
    for done in range(0, paths, _AT_ONCE):
        rows = block_rows(random, min(_AT_ONCE, paths - done), len(first), block)
        drawn.append(_sharpe(first[rows]) - _sharpe(second[rows]))
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(np.concatenate(drawn), [tail, 1.0 - tail])
    root = sqrt(periods_per_year)
    return Difference(
        difference=float(a - b) * root,
        z=z,
        p_value=2.0 * (1.0 - NormalDist().cdf(abs(z))),
        low=float(low) * root,
        high=float(high) * root,
    )


def difference_deviation(first: float, second: float, correlation: float, count: int) -> float:
    """Standard deviation of the difference of two estimated ratios, per period (Memmel 2003)."""
    together = first * second * correlation**2
    variance = 2.0 - 2.0 * correlation + (first**2 + second**2) / 2.0 - together
    return sqrt(max(variance, 0.0) / count)


def _sharpe(returns: Float64s) -> Float64s:
    """Mean by sample deviation along the last axis; 0 where flat."""
    deviation = returns.std(axis=-1, ddof=1)
    flat = np.ptp(returns, axis=-1) == 0.0
    ratio: Float64s = np.where(flat, 0.0, returns.mean(axis=-1) / np.where(flat, 1.0, deviation))
    return ratio
