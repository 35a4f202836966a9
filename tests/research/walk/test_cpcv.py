"""Combinatorial purged cross-validation, against the counts and the figures of chapter 12 of
López de Prado, Advances in Financial Machine Learning (2018), and an example made by hand."""

from math import comb

import numpy as np
import pytest

from core.errors import ConfigError, DataError
from research.walk.cpcv import (
    Scheme,
    group_bounds,
    masks,
    path_splits,
    sharpes,
    splits_of,
    validate,
)


def test_six_groups_two_tested_are_fifteen_splits_and_five_paths() -> None:
    splits = splits_of(Scheme(6, 2))
    paths = path_splits(splits, 6)
    assert len(splits) == 15
    assert paths.shape == (5, 6)
    # The paths that section 12.4.1 spells out: (group, split), both from 1.
    assert (paths[0] + 1).tolist() == [1, 1, 2, 3, 4, 5]
    assert (paths[1] + 1).tolist() == [2, 6, 6, 7, 8, 9]


@pytest.mark.parametrize(("groups", "tested"), [(4, 1), (6, 2), (8, 3), (10, 5)])
def test_every_path_tries_every_group_once_and_paths_are_as_many_as_the_formula(
    groups: int, tested: int
) -> None:
    splits = splits_of(Scheme(groups, tested))
    paths = path_splits(splits, groups)
    assert len(splits) == comb(groups, tested)
    assert len(paths) == comb(groups, tested) * tested / groups
    for group in range(groups):
        used = paths[:, group].tolist()
        assert len(set(used)) == len(used)
        assert all(group in splits[one] for one in used)


def test_groups_are_as_even_as_they_can_be() -> None:
    assert group_bounds(11, 4).tolist() == [0, 3, 6, 9, 11]


def test_sessions_beside_a_test_group_are_neither_learned_from_nor_tried() -> None:
    learned, tried = masks(group_bounds(16, 4), (1,), purge_sessions=2)
    assert np.flatnonzero(tried).tolist() == [4, 5, 6, 7]
    assert np.flatnonzero(learned).tolist() == [0, 1, 10, 11, 12, 13, 14, 15]
    both, _ = masks(group_bounds(16, 4), (0, 1), purge_sessions=1)
    assert np.flatnonzero(both).tolist() == [9, 10, 11, 12, 13, 14, 15]


# Three sets over four groups of two sessions, in 128ths so that every sum is exact.
BY_HAND = (
    np.array(
        [
            [3, 1, 3, 1, -1, -3, -1, -3],  # earns in groups 1 and 2
            [-1, -3, -1, -3, 3, 1, 3, 1],  # earns in groups 3 and 4
            [1, -1, 1, -1, 1, -1, 1, -1],  # earns nothing
        ]
    )
    / 128
)


def test_an_example_by_hand_chooses_by_the_train_groups_and_tries_on_the_others() -> None:
    found = validate(BY_HAND, Scheme(4, 2, purge_sessions=0), 1.0)
    # Splits 1 2, 1 3, 1 4, 2 3, 2 4, 3 4: what is learned from groups 3 4 is the second set, from
    # 1 2 the first; of the others all three sets have a mean of 0 and the first one is taken.
    assert found.splits["tested"].to_list() == ["1 2", "1 3", "1 4", "2 3", "2 4", "3 4"]
    assert found.splits["chosen"].to_list() == [1, 0, 0, 0, 0, 0]
    assert found.splits["train_sessions"].to_list() == [4] * 6
    assert found.returns.tolist() == [
        [*BY_HAND[1, :4], *BY_HAND[0, 4:]],
        BY_HAND[0].tolist(),
        BY_HAND[0].tolist(),
    ]
    # Eight sessions of -1, -3 and their like: mean -2, sample deviation sqrt(8 / 7).
    assert found.sharpes.tolist() == pytest.approx([-2 / np.sqrt(8 / 7), 0.0, 0.0])
    # 3, 1, 3, 1 by hand: mean 2, sample deviation 2 / sqrt(3).
    assert found.splits["train_sharpe"][0] == pytest.approx(np.sqrt(3), rel=1e-12)
    assert found.splits["test_sharpe"][0] == pytest.approx(-np.sqrt(3), rel=1e-12)
    assert found.paths().columns == ["path", "sharpe", "total"]
    assert found.paths()["total"].to_list() == [-16 / 128, 0.0, 0.0]


def test_what_is_purged_cannot_be_chosen_by() -> None:
    daily = np.random.default_rng(1).normal(0.0, 0.01, (3, 24))
    changed = daily.copy()
    learned, tried = masks(group_bounds(24, 4), (1,), purge_sessions=2)
    changed[:, ~learned & ~tried] = 9.0
    own = validate(daily, Scheme(4, 1, 2), 252.0).splits.row(1)
    assert validate(changed, Scheme(4, 1, 2), 252.0).splits.row(1) == own


def test_a_set_that_failed_is_never_chosen_and_numbers_stay_those_of_the_matrix() -> None:
    failed = np.vstack([np.full((1, 8), np.nan), BY_HAND])
    found = validate(failed, Scheme(4, 2, purge_sessions=0), 1.0)
    assert found.splits["chosen"].to_list() == [2, 1, 1, 1, 1, 1]
    with pytest.raises(DataError, match="no set of parameters"):
        validate(failed[:1], Scheme(4, 2, purge_sessions=0), 1.0)


def test_a_true_edge_shows_on_every_path_and_noise_on_about_half() -> None:
    random = np.random.default_rng(7)
    noise = random.normal(0.0, 0.01, (40, 504))
    edge = noise.copy()
    edge[17] += 0.003  # a Sharpe of about 4.8
    assert (validate(edge, Scheme(8, 2), 252.0).sharpes > 3.0).all()
    assert validate(edge, Scheme(8, 2), 252.0).splits["chosen"].unique().to_list() == [17]
    assert abs(validate(noise, Scheme(8, 2), 252.0).sharpes.mean()) < 1.5


def test_a_flat_row_has_no_sharpe() -> None:
    assert sharpes(np.array([[0.1, 0.1, 0.1], [0.0, 0.0, 0.0]]), 252.0).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        (Scheme(4, 4), "1 to N - 1"),
        (Scheme(4, 0), "1 to N - 1"),
        (Scheme(20, 10), "184,756 splits"),
        (Scheme(6, 2, 30), "a group needs 62 sessions"),
        (Scheme(6, 2, -1), "purged by -1"),
    ],
)
def test_a_scheme_that_does_not_fit_is_one_line(scheme: Scheme, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        validate(np.zeros((2, 252)), scheme, 252.0)
