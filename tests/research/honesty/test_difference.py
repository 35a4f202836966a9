"""The variance against its formula by hand and against what repeated samples show."""

import numpy as np
import pytest

from research.honesty.difference import difference_deviation, sharpe_difference


def test_the_deviation_is_memmels() -> None:
    # (2 - 2*0.5 + (0.04 + 0.01)/2 - 0.2*0.1*0.25) / 100 = 1.02 / 100
    assert difference_deviation(0.2, 0.1, 0.5, 100) == pytest.approx(np.sqrt(0.0102))


def test_samples_of_two_normal_records_are_as_far_apart_as_it_says() -> None:
    random = np.random.default_rng(7)
    both = random.multivariate_normal([0.1, 0.1], [[1, 0.6], [0.6, 1]], size=(4_000, 200))
    ratios = both.mean(axis=1) / both.std(axis=1, ddof=1)

    apart = float((ratios[:, 0] - ratios[:, 1]).std())
    assert apart == pytest.approx(difference_deviation(0.1, 0.1, 0.6, 200), rel=0.03)


def test_a_true_difference_is_found_and_its_interval_holds_it() -> None:
    random = np.random.default_rng(3)
    common = random.normal(0.0, 0.01, 1_000)
    better, worse = common + 0.002, common + random.normal(0.0, 0.002, 1_000)
    found = sharpe_difference(better, worse, 252.0)

    assert found is not None
    assert found.difference == pytest.approx(0.2 * np.sqrt(252), rel=0.25)
    assert found.p_value < 0.001
    assert 0.0 < found.low < found.difference < found.high


def test_equal_records_flat_ones_and_short_ones_have_no_difference() -> None:
    returns = np.random.default_rng(1).normal(0.001, 0.01, 250)

    assert sharpe_difference(returns, returns * 2.0, 252.0) is None
    assert sharpe_difference(returns, returns * 0.0, 252.0) is None
    assert sharpe_difference(returns[:19], returns[1:20], 252.0) is None


def test_worthless_records_seldom_look_different_and_in_both_orders_alike() -> None:
    random = np.random.default_rng(11)
    values = []
    for _ in range(200):
        one, other = random.normal(0.0, 0.01, (2, 120))
        there = sharpe_difference(one, other, 252.0, paths=2)
        back = sharpe_difference(other, one, 252.0, paths=2)
        assert there is not None
        assert back is not None
        assert there.p_value == pytest.approx(back.p_value)
        values.append(there.p_value)

    assert 0.01 <= np.mean(np.array(values) < 0.05) <= 0.1
