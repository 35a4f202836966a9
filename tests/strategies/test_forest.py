"""One evaluator: what it says of an event, and which arrays are a forest at all."""

import re

import numpy as np
import pytest

from core.types import Refusal
from strategies.forest import DTYPES, Forest, Judge, fault, probabilities, probability
from strategies.pixity import FEATURES, SPEC
from tests.strategies.forests import ADX, VOL_Z, forest_of, lively_forest, stump

ROW = np.zeros(len(FEATURES))


def row(**features: float) -> np.ndarray:
    changed = ROW.copy()
    for name, value in features.items():
        changed[FEATURES.index(name)] = value
    return changed


def test_the_leaves_of_all_trees_are_averaged() -> None:
    assert (0.8 + 0.1) / 2 == probability(lively_forest(), row(adx=41.0, vol_z=-1.0))
    assert (0.3 + 0.6) / 2 == probability(lively_forest(), row(adx=40.0, vol_z=1.0))


def test_a_feature_on_the_threshold_as_float32_goes_left() -> None:
    """0.1 is larger as a float32 than as a float64, and float32 is what was trained on."""
    forest = forest_of(stump(VOL_Z, float(np.float32(0.1)), 0.0, 1.0))
    assert 0.0 == probability(forest, row(vol_z=0.1))
    assert 0.0 == probability(forest, row(vol_z=float(np.float32(0.1)) + 1e-12))
    assert 1.0 == probability(forest, row(vol_z=0.1 + 1e-7))


def test_many_rows_are_asked_one_by_one() -> None:
    rows = np.random.default_rng(1).normal(0, 40, (50, len(FEATURES)))
    out = np.empty(50)
    probabilities(lively_forest(), rows, out)
    assert [probability(lively_forest(), one) for one in rows] == out.tolist()


def test_an_event_passes_at_the_mark_of_its_side_and_is_refused_under_it() -> None:
    signals = np.zeros(4, SPEC.signal)
    signals["count"] = [1, 1, 2, 0]
    signals["side"][:3, 0] = [1, -1, -1]
    signals["confidence"] = 0.5
    signals["features"][:, ADX] = 41.0
    signals["features"][:, VOL_Z] = -1.0
    signals["features"][2, VOL_Z] = 1.0
    Judge(lively_forest(), 0.45, 0.46).judge(signals)

    assert [0.45, 0.45, 0.7, 0.5] == pytest.approx(signals["confidence"].tolist())
    refused = int(Refusal.MODEL)
    assert [0, refused, 0, 0] == signals["refusal"].tolist()
    assert (0.45, 0.46) == (pytest.approx(signals["value"][1]), signals["limit"][1])


def changed(name: str, place: int, value: float) -> Forest:
    arrays = {key: array.copy() for key, array in lively_forest()._asdict().items()}
    arrays[name][place] = value
    return Forest(**arrays)


@pytest.mark.parametrize(
    ("forest", "said"),
    [
        (lively_forest()._replace(left=np.zeros(6, np.int64)), "left is int64"),
        (lively_forest()._replace(right=np.zeros(5, np.int32)), r"right is int32\[5\]"),
        (Forest(**{name: np.zeros(0, dtype) for name, dtype in DTYPES.items()}), "roots"),
        (changed("roots", 0, 1), "roots are not in order"),
        (changed("roots", 1, 0), "roots are not in order"),
        (changed("roots", 1, 6), "root 6 of 6 nodes"),
        (changed("feature", 0, 7), "a feature that is not one of 7"),
        (changed("feature", 0, -2), "a feature that is not one of 7"),
        (changed("left", 0, 0), "left leads out of its tree or back"),
        (changed("right", 0, 4), "right leads out of its tree or back"),
        (changed("threshold", 3, np.nan), "a threshold that is no number"),
        (changed("probability", 1, 1.5), "a probability outside 0 to 1"),
        (changed("probability", 1, np.nan), "a probability outside 0 to 1"),
    ],
)
def test_arrays_that_are_no_forest_are_told_apart(forest: Forest, said: str) -> None:
    assert fault(lively_forest(), 7) == ""
    assert re.search(said, fault(forest, 7))
