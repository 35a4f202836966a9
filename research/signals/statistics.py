"""How sure a mean is: t-statistics of series that overlap, and what luck finds among many.

Pure arithmetic; it decides nothing about signals. NaN values of a series are left out.
"""

import math
from statistics import NormalDist

import numpy as np

from core.types import Float64s

FEWEST = 3  # values: of two a deviation means nothing


def mean_of(values: Float64s) -> float:
    """NaN of nothing."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def deviation_of(values: Float64s) -> float:
    """Sample deviation (n - 1); NaN of fewer than FEWEST values."""
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1)) if len(known) >= FEWEST else math.nan


def t_of_mean(values: Float64s) -> float:
    """mean / (s / sqrt(n)) of independent values; NaN of fewer than FEWEST, or all equal."""
    known = values[np.isfinite(values)]
    deviation = deviation_of(known)
    if not deviation > 0:
        return math.nan
    return float(known.mean() / deviation * math.sqrt(len(known)))


def newey_west_t(values: Float64s, lag: int) -> float:
    """t of the mean of a series whose values share up to `lag` of their neighbours' time.

    var(mean) = (g_0 + 2 sum_{l<=L} (1 - l / (L + 1)) g_l) / n, with g_l = sum e_t e_{t-l} / n;
    not corrected for n. So `lag` = 0 gives `t_of_mean` times sqrt(n / (n - 1)).

    Returns: NaN of fewer than FEWEST values, or all equal.
    Source: Newey and West (1987), Econometrica 55, equation 5, Bartlett's weights.
    """
    known = values[np.isfinite(values)]
    if len(known) < FEWEST:
        return math.nan
    mean = known.mean()
    errors = known - mean
    lag = min(lag, len(known) - 1)
    variance = float(errors @ errors)
    for behind in range(1, lag + 1):
        weight = 1.0 - behind / (lag + 1.0)
        variance += 2.0 * weight * float(errors[behind:] @ errors[:-behind])
    # Equal values leave only what rounding makes of their mean.
    if variance <= len(known) * (1e-12 * abs(mean)) ** 2:
        return math.nan
    return float(mean) * len(known) / math.sqrt(variance)


def two_sided_p(t: float) -> float:
    """Of a t-statistic over many dates: 2 (1 - Phi(|t|))."""
    return math.erfc(abs(t) / math.sqrt(2.0))


def benjamini_hochberg(p: Float64s) -> Float64s:
    """Each p adjusted for how many were tried: the false discovery rate at which it passes.

    q_(i) = min_{j>=i} p_(j) m / j over the sorted ones. NaN stays NaN and is not counted.
    Source: Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57.
    """
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    scaled = p[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def bonferroni(p: Float64s) -> Float64s:
    """Each p times how many were tried, 1 at most. NaN stays NaN and is not counted."""
    adjusted: Float64s = np.minimum(p * np.isfinite(p).sum(), 1.0)
    return adjusted


def luckiest_t(tried: int) -> float:
    """The |t| that the best of `tried` independent, idle signals passes half of the time.

    P(max |Z| <= t) = (2 Phi(t) - 1)^m = 1/2.
    """
    return NormalDist().inv_cdf((1.0 + 0.5 ** (1.0 / tried)) / 2.0)
