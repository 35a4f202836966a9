"""The forest that trades is the forest that was fitted, bit for bit."""

import numpy as np
import pytest

from research.meta.fitting import asked, fitted, float32_below, importance, plain
from strategies.forest import fault

ROWS = 100_000


def features_of(random: np.random.Generator, count: int) -> np.ndarray:
    """Of the scales and lattices of the seven features of PixityAI."""
    return np.column_stack(
        [
            random.normal(0, 0.01, count),
            random.normal(0, 0.001, count),
            random.gamma(2, 0.002, count),
            random.uniform(0, 80, count),
            random.integers(9, 16, count),
            random.integers(0, 4, count) * 15,
            random.normal(0, 1, count).round(2),
        ]
    )


@pytest.fixture(scope="module")
def learned() -> tuple[object, np.random.Generator]:
    random = np.random.default_rng(7)
    rows = features_of(random, 1_500)
    labels = (rows[:, 6] + 40 * rows[:, 0] + random.normal(0, 1, len(rows)) > 0).astype(np.int64)
    return fitted(rows, labels), random


def test_our_probability_is_scikit_learns_to_the_last_bit_on_100_000_rows(
    learned: tuple[object, np.random.Generator],
) -> None:
    classifier, random = learned
    forest = plain(classifier)  # type: ignore[arg-type]
    rows = features_of(random, ROWS)
    # Rows that lie on a threshold or on one of its neighbours are where a rounding would show.
    for feature in range(rows.shape[1]):
        edges = forest.threshold[forest.feature == feature]
        near = random.choice(edges, 2_000)
        aside = np.nextafter(near, np.float32(np.inf))
        rows[feature * 4_000 : feature * 4_000 + 2_000, feature] = near
        rows[feature * 4_000 + 2_000 : (feature + 1) * 4_000, feature] = aside
    expected = classifier.predict_proba(rows.astype(np.float32))[:, 1]  # type: ignore[attr-defined]

    assert fault(forest, rows.shape[1]) == ""
    assert len(forest.roots) == 100
    assert expected.tobytes() == asked(forest, rows).tobytes()


def test_the_same_rows_grow_the_same_forest() -> None:
    rows = features_of(np.random.default_rng(1), 300)
    labels = (np.arange(300) % 3 == 0).astype(np.int64)
    one, other = (plain(fitted(rows, labels)) for _ in range(2))

    assert [a.tobytes() for a in one] == [a.tobytes() for a in other]


def test_a_threshold_between_two_float32_parts_them_as_before() -> None:
    low = np.float32(0.1)
    high = np.nextafter(low, np.float32(1))
    between = np.array([(float(low) + float(high)) / 2, float(low), float(high), -0.1])
    found = float32_below(between)

    assert [float(low), float(low), float(high)] == found[:3].tolist()
    assert found[3] <= -0.1


def test_importance_adds_up_to_one(learned: tuple[object, np.random.Generator]) -> None:
    told = importance(learned[0])  # type: ignore[arg-type]

    assert abs(sum(told) - 1.0) < 1e-12
    assert told.index(max(told)) == 6
