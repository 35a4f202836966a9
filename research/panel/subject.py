"""Strategies of the vectorised gear as something to search: one set, or a sweep of crosses.

Decides how values become a strategy and its run; which sets there are is the optimiser's.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from core.errors import ConfigError, DataError
from core.session import day_text
from core.types import Float64s, Int64s
from research.evaluation import Evaluated, Values
from research.metrics import ordered, periods_per_year_of
from research.panel.crosses import CrossSettings, CrossSweep, SmaCross
from research.panel.strategy import StrategyBase
from research.panel.vectorized import Terms, VectorizedEngine, code_of
from strategies.identity import code_digest

Make = Callable[[Mapping[str, object]], StrategyBase[Any]]


class VectorSubject:
    """A strategy over bars of one timeframe, in the vectorised gear.

    Args:
        frame: as `VectorizedEngine.run` reads it; held once and shared by all threads.
        make: the strategy of some values: its class, or a `functools.partial`. Importable, if the
            search is to leave this process.
        fixed: values of every set, under those that are searched.
        sweep: only for SmaCross over one symbol: all sets of a question in one pass. Its answers
            lack what needs a list of trades or the account bar by bar (METRICS that are None in
            every row); the other figures are the engine's.

    Raises ConfigError for fixed values that are not allowed, DataError as `CrossSweep`.
    """

    def __init__(
        self,
        frame: pl.DataFrame,
        make: Make,
        terms: Terms,
        *,
        data_hash: str,
        fixed: Mapping[str, object] | None = None,
        sweep: bool = False,
    ) -> None:
        self.frame, self.make, self.fixed, self.sweep = frame, make, dict(fixed or {}), sweep
        self.engine = VectorizedEngine(terms)
        self.data_hash = data_hash
        strategy = make(self.fixed)
        if sweep and not isinstance(strategy, SmaCross):
            raise ConfigError(f"strategy {strategy.name} has no sweep: only sma_cross has")
        self._days = np.unique(self.engine.with_day(frame.lazy()).select("day").collect()["day"])
        self.identity: dict[str, object] = {
            "strategy": strategy.name,
            "version": strategy.version,
            "gear": "sweep" if sweep else "vectorized",
            "parameters": strategy.settings.model_dump(mode="json"),
            "terms": terms.model_dump(mode="json"),
            "data_hash": data_hash,
            "symbols": frame["symbol"].unique().sort().to_list(),
            "code_digest": code_digest([]) + code_of(type(strategy)) + _gear_digest(),
        }

    def check(self, values: Values) -> None:
        self.strategy(values)

    def days(self) -> Int64s:
        return self._days

    def evaluator(
        self, from_day: int | None, to_day: int | None
    ) -> "VectorEvaluator | SweepEvaluator":
        first, last = from_day or self._days[0], to_day or self._days[-1]
        days = self._days[(self._days >= first) & (self._days <= last)]
        if not len(days):
            raise DataError(f"no bars from {day_text(int(first))} to {day_text(int(last))}")
        kind = SweepEvaluator if self.sweep else VectorEvaluator
        return kind(self, days, from_day, to_day)

    def strategy(self, values: Values) -> StrategyBase[Any]:
        return self.make({**self.fixed, **values})


@cache
def _gear_digest() -> str:
    """Of the text of this gear: other sources may answer otherwise."""
    room = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*room.glob("*.py"), room.parent / "metrics.py"]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


class VectorEvaluator:
    """One span of a VectorSubject: every set by a run of the engine."""

    compounded = True

    def __init__(
        self, subject: VectorSubject, days: Int64s, from_day: int | None, to_day: int | None
    ) -> None:
        self.days = days
        self.periods_per_year = periods_per_year_of(days, subject.engine.terms.market)
        self._subject, self._span = subject, (from_day, to_day)

    def evaluate(self, values: Values) -> Evaluated:
        subject, (from_day, to_day) = self._subject, self._span
        made = subject.engine.run(
            subject.frame.lazy(),
            subject.strategy(values),
            data_hash=subject.data_hash,
            from_day=from_day,
            to_day=to_day,
        )
        return Evaluated(made.metrics, made.daily)


class SweepEvaluator:
    """One span of a VectorSubject that sweeps: any number of sets in one pass over the bars."""

    compounded = True

    def __init__(
        self, subject: VectorSubject, days: Int64s, from_day: int | None, to_day: int | None
    ) -> None:
        self.days = days
        self.periods_per_year = periods_per_year_of(days, subject.engine.terms.market)
        self._subject = subject
        self._sweep = CrossSweep(subject.engine, subject.frame, from_day, to_day)

    def evaluate(self, values: Values) -> Evaluated:
        return self.evaluate_many([values])[0]

    def evaluate_many(self, sets: Sequence[Values]) -> list[Evaluated]:
        """Sets of one `sides` and `price_step` share a pass."""
        settings = [self._settings(values) for values in sets]
        kinds: dict[tuple[str, float], list[int]] = {}
        for number, own in enumerate(settings):
            kinds.setdefault((own.sides, own.price_step), []).append(number)
        answers: dict[int, tuple[Mapping[str, float | None], Float64s]] = {}
        for numbers in kinds.values():
            swept = self._sweep.run([settings[number] for number in numbers])
            answers.update(zip(numbers, zip(swept.metrics, swept.daily, strict=True), strict=True))
        return [
            Evaluated(ordered(dict(answers[number][0])), answers[number][1])
            for number in range(len(sets))
        ]

    def _settings(self, values: Values) -> CrossSettings:
        settings = self._subject.strategy(values).settings
        assert isinstance(settings, CrossSettings)
        return settings
