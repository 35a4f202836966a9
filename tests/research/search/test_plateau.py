"""Neighbours and plateau scores, counted by hand."""

import numpy as np

from research.search.plateau import (
    MISSING,
    grid_neighbours,
    nearest_neighbours,
    plateaus,
    spikes,
)
from research.search.space import generate_grid, space_from, space_of


def test_neighbours_of_a_grid_differ_in_one_key_by_one_step() -> None:
    space = space_from({"a": [1, 5, 20], "b": ["u", "v"]})
    points = generate_grid(space)  # 1u 1v 5u 5v 20u 20v
    assert grid_neighbours(space, points).tolist() == [
        [MISSING, 2, MISSING, 1],
        [MISSING, 3, 0, MISSING],
        [0, 4, MISSING, 3],
        [1, 5, 2, MISSING],
        [2, MISSING, MISSING, 5],
        [3, MISSING, 4, MISSING],
    ]


def test_a_plateau_score_is_the_lower_quartile_of_the_neighbourhood() -> None:
    worth = np.array([0.0, 8.0, 2.0, 4.0, np.nan])
    around = np.array([[1, 2], [0, 2], [1, 3], [2, 4], [3, MISSING]])
    found = plateaus(worth, around)
    assert found[:4].tolist() == [1.0, 1.0, 3.0, 2.5]  # of 0 2 8, 0 2 8, 2 4 8, and 2 4 alone
    assert np.isnan(found[4])


def test_a_spike_is_among_the_best_without_its_neighbours() -> None:
    worth = np.array([0.0, 9, 0, 0, 1, 2, 3, 4, 5, 6, 7, 6, 5, 4, 3])
    space = space_from({"a": list(range(len(worth)))})
    around = grid_neighbours(space, generate_grid(space))
    assert spikes(worth, plateaus(worth, around)).tolist() == [i == 1 for i in range(len(worth))]
    few = worth[:4]  # of which nobody can tell
    assert not spikes(few, plateaus(few, around[:4].clip(max=3))).any()
    nothing = np.full(30, np.nan)
    assert not spikes(nothing, nothing).any()


def test_the_nearest_are_found_where_every_axis_is_as_long_as_the_other() -> None:
    space = space_of(["a=0:1000", "b=1.0:100:log"])
    points = [{"a": a, "b": b} for a, b in ((0, 1.0), (100, 1.0), (0, 10.0), (1000, 100.0))]
    found = nearest_neighbours(space, points)
    assert found[0].tolist() == [1, 2, 3, MISSING]
    assert found[3].tolist() == [2, 1, 0, MISSING]
    assert nearest_neighbours(space, points[:1]).tolist() == [[MISSING] * 4]
