"""Rows by hand; sorting, filtering, and what is said of luck."""

import math

import numpy as np
import polars as pl
import pytest

from core.errors import ConfigError
from core.types import Float64s
from research.signals.forward import Horizon
from research.signals.leaderboard import (
    SCHEMA,
    filtered,
    leaderboard,
    monotonicity,
    ranked,
    row,
    sessions_a_year,
    tried,
)
from research.signals.measure import At, Measured
from research.signals.statistics import newey_west_t
from tests.research.signals.panels import weekdays


def at(ics: Float64s, lag: int = 0) -> At:
    means = np.tile([0.01, 0.02, 0.04], (len(ics), 1))
    spreads = means[:, 2] - means[:, 0] + 0.001 * np.sign(np.arange(len(ics)) % 2 - 0.5)
    return At(ics, means, spreads, lag)


def cells(ics: Float64s, lag: int = 0, name: str = "one") -> list[object]:
    measured = Measured(0.9, 0.8, np.array([0.1, 0.5, 0.3]), [])
    return row(name, Horizon(lag + 1), measured, at(ics, lag), weekdays(len(ics))[1])


def test_a_row_by_hand() -> None:
    ics = np.array([0.1, -0.1, 0.3, np.nan, 0.1])

    found = dict(zip(SCHEMA, cells(ics), strict=True))

    assert found["ic_mean"] == pytest.approx(0.1)
    assert found["ic_std"] == pytest.approx(math.sqrt(0.08 / 3))
    assert found["t"] == pytest.approx(0.1 / math.sqrt(0.08 / 3) * 2)
    assert (found["hit_rate"], found["dates"]) == (0.75, 4)
    assert found["spread"] == pytest.approx(0.0298)  # three dates of five a little less
    assert (found["monotonicity"], found["turnover"]) == (1.0, 0.2)
    # Five days from a Monday: four sessions of a day each, so 365.25 a year; four of five have one.
    expected = 0.1 / math.sqrt(0.08 / 3) * math.sqrt(365.25 * 4 / 5)
    assert found["icir"] == pytest.approx(expected)


def test_overlap_lowers_the_ratio_of_a_year_and_the_t() -> None:
    ics = np.repeat(np.random.default_rng(2).normal(0.05, 0.1, 50), 5)
    once, overlapping = (dict(zip(SCHEMA, cells(ics, lag), strict=True)) for lag in (0, 4))

    assert overlapping["icir"] == pytest.approx(once["icir"] / math.sqrt(5))  # type: ignore[operator]
    assert overlapping["t_nw"] == pytest.approx(newey_west_t(ics, 4))
    assert overlapping["t"] == once["t"]


def test_a_signal_without_a_value_is_a_row_of_nulls_and_stands_last() -> None:
    board = leaderboard([cells(np.full(9, np.nan), name="idle"), cells(np.linspace(-1, 2, 9))])

    assert board["signal"].to_list() == ["one", "idle"]
    assert board.row(1, named=True)["icir"] is None
    assert board["p"].to_list()[1] is None
    assert board["p_bonferroni"].to_list()[0] == board["p"].to_list()[0]  # one was tried


@pytest.fixture(scope="module")
def many() -> pl.DataFrame:
    random = np.random.default_rng(12)
    return leaderboard(
        [cells(random.normal(0, 0.1, 300), name=f"idle {number:03}") for number in range(400)]
    )


def test_of_four_hundred_idle_signals_some_look_good_and_none_is(many: pl.DataFrame) -> None:
    told = tried(many)

    assert told["signals tried"] == told["signals x horizons tested"] == 400
    assert isinstance(told["p under 5 %"], int)
    assert 5 < told["p under 5 %"] < 40
    assert told["under 5 % after Benjamini-Hochberg"] == 0
    assert told["best |t|"] == pytest.approx(told["best |t| of so many idle ones"], rel=0.25)  # type: ignore[arg-type]


def test_every_condition_must_hold(many: pl.DataFrame) -> None:
    found = filtered(many, ["|t_nw|>1", "turnover<0.5", "dates>=300"])

    assert 0 < found.height < 400
    assert found.height == many.filter(pl.col("t_nw").abs() > 1).height
    assert filtered(many, ["|t_nw|>1", "turnover>0.5"]).is_empty()


def test_signed_columns_are_ranked_by_size_and_costs_from_the_least(many: pl.DataFrame) -> None:
    sizes = ranked(many, "ic_mean")["ic_mean"].abs().to_list()
    least = ranked(many, "p")["p"].to_list()

    assert sizes == sorted(sizes, reverse=True)
    assert least == sorted(least)


def test_filters_by_value_and_by_size(many: pl.DataFrame) -> None:
    assert (filtered(many, ["t_nw>1.5"])["t_nw"] > 1.5).all()
    sizes = filtered(many, ["|t_nw|<=0.5"])["t_nw"].abs()
    assert 0 < sizes.len() < 400
    assert (sizes <= 0.5).all()


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("t_nw", "is no condition such as t_nw>=2"),
        ("|icir>1", "is no condition"),
        ("icirr>1", 'has no number "icirr": did you mean "icir"?'),
        ("signal>1", 'has no number "signal"'),
    ],
)
def test_a_bad_condition_is_told(many: pl.DataFrame, condition: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        filtered(many, [condition])

    assert said in str(raised.value)


def test_an_unknown_column_is_told_with_the_nearest(many: pl.DataFrame) -> None:
    with pytest.raises(ConfigError, match='"ic_men": did you mean "ic_mean"'):
        ranked(many, "ic_men")


@pytest.mark.parametrize(
    ("means", "expected"),
    [([1.0, 2.0, 3.0, 4.0], 1.0), ([4.0, 3.0, 2.0, 1.0], -1.0), ([1.0, 3.0, 2.0, 4.0], 0.8)],
)
def test_monotonicity_is_spearmans(means: list[float], expected: float) -> None:
    assert expected == pytest.approx(monotonicity(np.array([means])))
    assert math.isnan(monotonicity(np.array([[*means, np.nan]])))


def test_the_sessions_of_a_year_are_those_of_the_calendar_shown() -> None:
    _, days = weekdays(500)

    assert sessions_a_year(days) == pytest.approx(5 / 7 * 365.25, rel=0.01)
    # A year that is missing between them changes nothing.
    assert sessions_a_year(np.append(days, days + 2_000)) == sessions_a_year(days)
