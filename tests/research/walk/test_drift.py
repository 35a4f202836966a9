"""Drift of what windows choose, by hand."""

from itertools import product

import numpy as np
import pytest

from research.walk.drift import drift_of


def test_a_choice_that_stays_has_no_drift() -> None:
    found = drift_of({1: {"fast": 3}, 2: {"fast": 3}}, {"fast": [3, 5, 8]})
    assert found.score == 0.0
    assert found.moves.rows() == [(1, "fast", "3", 0.0, None), (2, "fast", "3", 0.0, 0.0)]


def test_a_move_is_counted_in_places_of_the_grid_and_averaged_over_keys() -> None:
    chosen = {
        1: {"fast": 3, "kind": "a", "fixed": 1},
        2: {"fast": 89, "kind": "a", "fixed": 1},  # two of two places, though 86 of 86
        4: {"fast": 5, "kind": "b", "fixed": 1},  # one place; the third window chose nothing
    }
    searched = {"fast": [3, 5, 89], "kind": ["a", "b"], "fixed": [1]}
    found = drift_of(chosen, searched)
    assert found.moves["moved"].to_list() == [None, None, 1.0, 0.0, 0.5, 1.0]
    assert found.moves["position"].to_list() == [0.0, None, 1.0, None, 0.5, None]
    assert set(found.moves["key"]) == {"fast", "kind"}
    assert found.score == pytest.approx((1.0 + 0.5 + 0.0 + 1.0) / 4)


def test_chance_is_the_mean_move_between_random_places() -> None:
    places = range(5)
    ordered = np.mean([abs(a - b) / 4 for a, b in product(places, places)])
    unordered = np.mean([a != b for a, b in product("xyz", "xyz")])
    chosen = [{"n": 1, "w": "x"}, {"n": 2, "w": "x"}]
    found = drift_of(dict(enumerate(chosen)), {"n": [1, 2, 3, 4, 5], "w": ["x", "y", "z"]})
    assert found.by_chance == pytest.approx((ordered + unordered) / 2)


@pytest.mark.parametrize("chosen", [{}, {3: {"fast": 5}}])
def test_fewer_than_two_choices_have_no_drift(chosen: dict[int, dict[str, object]]) -> None:
    found = drift_of(chosen, {"fast": [3, 5]})
    assert (found.score, found.by_chance) == (None, None)
    assert found.moves.height == len(chosen)


def test_keys_with_one_value_leave_nothing_to_drift() -> None:
    assert drift_of({1: {"a": 1}, 2: {"a": 1}}, {"a": [1, 1]}).score is None
