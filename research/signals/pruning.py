"""Signals that say the same: their correlation, and which of them is kept.

A correlation is the mean, over dates, of the rank correlation across symbols. The order in which
signals are looked at is that of their quality, so the same rows always leave the same signals.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from core.types import Bools, Float64s
from research.signals.quantiles import ranks_of

MOST_ROWS = 256  # of one signal; more are thinned out evenly


class Dropped(NamedTuple):
    """Numbers of the signal that goes and of the one that stays for it."""

    signal: int
    kept: int
    correlation: float


def compared_rows(rows: int) -> slice:
    """Which rows of a panel are compared: all, or evenly spaced ones."""
    return slice(None, None, max(1, -(-rows // MOST_ROWS)))


def centred_ranks(values: Float64s) -> Float64s:
    """Mean ranks of each row about their middle; 0 where there is no value.

    Args:
        values: float64[R, N]; for one symbol its bars in one row.
    """
    least, greatest, known = ranks_of(values)
    centred = least + greatest - (known[:, None] - 1.0)
    return np.where(np.isnan(values), 0.0, centred)


def correlations(ranks: Sequence[Float64s], present: Sequence[Bools]) -> Float64s:
    """[S, S]: mean over the rows of sum(x y) / sqrt(sum(x^2) sum(y^2)).

    Sums are over the symbols that both signals have; ranks are each signal's own. NaN of a pair
    that shares no row in which both vary; the diagonal is 1.

    Args:
        ranks: of each signal its `centred_ranks` [R, N].
        present: of each signal where it has a value, [R, N].
    """
    count = len(ranks)
    total, rows = np.zeros((count, count)), np.zeros((count, count))
    for row in range(len(ranks[0]) if ranks else 0):
        own = np.stack([one[row] for one in ranks])
        known = np.stack([one[row] for one in present]).astype(np.float64)
        products = own @ own.T
        squares = (own * own) @ known.T
        scale = np.sqrt(squares * squares.T)
        varies = scale > 0
        total[varies] += products[varies] / scale[varies]
        rows += varies
    with np.errstate(invalid="ignore"):
        mean = total / rows
    np.fill_diagonal(mean, 1.0)
    return mean


def prune(
    names: Sequence[str], quality: Float64s, correlation: Float64s, limit: float
) -> tuple[list[int], list[Dropped]]:
    """Greedily: of any pair whose |correlation| is over `limit` the one of less |quality| goes.

    Args:
        quality: of each signal, its sign of no account; NaN is the least.
        correlation: [S, S]; NaN is no reason to drop.

    Returns: the kept, best first, and the dropped in the order they were looked at.
    """
    size = np.nan_to_num(np.abs(quality), nan=-1.0)
    order = sorted(range(len(names)), key=lambda number: (-size[number], names[number]))
    kept: list[int] = []
    dropped: list[Dropped] = []
    for number in order:
        near = [(abs(correlation[number, one]), -place) for place, one in enumerate(kept)]
        over = [pair for pair in near if pair[0] > limit]
        if over:
            stays = kept[-max(over)[1]]
            dropped.append(Dropped(number, stays, float(correlation[number, stays])))
        else:
            kept.append(number)
    return kept, dropped
