"""How much prices move: deviations, range estimators and the shape of returns.

The estimators are deviations a bar, not annualised.
"""

import math
from functools import partial

import polars as pl

from research.signals.spec import (
    ATR,
    CLOSE,
    HIGH,
    LOG,
    LOW,
    OPEN,
    RETURN,
    Cadence,
    SignalSpec,
    positive,
    ratio,
)
from research.signals.windows import correlation, deviation, mean, total, variance

_RANGE = (HIGH / LOW).log()
_OVERNIGHT, _BODY = (OPEN / pl.col("_previous")).log(), (CLOSE / OPEN).log()
_ROGERS_SATCHELL = (HIGH / CLOSE).log() * (HIGH / OPEN).log() + (LOW / CLOSE).log() * (
    LOW / OPEN
).log()
_GARMAN_KLASS = 0.5 * _RANGE**2 - (2.0 * math.log(2.0) - 1.0) * _BODY**2


def _root(variances: pl.Expr) -> pl.Expr:
    return positive(variances).sqrt()


def _yang_zhang(bars: int) -> pl.Expr:
    weight = 0.34 / (1.34 + (bars + 1) / (bars - 1))
    between = variance(_OVERNIGHT, bars) + weight * variance(_BODY, bars)
    return _root(between + (1.0 - weight) * mean(_ROGERS_SATCHELL, bars))


def _moment(power: int, bars: int) -> pl.Expr:
    """Realised moment about zero: mean r^k by the mean r^2 to k / 2."""
    return mean(RETURN.pow(power), bars) / mean(RETURN.pow(2), bars).pow(power / 2)


def _jump(bars: int) -> pl.Expr:
    """Sum of the squared gains less the squared losses, by that of all."""
    return total(RETURN * RETURN.abs(), bars) / total(RETURN.pow(2), bars)


def _variance_ratio(step: int, bars: int) -> pl.Expr:
    return variance(total(LOG, step), bars) / (step * variance(LOG, bars))


_any = partial(SignalSpec, family="volatility")
_daily = partial(_any, cadence=Cadence.DAILY)

SIGNALS = (
    _daily("volatility_252", "Blitz & van Vliet 2007", -1, 253, deviation(RETURN, 252)),
    _daily("volatility_21", "Ang, Hodrick, Xing & Zhang 2006", -1, 22, deviation(RETURN, 21)),
    _any(
        "volatility_ratio",
        "folklore; deviation of 5 bars by that of 63",
        0,
        64,
        deviation(RETURN, 5) / deviation(RETURN, 63),
    ),
    _any(
        "parkinson",
        "Parkinson 1980 (21 bars)",
        0,
        21,
        _root(mean(_RANGE.pow(2), 21) / (4.0 * math.log(2.0))),
    ),
    _any(
        "garman_klass",
        "Garman & Klass 1980 (21 bars)",
        0,
        21,
        _root(mean(_GARMAN_KLASS, 21)),
    ),
    _any(
        "rogers_satchell",
        "Rogers & Satchell 1991 (21 bars)",
        0,
        21,
        _root(mean(_ROGERS_SATCHELL, 21)),
    ),
    _daily("yang_zhang", "Yang & Zhang 2000 (21 bars)", 0, 22, _yang_zhang(21)),
    _any("true_range_share", "Wilder 1978 (ATR of 14 bars, by the close)", 0, 14, ATR / CLOSE),
    _any(
        "range_expansion",
        "Crabel 1990; true range by its average",
        0,
        14,
        ratio(pl.col("_true_range"), ATR),
    ),
    _any(
        "narrow_range_7",
        "Crabel 1990 (NR7); range by the narrowest of 7",
        0,
        7,
        (HIGH - LOW) / (HIGH - LOW).rolling_min(7),
    ),
    _any("signed_jump", "Bollerslev, Li & Zhao 2020; 21 returns", -1, 22, _jump(21)),
    _any(
        "realised_skewness",
        "Amaya, Christoffersen, Jacobs & Vasquez 2015; 21 returns",
        -1,
        22,
        _moment(3, 21),
    ),
    _any(
        "realised_kurtosis",
        "Amaya, Christoffersen, Jacobs & Vasquez 2015; 21 returns",
        1,
        22,
        _moment(4, 21),
    ),
    _any(
        "volatility_of_volatility",
        "Baltussen, van Bekkum & van der Grient 2018; of ranges instead of implied",
        -1,
        21,
        deviation(_RANGE, 21) / mean(_RANGE, 21),
    ),
    _any("variance_ratio", "Lo & MacKinlay 1988; 5 bars, over 63", 0, 68, _variance_ratio(5, 63)),
    _any(
        "return_autocorrelation",
        "Lo & MacKinlay 1990; 63 returns",
        0,
        65,
        correlation(RETURN, RETURN.shift(1), 63),
    ),
)
