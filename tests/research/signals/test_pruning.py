"""Correlations of signals against a plain loop, and which of them stay."""

import numpy as np
import pytest

from core.types import Float64s
from research.signals.ic import rank_ics
from research.signals.pruning import MOST_ROWS, centred_ranks, compared_rows, correlations, prune


def correlated(*signals: Float64s) -> Float64s:
    return correlations([centred_ranks(one) for one in signals], [np.isfinite(s) for s in signals])


def test_a_correlation_is_the_mean_of_the_rank_correlations_of_the_dates() -> None:
    random = np.random.default_rng(7)
    a = random.integers(0, 9, (20, 30)).astype(float)  # with ties
    b = a + random.normal(0, 3, a.shape)

    found = correlated(a, b, -a)

    assert found[0, 1] == pytest.approx(rank_ics([a], b)[0].mean())
    assert found[0, 2] == pytest.approx(-1.0)
    np.testing.assert_allclose(found, found.T)
    np.testing.assert_array_equal(np.diag(found), 1.0)


def test_symbols_that_one_signal_lacks_are_left_out() -> None:
    a = np.array([[1.0, 2.0, 3.0, 4.0, np.nan]])
    b = np.array([[4.0, 3.0, 2.0, np.nan, 1.0]])

    # Centred ranks, doubled: a -3 -1 1 3, b 3 1 -1 . -3; of the three that both have.
    expected = (-9 - 1 - 1) / np.sqrt((9 + 1 + 1) * (9 + 1 + 1))
    assert correlated(a, b)[0, 1] == pytest.approx(expected)


def test_signals_that_never_meet_have_no_correlation_and_both_stay() -> None:
    a, b = np.array([[1.0, 2.0, np.nan, np.nan]]), np.array([[np.nan, np.nan, 1.0, 2.0]])
    found = correlated(a, b)

    assert np.isnan(found[0, 1])
    assert prune(["a", "b"], np.array([1.0, 2.0]), found, 0.8) == ([1, 0], [])


def test_of_a_pair_over_the_limit_the_better_stays_whatever_its_sign() -> None:
    names = ["a", "b", "c", "d"]
    quality = np.array([1.0, -3.0, 2.0, np.nan])
    correlation = np.eye(4)
    correlation[0, 1] = correlation[1, 0] = -0.95
    correlation[1, 2] = correlation[2, 1] = 0.8  # not over it
    correlation[2, 3] = correlation[3, 2] = 0.9

    kept, dropped = prune(names, quality, correlation, 0.8)

    assert [names[one] for one in kept] == ["b", "c"]
    assert [(names[one.signal], names[one.kept], one.correlation) for one in dropped] == [
        ("a", "b", -0.95),
        ("d", "c", 0.9),
    ]


def test_the_order_in_which_signals_are_given_is_of_no_account() -> None:
    random = np.random.default_rng(5)
    base = random.normal(size=(40, 30))
    signals = [base + random.normal(0, one, base.shape) for one in (0.1, 0.2, 0.3, 2.0, 3.0)]
    names, quality = list("abcde"), np.array([1.0, 1.0, 3.0, 1.0, 0.5])
    kept, _ = prune(names, quality, correlated(*signals), 0.8)
    for _ in range(5):
        order = random.permutation(5)
        shuffled = correlated(*(signals[one] for one in order))
        again, _ = prune([names[one] for one in order], quality[order], shuffled, 0.8)

        assert [names[one] for one in kept] == [names[order[one]] for one in again]


def test_long_panels_are_thinned_out_evenly() -> None:
    assert len(range(1_000_000)[compared_rows(1_000_000)]) <= MOST_ROWS
    assert len(range(200)[compared_rows(200)]) == 200
