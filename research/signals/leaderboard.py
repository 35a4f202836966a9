"""One row for each signal: how well it orders what follows, how surely, how fast it changes.

Everything is computed once; to sort and filter hundreds of rows reads nothing again. How many were
tried is part of every p-value.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from core.errors import ConfigError
from core.types import Float64s, Int64s
from research.signals.forward import MOST_DAYS_CLOSED, Horizon
from research.signals.measure import At, Measured
from research.signals.statistics import (
    benjamini_hochberg,
    bonferroni,
    deviation_of,
    luckiest_t,
    mean_of,
    newey_west_t,
    t_of_mean,
    two_sided_p,
)
from strategies.table import nearest

DAYS_PER_YEAR = 365.25
SIGNED = ("ic_mean", "icir", "t", "t_nw", "spread", "spread_t", "monotonicity", "autocorrelation")
LOWER_IS_BETTER = ("ic_std", "p", "p_bh", "p_bonferroni", "turnover")
SIGNIFICANT = 0.05

SCHEMA: dict[str, pl.DataType] = {
    "signal": pl.String(),
    "horizon": pl.String(),
    "ic_mean": pl.Float64(),
    "ic_std": pl.Float64(),
    "icir": pl.Float64(),  # annualised: mean / std * sqrt(periods a year that do not overlap)
    "t": pl.Float64(),
    "t_nw": pl.Float64(),  # Newey-West, lag: rows that share time
    "hit_rate": pl.Float64(),  # share of the coefficients above 0
    "spread": pl.Float64(),  # highest bucket less lowest, mean return of one horizon
    "spread_t": pl.Float64(),  # Newey-West
    "monotonicity": pl.Float64(),  # Spearman of bucket and its mean
    "turnover": pl.Float64(),  # of the two extreme buckets, a row
    "autocorrelation": pl.Float64(),
    "coverage": pl.Float64(),
    "dates": pl.Int64(),
    "p": pl.Float64(),
}


def row(name: str, horizon: Horizon, measured: Measured, at: At, days: Int64s) -> list[object]:
    """The cells of SCHEMA.

    Args:
        days: int64[T], the session of each row.
    """
    known = np.isfinite(at.ics)
    ics = at.ics[known]
    mean, deviation = mean_of(ics), deviation_of(ics)
    ratio = mean / deviation if deviation > 0 else np.nan
    a_year = _a_session(days[known], days) * sessions_a_year(days) / (at.lag + 1)
    t = newey_west_t(ics, at.lag)
    return [
        name,
        str(horizon),
        mean,
        deviation,
        ratio * np.sqrt(a_year),
        t_of_mean(ics),
        t,
        float((ics > 0).mean()) if len(ics) else np.nan,
        mean_of(at.spreads),
        newey_west_t(at.spreads, at.lag),
        monotonicity(at.means),
        mean_of(measured.turnover[[0, -1]]),
        measured.autocorrelation,
        measured.coverage,
        len(ics),
        two_sided_p(t),
    ]


def leaderboard(rows: Sequence[Sequence[object]]) -> pl.DataFrame:
    """Rows of SCHEMA with their p-values adjusted for all of them, the best ICIR of either sign
    first; a value that does not exist is null."""
    frame = pl.DataFrame(rows, SCHEMA, orient="row")
    p = frame["p"].to_numpy()
    adjusted = frame.with_columns(
        pl.Series("p_bh", benjamini_hochberg(p)),
        pl.Series("p_bonferroni", bonferroni(p)),
    )
    return ranked(adjusted.with_columns(pl.selectors.float().fill_nan(None)))


def ranked(board: pl.DataFrame, by: str = "icir") -> pl.DataFrame:
    """Best first: signed columns by size whatever the sign, costs and p-values from the least.

    Raises ConfigError for a column that is not there.
    """
    if by not in board.columns:
        raise ConfigError(f'the leaderboard has no column "{by}": {nearest(by, board.columns)}')
    key = pl.col(by).abs() if by in SIGNED else pl.col(by)
    ascending = by in LOWER_IS_BETTER or not board[by].dtype.is_numeric()
    return board.sort(
        [key, "signal", "horizon"], descending=[not ascending, False, False], nulls_last=True
    )


def filtered(board: pl.DataFrame, conditions: Sequence[str]) -> pl.DataFrame:
    """Rows that meet every condition, such as `t_nw>=2`, `|icir|>1`, `turnover<0.3`.

    Raises ConfigError for a condition of another form, or an unknown column.
    """
    for text in conditions:
        found = re.fullmatch(r"(\|?)(\w+)\1\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d*)?)", text.strip())
        if not found:
            raise ConfigError(f'"{text}" is no condition such as t_nw>=2 or |icir|>1')
        size, column, sign, number = found.groups()
        numeric = [name for name, kind in board.schema.items() if kind.is_numeric()]
        if column not in numeric:
            raise ConfigError(
                f'the leaderboard has no number "{column}": {nearest(column, numeric)}'
            )
        left = pl.col(column).abs() if size else pl.col(column)
        limit = float(number)
        compared = {">=": left >= limit, "<=": left <= limit, ">": left > limit, "<": left < limit}
        board = board.filter(compared[sign])
    return board


def tried(board: pl.DataFrame) -> Mapping[str, object]:
    """How much was looked at, and what luck alone would have shown.

    Args:
        board: every row that was computed, of all horizons.
    """
    counted = board.filter(pl.col("p").is_not_null())
    tests = counted.height
    passed = {
        name: int((counted[name] < SIGNIFICANT).sum()) for name in ("p", "p_bh", "p_bonferroni")
    }
    best = counted["t_nw"].abs().max()
    return {
        "signals tried": board["signal"].n_unique(),
        "signals x horizons tested": tests,
        "best |t|": best,
        "best |t| of so many idle ones": luckiest_t(tests) if tests else None,
        "p under 5 %": passed["p"],
        "expected by luck": round(SIGNIFICANT * tests, 1),
        "under 5 % after Benjamini-Hochberg": passed["p_bh"],
        "under 5 % after Bonferroni": passed["p_bonferroni"],
    }


def monotonicity(means: Float64s) -> float:
    """Spearman's correlation of the number of a bucket with its mean return: 1 where every bucket
    earns more than the one below it. NaN unless every bucket has a return.

    Args:
        means: float64[T, Q].
    """
    of_bucket = np.array([mean_of(column) for column in means.T])
    if not np.isfinite(of_bucket).all() or len(of_bucket) < 2:
        return float("nan")
    places = np.argsort(np.argsort(of_bucket, kind="stable"))
    apart = ((places - np.arange(len(places))) ** 2).sum()
    count = len(places)
    return float(1.0 - 6.0 * apart / (count * (count * count - 1)))


def sessions_a_year(days: Int64s) -> float:
    """Of the calendar that the rows show; holes of missing sessions are left out."""
    gaps = np.diff(np.unique(days))
    gaps = gaps[gaps <= MOST_DAYS_CLOSED]
    return float(len(gaps) / gaps.sum() * DAYS_PER_YEAR) if len(gaps) else DAYS_PER_YEAR


def _a_session(known: Int64s, days: Int64s) -> float:
    """Coefficients to a session, from the first session that has one to the last."""
    if not len(known):
        return float("nan")
    between = (days >= known[0]) & (days <= known[-1])
    return len(known) / len(np.unique(days[between]))
