"""Signals against what followed: coefficients, bucket returns and turnover, row by row.

Across symbols in each row, or, where there is one symbol only, against what was before.
What the figures mean together is decided elsewhere.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from core.errors import DataError
from core.types import Bools, Float64s
from research.signals.forward import Held, Horizon
from research.signals.ic import rank_ics
from research.signals.quantiles import (
    bucket_means,
    buckets_of,
    buckets_of_shares,
    shares_below,
    turnover_of,
)
from research.signals.statistics import mean_of

FEWEST_SYMBOLS = 5  # of a cross-section, with signal and return
FEWEST_BARS = 20  # of one symbol, for its autocorrelation


class Outcome(NamedTuple):
    """What followed each row at one horizon; `forward` is [T, N]."""

    horizon: Horizon
    held: Held
    forward: Float64s


class At(NamedTuple):
    """One signal at one horizon.

    ics: [T], the rank correlation of each row; of one symbol each bar's part in it.
    means: [T, Q], the mean return of each bucket.
    spreads: [T]; its mean is the return of the highest bucket less that of the lowest.
    lag: how many of the next rows a row shares time with.
    """

    ics: Float64s
    means: Float64s
    spreads: Float64s
    lag: int


class Measured(NamedTuple):
    """One signal.

    autocorrelation: mean rank correlation of the signal with its own row before.
    coverage: share of the cells with a price that have a value.
    turnover: [Q], the mean share of a bucket that was not in it the row before.
    """

    autocorrelation: float
    coverage: float
    turnover: Float64s
    at: list[At]  # in order of the outcomes


def measure(
    signals: Sequence[Float64s], outcomes: Sequence[Outcome], quantiles: int, present: Bools
) -> list[Measured]:
    """Every signal at every horizon.

    Args:
        signals: matrices [T, N], known at the close of each row. NaN: absent.
        present: [T, N], where the symbol has a price.

    Raises DataError for fewer symbols than a cross-section needs, and more than one.
    """
    symbols = present.shape[1]
    if 1 < symbols < FEWEST_SYMBOLS:
        raise DataError(
            f"{symbols} symbols are too few to rank, {FEWEST_SYMBOLS} are needed; one alone is"
            " studied over time"
        )
    across = symbols > 1
    places = [] if across else [shares_below(values[:, 0]) for values in signals]
    buckets = [buckets_of(values, quantiles) for values in signals] if across else []
    buckets += [buckets_of_shares(one, quantiles)[:, None] for one in places]
    at: list[list[At]] = [[] for _ in signals]
    for outcome in outcomes:
        ics = (
            rank_ics(signals, outcome.forward, FEWEST_SYMBOLS)
            if across
            else _ics_in_time(places, outcome)
        )
        for number, own in enumerate(buckets):
            means = bucket_means(own, outcome.forward, quantiles)
            spreads = means[:, -1] - means[:, 0] if across else _spreads_in_time(means)
            at[number].append(At(ics[number], means, spreads, outcome.held.overlap))
    return [
        Measured(
            autocorrelation=_autocorrelation(values, across=across),
            coverage=float((np.isfinite(values) & present).sum() / max(1, present.sum())),
            turnover=np.array([mean_of(turnover_of(own, bucket)) for bucket in range(quantiles)]),
            at=horizons,
        )
        for values, own, horizons in zip(signals, buckets, at, strict=True)
    ]


def _ics_in_time(places: Sequence[Float64s], outcome: Outcome) -> Sequence[Float64s]:
    """12 (p - 1/2) (q - 1/2) of each bar: its mean over uniform places is Spearman's correlation.

    p is the signal's place among earlier values, q the return's among returns known by then. So
    nothing of a bar is known early. What is left of Stambaugh's bias (1999, Journal of Financial
    Economics 54): the t of an idle level that never returns is about -1. Correlations within short
    stretches of bars are full of it, for each takes off a mean of its own.
    """
    known_after = outcome.held.overlap + 1
    centred = shares_below(outcome.forward[:, 0], known_after) - 0.5
    return [12.0 * (place - 0.5) * centred for place in places]


def _spreads_in_time(means: Float64s) -> Float64s:
    """A series whose mean is mean(top) - mean(bottom), and whose errors are theirs.

    x_t = d + [top] (r_t - mean(top)) / share(top) - [bottom] (r_t - mean(bottom)) / share(bottom):
    the influence function of the difference d. NaN without either bucket.
    """
    used = np.isfinite(means).any(axis=1)
    high, low = (means[used, end] for end in (-1, 0))
    spreads = np.full(len(means), np.nan)
    if np.isfinite(high).any() and np.isfinite(low).any():
        top, bottom = mean_of(high), mean_of(low)
        spreads[used] = top - bottom + _influence(high, top) - _influence(low, bottom)
    return spreads


def _influence(returns: Float64s, mean: float) -> Float64s:
    inside = np.isfinite(returns)
    apart: Float64s = np.where(inside, returns - mean, 0.0) / inside.mean()
    return apart


def _autocorrelation(values: Float64s, *, across: bool) -> float:
    now, before = values[1:], values[:-1]
    if across:
        return mean_of(rank_ics([now], before, FEWEST_SYMBOLS)[0])
    return float(rank_ics([now.T], before.T, FEWEST_BARS)[0, 0])
