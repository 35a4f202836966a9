"""Is the best a plateau or a spike: what a set's neighbours are worth.

A set that is best by luck stands alone; one that holds something stands among its like. Decides
nothing about what is measured.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.neighbors import KDTree

from core.types import Float64s, Int64s
from research.search.space import Space

SHARE = 0.25  # of a neighbourhood that may be worse than its plateau score
FEWEST = 12  # sets of which a best quarter can be told
MISSING = -1


def plateaus(worth: Float64s, neighbours: Int64s) -> Float64s:
    """Of each set the lower quartile of what it and its neighbours are worth.

    So three quarters of a neighbourhood are at least as good: the height of one lucky set moves
    nothing, and the edge of a plateau scores below its middle.

    Args:
        worth: float64[n], more is better; NaN for a set without a value, which is left out.
        neighbours: int64[n, m], rows of sets; MISSING where there is none.

    Returns:
        float64[n]; NaN where `worth` is.
    """
    around = np.where(neighbours == MISSING, np.nan, worth[neighbours])
    ordered = np.sort(np.column_stack([worth, around]), axis=1)  # NaN last
    place = SHARE * (np.maximum(1, (~np.isnan(ordered)).sum(axis=1)) - 1)
    low = place.astype(np.int64)
    high = np.ceil(place).astype(np.int64)
    rows = np.arange(len(worth))
    found: Float64s = ordered[rows, low] + (place - low) * (
        ordered[rows, high] - ordered[rows, low]
    )
    return np.where(np.isnan(worth), np.nan, found)


def spikes(worth: Float64s, plateau: Float64s) -> np.ndarray:
    """bool[n]: sets among the best quarter whose neighbourhood is not; none below FEWEST sets."""
    known = worth[~np.isnan(worth)]
    if len(known) < FEWEST:
        return np.zeros(len(worth), bool)
    bar = float(np.quantile(known, 1 - SHARE))
    found: np.ndarray = (worth >= bar) & (plateau < bar)
    return found


def grid_neighbours(space: Space, points: Sequence[Mapping[str, object]]) -> Int64s:
    """int64[n, 2 * keys]: sets that differ in one key by one step. For points of the grid."""
    sizes = np.array([axis.size or 1 for axis in space.axes.values()], np.int64)
    places = np.rint(space.scaled(points) * np.maximum(1, sizes - 1)).astype(np.int64)
    strides = np.append(np.cumprod(sizes[:0:-1])[::-1], 1).astype(np.int64)
    numbers = places @ strides
    order = np.argsort(numbers)
    columns = []
    for key in range(len(sizes)):
        for step in (-1, 1):
            inside = (places[:, key] + step >= 0) & (places[:, key] + step < sizes[key])
            wanted = numbers + step * strides[key]
            found = order[np.searchsorted(numbers[order], wanted).clip(max=len(numbers) - 1)]
            columns.append(np.where(inside & (numbers[found] == wanted), found, MISSING))
    return np.column_stack(columns)


def nearest_neighbours(space: Space, points: Sequence[Mapping[str, object]]) -> Int64s:
    """int64[n, 2 * keys]: the nearest sets where every axis runs from 0 to 1."""
    wanted = 2 * len(space.axes)
    count = min(wanted, len(points) - 1)
    found = np.full((len(points), wanted), MISSING)
    if count:
        scaled = space.scaled(points)
        near = KDTree(scaled).query(scaled, k=count + 1, return_distance=False)
        for row, sets in enumerate(near):  # its own place in the list is not always the first
            found[row, :count] = [one for one in sets if one != row][:count]
    return found
