"""Some of the "101 Formulaic Alphas" (Kakushadze 2016), by their numbers.

Written as the paper defines them, also where that leaves a price in rupees: they are meant to be
ranked across symbols. `rank` is across the symbols of a stamp.
"""

import polars as pl

from research.signals.spec import CLOSE, HIGH, LOW, OPEN, VOLUME, Cadence, SignalSpec, ratio
from research.signals.windows import correlation, mean

_AVERAGE_PRICE = pl.col("avg_price")
_CHANGE = CLOSE.diff()
_RANK_OPEN, _RANK_VOLUME = pl.col("_rank_open"), pl.col("_rank_volume")


def _alpha(number: int, lookback: int, expression: pl.Expr) -> SignalSpec:
    return SignalSpec(
        f"alpha_{number:03}",
        f"Kakushadze 2016, #{number}",
        1,
        lookback,
        expression,
        family="formula",
        cadence=Cadence.DAILY,
    )


def _trend_or_reversal(bars: int) -> pl.Expr:
    """The last change where all of the newest had one sign, else its negative."""
    one_sign = (_CHANGE.rolling_min(bars) > 0) | (_CHANGE.rolling_max(bars) < 0)
    return pl.when(one_sign).then(_CHANGE).when(one_sign.not_()).then(-_CHANGE)


SIGNALS = (
    _alpha(2, 8, -correlation(pl.col("_rank_volume_growth"), pl.col("_rank_body"), 6)),
    _alpha(3, 10, -correlation(_RANK_OPEN, _RANK_VOLUME, 10)),
    _alpha(6, 10, -correlation(OPEN, VOLUME, 10)),
    _alpha(9, 6, _trend_or_reversal(5)),
    _alpha(12, 2, -VOLUME.diff().sign() * _CHANGE),
    _alpha(
        23,
        20,
        pl.when(mean(HIGH, 20) < HIGH).then(-HIGH.diff(2)).when(mean(HIGH, 20) >= HIGH).then(0.0),
    ),
    _alpha(33, 1, pl.col("_rank_opening")),
    _alpha(41, 1, (HIGH * LOW).sqrt() - _AVERAGE_PRICE),
    _alpha(42, 1, ratio(pl.col("_rank_under"), pl.col("_rank_over"))),
    _alpha(44, 5, -correlation(HIGH, _RANK_VOLUME, 5)),
    _alpha(53, 10, -ratio(2.0 * CLOSE - LOW - HIGH, CLOSE - LOW).diff(9)),
    _alpha(54, 1, ratio((CLOSE - LOW) * OPEN.pow(5), (LOW - HIGH) * CLOSE.pow(5))),
    _alpha(55, 17, -correlation(pl.col("_rank_place"), _RANK_VOLUME, 6)),
    _alpha(101, 1, (CLOSE - OPEN) / (HIGH - LOW + 0.001)),
)
