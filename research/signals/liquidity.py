"""What it costs to trade: spreads guessed from prices, impact, and how much is traded."""

import math
from functools import partial

import polars as pl

from research.signals.spec import (
    CLOSE,
    HIGH,
    LOW,
    RETURN,
    VOLUME,
    Cadence,
    SignalSpec,
    positive,
    ratio,
)
from research.signals.windows import covariance, deviation, mean, slope_on, total

_CRORE = 1e7
_TRADED = pl.col("_traded")
_SIGNED = RETURN.sign() * VOLUME
_TRADES, _AVERAGE_PRICE = pl.col("trades"), pl.col("avg_price")


def _roll(bars: int) -> pl.Expr:
    return 2.0 * positive(-covariance(RETURN, RETURN.shift(1), bars)).sqrt()


def _corwin_schultz(bars: int) -> pl.Expr:
    """Mean of the estimates of two bars each, those below zero as zero (their section III)."""
    root = math.sqrt(2.0)
    beta = total((HIGH / LOW).log().pow(2), 2)
    gamma = (HIGH.rolling_max(2) / LOW.rolling_min(2)).log().pow(2)
    alpha = (root - 1.0) / (3.0 - 2.0 * root) * beta.sqrt() - (gamma / (3.0 - 2.0 * root)).sqrt()
    spread = 2.0 * (alpha.exp() - 1.0) / (1.0 + alpha.exp())
    return mean(positive(spread), bars)


def _abdi_ranaldo(bars: int) -> pl.Expr:
    """Mean over pairs of bars of twice the root of (c - middle) (c - middle of the next)."""
    middle, before = (HIGH.log() + LOW.log()) / 2.0, CLOSE.log().shift(1)
    pair = (before - middle.shift(1)) * (before - middle)
    return mean(2.0 * positive(pair).sqrt(), bars)


def _impact(returns: pl.Expr, flow: pl.Expr, bars: int) -> pl.Expr:
    """Slope of the returns on the flow, times the mean volume: a return for a usual bar's."""
    return slope_on(returns, flow, bars) * mean(VOLUME, bars)


_any = partial(SignalSpec, family="liquidity")
_daily = partial(_any, cadence=Cadence.DAILY)

SIGNALS = (
    _any(
        "amihud_illiquidity",
        "Amihud 2002; return a crore of turnover, 21 bars",
        1,
        22,
        mean(ratio(RETURN.abs(), _TRADED / _CRORE), 21),
    ),
    _any(
        "turnover_level",
        "Brennan, Chordia & Subrahmanyam 1998; logarithm of the mean of 21 bars",
        -1,
        21,
        mean(_TRADED, 21).log(),
    ),
    _any(
        "turnover_variability",
        "Chordia, Subrahmanyam & Anshuman 2001; 63 bars",
        -1,
        63,
        deviation(_TRADED, 63) / mean(_TRADED, 63),
    ),
    _any("roll_spread", "Roll 1984; 21 returns, 0 where they do not alternate", 1, 23, _roll(21)),
    _any("corwin_schultz_spread", "Corwin & Schultz 2012", 1, 22, _corwin_schultz(21)),
    _any("abdi_ranaldo_spread", "Abdi & Ranaldo 2017", 1, 22, _abdi_ranaldo(21)),
    _any(
        "kyle_lambda",
        "Kyle 1985; slope of returns on signed volume, 63 bars",
        1,
        64,
        _impact(RETURN, _SIGNED, 63),
    ),
    _any(
        "volume_reversal",
        "Pastor & Stambaugh 2003; slope of returns on the signed volume before, 63 bars",
        0,
        65,
        _impact(RETURN, _SIGNED.shift(1), 63),
    ),
    _any(
        "zero_return_share",
        "Lesmond, Ogden & Trzcinka 1999; 63 returns",
        1,
        64,
        mean((RETURN == 0).cast(pl.Float64), 63),
    ),
    _daily(
        "trade_size",
        "folklore; volume a trade by its mean of 63 bars",
        0,
        63,
        ratio(VOLUME, _TRADES) / mean(ratio(VOLUME, _TRADES), 63),
    ),
    _daily(
        "trade_count_shock",
        "Jones, Kaul & Lipson 1994; logarithm by the mean of 63 bars",
        0,
        63,
        (_TRADES / mean(_TRADES, 63)).log(),
    ),
    _daily(
        "close_over_average_price",
        "folklore; the close against the average price of the session",
        -1,
        1,
        ratio(CLOSE, _AVERAGE_PRICE) - 1.0,
    ),
)
