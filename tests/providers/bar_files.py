"""Rows of bars as tests write them, and the frame that a Parquet file holds."""

from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from core.session import at_ist, ist_text, parse_day
from providers.dataset import Dataset

DAY = "2026-07-22"  # a Wednesday before the closing auction
Row = tuple[str, int, float, float, float, float, int | None]
Save = Callable[..., Path]


def ns(clock: str, day: str = DAY) -> int:
    return at_ist(parse_day(day), clock)


def bar(clock: str, symbol: str = "INFY", day: str = DAY, *, volume: int | None = 10) -> Row:
    return (symbol, ns(clock, day), 100.0, 101.0, 99.0, 100.5, volume)


def frame(rows: Sequence[Row], zone: str = "Asia/Kolkata", unit: str = "ns") -> pl.DataFrame:
    names = ["symbol", "ts", "open", "high", "low", "close", "volume"]
    stamps = pl.col("ts").cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone(zone)
    return pl.DataFrame(
        rows, schema=dict.fromkeys(names) | {"volume": pl.Int64}, orient="row"
    ).with_columns(stamps.dt.cast_time_unit(unit))  # type: ignore[arg-type]


def opens(data: Dataset) -> list[str]:
    return [ist_text(int(stamp))[11:16] for stamp in data.bars["open_ns"]]
