"""The market everybody is measured on: random walks of fixed seed on real session days.

Made once and kept under `build/bench`: one Parquet file sorted by symbol and time, and a plain
.npz per symbol for peers that want arrays. Inside a day each bar opens where the last one closed,
so a fill at the close of the deciding bar and one at the next open have the same price.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.session import MINUTE_NS, minute_closes, parse_day, recorded_session
from core.types import BAR, Int64s, Records, SessionClass

SEED = 20_261_120
FIRST_DAY = "2023-01-02"  # a year with one session table, and one tick for every price
BARS_PER_DAY = 375
TICK_PAISE = 5
MINUTE_VOLATILITY, NIGHT_VOLATILITY = 0.0006, 0.006

PARQUET, HIVE = "bars.parquet", "hive"
ROOT = Path(__file__).resolve().parent.parent / "build" / "bench"


@dataclass(frozen=True, slots=True)
class Size:
    """How much market: the full size is what the goals are stated for."""

    symbols: int = 50
    days: int = 250
    seed: int = SEED

    @property
    def folder(self) -> Path:
        return ROOT / f"{self.symbols}x{self.days}-{FIRST_DAY}-{self.seed}"

    @property
    def names(self) -> list[str]:
        return [f"S{number:04d}" for number in range(self.symbols)]


class Prices(NamedTuple):
    """Whole ticks, [minutes, symbols]."""

    open: NDArray[np.int32]
    high: NDArray[np.int32]
    low: NDArray[np.int32]
    close: NDArray[np.int32]
    volume: NDArray[np.int64]


def ensure(size: Size, folder: Path | None = None) -> Path:
    """The folder with the data of `size`, made if it is not there."""
    folder = folder or size.folder
    if not folder.exists():
        # Complete or absent: an interrupted run leaves no half a market behind.
        making = folder.with_name(f"{folder.name}.{os.getpid()}")
        making.mkdir(parents=True)
        try:
            _write(size, making)
            making.rename(folder)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return folder


def ensure_partitions(folder: Path) -> Path:
    """The same bars as `symbol=/year=/month=` files in `folder`, made if they are not there."""
    hive = folder / HIVE
    if not hive.exists():
        making = folder / f"{HIVE}.{os.getpid()}"
        keys = {"year": pl.col("ts").dt.strftime("%Y"), "month": pl.col("ts").dt.strftime("%m")}
        try:
            rows = pl.read_parquet(folder / PARQUET).with_columns(**keys)
            for names, part in rows.partition_by(
                "symbol", *keys, include_key=False, as_dict=True
            ).items():
                pairs = zip(("symbol", *keys), names, strict=True)
                below = Path(making, *(f"{key}={value}" for key, value in pairs))
                below.mkdir(parents=True)
                part.write_parquet(below / PARQUET)
            making.rename(hive)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return hive


def session_days(count: int) -> list[int]:
    """The first `count` full session days since FIRST_DAY (days since 1970-01-01)."""
    days: list[int] = []
    day = parse_day(FIRST_DAY)
    while len(days) < count:
        session = recorded_session(day, SessionClass.CASH)
        if session is not None and len(minute_closes(session, MINUTE_NS)) == BARS_PER_DAY:
            days.append(day)
        day += 1
    return days


def opens_of(day: int) -> Int64s:
    session = recorded_session(day, SessionClass.CASH)
    assert session is not None
    return minute_closes(session, MINUTE_NS) - MINUTE_NS


def day_prices(size: Size) -> Iterator[tuple[int, Prices]]:
    """Session days with their prices, in order."""
    random = np.random.default_rng(size.seed)
    level = random.uniform(300.0, 900.0, size.symbols)
    for day in session_days(size.days):
        moves = random.normal(0.0, MINUTE_VOLATILITY, (BARS_PER_DAY, size.symbols))
        night = random.normal(0.0, NIGHT_VOLATILITY, size.symbols)
        paths = level * np.exp(night + np.cumsum(moves, axis=0))
        edges = np.vstack([level * np.exp(night), paths]) * (100.0 / TICK_PAISE)
        ticks = np.rint(edges).astype(np.int32)
        wicks = random.exponential(0.4 * MINUTE_VOLATILITY, (2, *moves.shape)) * edges[:-1]
        wicks = np.rint(wicks).astype(np.int32)
        opens, closes = ticks[:-1], ticks[1:]
        level = paths[-1]
        yield (
            day,
            Prices(
                opens,
                np.maximum(opens, closes) + wicks[0],
                np.minimum(opens, closes) - wicks[1],
                closes,
                random.integers(100_000, 1_000_000, moves.shape),
            ),
        )


def day_bars(day: int, prices: Prices) -> Records:
    """BAR rows of one day, by time, then instrument."""
    minutes, symbols = prices.open.shape
    bars: Records = np.zeros(minutes * symbols, BAR)
    bars["instrument"] = np.tile(np.arange(symbols), minutes)
    bars["open_ns"] = np.repeat(opens_of(day), symbols)
    for name in ("open", "high", "low", "close"):
        bars[name] = rupees(getattr(prices, name)).ravel()
    bars["volume"] = prices.volume.ravel()
    return bars


def rupees(ticks: NDArray[np.int32]) -> NDArray[np.float64]:
    """The double nearest to the decimal number, as a file would hold it."""
    return ticks.astype(np.float64) * TICK_PAISE / 100.0


def _write(size: Size, folder: Path) -> None:
    days, parts = zip(*day_prices(size), strict=True)
    columns: dict[str, Any] = {"open_ns": np.concatenate([opens_of(day) for day in days])}
    whole = Prices(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    frames = []
    for number, symbol in enumerate(size.names):
        for name in ("open", "high", "low", "close"):
            columns[name] = rupees(getattr(whole, name)[:, number])
        columns["volume"] = whole.volume[:, number].copy()
        np.savez(folder / f"{symbol}.npz", **columns)
        frames.append(pl.DataFrame({"symbol": [symbol] * len(columns["open_ns"]), **columns}))
    stamps = (
        pl.col("open_ns").cast(pl.Datetime("ns", "UTC")).cast(pl.Datetime("us", "UTC")).alias("ts")
    )
    pl.concat(frames).with_columns(stamps).drop("open_ns").write_parquet(folder / PARQUET)
