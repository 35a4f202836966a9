"""Each drawing against numbers added up by hand."""

import numpy as np
import polars as pl
import pytest

from backtest.html import Chart
from core.session import parse_day
from core.types import Float64s
from research.pages import charts

DAYS = np.arange(4) + parse_day("2021-01-30")  # two sessions of January, two of February
RETURNS = np.array([0.10, -0.20, 0.25, 0.0])


def ys(chart: Chart, trace: int = 0) -> list[object]:
    values = chart.traces[trace]["y"]
    assert isinstance(values, list)
    return values


def test_equity_compounds_or_adds_up_and_is_logarithmic_while_there_is_money() -> None:
    compounded = charts.equity(DAYS, {"a": RETURNS})
    added = charts.equity(DAYS, {"a": RETURNS}, compounded=False)
    ruined = charts.equity(DAYS, {"a": np.array([0.1, -1.2, 0.0, 0.0])}, compounded=False)

    assert ys(compounded) == [1.1, 0.88, 1.1, 1.1]
    assert ys(added) == [1.1, 0.9, 1.15, 1.15]
    assert [one.layout["yaxis"]["type"] for one in (compounded, ruined)] == ["log", "linear"]  # type: ignore[index]
    assert compounded.traces[0]["x"] == ["2021-01-30", "2021-01-31", "2021-02-01", "2021-02-02"]


def test_a_session_without_a_value_is_a_gap_and_earns_nothing() -> None:
    holed = np.array([0.10, np.nan, 0.10, 0.0])

    assert ys(charts.equity(DAYS, {"a": holed})) == [1.1, None, 1.21, 1.21]
    assert ys(charts.underwater(DAYS, {"a": holed})) == [0.0, None, 0.0, 0.0]


def test_underwater_is_per_cent_of_the_best_so_far_the_beginning_included() -> None:
    assert ys(charts.underwater(DAYS, {"a": RETURNS})) == [0.0, -20.0, 0.0, 0.0]
    assert ys(charts.underwater(DAYS, {"a": -RETURNS}))[0] == -10.0  # the peak is the 1 before
    assert ys(charts.underwater(DAYS, {"a": RETURNS}, compounded=False)) == [0, -18.182, 0, 0]


def test_rolling_sharpe_is_mean_by_sample_deviation_annualised() -> None:
    chart = charts.rolling_sharpe(DAYS, {"a": RETURNS, "flat": RETURNS * 0}, 252.0, sessions=2)

    expected = (RETURNS[0] + RETURNS[1]) / 2 / np.std(RETURNS[:2], ddof=1) * np.sqrt(252)
    assert ys(chart)[:2] == [None, pytest.approx(expected, rel=1e-4)]
    assert ys(chart, 1) == [None] * 4


def test_rolling_beta_is_the_slope_on_the_benchmark() -> None:
    base = np.array([0.01, -0.02, 0.03, 0.01])
    chart = charts.rolling_beta(DAYS, {"twice": 0.001 + 2.0 * base}, base, sessions=3)

    assert ys(chart) == [None, None, pytest.approx(2.0), pytest.approx(2.0)]


def test_months_compound_or_add_up_to_their_year() -> None:
    compounded = charts.month_table(DAYS, RETURNS).frame
    added = charts.month_table(DAYS, RETURNS, compounded=False).frame

    assert compounded.select("%", "Jan", "Feb", "Mar", "year").row(0) == (
        *("2021", pytest.approx(-12.0), pytest.approx(25.0)),
        *(None, pytest.approx(10.0)),
    )
    assert added.select("Jan", "Feb", "year").row(0) == pytest.approx((-10.0, 25.0, 15.0))


def test_a_heat_map_frames_the_chosen_and_shows_the_median_over_other_keys() -> None:
    scores = pl.DataFrame(
        {
            "a": [1, 1, 1, 2, 2],
            "b": [0.5, 0.5, 1.0, 0.5, 1.0],
            "other": [1, 2, 1, 1, 1],
            "sharpe": [1.0, 2.0, -4.0, float("nan"), None],
        }
    )
    chart = charts.heat_map(scores, "a", "b", "sharpe", chosen={"a": 2, "b": 1.0, "other": 1})

    trace = chart.traces[0]
    assert (trace["x"], trace["y"]) == (["0.5", "1.0"], ["1", "2"])
    assert trace["z"] == [[1.5, -4.0], [None, None]]
    assert (trace["zmin"], trace["zmax"]) == (-4.0, 4.0)
    assert "median over the other keys" in str(chart.layout["title"])
    [frame] = chart.layout["shapes"]  # type: ignore[misc]
    assert (frame["x0"], frame["x1"], frame["y0"], frame["y1"]) == (0.5, 1.5, 0.5, 1.5)


def test_words_on_a_heat_map_stay_in_the_order_in_which_they_were_tried() -> None:
    frame = pl.DataFrame({"a": ["15m", "30m", "1h"] * 2, "b": [2, 2, 2, 1, 1, 1], "m": range(6)})
    trace = charts.heat_map(frame, "a", "b", "m").traces[0]

    assert (trace["y"], trace["x"]) == (["15m", "30m", "1h"], ["1", "2"])


def test_a_histogram_counts_all_and_marks_the_value() -> None:
    values: Float64s = np.array([0.0, 1.0, 1.0, 2.0, np.nan])
    chart = charts.histogram(values, "logit", {"chosen": 0.25})

    assert sum(ys(chart)) == 4  # type: ignore[arg-type]
    [line] = chart.layout["shapes"]  # type: ignore[misc]
    assert (line["x0"], line["x1"]) == (0.25, 0.25)


def test_what_is_no_number_is_no_bar() -> None:
    chart = charts.bars(["1", "5"], {"IC": [0.02, None]}, "mean IC", [0.01, None])

    assert ys(chart) == [0.02, None]
    assert chart.traces[0]["error_y"]["array"] == [0.01, None]  # type: ignore[index]
