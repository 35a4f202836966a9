"""An external daily series, such as a volatility index: what was known of it yesterday.

A table of `date, value` (CSV or Parquet). A day is told the value of the last date before it, never
its own; without a series, or before its first date, every day is calm.
"""

from pathlib import Path

import numpy as np

from core.errors import ConfigError, DataError
from core.types import Bools, Float64s, Int64s

COLUMNS = ("date", "value")


class Volatility:
    """Values by date; `path` None: no series. Raises ConfigError, DataError."""

    def __init__(self, path: str | None) -> None:
        self.days: Int64s = np.zeros(0, np.int64)
        self.values: Float64s = np.zeros(0)
        if path is not None:
            self.days, self.values = _read(path)

    def calm(self, days: np.ndarray, limit: float) -> Bools:
        """Whether the value known before each of `days` (since 1970-01-01) was under `limit`."""
        known = np.searchsorted(self.days, days, "left") - 1
        if not len(self.days):
            return np.ones(len(days), np.bool_)
        calm: Bools = (known < 0) | (self.values[known.clip(min=0)] < limit)
        return calm


def _read(path: str) -> tuple[Int64s, Float64s]:
    import polars as pl  # a tenth of a second that nobody else needs

    if not Path(path).is_file():
        raise ConfigError(f"volatility_path {path}: no such file")
    try:
        if Path(path).suffix == ".csv":
            table = pl.read_csv(path, try_parse_dates=True)
        else:
            table = pl.read_parquet(path)
        missing = [column for column in COLUMNS if column not in table.columns]
        if missing:
            raise DataError(f"{path} has no column {', '.join(missing)}")
        table = table.select(
            pl.col("date").cast(pl.Date).cast(pl.Int32).cast(pl.Int64),
            pl.col("value").cast(pl.Float64),
        )
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path} is not a table of date, value: {error}") from error
    days, values = table["date"].to_numpy(), table["value"].to_numpy()
    if table.null_count().sum_horizontal()[0] or not np.isfinite(values).all():
        raise DataError(f"{path} has a row without a date or a finite value")
    if np.any(np.diff(days) <= 0):
        raise DataError(f"{path}: its dates do not rise")
    return days, values
