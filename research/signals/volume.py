"""How much is traded and on which side, and how much of it is delivered."""

from functools import partial

import polars as pl

from research.signals.recurrences import exponential_mean
from research.signals.spec import CLOSE, RETURN, VOLUME, Cadence, SignalSpec, positive, ratio, slope
from research.signals.windows import correlation, mean, total

_TYPICAL, _TRADED = pl.col("_typical"), pl.col("_traded")
_DELIVERED = pl.col("deliv_qty")
_SHARE = ratio(_DELIVERED, VOLUME)
_FLOW = (CLOSE.diff().sign() * VOLUME).fill_null(0.0)


def _money_flow_index(bars: int) -> pl.Expr:
    up = pl.when(_TYPICAL.diff() > 0).then(_TRADED).otherwise(0.0)
    moved = pl.when(_TYPICAL.diff() != 0).then(_TRADED).otherwise(0.0)
    warm = _TYPICAL.shift(bars).is_not_null()
    return pl.when(warm).then(100.0 * total(up, bars) / total(moved, bars))


def _shock(values: pl.Expr, bars: int) -> pl.Expr:
    """Logarithm of the value by the mean of the newest `bars`."""
    return (values / mean(values, bars)).log()


_any = partial(SignalSpec, family="volume")
_delivery = partial(SignalSpec, family="delivery", cadence=Cadence.DAILY)

SIGNALS = (
    _any(
        "volume_rank",
        "Gervais, Kaniel & Mingelgrin 2001; rank among the last 50",
        1,
        50,
        VOLUME.rolling_rank(50) / 50.0,
        cadence=Cadence.DAILY,
    ),
    _any("volume_shock", "folklore; logarithm by the mean of 63 bars", 0, 63, _shock(VOLUME, 63)),
    _any(
        "volume_trend",
        "folklore; mean of 5 bars by that of 63",
        0,
        63,
        mean(VOLUME, 5) / mean(VOLUME, 63),
    ),
    _any(
        "on_balance_slope",
        "Granville 1963; slope of OBV over 21 bars by the mean volume",
        1,
        21,
        slope(_FLOW.cum_sum(), 21) / mean(VOLUME, 21),
    ),
    _any(
        "chaikin_money_flow",
        "folklore, after Chaikin (21 bars)",
        1,
        21,
        total(pl.col("_location") * VOLUME, 21) / total(VOLUME, 21),
    ),
    _any("money_flow_index", "Quong & Soudack 1989 (14 bars)", -1, 15, _money_flow_index(14)),
    _any(
        "force_index",
        "Elder 1993; EMA of 13, by the mean volume of 63 and the close",
        1,
        63,
        exponential_mean(CLOSE.diff() * VOLUME, 13) / (mean(VOLUME, 63) * CLOSE),
    ),
    _any(
        "price_volume_correlation",
        "Karpoff 1987; size of returns with volume, 63 bars",
        0,
        64,
        correlation(RETURN.abs(), VOLUME, 63),
    ),
    _any(
        "volume_on_gains",
        "folklore; share of 21 bars' volume on rising closes",
        0,
        21,
        total(positive(_FLOW), 21) / total(VOLUME, 21),
    ),
    _delivery("delivery_share", "folklore of the NSE; delivered by traded", 1, 1, _SHARE),
    _delivery(
        "delivery_share_shock",
        "folklore of the NSE; by the mean of 63 bars",
        1,
        63,
        _SHARE / mean(_SHARE, 63) - 1.0,
    ),
    _delivery(
        "delivered_volume_shock",
        "folklore of the NSE; logarithm by the mean of 63 bars",
        1,
        63,
        _shock(_DELIVERED, 63),
    ),
    _delivery(
        "delivery_weighted_return",
        "folklore of the NSE; mean of 21 returns by their delivered share",
        0,
        22,
        total(RETURN * _SHARE, 21) / total(_SHARE, 21),
    ),
)
