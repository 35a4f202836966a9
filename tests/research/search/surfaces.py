"""A subject that is a formula: quick, picklable, and able to fail, count and die."""

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from core.errors import ConfigError
from core.types import Int64s
from research.evaluation import Evaluated, Values
from research.metrics import METRICS, metrics_of, ordered

DAYS: Int64s = np.arange(20_000, 20_020)
KEYS = ("x", "y")
PLATEAU, SPIKE = (6, 6), (2, 2)


def hill(x: float, y: float) -> float:
    """A broad hill about PLATEAU, and one point that is higher."""
    if (x, y) == SPIKE:
        return 5.0
    return 2.0 - 0.1 * ((x - PLATEAU[0]) ** 2 + (y - PLATEAU[1]) ** 2)


@dataclass(frozen=True, slots=True)
class Surface:
    """`sharpe` is the hill, `trades` 10 * x; x = 9 raises. `dies_after`: kill -9 of the process."""

    name: str = "surface"
    gear: str = "compiled"
    dies_after: int | None = None
    asked: list[Values] = field(default_factory=list)
    data_hash: ClassVar[str] = "of no data"

    @property
    def identity(self) -> Mapping[str, object]:
        return {"strategy": self.name, "gear": self.gear, "data_hash": self.data_hash}

    def check(self, values: Values) -> None:
        unknown = next((key for key in values if key not in KEYS), None)
        if unknown is not None:
            raise ConfigError(f'unknown key "{unknown}"')

    def days(self) -> Int64s:
        return DAYS

    def evaluator(self, from_day: int | None, to_day: int | None) -> "SurfaceEvaluator":
        first = DAYS[0] if from_day is None else from_day
        last = DAYS[-1] if to_day is None else to_day
        return SurfaceEvaluator(self, DAYS[(DAYS >= first) & (DAYS <= last)])


@dataclass(frozen=True, slots=True)
class SurfaceEvaluator:
    surface: Surface
    days: Int64s
    periods_per_year: float = 252.0
    compounded: bool = False

    def evaluate(self, values: Values) -> Evaluated:
        asked = self.surface.asked
        if len(asked) == self.surface.dies_after:
            os.kill(os.getpid(), signal.SIGKILL)
        asked.append(dict(values))
        self.surface.check(values)
        x, y = (float(str(values[key])) for key in KEYS)
        if x == 9:
            raise ZeroDivisionError("the strategy\ndivides by nothing")
        worth = hill(x, y)
        daily = np.sin(np.arange(len(self.days)) * (1 + x)) * 0.01 + worth * 0.001
        found = metrics_of(daily, 252.0, compounded=False) | {
            "sharpe": worth,
            "trades": int(10 * x),
        }
        assert set(found) <= set(METRICS)
        return Evaluated(ordered(found), daily)


class ManySurface:
    """Evaluates many at once, and none of them if one fails."""

    def __init__(self, one: SurfaceEvaluator) -> None:
        self.days, self.periods_per_year, self.compounded = one.days, 252.0, False
        self.evaluate = one.evaluate
        self.batches: list[int] = []

    def evaluate_many(self, sets: Sequence[Values]) -> list[Evaluated]:
        self.batches.append(len(sets))
        return [self.evaluate(values) for values in sets]
