"""How far a Sharpe ratio can be trusted: for its length, its tails, and how many were tried.

All ratios are per period (not annualised) over returns of one period each; kurtosis is 3 for the
normal distribution. Decides nothing: a value that does not exist is None.

Sources: Bailey & Lopez de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk 15 (2012);
"The Deflated Sharpe Ratio", Journal of Portfolio Management 40 (2014); Bailey, Borwein, Lopez de
Prado & Zhu, "Pseudo-Mathematics and Financial Charlatanism", Notices of the AMS 61 (2014).
"""

from math import e, sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from core.types import Float64s

EULER_MASCHERONI = 0.5772156649015329
CONFIDENCE = 0.95
FEWEST = 3  # returns that have a skewness

_NORMAL = NormalDist()


class Moments(NamedTuple):
    """What the formulas need of `length` returns. `sharpe`: mean by sample deviation."""

    length: int
    sharpe: float
    skew: float = 0.0
    kurtosis: float = 3.0

    @property
    def spread(self) -> float:
        """Standard deviation of the estimated Sharpe ratio, times sqrt(length - 1); never 0.

        Mertens' 1 - skew*S + (kurtosis - 1)/4*S^2, which kurtosis >= 1 + skew^2 keeps positive.
        """
        s = self.sharpe
        return sqrt(max(1.0 - self.skew * s + (self.kurtosis - 1.0) / 4.0 * s * s, 1e-12))

    def probability_above(self, benchmark: float) -> float:
        """PSR(benchmark): that the true ratio lies above it (2012, equation 11)."""
        return _NORMAL.cdf((self.sharpe - benchmark) * sqrt(self.length - 1) / self.spread)

    def least_length(self, benchmark: float, confidence: float) -> float | None:
        """MinTRL, in returns (2012, equation 13); None where the ratio is not above at all."""
        if self.sharpe <= benchmark:
            return None
        z = _NORMAL.inv_cdf(confidence)
        return 1.0 + (self.spread * z / (self.sharpe - benchmark)) ** 2


def moments_of(returns: Float64s) -> Moments | None:
    """None for fewer than three returns, equal ones, or one that is not finite."""
    if len(returns) < FEWEST or not np.isfinite(returns).all() or np.ptp(returns) == 0.0:
        return None
    mean = float(returns.mean())
    away = returns - mean
    variance = float((away**2).mean())
    return Moments(
        length=len(returns),
        sharpe=mean / float(returns.std(ddof=1)),
        skew=float((away**3).mean()) / variance**1.5,
        kurtosis=float((away**4).mean()) / variance**2,
    )


def probabilistic_sharpe(returns: Float64s, benchmark: float = 0.0) -> float | None:
    """That the true Sharpe ratio is above `benchmark`, in [0, 1]; None as `moments_of`.

    Args:
        returns: float64[n] of one period each. benchmark: per period, as are all ratios here.
    """
    known = moments_of(returns)
    return None if known is None else known.probability_above(benchmark)


def expected_maximum(trials: int, variance: float) -> float:
    """The best Sharpe ratio that `trials` worthless, independent ones would show (2014, eq. 1).

    Args:
        variance: of the ratios over the trials, per period. One trial selects nothing: 0.
    """
    if trials < 2:
        return 0.0
    return sqrt(variance) * _expected_maximum_z(trials)


def deflated_sharpe(returns: Float64s, trials: int, trials_variance: float) -> float | None:
    """That the true ratio is above 0 although it is the best of `trials` (2014, equation 2).

    Trials that resemble each other count as if they did not: then the answer is too low, never
    too high. None as `moments_of`.
    """
    return probabilistic_sharpe(returns, expected_maximum(trials, trials_variance))


def min_track_record(
    returns: Float64s, benchmark: float = 0.0, confidence: float = CONFIDENCE
) -> float | None:
    """Returns needed before a record like this one shows a ratio above `benchmark`.

    None where no length would do, and as `moments_of`.
    """
    known = moments_of(returns)
    return None if known is None else known.least_length(benchmark, confidence)


def min_backtest_years(trials: int, sharpe: float = 1.0) -> float:
    """Years under which the best of `trials` worthless ones is expected to show `sharpe` a year.

    MinBTL of Bailey, Borwein, Lopez de Prado & Zhu (2014), equation 6; `sharpe` is annualised.
    """
    return 0.0 if trials < 2 else (_expected_maximum_z(trials) / sharpe) ** 2


def _expected_maximum_z(trials: int) -> float:
    """Of `trials` standard normal values, at least 2."""
    return (1.0 - EULER_MASCHERONI) * _NORMAL.inv_cdf(
        1.0 - 1.0 / trials
    ) + EULER_MASCHERONI * _NORMAL.inv_cdf(1.0 - 1.0 / (trials * e))
