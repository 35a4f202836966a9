"""Signals that expect a move to come back: oscillators, extremes and past losers."""

from functools import partial

import polars as pl

from research.signals.recurrences import relative_strength_index
from research.signals.spec import CLOSE, HIGH, LOW, RETURN, Cadence, SignalSpec, growth
from research.signals.windows import deviation, mean, mean_distance


def _channel_index(bars: int) -> pl.Expr:
    typical = pl.col("_typical")
    return (typical - mean(typical, bars)) / (0.015 * mean_distance(typical, bars))


def _band_position(bars: int) -> pl.Expr:
    """0 on the lower band of two deviations, 1 on the upper."""
    return 0.5 + (CLOSE - mean(CLOSE, bars)) / (4.0 * deviation(CLOSE, bars))


_any = partial(SignalSpec, family="reversal")
_daily = partial(_any, cadence=Cadence.DAILY)

SIGNALS = (
    _daily("reversal_1_month", "Jegadeesh 1990", -1, 22, growth(21)),
    _daily("reversal_1_week", "Lehmann 1990", -1, 6, growth(5)),
    _any("last_return", "Nagel 2012, Evaporating Liquidity", -1, 2, RETURN),
    _daily(
        "long_term_reversal",
        "De Bondt & Thaler 1985, three years; Fama & French 1996 leave out the last",
        -1,
        757,
        growth(756, 252),
    ),
    _daily("maximum_return", "Bali, Cakici & Whitelaw 2011 (MAX)", -1, 22, RETURN.rolling_max(21)),
    _daily("minimum_return", "Bali, Cakici & Whitelaw 2011 (MIN)", 0, 22, RETURN.rolling_min(21)),
    _any("rsi_14", "Wilder 1978", -1, 15, relative_strength_index(14)),
    _any("rsi_2", "Connors & Alvarez 2009", -1, 3, relative_strength_index(2)),
    _any(
        "stochastic_14",
        "Lane 1984",
        -1,
        14,
        (CLOSE - LOW.rolling_min(14)) / (HIGH.rolling_max(14) - LOW.rolling_min(14)),
    ),
    _any("channel_index", "Lambert 1980 (CCI, 20 bars)", 0, 20, _channel_index(20)),
    _any("band_position", "Bollinger 2001 (%b, 20 bars)", -1, 20, _band_position(20)),
    _any(
        "return_in_deviations",
        "folklore; the last return by the deviation of 63",
        -1,
        64,
        RETURN / deviation(RETURN, 63),
    ),
    _any(
        "ulcer_index",
        "Martin & McCann 1989 (14 bars)",
        0,
        27,
        mean((CLOSE / CLOSE.rolling_max(14) - 1.0).pow(2), 14).sqrt(),
    ),
)
