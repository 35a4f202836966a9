"""W6's universe: closes and signals of 500 symbols over 750 days, the same for everybody.

Needs numpy alone: it is imported by our side and by the peers' side. A signal knows a little of the
return that follows, so that its coefficients are not all noise.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

SIGNALS, SYMBOLS, DAYS = 50, 500, 750
SEED = 20_260_801


class Universe(NamedTuple):
    closes: Matrix  # [days, symbols]
    signals: list[Matrix]  # each [days, symbols]


def universe(signals: int = SIGNALS) -> Universe:
    """The first `signals` of SIGNALS."""
    random = np.random.default_rng(SEED)
    returns = random.normal(0.0, 0.02, (DAYS, SYMBOLS))
    following = np.vstack([returns[1:], np.zeros((1, SYMBOLS))])
    made = []
    for number in range(signals):
        noise = np.random.default_rng((SEED, number)).normal(0.0, 0.02, (DAYS, SYMBOLS))
        made.append(noise + 0.05 * following)
    return Universe(100.0 * np.cumprod(1.0 + returns, axis=0), made)


def checks(ics: Matrix) -> dict[str, float]:
    """Of each row, one a signal, the mean and the deviation over the days that have one."""
    told = {f"ic_mean_{number}": float(np.nanmean(row)) for number, row in enumerate(ics)}
    return told | {f"ic_std_{number}": float(np.nanstd(row)) for number, row in enumerate(ics)}
