"""Signals against what followed: coefficients, bucket returns and turnover, row by row.

Across symbols in each row, or, where there is one symbol only, over time in blocks of its bars.
What the figures mean together is decided elsewhere.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from core.errors import DataError
from core.types import Bools, Float64s, Int64s
from research.signals.forward import Held, Horizon
from research.signals.ic import rank_ics
from research.signals.quantiles import (
    FEWEST_BEFORE,
    bucket_means,
    buckets_in_time,
    buckets_of,
    turnover_of,
)
from research.signals.statistics import mean_of

BLOCK = FEWEST_BEFORE  # bars of one symbol to a coefficient: a quarter of daily bars
FEWEST_SYMBOLS = 5  # of a cross-section, with signal and return
FEWEST_BARS = 20  # of a block, with signal and return


class Outcome(NamedTuple):
    """What followed each row at one horizon; `forward` is [T, N]."""

    horizon: Horizon
    held: Held
    forward: Float64s


class At(NamedTuple):
    """One signal at one horizon.

    ics: [D], a rank correlation for each row, or for each block of one symbol.
    ic_rows: [D], the row each of them begins in.
    ic_lag: how many of its neighbours a coefficient shares time with.
    means: [T, Q], the mean return of each bucket.
    spreads: [T]; its mean is the return of the highest bucket less that of the lowest.
    spread_lag: as `ic_lag`, in rows.
    """

    ics: Float64s
    ic_rows: Int64s
    ic_lag: int
    means: Float64s
    spreads: Float64s
    spread_lag: int


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
    buckets = [
        buckets_of(values, quantiles)
        if across
        else buckets_in_time(values[:, 0], quantiles)[:, None]
        for values in signals
    ]
    at: list[list[At]] = [[] for _ in signals]
    for outcome in outcomes:
        overlap = outcome.held.overlap
        ics = _ics_across(signals, outcome) if across else _ics_in_time(signals, outcome)
        for number, own in enumerate(buckets):
            means = bucket_means(own, outcome.forward, quantiles)
            at[number].append(
                At(
                    ics=ics[number],
                    ic_rows=np.arange(len(means)) if across else np.arange(0, len(means), BLOCK),
                    ic_lag=overlap if across else -(-overlap // BLOCK),
                    means=means,
                    spreads=means[:, -1] - means[:, 0] if across else _spreads_in_time(means),
                    spread_lag=overlap,
                )
            )
    return [
        Measured(
            autocorrelation=_autocorrelation(values, across=across),
            coverage=float((np.isfinite(values) & present).sum() / max(1, present.sum())),
            turnover=np.array([mean_of(turnover_of(own, bucket)) for bucket in range(quantiles)]),
            at=horizons,
        )
        for values, own, horizons in zip(signals, buckets, at, strict=True)
    ]


def _ics_across(signals: Sequence[Float64s], outcome: Outcome) -> Float64s:
    return rank_ics(signals, outcome.forward, FEWEST_SYMBOLS)


def _ics_in_time(signals: Sequence[Float64s], outcome: Outcome) -> Float64s:
    """Blocks of bars stand for the rows, the bars of a block for the symbols."""
    return rank_ics([_blocks(one) for one in signals], _blocks(outcome.forward), FEWEST_BARS)


def _blocks(column: Float64s) -> Float64s:
    """[T, 1] as [D, BLOCK], the last one filled up with NaN."""
    missing = -len(column) % BLOCK
    return np.append(column[:, 0], np.full(missing, np.nan)).reshape(-1, BLOCK)


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
