"""Where a bar closed, what happened overnight, and what the calendar says."""

from functools import partial

import polars as pl

from research.signals.spec import (
    CLOSE,
    DAY,
    HIGH,
    LOW,
    OPEN,
    RETURN,
    Cadence,
    SignalSpec,
    growth,
    ratio,
)
from research.signals.windows import total

_OVERNIGHT = ratio(OPEN, pl.col("_previous")).log()
_DAYTIME = ratio(CLOSE, OPEN).log()


def _same_weekday(weeks: int) -> pl.Expr:
    """Mean of the returns 5, 10, ... bars before the bar that comes next."""
    return pl.sum_horizontal(
        *(RETURN.shift(5 * week - 1) for week in range(1, weeks + 1)), ignore_nulls=False
    ) / float(weeks)


def _same_month(years: int) -> pl.Expr:
    """Mean growth over the month that comes next, in the years before."""
    months = [
        growth(252 * year, 252 * year - 21)  # of closes 252 and 231 bars ago, and so on
        for year in range(1, years + 1)
    ]
    return pl.sum_horizontal(*months, ignore_nulls=False) / float(years)


_place = partial(SignalSpec, family="place in the bar")
_overnight = partial(SignalSpec, family="overnight", cadence=Cadence.DAILY)
_calendar = partial(SignalSpec, family="calendar", cadence=Cadence.DAILY)

SIGNALS = (
    _place(
        "close_location",
        "folklore, after Chaikin; -1 at the low, 1 at the high",
        0,
        1,
        pl.col("_location"),
    ),
    _place(
        "shadow_balance",
        "Nison 1991; lower less upper shadow, by the range",
        0,
        1,
        ratio(
            pl.min_horizontal(OPEN, CLOSE) - LOW - HIGH + pl.max_horizontal(OPEN, CLOSE),
            HIGH - LOW,
        ),
    ),
    _place("price_level", "Blume & Husic 1973; logarithm of the close", -1, 1, CLOSE.log()),
    _overnight(
        "overnight_gap", "folklore; open against the close before", -1, 2, _OVERNIGHT.exp() - 1.0
    ),
    _overnight(
        "overnight_momentum",
        "Lou, Polk & Skouras 2019; 21 nights",
        0,
        22,
        total(_OVERNIGHT, 21),
    ),
    _overnight("daytime_momentum", "Lou, Polk & Skouras 2019; 21 days", 0, 21, total(_DAYTIME, 21)),
    _overnight(
        "tug_of_war",
        "Lou, Polk & Skouras 2019; 21 nights less 21 days",
        0,
        22,
        total(_OVERNIGHT - _DAYTIME, 21),
    ),
    _calendar(
        "same_weekday",
        "Keloharju, Linnainmaa & Nyberg 2016; 20 weeks",
        1,
        101,
        _same_weekday(20),
    ),
    _calendar("same_month", "Heston & Sadka 2008; 3 years", 1, 757, _same_month(3)),
    _calendar(
        "turn_of_month",
        "Lakonishok & Smidt 1988; 1 from the 27th to the 2nd, alike for every symbol",
        1,
        1,
        (~pl.col(DAY).cast(pl.Date).dt.day().is_between(3, 26)).cast(pl.Float64),
    ),
)
