"""Holding what was traded, as a record beside which runs are compared.

Equal parts of every symbol, put back to equal each session, at no cost. Prices are taken as they
are: a file that is not adjusted shows splits as losses.
"""

from pathlib import Path

import numpy as np
import polars as pl

from core.errors import DataError
from core.types import Float64s
from providers.dataset import DataOptions
from research.pages.daily_records import DailyRecord
from research.panel.dataset import DataSpec, content_hash, load_dataset

KIND = "benchmark"


def benchmark(source: Path, options: DataOptions, periods_per_year: float) -> DailyRecord:
    """Close to close of each session; a symbol's first session from its open.

    Raises DataError where bars are missing or a close is not known, ConfigError for a symbol.
    """
    bars = load_dataset(source, symbols=options.symbols or None, spec=DataSpec(options=options))
    own = pl.col("close").last() / pl.col("open").first()
    days = bars.group_by("symbol", "date").agg(pl.col("close").last(), own.alias("within"))
    moved = (pl.col("close") / pl.col("close").shift(1)).over("symbol", order_by="date")
    held = days.select("date", "symbol", (pl.coalesce(moved, "within") - 1.0).alias("return"))
    frame = held.sort("date", "symbol").collect()
    day, returns = frame["date"].to_physical().to_numpy(), frame["return"].to_numpy()
    if not np.isfinite(returns).all():
        raise DataError(f"{source}: a close that is not known, so holding it has no return")
    starts = np.flatnonzero(np.diff(day, prepend=-1))
    return DailyRecord(
        name=KIND,
        kind=KIND,
        strategy="hold",
        data_hash=content_hash(bars),
        settings={},
        days=day[starts].astype(np.int64),
        # Added up in the order of symbols: the same last bit on any number of cores.
        returns=np.add.reduceat(returns, starts) / np.diff(starts, append=len(day)),
        compounded=True,
        periods_per_year=periods_per_year,
    )


def regressed(
    returns: Float64s, held: Float64s, periods_per_year: float
) -> tuple[float, ...] | None:
    """Beta, alpha a year, and the share of the variance that the benchmark explains.

    Least squares of daily returns, both float64[n]; None where the benchmark is flat.
    """
    if len(held) < 3 or np.ptp(held) == 0.0:
        return None
    away = held - held.mean()
    beta = float(away @ (returns - returns.mean()) / (away @ away))
    alpha = float(returns.mean() - beta * held.mean()) * periods_per_year
    explained = 0.0 if np.ptp(returns) == 0.0 else float(np.corrcoef(returns, held)[0, 1]) ** 2
    return beta, alpha, explained
