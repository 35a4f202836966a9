"""Which sets are tried next: all of a grid, a sample, or what a Bayesian search asks for.

A search asks in batches of its own size and hears the answers in the order it asked, so that what
it tries does not depend on how many workers there are.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from core.errors import ConfigError
from research.search.space import (
    Point,
    Space,
    generate_grid,
    random_points,
)

DEFAULT_SETS = 200


class How(StrEnum):
    GRID = "grid"
    RANDOM = "random"
    OPTUNA = "optuna"


class Proposals(Protocol):
    @property
    def total(self) -> int:
        """How many points will be asked for at most."""

    def ask(self) -> list[Point]:
        """The next batch; empty at the end. Never a point that was asked for before."""

    def tell(self, values: Sequence[float | None]) -> None:
        """Of the last batch, in its order: more is better, None if it must not be chosen."""


def proposals(how: How, space: Space, sets: int | None, seed: int) -> Proposals:
    """Raises ConfigError where the space does not fit the kind of search."""
    match how:
        case How.GRID:
            if sets is not None:
                raise ConfigError("a grid has as many sets as it has points: drop the number")
            return Listed(generate_grid(space))
        case How.RANDOM:
            return Listed(random_points(space, DEFAULT_SETS if sets is None else sets, seed))
        case How.OPTUNA:
            from research.search.tpe import Tpe  # optuna takes half a second to import

            return Tpe(space, DEFAULT_SETS if sets is None else sets, seed)


class Listed:
    """All at once."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._points = list(points)
        self.total = len(self._points)

    def ask(self) -> list[Point]:
        asked, self._points = self._points, []
        return asked

    def tell(self, values: Sequence[float | None]) -> None:
        pass
