"""The series of W7 and what its figures are called: a million returns of a fixed seed.

Needs numpy alone: the peers import it too.
"""

import numpy as np
from numpy.typing import NDArray

COUNT = 1_000_000
PERIODS_PER_YEAR = 252.0
CHECKED = ("sharpe", "sortino", "volatility", "total_return", "max_drawdown")


def series() -> NDArray[np.float64]:
    return np.random.default_rng(20_261_120).normal(5e-6, 1e-3, COUNT)
