"""What W2 asks of everybody: a thousand crosses of averages on one symbol, and which are compared.

Needs numpy alone: the peers import it too. Prices are whole ticks, so that every average is exact
and no tie is broken by the order of additions.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SETS = [(fast, slow) for fast in range(2, 52, 2) for slow in range(55, 255, 5)]
CHECKED = SETS[::100]  # in every part of SETS that somebody slow takes instead
BARS = {"1m": 1, "15m": 15}  # minutes of the market's in one bar
TICK = 0.05


class Closes(NamedTuple):
    open_ns: NDArray[np.int64]
    ticks: NDArray[np.float64]  # close, in whole ticks


class Figures(NamedTuple):
    """Of one set: `sharpe` by the bar, not annualised; `drawdown` >= 0."""

    changes: int
    total_return: float
    drawdown: float
    sharpe: float


def closes(folder: Path, timeframe: str) -> Closes:
    """The first symbol. A session is whole bars of either timeframe."""
    minutes = BARS[timeframe]
    with np.load(folder / "S0000.npz") as columns:
        close = columns["close"][minutes - 1 :: minutes]
        return Closes(columns["open_ns"][::minutes], np.rint(close / TICK))


def figures_of(changes: int, net: NDArray[np.float64]) -> Figures:
    """By the plainest numpy, of what a set earned bar by bar."""
    account = np.cumprod(1.0 + net)
    best = np.maximum(np.maximum.accumulate(account), 1.0)
    deviation = net.std(ddof=1)
    sharpe = net.mean() / deviation if deviation else 0.0
    return Figures(changes, account[-1] - 1.0, (1.0 - account / best).max(), sharpe)


def checks(found: list[Figures]) -> dict[str, float]:
    """Sums over CHECKED."""
    assert len(found) == len(CHECKED)
    return {
        f"{name}_sum": float(sum(getattr(one, name) for one in found)) for name in Figures._fields
    }
