"""What else a record could have been: its trades in another order or mix, its sessions in blocks.

Every path is drawn from the record itself, so nothing here can show a loss that the record does
not hold. Decides nothing; the same seed gives the same paths.
"""

from collections.abc import Callable
from enum import StrEnum
from math import ceil, log10, sqrt
from typing import NamedTuple

import numpy as np

from core.types import Float64s, Int64s

PATHS = 2_000
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
RUIN = 0.5  # share of the cash that is gone
_CELLS = 1 << 20  # of one working array


class Draw(StrEnum):
    BOOTSTRAP = "bootstrap"  # with replacement: another mix of the same trades
    SHUFFLE = "shuffle"  # without: the same trades and total, in another order


class Paths(NamedTuple):
    """One value a path. `max_drawdown`: deepest fall as a share of the peak before it, >= 0.

    `sharpe`: per step (trade or session), sample deviation; 0 when flat.
    """

    total_return: Float64s
    max_drawdown: Float64s
    sharpe: Float64s

    @property
    def probability_of_loss(self) -> float:
        return float((self.total_return < 0.0).mean())

    def probability_of_ruin(self, ruin: float = RUIN) -> float:
        """Of a fall by `ruin` of the peak, at any time."""
        return float((self.max_drawdown >= ruin).mean())

    def percentiles(self) -> dict[str, dict[str, float]]:
        """Of each figure, by name and percentile: plain JSON."""
        return {
            name: {
                str(one): float(value)
                for one, value in zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=True)
            }
            for name, values in self._asdict().items()
        }


def trade_paths(
    returns: Float64s, draw: Draw = Draw.BOOTSTRAP, *, paths: int = PATHS, seed: int = 1
) -> Paths:
    """Trades as if independent of each other.

    Args:
        returns: float64[trades], net of each by the initial cash, finite; trades do not compound,
            for their size does not follow the account. At least one.
    """
    random = np.random.default_rng(seed)

    def drawn(count: int) -> Float64s:
        if draw is Draw.SHUFFLE:
            return random.permuted(np.broadcast_to(returns, (count, len(returns))), axis=1)
        return returns[random.integers(len(returns), size=(count, len(returns)))]

    return _walked(drawn, len(returns), paths, compounded=False)


def block_bootstrap(
    returns: Float64s,
    *,
    compounded: bool,
    mean_block: float | None = None,
    paths: int = PATHS,
    seed: int = 1,
) -> Paths:
    """Bars or sessions in blocks of random length, so that what follows on what may stay together.

    The stationary bootstrap of Politis & Romano, JASA 89 (1994): blocks of geometric length begin
    anywhere, and the record is a circle.

    Args:
        returns: float64[n], finite, at least one.
        compounded: whether a return is on the account as it is, or on the initial cash.
        mean_block: mean length, at least 1; None: `block_length` of the returns.
    """
    random = np.random.default_rng(seed)
    size = len(returns)
    mean = block_length(returns) if mean_block is None else mean_block

    def drawn(count: int) -> Float64s:
        return returns[block_rows(random, count, size, mean)]

    return _walked(drawn, size, paths, compounded=compounded)


def block_rows(random: np.random.Generator, count: int, size: int, mean_block: float) -> Int64s:
    """int64[count, size]: rows of a record of `size` for each of `count` paths, in blocks."""
    steps = np.arange(size)
    begins = random.random((count, size)) < 1.0 / mean_block
    begins[:, 0] = True
    anywhere: Int64s = random.integers(size, size=(count, size))
    begun = np.maximum.accumulate(np.where(begins, steps, 0), axis=1)
    rows: Int64s = (np.take_along_axis(anywhere, begun, axis=1) + steps - begun) % size
    return rows


def block_length(returns: Float64s) -> float:
    """The mean block that estimates the variance of a mean best, in [1, min(3 sqrt(n), n / 3)].

    Politis & White, Econometric Reviews 23 (2004), for the stationary bootstrap, as corrected by
    Patton, Politis & White 28 (2009): flat-top lag window up to twice the last lag that matters.
    """
    size = len(returns)
    most = max(1.0, min(3.0 * sqrt(size), size / 3.0))
    away = returns - returns.mean()
    in_a_row = max(5, ceil(sqrt(log10(max(size, 2)))))
    lags = min(size - 1, ceil(sqrt(size)) + in_a_row)
    covariance = np.array([away[: size - lag] @ away[lag:] / size for lag in range(lags + 1)])
    if size < 2 * in_a_row or covariance[0] <= 0.0:
        return 1.0
    matters = np.abs(covariance[1:] / covariance[0]) >= 2.0 * sqrt(log10(size) / size)
    quiet = [m for m in range(lags - in_a_row + 1) if not matters[m : m + in_a_row].any()]
    last = quiet[0] if quiet else int(np.flatnonzero(matters)[-1]) + 1
    window = min(2 * max(last, 1), lags)
    lag = np.arange(1, window + 1)
    weighted = np.minimum(1.0, 2.0 * (1.0 - lag / window)) * covariance[1 : window + 1]
    spectrum = covariance[0] + 2.0 * weighted.sum()  # at frequency 0
    slope = 2.0 * (lag * weighted).sum()
    if spectrum <= 0.0:
        return 1.0
    length = (abs(slope) / spectrum) ** (2.0 / 3.0) * size ** (1.0 / 3.0)
    return float(min(max(1.0, length), most))


def _walked(drawn: Callable[[int], Float64s], size: int, paths: int, *, compounded: bool) -> Paths:
    """`paths` of `drawn`, float64[count, size], a bounded number of them at a time."""
    at_once = max(1, _CELLS // size)
    parts = [
        _figures(drawn(min(at_once, paths - done)), compounded=compounded)
        for done in range(0, paths, at_once)
    ]
    return Paths(*(np.concatenate(one) for one in zip(*parts, strict=True)))


def _figures(returns: Float64s, *, compounded: bool) -> Paths:
    """Of each row."""
    growth: Float64s = np.add(returns, 1.0).cumprod(axis=1)
    if not compounded:
        growth = np.add(returns.cumsum(axis=1), 1.0)
    peak = np.maximum(np.maximum.accumulate(growth, axis=1), 1.0)
    fall = ((peak - growth) / peak).max(axis=1)
    mean = returns.mean(axis=1)
    flat = np.ptp(returns, axis=1) == 0.0
    deviation = returns.std(axis=1, ddof=1) if returns.shape[1] > 1 else np.ones(len(returns))
    sharpe = np.where(flat, 0.0, mean / np.where(flat, 1.0, deviation))
    return Paths(growth[:, -1] - 1.0, fall, sharpe)
