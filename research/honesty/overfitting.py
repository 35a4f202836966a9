"""How often the best set of parameters of one half of the sessions is below average in the other.

Combinatorially symmetric cross-validation: Bailey, Borwein, Lopez de Prado & Zhu, "The Probability
of Backtest Overfitting", Journal of Computational Finance 20 (2015). Decides nothing.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np

from core.types import Float64s, Int64s

BLOCKS = 16  # 12,870 ways to halve them, as in the paper
LEAST_IN_BLOCK = 2  # sessions: fewer leave a block without a deviation of its own
_CELLS = 1 << 20  # of one working array: a dozen of them are held at once


class Overfitting(NamedTuple):
    """`slope`: of the chosen set's Sharpe out of sample on that in sample, over all splits.

    `logits`: one a split, of the chosen set's relative rank out of sample; 0 is the median.
    """

    probability: float  # PBO: share of the splits whose logit is 0 or less
    probability_of_loss: float  # share of the splits whose chosen set lost out of sample
    slope: float | None  # None: the same Sharpe in sample in every split
    splits: int
    sets: int
    logits: Float64s


def probability_of_overfitting(daily: Float64s, blocks: int = BLOCKS) -> Overfitting | None:
    """PBO of choosing the set with the best Sharpe; None for too few sets or sessions.

    Args:
        daily: float64[sets, sessions], a net return each. A set with a value that is not finite
            was not evaluated and takes no part. A flat set has a Sharpe of 0, as everywhere.
        blocks: even; consecutive sessions, as equal in number as they can be.

    Memory is bounded whatever the shape: only sums per block are gone through again and again.
    """
    if blocks < 2 or blocks % 2:
        raise ValueError(f"blocks {blocks} is not an even number from 2 on")
    whole = daily[np.isfinite(daily).all(axis=1)]
    sets, sessions = whole.shape
    if sets < 2 or sessions < LEAST_IN_BLOCK * blocks:
        return None
    sums = _BlockSums.of(whole, blocks)
    halves = _halves(blocks)
    at_once = max(1, _CELLS // sets)
    parts = [sums.split(halves[at : at + at_once]) for at in range(0, len(halves), at_once)]
    inside, outside, rank = (np.concatenate(one) for one in zip(*parts, strict=True))
    relative = rank / (sets + 1)
    logits = np.log(relative / (1.0 - relative))
    around = inside - inside.mean()
    spread = float(around @ around)
    return Overfitting(
        probability=float((logits <= 0.0).mean()),
        probability_of_loss=float((outside < 0.0).mean()),
        slope=float(around @ outside) / spread if spread > 0.0 else None,
        splits=len(halves),
        sets=sets,
        logits=logits,
    )


class _BlockSums(NamedTuple):
    """Of every set and block: the sum of the returns and of their squares; sessions of a block."""

    first: Float64s  # [sets, blocks]
    second: Float64s
    counts: Int64s  # [blocks]

    @classmethod
    def of(cls, daily: Float64s, blocks: int) -> "_BlockSums":
        edges = np.arange(blocks + 1) * daily.shape[1] // blocks
        first = np.add.reduceat(daily, edges[:-1], axis=1)
        second = np.add.reduceat(daily * daily, edges[:-1], axis=1)
        return cls(first, second, np.diff(edges))

    def split(self, halves: Float64s) -> tuple[Float64s, Float64s, Float64s]:
        """Of each split: Sharpe of the chosen set in sample and out of it, its rank out of it."""
        inside, outside = self._sharpe(halves), self._sharpe(1.0 - halves)
        rows = np.arange(len(halves))
        chosen = inside.argmax(axis=1)
        own = outside[rows, chosen]
        below = (outside < own[:, None]).sum(axis=1)
        equal = (outside == own[:, None]).sum(axis=1)
        return inside[rows, chosen], own, below + (equal + 1) / 2.0

    def _sharpe(self, halves: Float64s) -> Float64s:
        """float64[splits, sets]; `halves`: 1.0 where a block belongs to a split's half."""
        count = (halves @ self.counts)[:, None]
        mean = halves @ self.first.T / count
        square = halves @ self.second.T / count
        variance = (square - mean * mean) * (count / (count - 1.0))
        flat = variance <= 1e-12 * square  # what is left of equal returns after rounding
        return np.where(flat, 0.0, mean / np.sqrt(np.where(flat, 1.0, variance)))


def _halves(blocks: int) -> Float64s:
    """float64[splits, blocks]: every choice of half of them, in lexical order."""
    chosen = np.array(list(combinations(range(blocks), blocks // 2)))
    halves = np.zeros((len(chosen), blocks))
    np.put_along_axis(halves, chosen, 1.0, axis=1)
    return halves
