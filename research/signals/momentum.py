"""Signals that expect a move to go on: trends over weeks to a year, and where the price stands."""

from functools import partial

import polars as pl

from research.signals.recurrences import exponential_mean, signed_directional_index
from research.signals.spec import (
    ATR,
    CLOSE,
    HIGH,
    LOW,
    RETURN,
    Cadence,
    SignalSpec,
    growth,
    ratio,
    slope,
)
from research.signals.windows import correlation, deviation, mean, total


def _bars_since(values: pl.Expr, extreme: pl.Expr, bars: int) -> pl.Expr:
    """How long ago the newest of the last `bars` values was that equals their extreme."""
    ages = [pl.when(values.shift(age) == extreme).then(age) for age in range(bars)]
    return pl.coalesce(ages)


def _macd() -> pl.Expr:
    line = exponential_mean(CLOSE, 12) - exponential_mean(CLOSE, 26)
    return ratio(line - exponential_mean(line, 9), CLOSE)


def _clarity(bars: int) -> pl.Expr:
    """A year's growth along the line through the logarithms, times its R^2."""
    fit = correlation(CLOSE.log(), pl.col("_number"), bars)
    return ((250.0 * slope(CLOSE.log(), bars)).exp() - 1.0) * fit**2


_any = partial(SignalSpec, family="momentum")
_daily = partial(_any, cadence=Cadence.DAILY)

SIGNALS = (
    _daily("momentum_12_1", "Jegadeesh & Titman 1993; a month left out", 1, 253, growth(252, 21)),
    _daily("momentum_6_1", "Jegadeesh & Titman 1993; a month left out", 1, 127, growth(126, 21)),
    _daily("momentum_3_0", "Jegadeesh & Titman 1993", 1, 64, growth(63)),
    _daily("intermediate_momentum", "Novy-Marx 2012", 1, 253, growth(252, 126)),
    _daily(
        "risk_adjusted_momentum",
        "Barroso & Santa-Clara 2015; each share by its own deviation of 126 sessions",
        1,
        253,
        growth(252, 21) / deviation(RETURN, 126),
    ),
    _daily(
        "time_series_momentum",
        "Moskowitz, Ooi & Pedersen 2012; deviation of 63 sessions",
        1,
        253,
        growth(252) / deviation(RETURN, 63),
    ),
    _daily("high_52_week", "George & Hwang 2004", 1, 252, CLOSE / HIGH.rolling_max(252)),
    _daily(
        "information_discreteness",
        "Da, Gurun & Warachka 2014; momentum lasts longer where it is low",
        0,
        253,
        -growth(252).sign() * mean(RETURN.sign(), 252),
    ),
    _daily(
        "momentum_acceleration",
        "Gettleman & Marks 2006",
        1,
        253,
        growth(126) - growth(252, 126),
    ),
    _daily(
        "moving_average_distance",
        "Avramov, Kaplanski & Subrahmanyam 2021",
        1,
        200,
        mean(CLOSE, 21) / mean(CLOSE, 200),
    ),
    _daily(
        "close_over_mean_200",
        "Brock, Lakonishok & LeBaron 1992",
        1,
        200,
        CLOSE / mean(CLOSE, 200) - 1.0,
    ),
    _daily("trend_clarity", "Clenow 2015, Stocks on the Move", 1, 90, _clarity(90)),
    _any("macd_histogram", "Appel 1979; by the close", 1, 34, _macd()),
    _any(
        "ema_distance",
        "Keltner 1960; in average true ranges",
        1,
        20,
        ratio(CLOSE - exponential_mean(CLOSE, 20), ATR),
    ),
    _any(
        "efficiency_ratio",
        "Kaufman 1995, Smarter Trading; with the sign of the move",
        1,
        11,
        CLOSE.diff(10) / total(CLOSE.diff().abs(), 10),
    ),
    _any(
        "aroon_oscillator",
        "Chande 1995",
        1,
        26,
        4.0
        * (_bars_since(LOW, LOW.rolling_min(26), 26) - _bars_since(HIGH, HIGH.rolling_max(26), 26)),
    ),
    _any(
        "directional_index",
        "Wilder 1978; ADX with the sign of +DI - -DI",
        1,
        28,
        signed_directional_index(14),
    ),
    _any(
        "donchian_breakout",
        "Donchian 1960; beyond the highest of 20 bars, in average true ranges",
        1,
        21,
        ratio(CLOSE - HIGH.rolling_max(20).shift(1), ATR),
    ),
)
