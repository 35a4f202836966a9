"""Bayesian search: Optuna asked in fixed batches, so that its course is the same for any workers.

Seeded, and told in order: a search that is resumed asks for the same points again.
"""

from collections.abc import Sequence

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from research.search.space import Choice, Interval, Point, Space, check_count

BATCH = 16  # asked at once: as many workers have work, and the sampler learns as often


class Tpe:
    """Optuna's tree-structured Parzen estimator (Bergstra et al. 2011), seeded.

    A set that failed or broke a constraint counts as worse than any other. A point that it asks
    for again is told what it was worth and takes no place among `sets`; a search whose new points
    have run out ends.
    """

    def __init__(self, space: Space, sets: int, seed: int) -> None:
        check_count(sets)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space = space
        self._sampler = optuna.samplers.TPESampler(seed=seed)
        self._study = optuna.create_study(direction="maximize", sampler=self._sampler)
        self._wanted = {key: _distribution(axis) for key, axis in space.axes.items()}
        self._pruned = optuna.trial.TrialState.PRUNED
        self._known: dict[tuple[object, ...], float | None] = {}
        self._asked: list[tuple[optuna.Trial, tuple[object, ...]]] = []
        self.total = sets if space.size is None else min(sets, space.size)

    def ask(self) -> list[Point]:
        fresh: dict[tuple[object, ...], Point] = {}
        for _ in range(BATCH * 4):  # bounded: what is left may be hard to hit
            if len(fresh) == min(BATCH, self.total - len(self._known)):
                break
            trial = self._study.ask(self._wanted)
            point = {key: self._value(key, trial.params[key]) for key in self._space.axes}
            place = tuple(point.values())
            if place in self._known:
                self._settle(trial, self._known[place])
            else:
                fresh[place] = point
                self._asked.append((trial, place))
        return list(fresh.values())

    def tell(self, values: Sequence[float | None]) -> None:
        places = dict.fromkeys(place for _, place in self._asked)
        self._known |= dict(zip(places, values, strict=True))
        for trial, place in self._asked:
            self._settle(trial, self._known[place])
        self._asked = []

    def _value(self, key: str, asked: object) -> object:
        axis = self._space.axes[key]
        return axis.at(int(str(asked))) if isinstance(axis, Choice) else asked

    def _settle(self, trial: optuna.Trial, value: float | None) -> None:
        if value is None:
            self._study.tell(trial, state=self._pruned)
        else:
            self._study.tell(trial, value)


def _distribution(axis: Choice | Interval) -> BaseDistribution:
    """A choice is asked for by the number of its value: neighbours in the list are near."""
    if isinstance(axis, Choice):
        return IntDistribution(0, axis.size - 1)
    if axis.is_whole:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.is_log)
    return FloatDistribution(axis.low, axis.high, log=axis.is_log)
