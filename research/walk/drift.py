"""How far what is chosen moves from window to window: parameters that wander were fitted to noise.

A move is told in parts of all that could be chosen, so that keys of any unit can be compared.
Decides nothing.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from research.search.space import Axis

SCHEMA: dict[str, pl.DataType] = {
    "window": pl.Int64(),
    "key": pl.String(),
    "value": pl.String(),
    "position": pl.Float64(),  # on its axis, 0 the first value and 1 the last
    "moved": pl.Float64(),  # since the window before it that chose
}


class Drift(NamedTuple):
    """`moves`: one row a key and window that chose (SCHEMA).

    `score`: mean of `moved` over all keys, 0 where the choice never moves, 1 where it always goes
    from end to end; None with fewer than two choices. `by_chance`: its mean if each window chose
    every key at random.
    """

    moves: pl.DataFrame
    score: float | None
    by_chance: float | None


def drift_of(chosen: Mapping[int, Mapping[str, object]], axes: Mapping[str, Axis]) -> Drift:
    """Drift over the windows that chose; an axis of one value cannot move and is left out.

    Args:
        chosen: by the window's number, in order; of each key of `axes` its value. Values of a
            choice are compared by their place, so that a grid may be coarse here and fine there.
    """
    free = {key: axis for key, axis in axes.items() if axis.size != 1}
    rows: list[tuple[object, ...]] = []
    for key, axis in free.items():
        positions = [axis.scaled(values[key]) for values in chosen.values()]
        moved = [None, *(abs(b - a) for a, b in pairwise(positions))]
        for (window, values), position, move in zip(chosen.items(), positions, moved, strict=False):
            rows.append((window, key, str(values[key]), position, move))
    moves = pl.DataFrame(rows, SCHEMA, orient="row").sort("window", maintain_order=True)
    score = moves["moved"].mean()
    if not isinstance(score, float):
        return Drift(moves, None, None)
    return Drift(moves, score, float(np.mean([_by_chance(axis) for axis in free.values()])))


def _by_chance(axis: Axis) -> float:
    """Mean distance of two values drawn evenly: (n + 1) / 3n between n places, 1/3 on a line."""
    return 1 / 3 if axis.size is None else (axis.size + 1) / (3 * axis.size)
