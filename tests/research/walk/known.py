"""A subject whose every set returns what the test says; the backtest that a window should be."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from backtest.run import Request
from core.errors import ConfigError
from core.types import Float64s, Int64s
from research.evaluation import Evaluated, TradedSubject, Values
from research.metrics import metrics_of, ordered
from research.search.optimizer import ParamOptimizer
from research.search.space import Choice, Space

YEAR = 252.0


class KnownSubject:
    """`returns`: of each value of the key `n` its daily returns; each nonzero one is a trade.

    `asked` hears of every evaluation (value, first and last day of the span) before it is made;
    it may raise.
    """

    def __init__(
        self,
        returns: Mapping[int, Float64s],
        days: Int64s,
        *,
        compounded: bool = True,
        asked: Callable[[int, int, int], None] = lambda n, first, last: None,
    ) -> None:
        self.returns, self._days, self.compounded, self.asked = returns, days, compounded, asked
        self.data_hash = "known"
        self.identity: dict[str, object] = {"strategy": "known", "data_hash": "known"}

    def check(self, values: Values) -> None:
        if set(values) != {"n"}:
            raise ConfigError(f"unknown key in {dict(values)}")

    def days(self) -> Int64s:
        return self._days

    def evaluator(self, from_day: int | None, to_day: int | None) -> "KnownEvaluator":
        first = self._days[0] if from_day is None else from_day
        last = self._days[-1] if to_day is None else to_day
        return KnownEvaluator(self, (self._days >= first) & (self._days <= last))

    def optimizer(self, **options: object) -> ParamOptimizer:
        space = Space({"n": Choice(tuple(self.returns))})
        return ParamOptimizer(self, space, **{"workers": 1, **options})  # type: ignore[arg-type]


class KnownEvaluator:
    periods_per_year = YEAR

    def __init__(self, subject: KnownSubject, inside: np.ndarray) -> None:
        self._subject, self._inside = subject, inside
        self.days: Int64s = subject.days()[inside]
        self.compounded = subject.compounded

    def evaluate(self, values: Values) -> Evaluated:
        n = int(str(values["n"]))
        self._subject.asked(n, int(self.days[0]), int(self.days[-1]))
        daily = self._subject.returns[n][self._inside]
        figures = metrics_of(daily, YEAR, compounded=self.compounded)
        return Evaluated(ordered({**figures, "trades": int((daily != 0).sum())}), daily)


def settled(request: Request, chosen: object, span: tuple[int, int]) -> Request:
    """The backtest of one window's test span with what it chose."""
    assert isinstance(chosen, dict)
    settings, risk = TradedSubject(request).settled(chosen)
    return replace(request, settings=settings, risk=risk, from_day=span[0], to_day=span[1])
