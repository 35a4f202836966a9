"""Statistics against values computed by hand or published."""

import math

import numpy as np
import pytest

from research.signals.statistics import (
    benjamini_hochberg,
    bonferroni,
    deviation_of,
    luckiest_t,
    mean_of,
    newey_west_t,
    t_of_mean,
    two_sided_p,
)

# Benjamini and Hochberg (1995), section 3.2: fifteen hypotheses on myocardial infarction.
PUBLISHED = np.array(
    [
        *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459),
        *(0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
    ]
)


def test_t_of_a_mean_by_hand() -> None:
    values = np.array([1.0, np.nan, 2.0, 3.0, 4.0])

    assert (2.5, pytest.approx(math.sqrt(5 / 3))) == (mean_of(values), deviation_of(values))
    assert t_of_mean(values) == pytest.approx(2.5 / math.sqrt(5 / 3) * 2)


def test_newey_west_by_hand() -> None:
    # Errors -1.5 -0.5 0.5 1.5: squares 5, neighbours 0.75 - 0.25 + 0.75 = 1.25, two apart -1.5.
    values = np.array([1.0, 2.0, np.nan, 3.0, 4.0])

    assert newey_west_t(values, 1) == pytest.approx(10 / math.sqrt(5 + 2 * 0.5 * 1.25))
    assert newey_west_t(values, 2) == pytest.approx(
        10 / math.sqrt(5 + 2 * 2 / 3 * 1.25 - 2 / 3 * 1.5)
    )


def test_newey_west_without_a_lag_is_the_plain_t_but_for_n() -> None:
    values = np.random.default_rng(3).normal(0.1, 1.0, 50)

    assert newey_west_t(values, 0) == pytest.approx(t_of_mean(values) * math.sqrt(50 / 49))


def test_overlap_does_not_make_a_mean_surer() -> None:
    once = np.random.default_rng(4).normal(0.1, 1.0, 2_000)
    overlapping = np.convolve(once, np.ones(20) / 20, mode="valid")

    assert t_of_mean(overlapping) > 2.5 * t_of_mean(once)
    assert newey_west_t(overlapping, 19) < 1.6 * t_of_mean(once)


@pytest.mark.parametrize("values", [[], [1.0, 2.0], [np.nan] * 5, [0.1] * 9, [0.0] * 4])
def test_what_has_no_spread_has_no_t(values: list[float]) -> None:
    assert math.isnan(newey_west_t(np.array(values), 3))
    assert math.isnan(t_of_mean(np.array(values))) or len(set(values)) == 1


def test_five_per_cent_is_at_196() -> None:
    assert two_sided_p(-1.959964) == pytest.approx(0.05, abs=1e-7)


def test_benjamini_hochberg_finds_the_four_of_the_paper_and_bonferroni_three() -> None:
    shuffled = np.random.default_rng(1).permutation(PUBLISHED)

    adjusted = benjamini_hochberg(shuffled)

    assert set(PUBLISHED[:4]) == set(shuffled[adjusted <= 0.05])
    assert set(PUBLISHED[:3]) == set(shuffled[bonferroni(shuffled) <= 0.05])
    assert adjusted[shuffled == 0.0095] == pytest.approx(0.0095 * 15 / 4)


def test_a_signal_without_a_p_value_is_not_counted_among_the_tried() -> None:
    p = np.array([0.01, np.nan, 0.04])

    np.testing.assert_allclose(benjamini_hochberg(p), [0.02, np.nan, 0.04])
    np.testing.assert_allclose(bonferroni(p), [0.02, np.nan, 0.08])


def test_luck_finds_more_the_more_is_tried() -> None:
    best = np.abs(np.random.default_rng(8).normal(size=(20_000, 50))).max(axis=1)

    assert luckiest_t(1) == pytest.approx(0.6744898)  # the median of |Z|
    assert luckiest_t(50) == pytest.approx(np.median(best), abs=0.02)
