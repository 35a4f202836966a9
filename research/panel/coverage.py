"""What a frame does not have: sessions without a row, prices that are not there.

It decides nothing: a hole is told, never filled, and the caller judges it.
"""

from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from core.errors import DataError
from core.session import parse_day, past_session
from core.session_table import FIRST_COVERED_DAY, LAST_COVERED_DAY, SPECIAL_DAYS
from core.types import Market, SessionClass
from providers.raw_bars import PRICES


class Coverage(NamedTuple):
    """Holes of a frame between its first and its last date.

    `symbols`: of each symbol `rows`, `first` and `last` date, `days` with a row, `missing_days`
    (between those two, other symbols have rows on them) and `no_price` (rows that lack a price).
    `missing`: sessions of the calendar without any row. `doubtful`: weekdays without any row before
    the calendar knows holidays, so mostly these. `missing_months`: "2023-02", with no row at all.
    """

    symbols: pl.DataFrame
    missing: list[date]
    doubtful: list[date]
    missing_months: list[str]


def coverage(lf: pl.LazyFrame, market: Market = Market.NSE) -> Coverage:
    """Look for the holes of a frame of `load_dataset`. Raises DataError if it has no rows."""
    lacks = pl.any_horizontal(pl.col(name).is_null() | pl.col(name).is_nan() for name in PRICES)
    days = (
        lf.group_by("symbol", "date")
        .agg(rows=pl.len(), no_price=lacks.sum())
        .sort("symbol", "date")
        .collect()
    )
    if days.is_empty():
        raise DataError("coverage: the frame has no rows")
    dates = days["date"].unique().sort()
    place = pl.col("date").replace_strict(dates, np.arange(len(dates)), return_dtype=pl.Int64)
    symbols = (
        days.group_by("symbol", maintain_order=True)
        .agg(
            pl.col("rows").sum(),
            first=pl.col("date").min(),
            last=pl.col("date").max(),
            days=pl.len(),
            missing_days=place.max() - place.min() + 1 - pl.len().cast(pl.Int64),
            no_price=pl.col("no_price").sum(),
        )
        .sort("symbol")
    )
    present = set(dates.to_list())
    sessions = pl.date_range(dates[0], dates[-1], eager=True).to_list()
    absent = [day for day in sessions if day not in present and _has_session(day, market)]
    months = {f"{day:%Y-%m}" for day in absent} - {f"{day:%Y-%m}" for day in present}
    return Coverage(
        symbols,
        missing=[day for day in absent if _is_certain(day, market)],
        doubtful=[day for day in absent if not _is_certain(day, market)],
        missing_months=sorted(months),
    )


def _has_session(day: date, market: Market) -> bool:
    if market is Market.ALWAYS_OPEN:
        return True
    if day.isoformat() > LAST_COVERED_DAY:
        return False  # no calendar to miss it by
    return past_session(parse_day(day.isoformat()), SessionClass.CASH) is not None


def _is_certain(day: date, market: Market) -> bool:
    text = day.isoformat()
    return market is Market.ALWAYS_OPEN or text >= FIRST_COVERED_DAY or text in SPECIAL_DAYS
