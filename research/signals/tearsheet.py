"""A closer look at one signal: its buckets, its coefficients through time, what it grew.

Tables only; how they are drawn is the page's. Portfolios never overlap: one is formed where the
one before has been sold.
"""

import numpy as np
import polars as pl

from core.types import Float64s, Int64s
from research.signals.forward import Held, Horizon
from research.signals.measure import At
from research.signals.statistics import mean_of, newey_west_t

ROLLING_DATES = 63

QUANTILES = {
    "signal": pl.String(),
    "horizon": pl.String(),
    "bucket": pl.Int64(),  # 1 the lowest
    "mean": pl.Float64(),
    "error": pl.Float64(),  # standard error of the mean, Newey-West
    "dates": pl.Int64(),
    "turnover": pl.Float64(),  # a row
}


def quantile_rows(name: str, horizon: Horizon, at: At, turnover: Float64s) -> list[list[object]]:
    """Rows of QUANTILES: what followed each bucket, the mean of its dates."""
    rows: list[list[object]] = []
    for bucket, returns in enumerate(at.means.T):
        mean, t = mean_of(returns), newey_west_t(returns, at.lag)
        error = abs(mean / t) if t else np.nan
        dates = int(np.isfinite(returns).sum())
        rows.append([name, str(horizon), bucket + 1, mean, error, dates, turnover[bucket]])
    return rows


def growth_of_buckets(at: At, held: Held, days: Int64s) -> pl.DataFrame:
    """What 1 became in each bucket, and in the highest less the lowest.

    Non-overlapping portfolios: formed at rows whose holding periods do not touch, equal parts of
    the bucket's symbols, held for the whole horizon. A date without a return earns nothing. The
    spread is long one and short one of the capital.

    Returns: date, q1 .. qQ, spread.
    """
    rows = held.apart()
    returns = np.nan_to_num(at.means[rows])
    grown = np.cumprod(1.0 + returns, axis=0)
    spread = np.cumprod(1.0 + returns[:, -1] - returns[:, 0])
    return pl.DataFrame(
        {
            "date": pl.Series(days[rows], dtype=pl.Int32).cast(pl.Date),
            **{f"q{bucket + 1}": grown[:, bucket] for bucket in range(grown.shape[1])},
            "spread": spread,
        }
    )


def monthly(dates: pl.Series, ics: pl.Series) -> pl.DataFrame:
    """month (its first day), ic: the mean of its coefficients, dates."""
    return (
        pl.DataFrame({"month": dates.dt.truncate("1mo"), "ic": ics})
        .drop_nulls()
        .group_by("month", maintain_order=True)
        .agg(pl.col("ic").mean(), pl.len().cast(pl.Int64).alias("dates"))
        .sort("month")
    )


def rolling(ics: pl.Series, dates: int = ROLLING_DATES) -> pl.Series:
    """Mean of the last `dates` coefficients, those that exist; null until half of them do."""
    return ics.rolling_mean(dates, min_samples=max(1, dates // 2))
