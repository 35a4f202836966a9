"""Drift of what windows choose, by hand."""

from itertools import product

import numpy as np
import pytest

from research.search.space import Choice, Interval
from research.walk.drift import drift_of


def test_a_choice_that_stays_has_no_drift() -> None:
    found = drift_of({1: {"fast": 3}, 2: {"fast": 3}}, {"fast": Choice((3, 5, 8))})
    assert found.score == 0.0
    assert found.moves.rows() == [(1, "fast", "3", 0.0, None), (2, "fast", "3", 0.0, 0.0)]


def test_a_move_is_counted_in_places_of_the_grid_and_averaged_over_keys() -> None:
    chosen = {
        1: {"fast": 3, "size": 10.0, "fixed": 1},
        2: {"fast": 89, "size": 10.0, "fixed": 1},  # two of two places, though 86 of 86
        4: {"fast": 5, "size": 12.5, "fixed": 1},  # one place; the third window chose nothing
    }
    axes = {"fast": Choice((3, 5, 89)), "size": Interval(10.0, 20.0), "fixed": Choice((1,))}
    found = drift_of(chosen, axes)
    assert found.moves["moved"].to_list() == [None, None, 1.0, 0.0, 0.5, 0.25]
    assert found.moves["position"].to_list() == [0.0, 0.0, 1.0, 0.0, 0.5, 0.25]
    assert set(found.moves["key"]) == {"fast", "size"}
    assert found.score == (1.0 + 0.5 + 0.0 + 0.25) / 4


def test_chance_is_the_mean_move_between_random_places() -> None:
    places = range(5)
    mean = np.mean([abs(a - b) / 4 for a, b in product(places, places)])
    axes = {"n": Choice((1, 2, 3, 4, 5)), "x": Interval(0.0, 1.0)}
    found = drift_of({1: {"n": 1, "x": 0.5}, 2: {"n": 2, "x": 0.5}}, axes)
    assert found.by_chance == pytest.approx((mean + 1 / 3) / 2)


@pytest.mark.parametrize("chosen", [{}, {3: {"fast": 5}}])
def test_fewer_than_two_choices_have_no_drift(chosen: dict[int, dict[str, object]]) -> None:
    found = drift_of(chosen, {"fast": Choice((3, 5))})
    assert (found.score, found.by_chance) == (None, None)
    assert found.moves.height == len(chosen)


def test_keys_with_one_value_leave_nothing_to_drift() -> None:
    assert drift_of({1: {"a": 1}, 2: {"a": 1}}, {"a": Choice((1,))}).score is None
