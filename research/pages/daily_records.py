"""What a folder of any kind of run says about daily returns, in one form that can be compared.

Reads files alone. Where a folder does not hold what a comparison needs, that is said.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from backtest.files import SUMMARY, read_daily, read_run
from backtest.score import TRADING_DAYS_PER_YEAR, exit_days
from core.errors import DataError
from core.types import Float64s, Int64s, Market
from research.evaluation import RoundTrips, evaluated
from research.metrics import METRICS, Metrics, metrics_of, ordered
from research.runs import RUN, LabRun, read_lab_run


class Account(NamedTuple):
    """Trades on a fixed initial cash in rupees, from which the figures of any span follow."""

    trades: pl.DataFrame  # rows of trades.parquet
    initial_cash: float
    always_open: bool


class DailyRecord(NamedTuple):
    """One run. `returns`: float64[sessions], net and finite, one for each of `days`.

    `settings`: what could have been set otherwise. `account`: None where trades are not known.
    `whole`: the figures that the run itself wrote for all of its sessions, if it did.
    """

    name: str
    kind: str
    strategy: str
    data_hash: str
    settings: Mapping[str, object]
    days: Int64s
    returns: Float64s
    compounded: bool
    periods_per_year: float
    account: Account | None = None
    whole: Metrics | None = None

    def on(self, days: Int64s) -> "DailyRecord":
        """On those of its sessions alone."""
        kept = np.isin(self.days, days)
        if kept.all():
            return self
        return self._replace(days=self.days[kept], returns=self.returns[kept], whole=None)

    def metrics(self) -> Metrics:
        """METRICS of its sessions; those of trades are None where trades are not known."""
        if self.whole is not None:
            return ordered(self.whole)
        if self.account is None:
            compounded, days = self.compounded, self.days
            return ordered(
                metrics_of(self.returns, self.periods_per_year, compounded=compounded, days=days)
            )
        trades, initial_cash, always_open = self.account
        ended = exit_days(trades["exit_ns"].to_numpy(), always_open=always_open)
        inside = trades.filter(np.isin(ended, self.days))
        trips = RoundTrips(**{name: inside[name].to_numpy() for name in RoundTrips._fields})
        return dict(evaluated(trips, self.days, initial_cash, always_open=always_open).metrics)


def read_record(directory: Path, name: str) -> DailyRecord:
    """Raises DataError where the folder holds no run with daily returns."""
    if (directory / RUN).is_file():
        return _of_lab(directory, name)
    if not (directory / SUMMARY).is_file():
        raise DataError(f"{directory} holds no run: neither {RUN} nor {SUMMARY} is in it")
    return _of_backtest(directory, name)


def _of_lab(directory: Path, name: str) -> DailyRecord:
    """A search by its chosen set, a walk-forward by its sessions out of sample."""
    run = read_lab_run(directory)
    if run.kind not in _OF_KIND:
        raise DataError(
            f'{directory / RUN}: a run of kind "{run.kind}" has no daily returns:'
            f" {', '.join(_OF_KIND)} and backtests have"
        )
    try:
        return _OF_KIND[run.kind](run, name)
    except (KeyError, pl.exceptions.ColumnNotFoundError) as error:
        raise DataError(f"{directory / RUN}: {error} is missing") from error
    except DataError as error:
        raise DataError(f"{directory}: {error}") from error


def _of_search(run: LabRun, name: str) -> DailyRecord:
    number = run.told["chosen_number"]
    if number is None:
        raise DataError("no set met the constraints, so there is nothing to compare")
    row = run.tables["scores"].row(int(number) - 1, named=True)
    return _of_told(
        run,
        name,
        settings=dict(run.told["chosen"]),
        daily=run.tables["daily"].select("day", pl.col(str(number)).alias("return")),
        whole={metric: row[metric] for metric in METRICS},
    )


def _of_walk(run: LabRun, name: str) -> DailyRecord:
    return _of_told(
        run,
        name,
        settings=dict.fromkeys(run.told["keys"], "chosen anew in each window"),
        daily=run.tables["oos"].select("day", pl.col("net_return").alias("return")),
        whole=run.told["out_of_sample"],
    )


def _of_told(
    run: LabRun, name: str, settings: dict[str, object], daily: pl.DataFrame, whole: Metrics
) -> DailyRecord:
    identity = run.told["identity"]
    return DailyRecord(
        name=name,
        kind=run.kind,
        strategy=str(identity["strategy"]),
        data_hash=str(identity["data_hash"]),
        # `terms`: what the vectorised engine assumes of a market.
        settings={**identity.get("terms", {}), **identity.get("parameters", {}), **settings},
        days=_days(daily),
        returns=daily["return"].to_numpy(),
        compounded=bool(run.told["compounded"]),
        periods_per_year=float(run.told["periods_per_year"]),
        whole=whole,
    )


_OF_KIND: dict[str, Callable[[LabRun, str], DailyRecord]] = {
    "optimize": _of_search,
    "walkforward": _of_walk,
}


def _days(daily: pl.DataFrame) -> Int64s:
    return daily["day"].to_physical().to_numpy().astype(np.int64)


def _of_backtest(directory: Path, name: str) -> DailyRecord:
    files, daily = read_run(directory), read_daily(directory)
    try:
        summary = files.summary
        parameters = summary["parameters"]
        if not isinstance(parameters, dict):
            raise DataError(f"{directory / SUMMARY}: parameters are no table")
        always_open = summary["session"] == str(Market.ALWAYS_OPEN)
        initial_cash = float(parameters["initial_cash"])
        strategy, data_hash = str(summary["strategy"]), str(summary["data_hash"])
    except KeyError as error:
        raise DataError(f"{directory / SUMMARY}: {error} is missing") from error
    return DailyRecord(
        name=name,
        kind="backtest",
        strategy=strategy,
        data_hash=data_hash,
        settings=parameters,
        days=_days(daily),
        returns=daily["net_paise"].to_numpy() / (initial_cash * 100),
        compounded=False,
        periods_per_year=float(TRADING_DAYS_PER_YEAR),
        account=Account(files.trades, initial_cash, always_open),
    )
