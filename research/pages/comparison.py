"""Runs side by side: on the sessions that all of them have, and each on its own.

Decides what is comparable and says where it is not. A run of any kind takes part that has daily
returns; nothing is traded again.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import polars as pl

from core.errors import ConfigError, DataError
from core.session import day_text
from core.types import Float64s, Int64s
from research.honesty.difference import FEWEST, sharpe_difference
from research.metrics import COUNTS, METRICS
from research.pages.benchmark import regressed
from research.pages.charts import month_returns
from research.pages.daily_records import DailyRecord
from research.runs import LabRun

KIND = "compare"
MOST = 20  # runs: more curves cannot be told apart

_METRIC_KINDS = {name: pl.Int64() if name in COUNTS else pl.Float64() for name in METRICS}
METRICS_SCHEMA: dict[str, pl.DataType] = {
    "span": pl.String(),  # "common" or "own"
    "run": pl.String(),
    **_METRIC_KINDS,
}
DIFFERENCES_SCHEMA: dict[str, pl.DataType] = {
    "run": pl.String(),
    "other": pl.String(),
    "correlation": pl.Float64(),  # of daily returns; null where one is flat
    "sharpe_difference": pl.Float64(),  # run less other, annualised; null: see sharpe_difference
    "z": pl.Float64(),
    "p_value": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
}


REGRESSIONS_SCHEMA: dict[str, pl.DataType] = {
    "run": pl.String(),
    "beta": pl.Float64(),  # on the benchmark
    "alpha": pl.Float64(),  # a year
    "explained": pl.Float64(),  # share of the variance
}


def compare(runs: Sequence[DailyRecord], held: DailyRecord | None = None) -> LabRun:
    """Everything on the common sessions, and METRICS of each run on its own as well.

    Tables: metrics, differences (every pair), months, settings (those that differ), daily, and with
    `held`, a benchmark that takes part like a run, the regressions on it.

    Raises ConfigError for fewer than two runs or more than MOST, or two of one name; DataError
    where they have fewer than two sessions in common.
    """
    traded, runs = runs, [*runs, *([held] if held else [])]
    names = [one.name for one in runs]
    if not 2 <= len(runs) <= MOST:
        raise ConfigError(f"{len(runs)} runs were given: 2 to {MOST} can be compared")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"two runs are called {twice}")
    common = _common(runs)
    on_common = [one.on(common) for one in runs]
    told = {
        "runs": [_identity(one) for one in runs],
        "common": _span(common),
        "benchmark": held and held.name,
        "warnings": list(_warnings(traded, runs, common)),
    }
    both = [("common", one) for one in on_common] + [("own", one) for one in runs]
    tables = {
        "metrics": pl.DataFrame(
            [(span, one.name, *one.metrics().values()) for span, one in both],
            METRICS_SCHEMA,
            orient="row",
        ),
        "differences": pl.DataFrame(
            [_pair(one, other) for one, other in combinations(on_common, 2)],
            DIFFERENCES_SCHEMA,
            orient="row",
        ),
        "months": pl.concat(
            month_returns(one.days, one.returns, compounded=one.compounded).select(
                pl.lit(one.name).alias("run"), pl.all()
            )
            for one in on_common
        ),
        "settings": _settings(traded),
        "daily": pl.concat(_daily(one) for one in runs),
    }
    if held is not None:
        *others, base = on_common
        rows = [(one.name, *(_regressed(one, base))) for one in others]
        tables["regressions"] = pl.DataFrame(rows, REGRESSIONS_SCHEMA, orient="row")
    return LabRun(KIND, told, tables)


def common_of(daily: pl.DataFrame) -> pl.DataFrame:
    """Of the table `daily` the sessions that every run has: `day`, then a column for each run."""
    wide = daily.pivot("run", index="day", values="return", maintain_order=True)
    return wide.drop_nulls().sort("day")


def _common(runs: Sequence[DailyRecord]) -> Int64s:
    days = runs[0].days
    for one in runs[1:]:
        days = np.intersect1d(days, one.days)
    if len(days) < 2:
        spans = ", ".join(
            f"{one.name} {day_text(int(one.days[0]))} to {day_text(int(one.days[-1]))}"
            for one in runs
        )
        raise DataError(f"the runs have {len(days)} sessions in common, 2 are needed: {spans}")
    return days


def _identity(run: DailyRecord) -> dict[str, object]:
    return {
        "name": run.name,
        "kind": run.kind,
        "strategy": run.strategy,
        "data_hash": run.data_hash,
        **_span(run.days),
        "compounded": run.compounded,
        "periods_per_year": run.periods_per_year,
    }


def _span(days: Int64s) -> dict[str, object]:
    first, last = day_text(int(days[0])), day_text(int(days[-1]))
    return {"from": first, "to": last, "sessions": len(days)}


def _warnings(
    traded: Sequence[DailyRecord], runs: Sequence[DailyRecord], common: Int64s
) -> Iterator[str]:
    if len({one.data_hash for one in traded}) > 1:
        of = ", ".join(f"{one.name} {one.data_hash[:12]}" for one in traded)
        yield f"NOT THE SAME DATA ({of}): what differs may be the data's"
    if len({one.compounded for one in runs}) > 1:
        of = ", ".join(one.name for one in runs if one.compounded)
        yield f"{of} compounds, the others trade a fixed cash: totals and falls are not alike"
    if len({one.periods_per_year for one in runs}) > 1:
        of = ", ".join(f"{one.name} {one.periods_per_year:g}" for one in runs)
        yield f"annualised by different years ({of} periods)"
    shortened = [one.name for one in runs if len(one.days) > len(common)]
    if shortened:
        yield f"the common span has {len(common)} sessions, fewer than {', '.join(shortened)}"
    if len(common) < FEWEST:
        yield f"{len(common)} common sessions are too few to tell two Sharpe ratios apart"


def _pair(one: DailyRecord, other: DailyRecord) -> tuple[object, ...]:
    flat = np.ptp(one.returns) == 0.0 or np.ptp(other.returns) == 0.0
    correlation = None if flat else float(np.corrcoef(one.returns, other.returns)[0, 1])
    found = sharpe_difference(one.returns, other.returns, one.periods_per_year)
    return (one.name, other.name, correlation, *(found or (None,) * 5))


def _regressed(one: DailyRecord, base: DailyRecord) -> tuple[float | None, ...]:
    return regressed(one.returns, base.returns, one.periods_per_year) or (None, None, None)


def _settings(runs: Sequence[DailyRecord]) -> pl.DataFrame:
    """`key, run, value` of the settings that are not the same in every run."""
    told = [{"strategy": one.strategy, **one.settings} for one in runs]
    rows = []
    for key in dict.fromkeys(key for settings in told for key in settings):
        values = [str(settings.get(key, "-")) for settings in told]
        if len(set(values)) > 1:
            rows += [(key, one.name, value) for one, value in zip(runs, values, strict=True)]
    schema = {"key": pl.String, "run": pl.String, "value": pl.String}
    return pl.DataFrame(rows, schema, orient="row")


def _daily(run: DailyRecord) -> pl.DataFrame:
    days = pl.Series(run.days).cast(pl.Int32).cast(pl.Date)
    returns: Float64s = run.returns
    return pl.DataFrame({"run": [run.name] * len(days), "day": days, "return": returns})
