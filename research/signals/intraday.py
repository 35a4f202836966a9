"""Signals that know the session: nothing is carried over its close but what they name.

`_minute` counts from the opening of the session's first bar, so an evening session has its own.
"""

from functools import partial

import polars as pl

from research.signals.spec import CLOSE, MINUTE, Cadence, SignalSpec, ratio

_OPENED, _BEFORE = pl.col("_session_open"), pl.col("_before")


def _between(value: pl.Expr, low: str, high: str) -> pl.Expr:
    """0 at the lower of two columns, 1 at the upper."""
    return ratio(value - pl.col(low), pl.col(high) - pl.col(low))


def _after(minutes: int, value: pl.Expr) -> pl.Expr:
    """Null in bars that opened in the first `minutes` of the session."""
    return pl.when(pl.col(MINUTE) >= minutes).then(value)


_intraday = partial(SignalSpec, family="intraday", cadence=Cadence.INTRADAY)

SIGNALS = (
    _intraday(
        "session_return", "folklore; since the session's open", 0, 1, ratio(CLOSE, _OPENED) - 1.0
    ),
    _intraday(
        "day_return",
        "folklore; since the close before",
        0,
        1,
        ratio(CLOSE, _BEFORE) - 1.0,
        sessions=1,
    ),
    _intraday(
        "session_gap",
        "folklore; held all session",
        -1,
        1,
        ratio(_OPENED, _BEFORE) - 1.0,
        sessions=1,
    ),
    _intraday(
        "vwap_distance",
        "folklore; Berkowitz, Logue & Noser 1988 for the VWAP, here of typical prices",
        -1,
        1,
        ratio(CLOSE, ratio(pl.col("_session_traded"), pl.col("_session_volume"))) - 1.0,
    ),
    _intraday(
        "opening_range_position",
        "Crabel 1990; in the range of the first 15 minutes",
        1,
        2,
        _after(15, _between(CLOSE, "_range_low", "_range_high")),
    ),
    _intraday(
        "first_half_hour",
        "Gao, Han, Li & Zhou 2018; from the close before to 30 minutes",
        1,
        2,
        _after(30, ratio(pl.col("_half_hour"), _BEFORE) - 1.0),
        sessions=1,
    ),
    _intraday(
        "session_range_position",
        "folklore; in the session's range so far",
        0,
        1,
        _between(CLOSE, "_session_low", "_session_high"),
    ),
    _intraday(
        "prior_range_position",
        "folklore (floor pivots); in the range of the session before",
        0,
        1,
        _between(CLOSE, "_low_before", "_high_before"),
        sessions=1,
    ),
    _intraday(
        "relative_volume",
        "folklore; so far, by the mean of 5 sessions at this time",
        0,
        1,
        ratio(pl.col("_session_volume"), pl.col("_usual_volume")),
        sessions=5,
    ),
    _intraday(
        "same_time_return",
        "Heston, Korajczyk & Sadka 2010; the next bar's in 5 sessions before",
        1,
        1,
        pl.col("_usual_next"),
        sessions=5,
    ),
)
