"""The tables of a tear sheet by hand."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from research.signals.forward import Horizon, held
from research.signals.measure import At
from research.signals.tearsheet import growth_of_buckets, monthly, quantile_rows, rolling
from tests.research.signals.panels import weekdays

MEANS = np.array([[0.01, 0.03], [0.02, np.nan], [0.03, 0.05], [0.00, 0.04], [np.nan, np.nan]])
AT = At(np.zeros(5), MEANS, MEANS[:, 1] - MEANS[:, 0], 0)


def test_buckets_tell_their_mean_its_error_and_how_many_dates() -> None:
    low, high = quantile_rows("x", Horizon(1), AT, np.array([0.2, 0.3]))

    error = np.std([0.01, 0.02, 0.03, 0.0]) / 2  # Newey-West without a lag: n, not n - 1
    assert low == ["x", "1", 1, pytest.approx(0.015), pytest.approx(error), 4, 0.2]
    assert (high[2:4], high[5]) == ([2, pytest.approx(0.04)], 3)


def test_portfolios_that_do_not_overlap_compound() -> None:
    stamps = weekdays(5)
    every = growth_of_buckets(AT, held(*stamps, Horizon(1)), stamps[1])
    second = growth_of_buckets(AT, held(*stamps, Horizon(2)), stamps[1])

    assert every["q1"].to_list() == pytest.approx([1.01, 1.01 * 1.02, 1.01 * 1.02 * 1.03])
    assert every["q2"].to_list() == pytest.approx([1.03, 1.03, 1.03 * 1.05])
    assert second["date"].to_list() == [date(2026, 1, 5)]  # the next would be sold after the end
    assert every["spread"].to_list() == pytest.approx([1.02, 1.02 * 0.98, 1.02 * 0.98 * 1.02])


def test_months_are_means_of_the_dates_that_have_a_coefficient() -> None:
    dates = pl.Series([date(2026, 1, 5), date(2026, 1, 6), date(2026, 2, 2), date(2026, 3, 2)])
    found = monthly(dates, pl.Series([0.1, 0.3, None, -0.1]))

    assert found.rows() == [
        (date(2026, 1, 1), pytest.approx(0.2), 2),
        (date(2026, 3, 1), -0.1, 1),
    ]


def test_a_rolling_mean_waits_for_half_of_its_dates() -> None:
    values = pl.Series([1.0, 3.0, None, 5.0, 7.0])

    assert rolling(values, 4).to_list() == [None, 2.0, 2.0, 3.0, 5.0]
