"""A share beside all others: the market is the mean return of the symbols of a stamp."""

from functools import partial

import polars as pl

from research.signals.spec import RETURN, Cadence, SignalSpec
from research.signals.windows import residual_deviation, skewness, slope_on, total

_MARKET = pl.col("_market")
_EXCESS = RETURN - _MARKET


def _residual_momentum(bars: int) -> pl.Expr:
    """What is left of the sum of returns beyond beta times the market's, in deviations."""
    beta = slope_on(RETURN, _MARKET, bars)
    left = total(RETURN, bars) - beta * total(_MARKET, bars)
    return left / residual_deviation(RETURN, _MARKET, bars)


_market = partial(SignalSpec, family="market", cadence=Cadence.DAILY)

SIGNALS = (
    _market(
        "market_beta",
        "Frazzini & Pedersen 2014; one window of 252",
        -1,
        253,
        slope_on(RETURN, _MARKET, 252),
    ),
    _market(
        "idiosyncratic_volatility",
        "Ang, Hodrick, Xing & Zhang 2006; one factor, 21 returns",
        -1,
        22,
        residual_deviation(RETURN, _MARKET, 21),
    ),
    _market(
        "residual_momentum",
        "Blitz, Huij & Martens 2011; one factor, the last month left out",
        1,
        253,
        _residual_momentum(231).shift(21),
    ),
    _market(
        "residual_skewness",
        "Boyer, Mitton & Vorkink 2010; of returns beyond the market's, 126",
        -1,
        127,
        skewness(_EXCESS, 126),
    ),
    _market(
        "relative_strength",
        "Levy 1967; returns beyond the market's, 126",
        1,
        127,
        total(_EXCESS, 126),
    ),
)
