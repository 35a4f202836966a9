"""Matrices of a universe: every row in its cell, NaN everywhere else."""

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError, DataError
from core.session import parse_day
from research.panel.matrix import panel_of

ZONE = "Asia/Kolkata"


def frame(*rows: tuple[str, datetime | None, float | None]) -> pl.LazyFrame:
    columns = {"symbol": pl.String(), "ts": pl.Datetime("ms"), "close": pl.Float64()}
    return pl.LazyFrame(rows, columns, orient="row").with_columns(
        pl.col("ts").dt.replace_time_zone(ZONE)
    )


MORNING, NOON = datetime(2024, 1, 1, 9, 15), datetime(2024, 1, 1, 12)  # noqa: DTZ001  # zone below
NEXT = datetime(2024, 1, 2, 9, 15)  # noqa: DTZ001


def test_a_row_is_in_the_cell_of_its_stamp_and_symbol_and_the_rest_is_nan() -> None:
    panel = panel_of(
        frame(("B", NEXT, 4.0), ("A", MORNING, 1.0), ("B", NOON, 3.0), ("A", NOON, None)), ["close"]
    )

    assert ["A", "B"] == panel.symbols
    np.testing.assert_array_equal(
        [[1.0, np.nan], [np.nan, 3.0], [np.nan, 4.0]], panel.fields["close"]
    )
    assert [parse_day("2024-01-01")] * 2 + [parse_day("2024-01-02")] == panel.days.tolist()
    assert [0, 0, 1] == panel.sessions.tolist()
    assert 1704080700_000_000_000 == panel.stamps_ns[0]  # 2024-01-01 03:45 UTC


def test_a_masked_row_is_nan_in_every_field_and_counts_as_crossed_from_then_on() -> None:
    rows = frame(("A", MORNING, 1.0), ("A", NOON, 9.0), ("A", NEXT, 9.5), ("B", NEXT, 2.0))
    panel = panel_of(
        rows.with_columns(masked=pl.col("close") == 9.0, volume=7), ["close", "volume"]
    )

    np.testing.assert_array_equal([1.0, np.nan, 9.5], panel.fields["close"][:, 0])
    np.testing.assert_array_equal([7.0, np.nan, 7.0], panel.fields["volume"][:, 0])
    np.testing.assert_array_equal([[0, 0], [1, 0], [1, 0]], panel.crossings)


def test_the_date_of_a_row_is_the_session_date_of_the_frame() -> None:
    # A 24x7 market keeps UTC days: 23:00 UTC is already tomorrow in India.
    late = frame(("A", datetime(2024, 1, 2, 4, 30), 1.0))  # noqa: DTZ001
    assert parse_day("2024-01-02") == panel_of(late, ["close"]).days[0]

    utc = late.with_columns(date=pl.lit(date(2024, 1, 1)))
    assert parse_day("2024-01-01") == panel_of(utc, ["close"]).days[0]


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from("ABC")), min_size=1, unique=True))
def test_the_matrix_holds_exactly_the_rows_of_the_frame(cells: list[tuple[int, str]]) -> None:
    stamps = pl.Series([minute for minute, _ in cells]) * 60_000
    panel = panel_of(
        pl.LazyFrame(
            {
                "symbol": [symbol for _, symbol in cells],
                "ts": stamps.cast(pl.Datetime("ms", "UTC")),
                "close": [float(100 * minute + ord(symbol)) for minute, symbol in cells],
            }
        ),
        ["close"],
    )

    close = panel.fields["close"]
    found = {
        (int(panel.stamps_ns[t]) // 60_000_000_000, panel.symbols[n], close[t, n])
        for t, n in zip(*np.nonzero(~np.isnan(close)), strict=True)
    }
    assert {(m, s, float(100 * m + ord(s))) for m, s in cells} == found
    assert (np.diff(panel.stamps_ns) > 0).all()


def test_what_cannot_be_a_panel_is_one_clear_line() -> None:
    rows = frame(("A", MORNING, 1.0))

    with pytest.raises(ConfigError, match=r"no column 'vwap'; there are symbol, ts, close"):
        panel_of(rows, ["vwap"])
    with pytest.raises(ConfigError, match="column 'symbol' is String, it must be a number"):
        panel_of(rows, ["symbol"])
    with pytest.raises(DataError, match="the frame has no rows"):
        panel_of(rows.head(0), ["close"])
    with pytest.raises(DataError, match=r"A has 2 rows at 2024-01-01T09:15:00\+05:30"):
        panel_of(pl.concat([rows, rows]), ["close"])
    with pytest.raises(DataError, match="a row has no symbol or no stamp"):
        panel_of(frame(("A", None, 1.0)), ["close"])
