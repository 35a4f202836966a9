"""What the windows of a walk-forward amounted to: stitched returns, efficiency, rows of tables.

Pure: figures of windows go in, figures of all of them come out. A window that chose nothing traded
nothing, and counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from core.types import Float64s, Int64s
from research.evaluation import Evaluated, Evaluator
from research.metrics import METRICS, Metrics, metrics_of, ordered
from research.walk.windows import Window

GROWS = frozenset({"total_return", "trades", "days_in_market", "n_nans"})  # with its span


class Outcome(NamedTuple):
    """One window. `scores`: a row a set of the train span; `train`: of the chosen one.

    `chosen`, `train`, `test` are None where no set met the constraints; `test` alone where the
    chosen one failed there. `error` says why.
    """

    window: Window
    train_sessions: int
    test_days: Int64s
    scores: pl.DataFrame
    chosen: Mapping[str, object] | None
    train: Evaluated | None
    test: Evaluated | None
    error: str | None

    @property
    def returns(self) -> Float64s:
        """float64[test sessions], net; 0 where nothing was traded."""
        return np.zeros(len(self.test_days)) if self.test is None else self.test.daily


class Efficiency(NamedTuple):
    """Out of sample by in sample, over windows that chose; None where in sample is not positive.

    `profit`: of the annualised net return (Pardo, The Evaluation and Optimization of Trading
    Strategies, 2nd ed., 2008, chapter 11: walk-forward efficiency). `objective`: of what was
    optimised, by the year where it grows with its span.
    """

    profit: float | None
    objective: float | None


def stitched(outcomes: Sequence[Outcome]) -> tuple[Int64s, Float64s]:
    """Sessions and net returns of all test spans, one after the other."""
    days = np.concatenate([one.test_days for one in outcomes])
    return days, np.concatenate([one.returns for one in outcomes])


def out_of_sample(outcomes: Sequence[Outcome], of: Evaluator) -> Metrics:
    """METRICS of the stitched returns; those of trades are left to who knows the trades.

    Compounded, unless each window trades the same initial cash again, as the trade gears do: a
    product of such returns would be growth that nobody traded.
    """
    _, returns = stitched(outcomes)
    figures = metrics_of(returns, of.periods_per_year, compounded=of.compounded)
    made = [one.test.metrics["trades"] for one in outcomes if one.test is not None]
    return ordered({**figures, "trades": sum(count or 0 for count in made)})


def efficiency(outcomes: Iterable[Outcome], objective: str, periods_per_year: float) -> Efficiency:
    """Each span weighs as many sessions as it has: a short last window tells little."""
    pairs = [(one.train, one.test) for one in outcomes if one.train and one.test]

    def ratio(name: str | None) -> float | None:
        inside, outside = (
            _pooled([(_per_year(name, one, periods_per_year), len(one.daily)) for one in spans])
            for spans in ([train for train, _ in pairs], [test for _, test in pairs])
        )
        return outside / inside if inside and inside > 0 and outside is not None else None

    return Efficiency(ratio(None), ratio(objective))


def windows_frame(
    outcomes: Sequence[Outcome], keys: Sequence[str], objective: str, periods_per_year: float
) -> pl.DataFrame:
    """One row a window: its spans, the chosen value of each key, METRICS of both, efficiency.

    Columns window, train_from, train_to, test_from, test_to (dates), train_sessions,
    test_sessions, is_short, keys, train_*, test_*, efficiency (of the profit), error.
    """
    train = np.array([one.window.train for one in outcomes], np.int64)
    test = np.array([one.window.test for one in outcomes], np.int64)
    columns: dict[str, pl.Series] = {
        "window": pl.Series([one.window.number for one in outcomes], dtype=pl.Int64),
        "train_from": dates(train[:, 0]),
        "train_to": dates(train[:, 1]),
        "test_from": dates(test[:, 0]),
        "test_to": dates(test[:, 1]),
    }
    columns["train_sessions"] = pl.Series([one.train_sessions for one in outcomes])
    columns["test_sessions"] = pl.Series([len(one.test_days) for one in outcomes])
    columns["is_short"] = pl.Series([one.window.is_short for one in outcomes])
    for key in keys:
        chosen = [None if one.chosen is None else one.chosen[key] for one in outcomes]
        columns[key] = pl.Series(chosen, strict=False)
    for part in ("train", "test"):
        spans_of = [one.train if part == "train" else one.test for one in outcomes]
        for name in METRICS:
            cells = [None if one is None else one.metrics[name] for one in spans_of]
            columns[f"{part}_{name}"] = pl.Series(cells, dtype=pl.Float64, strict=False)
    own = [efficiency([one], objective, periods_per_year).profit for one in outcomes]
    columns["efficiency"] = pl.Series(own, dtype=pl.Float64)
    columns["error"] = pl.Series([one.error for one in outcomes], dtype=pl.String)
    return pl.DataFrame(columns)


def dates(days: Int64s) -> pl.Series:
    """Days since 1970-01-01 as dates."""
    return pl.Series(days).cast(pl.Int32).cast(pl.Date)


def _per_year(name: str | None, of: Evaluated, periods_per_year: float) -> float | None:
    """The figure, or without a name the net return; a year, where it grows with its span."""
    if name is None:
        return float(of.daily.mean()) * periods_per_year
    value = of.metrics[name]
    if value is None or name not in GROWS:
        return value
    return value * periods_per_year / len(of.daily)


def _pooled(rates: Sequence[tuple[float | None, int]]) -> float | None:
    """Mean of those that have a value, weighed by their sessions."""
    known = [(rate, sessions) for rate, sessions in rates if rate is not None]
    total = sum(sessions for _, sessions in known)
    return sum(rate * sessions for rate, sessions in known) / total if total else None
