"""Many sets of parameters evaluated, and the one that its neighbourhood confirms.

The same rows for any number of workers, and after a kill. Decides what is better and what is
chosen; how a set is traded is its subject's, who works is a backend's.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from backtest.run import Gear, Request
from core.errors import ConfigError, DataError
from core.session import day_text
from core.types import Float64s, Int64s
from providers.dataset import Dataset
from research.evaluation import Subject, TradedSubject
from research.metrics import COUNTS, METRICS
from research.search.backends import Backend, Failed, Outcome, Task, backend_for, digest_of
from research.search.evaluations import Evaluations
from research.search.plateau import grid_neighbours, nearest_neighbours, plateaus, spikes
from research.search.proposals import How, proposals
from research.search.space import Point, Space, numeric_kind, space_from
from strategies.registry import settings_of
from strategies.settings import MarketRisk, RiskSettings, StrategySettings
from strategies.table import nearest

Progress = Callable[[int], None]
LOWER_IS_BETTER = frozenset({"volatility", "max_drawdown", "turnover", "cost_share", "n_nans"})


_COLUMN: dict[type | None, pl.DataType] = {
    int: pl.Int64(),
    float: pl.Float64(),
    None: pl.String(),
}


def silent(_: int) -> None:
    """Progress that nobody sees."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a set must show to be chosen. `max_drawdown`: a share of the account, as the metric."""

    min_trades: int = 0
    max_drawdown: float | None = None

    def failed(self, metrics: Mapping[str, float | int | None]) -> str | None:
        """The first that is not met."""
        trades, fall = metrics["trades"] or 0, metrics["max_drawdown"]
        if trades < self.min_trades:
            return f"{trades} trades"
        if self.max_drawdown is not None and (fall is None or fall > self.max_drawdown):
            return "fell by " + ("an unknown share" if fall is None else f"{fall:.1%}")
        return None


class Searched(NamedTuple):
    """`scores`: one row a set in the order of the search: number from 1, its values, METRICS,
    plateau (None without an objective), spike, fails (a constraint), error.

    `daily`: float64[sets, sessions] of net returns; NaN rows for sets that failed. `days`: the
    sessions. `chosen`: highest plateau of those that meet the constraints. `best`: highest
    objective of the same, None as `chosen` if there is none. `resumed`: sets that were known from
    an earlier run; `others`: sets of other tasks in the same store.
    """

    scores: pl.DataFrame
    daily: Float64s
    chosen: Point | None
    days: Int64s
    points: list[Point]
    best: Point | None
    resumed: int
    others: int


class ParamOptimizer:
    """One search, run over any span of its subject.

    Args:
        sets: how many, of a sample or a Bayesian search; a grid has its own number.
        workers: threads (processes for plain Python); None: as many as cores.
        backend: who works instead of those, e.g. a cluster.
        store: a folder in which evaluations are kept as they come, to go on from after a kill.

    Raises ConfigError for an objective, a space or a number that is not allowed, and the first
    refusal where no set of the first batch is.
    """

    def __init__(
        self,
        subject: Subject,
        space: Space,
        *,
        how: How = How.GRID,
        sets: int | None = None,
        seed: int = 0,
        objective: str = "sharpe",
        constraints: Constraints | None = None,
        workers: int | None = None,
        backend: Backend | None = None,
        store: Path | None = None,
    ) -> None:
        if objective not in METRICS:
            raise ConfigError(f'objective "{objective}": {nearest(objective, METRICS)}')
        self.subject, self.space = subject, space
        self.how, self.sets, self.seed = how, sets, seed
        self.objective = objective
        self.constraints = constraints or Constraints()
        self.backend = backend or backend_for(subject, workers)
        self.store = store
        first = proposals(how, space, sets, seed)
        self.total = first.total
        self._require_one_allowed(first.ask())

    def run(
        self,
        from_day: int | None = None,
        to_day: int | None = None,
        progress: Progress = silent,
    ) -> Searched:
        """Search one span, inclusive; earlier bars warm up.

        Raises DataError where the span has no session, or the store cannot be used.
        """
        days = _span(self.subject.days(), from_day, to_day)
        task = Task(self.subject, from_day, to_day)
        proposing = proposals(self.how, self.space, self.sets, self.seed)
        points: list[Point] = []
        outcomes: list[Outcome] = []
        with nullcontext() if self.store is None else closing(Evaluations(self.store)) as kept:
            known = {} if kept is None else kept.found(task.key)
            others = 0 if kept is None else kept.count_others(task.key)
            resumed = 0  # of them asked for again
            while asked := proposing.ask():
                resumed += sum(digest_of(point) in known for point in asked)
                found = self._outcomes(task, asked, known, kept, progress)
                points += asked
                outcomes += found
                proposing.tell([self._worth_if_met(one) for one in found])
        return self._searched(points, outcomes, days)._replace(resumed=resumed, others=others)

    def outcomes(
        self,
        points: Sequence[Point],
        from_day: int | None = None,
        to_day: int | None = None,
        progress: Progress = silent,
    ) -> list[Outcome]:
        """What each of `points` comes to over a span, in order; kept as those of a search are."""
        task = Task(self.subject, from_day, to_day)
        with nullcontext() if self.store is None else closing(Evaluations(self.store)) as kept:
            known = {} if kept is None else kept.found(task.key)
            return self._outcomes(task, points, known, kept, progress)

    def _require_one_allowed(self, points: Sequence[Point]) -> None:
        """An unknown key, or a value that no set may have, is told at once and not as many rows."""
        refused: ConfigError | None = None
        for point in points:
            try:
                self.subject.check(point)
                return
            except ConfigError as error:
                refused = refused or error
        if refused is not None:
            raise refused

    def _outcomes(
        self,
        task: Task,
        points: Sequence[Point],
        known: Mapping[str, Outcome],
        kept: Evaluations | None,
        progress: Progress,
    ) -> list[Outcome]:
        """Of each point: a broken relation, what is known from before, or what a worker says."""
        digests = [digest_of(point) for point in points]
        found: dict[int, Outcome] = {}
        for place, point in enumerate(points):
            broken = self.space.broken(point)
            if broken is not None:
                found[place] = Failed(broken)
            elif digests[place] in known:
                found[place] = known[digests[place]]
        progress(len(found))
        left = [place for place in range(len(points)) if place not in found]
        if left:
            key = task.key
            for number, outcome in self.backend.outcomes(task, [points[place] for place in left]):
                found[left[number]] = outcome
                if kept is not None:
                    kept.keep(key, digests[left[number]], outcome)
                progress(1)
        return [found[place] for place in range(len(points))]

    def _worth(self, outcome: Outcome) -> float:
        """The objective, more is better; NaN without one."""
        value = None if isinstance(outcome, Failed) else outcome.metrics[self.objective]
        if value is None:
            return float("nan")
        return -float(value) if self.objective in LOWER_IS_BETTER else float(value)

    def _worth_if_met(self, outcome: Outcome) -> float | None:
        worth = self._worth(outcome)
        is_met = not isinstance(outcome, Failed) and not self.constraints.failed(outcome.metrics)
        return worth if is_met and np.isfinite(worth) else None

    def _searched(self, points: list[Point], outcomes: list[Outcome], days: Int64s) -> Searched:
        worth = np.array([self._worth(one) for one in outcomes])
        find = grid_neighbours if self.how is How.GRID else nearest_neighbours
        plateau = plateaus(worth, find(self.space, points))
        met = np.array([self._worth_if_met(one) is not None for one in outcomes])
        daily = np.full((len(points), len(days)), np.nan)
        for row, outcome in zip(daily, outcomes, strict=True):
            if not isinstance(outcome, Failed):
                row[:] = outcome.daily
        chosen = best = None
        if met.any():
            # Of equal ones the first of the search.
            best = points[int(np.argmax(np.where(met, worth, -np.inf)))]
            order = np.lexsort((-worth, -plateau, ~met))
            chosen = points[int(order[0])]
        sign = -1.0 if self.objective in LOWER_IS_BETTER else 1.0
        scores = self._scores(points, outcomes, sign * plateau, spikes(worth, plateau))
        return Searched(scores, daily, chosen, days, points, best, resumed=0, others=0)

    def _scores(
        self,
        points: Sequence[Point],
        outcomes: Sequence[Outcome],
        plateau: Float64s,
        spike: np.ndarray,
    ) -> pl.DataFrame:
        columns: list[pl.Series] = [pl.Series("number", range(1, len(points) + 1), pl.Int64)]
        for key, axis in self.space.axes.items():
            kind = numeric_kind(axis)
            values = [point[key] if kind else str(point[key]) for point in points]
            columns.append(pl.Series(key, values, _COLUMN[kind]))
        metrics = [{} if isinstance(one, Failed) else one.metrics for one in outcomes]
        for name in METRICS:
            told = [one.get(name) for one in metrics]
            columns.append(pl.Series(name, told, pl.Int64 if name in COUNTS else pl.Float64))
        failed = [isinstance(one, Failed) for one in outcomes]
        fails = [
            None if isinstance(one, Failed) else self.constraints.failed(one.metrics)
            for one in outcomes
        ]
        errors = [one.error if isinstance(one, Failed) else None for one in outcomes]
        columns += [
            pl.Series("plateau", plateau, pl.Float64, nan_to_null=True),
            pl.Series("spike", spike & ~np.array(failed), pl.Boolean),
            pl.Series("fails", fails, pl.String),
            pl.Series("error", errors, pl.String),
        ]
        return pl.DataFrame(columns)


def run_parallel(
    dataset: Dataset,
    strategy: str,
    grid: Mapping[str, Sequence[object]] | Space,
    *,
    settings: StrategySettings | None = None,
    risk: MarketRisk | None = None,
    gear: Gear = Gear.COMPILED,
    workers: int | None = None,
    objective: str = "sharpe",
    constraints: Constraints | None = None,
    progress: Progress = silent,
) -> Searched:
    """Every set of `grid` (values by key), over all of `dataset`: the search in one call."""
    request = Request(
        strategy=strategy,
        settings=settings or settings_of(strategy)(),
        risk=risk or RiskSettings().for_market(dataset.options.market),
        dataset=dataset,
        gear=gear,
    )
    optimizer = ParamOptimizer(
        TradedSubject(request),
        grid if isinstance(grid, Space) else space_from(grid),
        objective=objective,
        constraints=constraints,
        workers=workers,
    )
    return optimizer.run(progress=progress)


def _span(days: Int64s, from_day: int | None, to_day: int | None) -> Int64s:
    first = days[0] if from_day is None else from_day
    last = days[-1] if to_day is None else to_day
    inside = days[(days >= first) & (days <= last)]
    if not len(inside):
        raise DataError(
            f"no session from {day_text(int(first))} to {day_text(int(last))}: the data covers"
            f" {day_text(int(days[0]))} to {day_text(int(days[-1]))}"
        )
    return inside
