"""One strategy over a universe: which symbols earned in a train period, and again in a test period.

Every symbol is traded alone, on an account of its own. Symbols are chosen by both periods, so the
test period proves nothing afterwards: how many were tried is part of every answer.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product

import numpy as np
import polars as pl

from backtest.score import Score
from core.errors import ConfigError, DataError
from core.session import day_text
from providers.dataset import Dataset, only
from research.prepared import Prepared
from strategies.settings import MarketRisk, StrategySettings
from strategies.table import table, unknown_key

Progress = Callable[[int], None]
PERIODS = ("train", "test")

_OF_PERIOD: dict[str, pl.DataType] = {
    "trades": pl.Int64(),
    "net_paise": pl.Int64(),
    "mean_r": pl.Float64(),
    "win_rate": pl.Float64(),
    "profit_factor": pl.Float64(),
    "max_drawdown_paise": pl.Int64(),
    "sharpe": pl.Float64(),
}
SCHEMA: dict[str, pl.DataType] = {
    "symbol": pl.String(),
    **{f"{period}_{name}": kind for period in PERIODS for name, kind in _OF_PERIOD.items()},
    "fails": pl.String(),  # the first criterion that is not met; null: shortlisted
    "error": pl.String(),  # why it could not be traded
}


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a symbol must show in each of the two periods."""

    min_trades: int = 10
    min_profit_factor: float = 1.0
    max_drawdown: float | None = None  # rupees

    def failed(self, period: str, scored: Score) -> str | None:
        """The first that is not met."""
        if scored.trades < self.min_trades:
            return f"{period}: {scored.trades} trades"
        factor = scored.profit_factor
        if scored.net_paise <= 0 or (factor is not None and factor < self.min_profit_factor):
            return f"{period}: profit factor {0.0 if factor is None else factor:.2f}"
        if self.max_drawdown is not None and scored.max_drawdown_paise > self.max_drawdown * 100:
            return f"{period}: fell by Rs {scored.max_drawdown_paise / 100:,.0f}"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What to do. Days are inclusive; the test period begins where the train period has ended.

    `grid`: values of at most two keys of the settings, tried on the train period alone.
    """

    strategy: str
    settings: StrategySettings
    risk: MarketRisk
    dataset: Dataset
    train: tuple[int | None, int]
    test: tuple[int, int | None]
    grid: Mapping[str, Sequence[object]]
    criteria: Criteria = Criteria()

    def points(self) -> list[dict[str, object]]:
        """Every combination of the grid, in order; none without one."""
        if not self.grid:
            return []
        return [dict(zip(self.grid, one, strict=True)) for one in product(*self.grid.values())]


@dataclass(frozen=True, slots=True)
class Scanned:
    """`table`: one row a symbol (SCHEMA), best first. `heat`: one a symbol and point of the grid:
    its values, trades, net_paise, mean_r of the train period."""

    table: pl.DataFrame
    heat: pl.DataFrame

    @property
    def shortlist(self) -> list[str]:
        return self.table.filter(pl.col("fails").is_null() & pl.col("error").is_null())[
            "symbol"
        ].to_list()


def scan(request: Scan, workers: int, progress: Progress) -> Scanned:
    """The same rows for any number of workers; a symbol that cannot be traded is a row as well."""
    check(request)
    numbers = range(len(request.dataset.instruments))
    with ThreadPoolExecutor(workers) as pool:  # kernels run without the interpreter's lock
        done = []
        for one in pool.map(lambda number: _symbol(request, number), numbers):
            done.append(one)
            progress(1)
    rows = [row for row, _ in done]
    worst = pl.min_horizontal("train_mean_r", "test_mean_r")
    ranked = pl.DataFrame(rows, SCHEMA, orient="row").sort(
        [pl.col("error").is_not_null(), pl.col("fails").is_not_null(), worst, "symbol"],
        descending=[False, False, True, False],
        nulls_last=True,
    )
    heat = pl.DataFrame([point for _, points in done for point in points])
    return Scanned(ranked, heat)


def check(request: Scan) -> None:
    """Raises ConfigError where the periods overlap, or a value of the grid is not allowed."""
    if request.test[0] <= request.train[1]:
        raise ConfigError(
            f"the test period begins {day_text(request.test[0])}, within the train period"
            f" (to {day_text(request.train[1])})"
        )
    if len(request.grid) > 2:
        raise ConfigError(f"a heat map has two keys, {len(request.grid)} were given")
    for point in request.points():
        _with(request.settings, point)


def tried(request: Scan, scanned: Scanned) -> dict[str, object]:
    """How much was looked at to find the shortlist, and what would have been found anyway."""
    traded = scanned.table.filter(pl.col("error").is_null())
    earned = {period: int((traded[f"{period}_net_paise"] > 0).sum()) for period in PERIODS}
    both = traded.filter((pl.col("train_net_paise") > 0) & (pl.col("test_net_paise") > 0)).height
    count = traded.height
    return {
        "symbols tried": scanned.table.height,
        "could not be traded": scanned.table.height - count,
        "sets of parameters": max(1, len(request.points())),
        "earned in train": earned["train"],
        "earned in test": earned["test"],
        "earned in both": both,
        "in both by chance": round(earned["train"] * earned["test"] / count, 1) if count else None,
        "shortlisted": len(scanned.shortlist),
    }


def _symbol(request: Scan, number: int) -> tuple[list[object], list[dict[str, object]]]:
    symbol = request.dataset.instruments[number].symbol
    empty = [None] * (len(SCHEMA) - 3)
    try:
        own, cells, fails = only(request.dataset, number), list[object](), None
        points: list[dict[str, object]] = []
        for period, span in zip(PERIODS, (request.train, request.test), strict=True):
            prepared = Prepared(own, request.risk, request.settings.timeframe_ns, *span)
            trips = prepared.round_trips(request.strategy, request.settings)
            scored = prepared.score(trips)
            cells += _cells(scored, _mean_r(trips, request.settings))
            fails = fails or request.criteria.failed(period, scored)
            if period == "train":
                points = [_point(request, prepared, symbol, one) for one in request.points()]
    except DataError as error:  # e.g. listed after the train period
        return [symbol, *empty, None, str(error)], []
    return [symbol, *cells, fails, None], points


def _cells(scored: Score, mean_r: float | None) -> list[object]:
    values = asdict(scored) | {"mean_r": mean_r}
    return [values[name] for name in _OF_PERIOD]


def _point(
    request: Scan, prepared: Prepared, symbol: str, values: Mapping[str, object]
) -> dict[str, object]:
    settings = _with(request.settings, values)
    if settings.timeframe_ns != prepared.timeframe_ns:
        days = prepared.days
        prepared = Prepared(
            prepared.dataset, request.risk, settings.timeframe_ns, int(days[0]), int(days[-1])
        )
    trips = prepared.round_trips(request.strategy, settings)
    return {
        "symbol": symbol,
        **{key: getattr(settings, key) for key in values},
        "trades": len(trips),
        "net_paise": int(trips["net_paise"].sum()),
        "mean_r": _mean_r(trips, settings),
    }


def _mean_r(trips: np.ndarray, settings: StrategySettings) -> float | None:
    if not len(trips):
        return None
    return float(trips["net_paise"].sum() / len(trips) / 100 / settings.risk_per_trade)


def _with(settings: StrategySettings, values: Mapping[str, object]) -> StrategySettings:
    """Settings with other values, checked as every setting is. Raises ConfigError."""
    unknown = next((key for key in values if key not in type(settings).model_fields), None)
    if unknown is not None:
        raise ConfigError(unknown_key(unknown, type(settings).model_fields))
    return table(type(settings), {**settings.model_dump(), **values})
