"""Optimise on what is past, trade what comes next, window after window: what choosing is worth.

Decides which spans are searched and puts what they came to on end; what is chosen in a span is the
optimiser's to say, how a set is traded its subject's.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from core.types import Float64s, Int64s
from research.evaluation import Evaluated, TradingSubject
from research.metrics import METRICS, OF_TRADES, Metrics, ordered
from research.search.backends import Failed
from research.search.optimizer import ParamOptimizer, Progress, Searched, silent
from research.search.proposals import How
from research.search.space import Point, check_count
from research.walk.cpcv import sharpes
from research.walk.drift import Drift, drift_of
from research.walk.outcome import Efficiency, Outcome, efficiency, out_of_sample, stitched
from research.walk.windows import Scheme, Window, windows_of


class Walked(NamedTuple):
    """`points`: the distinct sets of all windows, in the order they were first tried; not those
    that break a relation of the space, which are never traded.

    `daily`: float64[sets, sessions], what each of them returns over all sessions walked
    (`days`), NaN rows for failures. `trades`: rows of trades.parquet and their window, of the test
    spans; None for a gear that lists none. `metrics`: METRICS out of sample.
    """

    outcomes: list[Outcome]
    points: list[Point]
    days: Int64s
    daily: Float64s
    trades: pl.DataFrame | None
    metrics: Metrics
    efficiency: Efficiency
    drift: Drift
    periods_per_year: float
    compounded: bool

    @property
    def sharpes(self) -> Float64s:
        """float64[sets], annualised, over all sessions; NaN for failures."""
        return sharpes(self.daily, self.periods_per_year)

    @property
    def hindsight(self) -> int | None:
        """The set with the best Sharpe over all sessions; None if all failed."""
        ratios = self.sharpes
        return None if np.isnan(ratios).all() else int(np.nanargmax(ratios))

    def next_values(self) -> Point | None:
        """What the last window chose, hence what one would trade next."""
        chosen = self.outcomes[-1].chosen
        return None if chosen is None else dict(chosen)


class WalkForwardValidator:
    """Every window of `scheme` searched by `optimizer` on its train span, tried on its test span.

    Test spans warm up on every earlier bar, so they may be shorter than the warm-up. With a store
    the optimiser knows after a kill which sets of which window were evaluated. The same for any
    number of workers.

    Args:
        from_day, to_day: what is walked, inclusive; every earlier bar of the data warms up.

    Raises ConfigError or DataError where no window fits.
    """

    def __init__(
        self,
        optimizer: ParamOptimizer,
        scheme: Scheme,
        from_day: int | None = None,
        to_day: int | None = None,
    ) -> None:
        self.optimizer = optimizer
        self.days = _within(optimizer.subject.days(), from_day, to_day)
        self.windows = windows_of(self.days, scheme)
        self._distinct = optimizer.total  # a grid and a sample try the same sets in every window
        if optimizer.how is How.OPTUNA:
            self._distinct *= len(self.windows)
        check_count(self._distinct)

    @property
    def total(self) -> int:
        """Evaluations at most: of the windows, their tests, and of each set over all sessions."""
        return len(self.windows) * (self.optimizer.total + 1) + self._distinct

    def run(self, progress: Progress = silent) -> Walked:
        optimizer, subject = self.optimizer, self.optimizer.subject
        points: dict[tuple[object, ...], Point] = {}
        outcomes = []
        for window in self.windows:
            searched = optimizer.run(*window.train, progress)
            allowed = [one for one in searched.points if optimizer.space.broken(one) is None]
            points.update((tuple(point.values()), point) for point in allowed)
            outcomes.append(self._tried(window, searched, progress))
        distinct, days = list(points.values()), self.days
        of = subject.evaluator(int(days[0]), int(days[-1]))
        chosen = {one.window.number: one.chosen for one in outcomes if one.chosen is not None}
        trades = self._trades(outcomes)
        metrics = out_of_sample(outcomes, of)
        if trades is not None and isinstance(subject, TradingSubject):
            measured = subject.measured(trades, stitched(outcomes)[0]).metrics
            known = {name: measured[name] for name in (*OF_TRADES, "days_in_market")}
            metrics = ordered({**metrics, **known})
        return Walked(
            outcomes=outcomes,
            points=distinct,
            days=days,
            daily=self._daily(distinct, progress),
            trades=trades,
            metrics=metrics,
            efficiency=efficiency(outcomes, optimizer.objective, of.periods_per_year),
            drift=drift_of(chosen, optimizer.space.axes),
            periods_per_year=of.periods_per_year,
            compounded=of.compounded,
        )

    def _tried(self, window: Window, searched: Searched, progress: Progress) -> Outcome:
        inside = _within(self.days, *window.test)
        chosen, scores = searched.chosen, searched.scores
        made = Outcome(window, len(searched.days), inside, scores, chosen, None, None, None)
        if chosen is None:
            progress(1)
            return made._replace(error=_why_none(scores))
        row = searched.points.index(chosen)
        figures = {name: scores[name][row] for name in METRICS}
        made = made._replace(train=Evaluated(figures, searched.daily[row]))
        (test,) = self.optimizer.outcomes([chosen], *window.test, progress)
        if isinstance(test, Failed):
            return made._replace(error=f"the chosen set failed in the test span: {test.error}")
        return made._replace(test=test)

    def _trades(self, outcomes: Sequence[Outcome]) -> pl.DataFrame | None:
        """Of all test spans, in order, with the number of their window."""
        subject = self.optimizer.subject
        if not isinstance(subject, TradingSubject):
            return None
        frames = [
            subject.trades(one.chosen, *one.window.test).with_columns(
                pl.lit(one.window.number, pl.Int64).alias("window")
            )
            for one in outcomes
            if one.chosen is not None and one.test is not None
        ]
        return pl.concat(frames) if frames else None

    def _daily(self, points: Sequence[Point], progress: Progress) -> Float64s:
        """Every set over all sessions in one go, on one account; NaN rows for failures."""
        daily = np.full((len(points), len(self.days)), np.nan)
        span = int(self.days[0]), int(self.days[-1])
        outcomes = self.optimizer.outcomes(points, *span, progress)
        for row, outcome in zip(daily, outcomes, strict=True):
            if not isinstance(outcome, Failed):
                row[:] = outcome.daily
        return daily


def _within(days: Int64s, first: int | None, last: int | None) -> Int64s:
    inside = np.ones(len(days), np.bool_)
    if first is not None:
        inside &= days >= first
    if last is not None:
        inside &= days <= last
    return days[inside]


def _why_none(scores: pl.DataFrame) -> str:
    """Why no set of a window could be chosen, by the most frequent reason."""
    said = scores.select(pl.coalesce("error", "fails", pl.lit("the objective has no value")))
    counts = said.to_series().value_counts(sort=True)
    reasons = counts.sort(["count", counts.columns[0]], descending=[True, False])
    reason, count = reasons.row(0)
    return f"no set could be chosen: {count} of {scores.height} have {reason!r}"
