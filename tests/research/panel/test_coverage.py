"""Holes of a frame are told: of a symbol, of the calendar, of prices."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from core.errors import DataError
from core.types import Market
from research.panel.coverage import coverage
from research.panel.dataset import load_dataset


def frame(*rows: tuple[str, date, float | None]) -> pl.LazyFrame:
    names = ("open", "high", "low")
    kinds = {"symbol": pl.String(), "date": pl.Date(), "close": pl.Float64()}
    return pl.LazyFrame(rows, kinds, orient="row").with_columns(
        pl.lit(1.0).alias(name) for name in names
    )


def january(day: int) -> date:
    return date(2024, 1, day)


def test_missing_sessions_are_those_of_the_calendar() -> None:
    # 2024-01-20 was a full trading Saturday, 01-22 and 01-26 were closed.
    found = coverage(
        frame(
            ("A", january(18), 1.0),
            ("A", january(24), float("nan")),
            ("B", january(18), None),
            ("B", january(19), 1.0),
            ("B", january(29), 1.0),
        )
    )

    assert [january(20), january(23), january(25)] == found.missing
    assert [] == found.doubtful == found.missing_months
    assert [
        ("A", 2, january(18), january(24), 2, 1, 1),
        ("B", 3, january(18), january(29), 3, 1, 1),
    ] == found.symbols.rows()


def test_before_the_calendar_knows_holidays_a_weekday_is_doubtful() -> None:
    # 2021-11-05 was a holiday, 11-04 had its Muhurat evening.
    found = coverage(frame(("A", date(2021, 11, 3), 1.0), ("A", date(2021, 11, 8), 1.0)))

    assert [date(2021, 11, 4)] == found.missing
    assert [date(2021, 11, 5)] == found.doubtful


def test_a_month_without_a_row_is_named() -> None:
    found = coverage(frame(("A", january(31), 1.0), ("A", date(2024, 3, 1), 1.0)))
    assert ["2024-02"] == found.missing_months

    always = coverage(frame(("A", january(1), 1.0), ("A", january(3), 1.0)), Market.ALWAYS_OPEN)
    assert [january(2)] == always.missing


def test_a_frame_without_rows_is_one_clear_line() -> None:
    with pytest.raises(DataError, match="coverage: the frame has no rows"):
        coverage(frame())


@pytest.mark.slow
def test_missing_days_of_the_real_daily_file_are_found(shared: Path) -> None:
    found = coverage(load_dataset(shared / "data" / "nse_daily_raw_2019-08_2024-12.parquet"))

    assert [date(2021, 11, 4)] == found.missing  # its Muhurat evening
    assert ["2019-09"] == found.missing_months
    assert date(2022, 8, 8) in found.doubtful
    whole = found.symbols.filter(pl.col("first") <= date(2019, 10, 1), pl.col("days") >= 1_302)
    assert 145 == whole.height
