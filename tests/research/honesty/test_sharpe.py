"""The papers' own numbers, and what a record without a Sharpe ratio is told."""

import numpy as np
import pytest

from research.honesty.sharpe import (
    Moments,
    deflated_sharpe,
    expected_maximum,
    min_backtest_years,
    min_track_record,
    moments_of,
    probabilistic_sharpe,
)

YEAR = 250  # days, as Bailey & Lopez de Prado (2014) count them
UNEVEN = np.array([0.03, -0.01, 0.02, 0.0, 0.01, -0.02, 0.04, 0.01])


def a_year(sharpe: float) -> float:
    return sharpe / YEAR**0.5


def test_moments_are_those_computed_by_hand() -> None:
    # 1, 2, 6: mean 3, deviations -2, -1, 3: squares 14, cubes 18, fourth powers 98.
    known = moments_of(np.array([1.0, 2.0, 6.0]))

    assert known is not None
    assert known.sharpe == pytest.approx(3 / 7**0.5)
    assert known.skew == pytest.approx((18 / 3) / (14 / 3) ** 1.5)
    assert known.kurtosis == pytest.approx((98 / 3) / (14 / 3) ** 2)


def test_probabilistic_sharpe_is_that_of_the_papers_hedge_fund() -> None:
    # Bailey & Lopez de Prado (2012), section 5: 24 months, 0.458 a month, and what its tails cost.
    normal = Moments(24, 0.458)
    fund = Moments(24, 0.458, skew=-2.448, kurtosis=10.164)

    assert normal.probability_above(0.0) == pytest.approx(0.982, abs=5e-4)
    assert fund.probability_above(0.0) == pytest.approx(0.913, abs=5e-4)


@pytest.mark.parametrize(
    ("a_year", "skew", "kurtosis", "years"),
    [(250, 0.0, 3.0, 2.73), (52, 0.0, 3.0, 2.83), (12, 0.0, 3.0, 3.24), (12, -0.72, 5.78, 4.99)],
)
def test_track_record_for_two_over_one_is_as_long_as_published(
    a_year: int, skew: float, kurtosis: float, years: float
) -> None:
    # Bailey & Lopez de Prado (2012), section 6: Sharpe 2 a year shown to be above 1, at 95%.
    record = Moments(1000, 2 / a_year**0.5, skew, kurtosis)

    needed = record.least_length(1 / a_year**0.5, 0.95)

    assert needed is not None
    assert needed / a_year == pytest.approx(years, abs=5e-3)


@pytest.mark.parametrize(
    ("trials", "skew", "kurtosis", "deflated"),
    [(100, -3.0, 10.0, 0.9004), (46, -3.0, 10.0, 0.9505), (88, 0.0, 3.0, 0.9505)],
)
def test_deflated_sharpe_is_that_of_the_papers_example(
    trials: int, skew: float, kurtosis: float, deflated: float
) -> None:
    # Bailey & Lopez de Prado (2014), "A numerical example": 2.5 a year over 1,250 days, variance
    # of 1/2 a year over the trials. 46 of them, or 88 of a normal record, would still pass.
    best = expected_maximum(trials, 0.5 / YEAR)

    found = Moments(1250, a_year(2.5), skew, kurtosis).probability_above(best)

    assert found == pytest.approx(deflated, abs=5e-5)


def test_the_hurdle_of_the_papers_example_is_as_published() -> None:
    assert expected_maximum(100, 0.5 / YEAR) == pytest.approx(0.1132, abs=5e-5)


def test_best_of_ten_worthless_ones_and_the_years_that_forty_five_need_are_as_published() -> None:
    # Bailey, Borwein, Lopez de Prado & Zhu (2014): 1.57 of ten; five years allow 45 trials.
    assert expected_maximum(10, 1.0) == pytest.approx(1.57, abs=5e-3)
    assert min_backtest_years(45) == pytest.approx(5.0, abs=5e-3)
    assert min_backtest_years(1) == 0.0


def test_one_trial_is_not_deflated() -> None:
    assert deflated_sharpe(UNEVEN, 1, 4.0) == probabilistic_sharpe(UNEVEN)


def test_more_trials_never_help() -> None:
    found = [deflated_sharpe(UNEVEN, trials, 0.01) for trials in (1, 2, 10, 1000)]

    assert found == sorted(found, key=lambda one: -(one or 0.0))
    assert len(set(found)) == 4


def test_a_record_as_long_as_it_must_be_has_that_confidence() -> None:
    known = moments_of(UNEVEN)
    needed = min_track_record(UNEVEN, 0.0, 0.9)

    assert known is not None
    assert needed is not None
    assert (needed - 1) ** 0.5 * known.sharpe / known.spread == pytest.approx(1.2815515655446004)


@pytest.mark.parametrize(
    "returns",
    [
        np.zeros(0),
        np.array([0.1, 0.2]),
        np.full(50, 0.1),
        np.array([0.1, np.nan, 0.2, 0.3]),
        np.array([0.1, np.inf, 0.2, 0.3]),
    ],
)
def test_returns_without_a_sharpe_have_no_probability_either(returns: np.ndarray) -> None:
    assert moments_of(returns) is None
    assert probabilistic_sharpe(returns) is None
    assert deflated_sharpe(returns, 10, 1.0) is None
    assert min_track_record(returns) is None


def test_no_length_shows_a_ratio_that_is_not_there() -> None:
    assert min_track_record(-UNEVEN) is None


def test_two_values_alone_give_a_probability_and_no_division_by_nothing() -> None:
    lopsided = np.array([1.0, 1.0, 1.0, 0.0])

    found = probabilistic_sharpe(lopsided)

    assert found is not None
    assert 0.5 < found <= 1.0
