"""Training never knows of its test, and what it had to forget for that is counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvariantBroken
from core.session import DAY_NS
from research.folds import EMBARGO_NS, Fold, folds, require_apart
from tests.market import DAY, at

HOUR_NS = DAY_NS // 24


def events(days: int, a_day: int = 4, held_ns: int = HOUR_NS) -> tuple[np.ndarray, np.ndarray]:
    decided = np.array(
        [at("10:00", DAY + day) + k * HOUR_NS for day in range(days) for k in range(a_day)]
    )
    return decided, decided + held_ns


def test_every_fold_trains_on_all_that_is_over_a_day_before_its_test() -> None:
    decided, ended = events(12)
    made = folds(decided, ended, 3)

    assert [(12, 24), (24, 36), (36, 48)] == [(f.test[0], f.test[-1] + 1) for f in made]
    # The last trade of the day before ends at 14:00, within a day of the test's 10:00.
    assert [8, 20, 32] == [len(f.train) for f in made]
    assert [[8, 9, 10, 11]] == [f.embargoed.tolist() for f in made[:1]]
    assert [0, 0, 0] == [len(f.purged) for f in made]


def test_an_event_held_into_the_test_is_purged() -> None:
    decided, ended = events(12)
    ended[[0, 5]] = decided[12], decided[20]
    fold = folds(decided, ended, 3)[0]

    assert [0, 5] == fold.purged.tolist()
    assert not {0, 5} & set(fold.train.tolist())


def test_events_of_one_time_are_never_parted() -> None:
    """Many instruments decide in one Minute."""
    decided = np.repeat([at("10:00", DAY + day) for day in range(6)], 50)
    for fold in folds(decided, decided + HOUR_NS, 5):
        assert decided[fold.test[0]] > decided[fold.test[0] - 1]


def test_one_day_makes_no_fold_and_a_few_days_fewer() -> None:
    assert [] == folds(*events(1))
    assert 2 == len(folds(*events(3)))


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 6))
def test_whatever_the_events_no_fold_leaks_and_none_is_lost(
    seed: int, days: int, count: int
) -> None:
    random = np.random.default_rng(seed)
    decided = np.sort(at("09:15", DAY) + random.integers(0, days * DAY_NS, 120))
    ended = decided + random.integers(1, 4 * DAY_NS, 120)
    made = folds(decided, ended, count)

    require_apart(made, decided, ended)
    for fold in made:
        before = [*fold.train, *fold.purged, *fold.embargoed]
        assert list(range(fold.test[0])) == sorted(before)
    assert [n for fold in made for n in fold.test] == list(
        range(made[0].test[0] if made else 120, 120)
    )


@pytest.mark.parametrize("late_ns", [0, -EMBARGO_NS + 1], ids=["overlap", "inside the embargo"])
def test_a_planted_overlap_of_training_and_test_is_caught(late_ns: int) -> None:
    decided, ended = events(12)
    good = folds(decided, ended, 3)
    ended[14] = decided[good[1].test[0]] + late_ns
    none: np.ndarray = np.zeros(0, np.int64)
    leaking = Fold(np.arange(good[1].test[0] - 4), good[1].test, none, none)

    with pytest.raises(InvariantBroken, match="fold 2 leaks: a training event ends 2026-07-"):
        require_apart([good[0], leaking], decided, ended)
    require_apart(folds(decided, ended, 3), decided, ended)


def test_an_empty_training_leaks_nothing() -> None:
    decided, ended = events(2, held_ns=2 * DAY_NS)
    made = folds(decided, ended, 1)

    assert 0 == len(made[0].train)
    require_apart(made, decided, ended)
