"""How far what is chosen moves from window to window: parameters that wander were fitted to noise.

A move is told in parts of all that was searched, so that keys of any unit can be compared. Decides
nothing.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

SCHEMA: dict[str, pl.DataType] = {
    "window": pl.Int64(),
    "key": pl.String(),
    "value": pl.String(),
    "position": pl.Float64(),  # among the values searched, 0 the least and 1 the greatest
    "moved": pl.Float64(),  # since the window before it that chose
}

Chosen = Mapping[str, object]


class Drift(NamedTuple):
    """`moves`: one row a key and window that chose (SCHEMA).

    `score`: mean of `moved` over all keys, 0 where the choice never moves, 1 where it always goes
    from end to end; None with fewer than two choices. `by_chance`: its mean if each window chose
    every key at random.
    """

    moves: pl.DataFrame
    score: float | None
    by_chance: float | None


def drift_of(chosen: Mapping[int, Chosen], searched: Mapping[str, Sequence[object]]) -> Drift:
    """Drift over the windows that chose.

    Args:
        chosen: by the window's number, in order; of each key of `searched` its value.
        searched: of each key all values that were tried. Numbers are compared by their place among
            them, so that a grid may be coarse here and fine there; anything else only moves or
            does not. A key with one value cannot move and is left out.
    """
    scales = {key: _Scale.of(values) for key, values in searched.items()}
    scales = {key: scale for key, scale in scales.items() if len(scale.values) > 1}
    rows = []
    for key, scale in scales.items():
        moved: list[float | None] = [None] if chosen else []
        moved += [scale.between(a[key], b[key]) for a, b in pairwise(chosen.values())]
        for (window, values), move in zip(chosen.items(), moved, strict=True):
            value = values[key]
            rows.append((window, key, str(value), scale.position(value), move))
    moves = pl.DataFrame(rows, SCHEMA, orient="row").sort("window", maintain_order=True)
    score = moves["moved"].mean()
    if not isinstance(score, float):
        return Drift(moves, None, None)
    return Drift(moves, score, float(np.mean([scale.by_chance for scale in scales.values()])))


class _Scale(NamedTuple):
    """The distinct values of a key that were tried, in order if they are numbers."""

    values: list[object]
    is_number: bool

    @classmethod
    def of(cls, values: Sequence[object]) -> "_Scale":
        is_number = all(
            isinstance(one, int | float) and not isinstance(one, bool) for one in values
        )
        distinct = list(dict.fromkeys(values))
        return cls(sorted(distinct) if is_number else distinct, is_number)  # type: ignore[type-var]

    def position(self, value: object) -> float | None:
        return self.values.index(value) / (len(self.values) - 1) if self.is_number else None

    def between(self, one: object, other: object) -> float:
        if not self.is_number:
            return float(one != other)
        return abs(self.values.index(one) - self.values.index(other)) / (len(self.values) - 1)

    @property
    def by_chance(self) -> float:
        """Mean move between two values drawn evenly: (n + 1) / 3n, or 1 - 1/n without an order."""
        n = len(self.values)
        return (n + 1) / (3 * n) if self.is_number else 1 - 1 / n
