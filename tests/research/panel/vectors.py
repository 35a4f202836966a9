"""What the tests of the vectorised gear share: frames, and the smallest strategies."""

from collections.abc import Sequence

import polars as pl
from pydantic import Field

from core.session import at_ist, parse_day
from core.types import Records
from providers.dataset import Dataset
from research.panel.strategy import StrategyBase
from research.panel.vectorized import Terms, VectorizedEngine, VectorRun
from strategies.settings import Count
from strategies.table import Table

MONDAY = parse_day("2026-07-20")
MINUTES_MS = 15 * 60_000

FREE = Terms(fee_bps=0, slippage_bps=0)
ONE_PERCENT = Terms(fee_bps=60, slippage_bps=40)
OPENS = [100.0, 110.0, 121.0, 108.9, 98.01, 98.01]
CLOSES = [105.0, 115.5, 115.5, 103.95, 103.95, 114.345]
LONG_THEN_SHORT = [1, 1, -1, 0, 0, 0]  # filled one bar later: 0, 1, 1, -1, 0, 0


class CrossSettings(Table):
    fast: Count = Field(2, description="bars of the fast mean")
    slow: Count = Field(5, description="bars of the slow mean")


class Cross(StrategyBase[CrossSettings]):
    """Long over the slow mean, short under it."""

    settings_model = CrossSettings

    def add_indicators(self, lf: pl.LazyFrame) -> pl.LazyFrame:
        close, own = pl.col("close"), self.settings
        return lf.with_columns(
            fast=close.rolling_mean(own.fast).over("symbol"),
            slow=close.rolling_mean(own.slow).over("symbol"),
        )

    def signal(self, lf: pl.LazyFrame) -> pl.LazyFrame:
        return lf.with_columns(signal=(pl.col("fast") - pl.col("slow")).sign())


class Given(StrategyBase[Table]):
    """The column `wanted` as it is."""

    settings_model = Table

    def signal(self, lf: pl.LazyFrame) -> pl.LazyFrame:
        return lf.with_columns(signal=pl.col("wanted"))


def bars(
    opens: Sequence[float | None],
    wanted: Sequence[float | None],
    closes: Sequence[float | None] | None = None,
    symbol: str = "A",
    day: int = MONDAY,
) -> pl.DataFrame:
    """15m bars from 09:15 on; without `closes` each closes where it opened."""
    first_ms = at_ist(day, "09:15") // 1_000_000
    stamps = pl.Series([first_ms + i * MINUTES_MS for i in range(len(opens))], dtype=pl.Int64)
    return pl.DataFrame(
        {
            "symbol": [symbol] * len(opens),
            "ts": stamps.cast(pl.Datetime("ms", "UTC")),
            "open": pl.Series(opens, dtype=pl.Float64),
            "close": pl.Series(opens if closes is None else closes, dtype=pl.Float64),
            "wanted": pl.Series(wanted, dtype=pl.Float64),
        }
    )


def frame_of(dataset: Dataset, rows: Records | None = None) -> pl.DataFrame:
    """Bars of a Dataset (or strategy bars made of it) as the panel's loader would give them."""
    rows = dataset.bars if rows is None else rows
    symbols = [dataset.instruments[i].symbol for i in rows["instrument"]]
    stamps = pl.Series(rows["open_ns"] // 1_000_000).cast(pl.Datetime("ms", "UTC"))
    columns = {name: rows[name] for name in ("open", "high", "low", "close", "volume")}
    return pl.DataFrame({"symbol": symbols, "ts": stamps, **columns}).sort("symbol", "ts")


def run(frame: pl.DataFrame, terms: Terms = FREE, **options: int) -> VectorRun:
    engine = VectorizedEngine(terms)
    return engine.run(frame.lazy(), Given(), data_hash="d", curves=True, **options)
