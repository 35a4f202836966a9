"""Buckets by hand, against numpy's quantiles, and against alphalens."""

import numpy as np
import pytest

from research.signals.quantiles import (
    BLOCK,
    NONE,
    bucket_means,
    buckets_of,
    buckets_of_shares,
    ranks_of,
    shares_below,
    turnover_of,
)
from tests.research.signals.panels import ALPHALENS, alphalens_panel

NAN = np.nan


def test_ranks_of_ties_and_absent_values() -> None:
    least, greatest, known = ranks_of(np.array([[3.0, NAN, 1.0, 3.0, 2.0]]))

    assert known.tolist() == [4]
    assert least[0, [0, 2, 3, 4]].tolist() == [2, 0, 2, 1]
    assert greatest[0, [0, 2, 3, 4]].tolist() == [3, 0, 3, 1]


def test_buckets_by_hand() -> None:
    values = np.array([[5.0, 1.0, NAN, 4.0, 2.0, 3.0], [NAN, 1.0, NAN, NAN, NAN, NAN]])

    # Of 1 2 3 4 5 the median belongs below.
    assert buckets_of(values, 2).tolist() == [[1, 0, NONE, 1, 0, 0], [NONE] * 6]


@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_edges_are_the_quantiles_of_the_row(count: int) -> None:
    random = np.random.default_rng(count)
    values = random.integers(0, 40, (30, 23)).astype(float)  # with ties
    values[random.random(values.shape) < 0.2] = NAN
    buckets = buckets_of(values, count)
    for row, found in zip(values, buckets, strict=True):
        known = row[np.isfinite(row)]
        inner = np.arange(1, count) / count
        # Quarters of a tick aside: interpolation in floats may miss an edge by its last bit.
        edges = np.quantile(known, inner) + 1e-9

        assert np.searchsorted(edges, known).tolist() == found[np.isfinite(row)].tolist()


def test_a_row_with_fewer_symbols_than_buckets_has_none() -> None:
    assert buckets_of(np.array([[1.0, 2.0, 3.0, NAN]]), 4).tolist() == [[NONE] * 4]


def test_means_of_buckets_leave_out_what_has_no_return() -> None:
    buckets = np.array([[0, 0, 1, NONE], [1, 1, 1, 0]])
    forward = np.array([[0.1, NAN, 0.3, 9.0], [0.1, 0.2, 0.3, NAN]])

    np.testing.assert_allclose(bucket_means(buckets, forward, 2), [[0.1, 0.3], [NAN, 0.2]])


def test_turnover_is_the_share_of_new_symbols() -> None:
    buckets = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 0]])

    np.testing.assert_allclose(turnover_of(buckets, 1), [NAN, 0.5, NAN, 1.0])


def test_places_in_time_know_only_what_was_before() -> None:
    values = np.random.default_rng(6).normal(size=500)
    whole = shares_below(values, 4)

    assert np.isnan(whole[: 2 * BLOCK]).all()  # of the first 63 the last 4 are not known by then
    assert np.isfinite(whole[2 * BLOCK :]).all()
    for cut in (127, 189, 190, 300):
        other = values.copy()
        other[cut:] = 100.0
        np.testing.assert_array_equal(whole[:cut], shares_below(other, 4)[:cut])


def test_a_value_has_no_place_among_values_that_are_not_known_yet() -> None:
    values = np.arange(200.0)
    other = values.copy()
    other[2 * BLOCK - 10 :] = -1.0  # sold after the block has begun

    last = slice(2 * BLOCK, 3 * BLOCK)
    assert (shares_below(values, 10)[last] == 1.0).all()
    assert (shares_below(other, 10)[last] == 0.0).all()  # among 116 values of 0 and more


def test_places_and_buckets_in_time_by_hand() -> None:
    values = np.concatenate([np.arange(63.0), [999.0, -999.0, NAN, 30.5, 31.0]])

    shares = shares_below(values)

    np.testing.assert_allclose(shares[-5:], [1.0, 0.0, NAN, 31 / 63, 31.5 / 63])
    assert buckets_of_shares(shares, 4)[-5:].tolist() == [3, 0, NONE, 1, 2]


def test_quantile_means_and_turnover_are_those_of_alphalens() -> None:
    panel = alphalens_panel()
    buckets = buckets_of(panel.signal, 5)
    for sessions, expected in ALPHALENS.quantile_means.items():
        means = bucket_means(buckets, panel.forward[sessions], 5)[: panel.dates]

        np.testing.assert_allclose(np.nanmean(means, axis=0), expected, rtol=1e-12)
    for bucket, expected in ALPHALENS.turnover.items():
        found = turnover_of(buckets, bucket)[: panel.dates]

        assert np.nanmean(found) == pytest.approx(expected, rel=1e-12)
