"""An external daily series: yesterday's value and never today's, and files that are none."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import ConfigError, DataError
from strategies.volatility import Volatility

FIRST = 20_000  # 2024-10-04
TEXT = "date,value\n2024-10-04,12.5\n2024-10-07,31.0\n2024-10-08,24.9\n"


def csv(folder: Path, text: str) -> str:
    path = folder / "vix.csv"
    path.write_text(text)
    return str(path)


def test_a_day_is_judged_by_the_last_value_before_it(tmp_path: Path) -> None:
    days = np.arange(FIRST - 1, FIRST + 7)
    calm = Volatility(csv(tmp_path, TEXT)).calm(days, 25.0)

    # the 3rd and 4th: nothing known; 5th to 7th: 12.5; the 8th: 31.0; then 24.9
    assert [True] * 5 + [False, True, True] == calm.tolist()


def test_without_a_series_every_day_is_calm() -> None:
    assert [True, True] == Volatility(None).calm(np.array([0, FIRST]), 25.0).tolist()


def test_a_parquet_file_is_read_as_well(tmp_path: Path) -> None:
    path = tmp_path / "vix.parquet"
    pl.DataFrame({"date": [date(2024, 10, 4)], "value": [30]}).write_parquet(path)

    assert [False] == Volatility(str(path)).calm(np.array([FIRST + 1]), 25.0).tolist()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("date,vix\n2024-10-04,1\n", "has no column value"),
        ("date,value\nsoon,1\n", "is not a table of date, value"),
        ("date,value\n2024-10-04,\n", "a row without a date or a finite value"),
        ("date,value\n2024-10-04,NaN\n", "a row without a date or a finite value"),
        ("date,value\n2024-10-07,1\n2024-10-04,1\n", "its dates do not rise"),
    ],
)
def test_what_is_no_series_is_told_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        Volatility(csv(tmp_path, text))


def test_a_missing_file_is_told() -> None:
    with pytest.raises(ConfigError, match="no such file"):
        Volatility("nowhere.csv")
