"""Runs are compared on what they have in common, and what makes them unlike is said."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from backtest.files import write_run
from backtest.run import run
from backtest.summary import daily_of, summary_of
from core.errors import ConfigError, DataError
from core.session import parse_day
from research.metrics import METRICS
from research.pages.comparison import common_of, compare
from research.pages.comparison_page import compare_page
from research.pages.daily_records import DailyRecord, read_record
from research.runs import read_lab_run, write_lab_run
from tests.datasets import LIVELY, WEEK, generated, request_on

FIRST = parse_day("2021-01-28")


def record(name: str, returns: list[float], begin: int = 0, **changed: object) -> DailyRecord:
    plain = DailyRecord(
        name=name,
        kind="backtest",
        strategy="pixity",
        data_hash="d" * 64,
        settings={"sl_mult": 1.0, "adx_limit": 25.0},
        days=np.arange(begin, begin + len(returns)) + FIRST,
        returns=np.array(returns),
        compounded=True,
        periods_per_year=252.0,
        account=None,
    )
    return plain._replace(**changed)  # type: ignore[arg-type]


def test_figures_are_of_the_common_sessions_and_of_each_alone() -> None:
    made = compare([record("a", [0.5, 0.1, 0.1]), record("b", [0.2, -0.1, 0.3], begin=1)])

    total = made.tables["metrics"].select("span", "run", pl.col("total_return").round(9)).rows()
    assert total == [
        ("common", "a", 0.21),
        ("common", "b", 0.08),
        ("own", "a", 0.815),
        ("own", "b", 0.404),
    ]
    assert made.told["common"] == {"from": "2021-01-29", "to": "2021-01-30", "sessions": 2}
    assert made.told["warnings"][0] == "the common span has 2 sessions, fewer than a, b"
    assert common_of(made.tables["daily"]).rows()[0][1:] == (0.1, 0.2)


def test_other_data_another_account_and_another_year_are_said() -> None:
    other = {"data_hash": "e" * 64, "compounded": False, "periods_per_year": 365.0}
    found = compare([record("a", [0.1, 0.2]), record("b", [0.1, 0.3], **other)]).told["warnings"]

    assert found[0].startswith("NOT THE SAME DATA (a dddddddddddd, b eeeeeeeeeeee)")
    assert found[1].startswith("a compounds, the others trade a fixed cash")
    assert found[2] == "annualised by different years (a 252, b 365 periods)"


def test_only_settings_that_differ_are_listed() -> None:
    changed = {"sl_mult": 1.5, "adx_limit": 25.0, "extra": True}
    made = compare([record("a", [0.1, 0.2]), record("b", [0.1, 0.2], settings=changed)])

    assert made.tables["settings"].rows() == [
        ("sl_mult", "a", "1.0"),
        ("sl_mult", "b", "1.5"),
        ("extra", "a", "-"),
        ("extra", "b", "True"),
    ]


def test_another_strategy_is_the_first_that_differs() -> None:
    other = record("b", [0.1, 0.2], strategy="ema_cross", settings={"fast": 5})
    made = compare([record("a", [0.1, 0.2]), other])

    assert made.tables["settings"]["key"].unique(maintain_order=True).to_list() == [
        *("strategy", "sl_mult", "adx_limit", "fast"),
    ]


def test_months_are_of_the_common_sessions_and_end_with_their_year() -> None:
    made = compare([record("a", [0.1] * 5), record("b", [0.0] * 5)])

    own = made.tables["months"].filter(run="a").select("month", pl.col("return").round(6)).rows()
    assert own == [(0, 61.051), (1, 46.41), (2, 10.0)]


def test_what_cannot_be_compared_is_one_line() -> None:
    a, late = record("a", [0.1, 0.2]), record("b", [0.1, 0.2], begin=1)
    with pytest.raises(DataError, match=r"1 sessions in common, 2 are needed: a 2021-01-28 to"):
        compare([a, late])
    with pytest.raises(ConfigError, match="1 runs were given: 2 to 20"):
        compare([a])
    with pytest.raises(ConfigError, match="two runs are called a"):
        compare([a, a])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two backtests of a generated week, as the verb leaves them."""
    root = tmp_path_factory.mktemp("runs")
    for name, more in (("wide", "sl_mult=2"), ("near", "sl_mult=1")):
        request = request_on(generated("week"), *LIVELY, more)
        result = run(request)
        summary = summary_of(request, result)
        write_run(root / name, result.signals, result.trades, summary, daily_of(request, result))
    return root / "wide", root / "near"


def test_a_backtest_is_measured_as_its_summary_has_it(folders: tuple[Path, Path]) -> None:
    request = request_on(generated("week"), *LIVELY, "sl_mult=2")
    summary = summary_of(request, run(request))
    read = read_record(folders[0], "wide")
    figures = read.metrics()

    assert list(read.days) == WEEK
    assert list(figures) == list(METRICS)
    assert {name: figures[name] for name in ("sharpe", "trades", "win_rate", "profit_factor")} == {
        name: summary[name] for name in ("sharpe", "trades", "win_rate", "profit_factor")
    }
    assert figures["total_return"] == pytest.approx(summary["net_paise"] / 10_000_000)  # type: ignore[operator]
    first = read.on(np.array(WEEK[:2])).metrics()
    short = summary_of(replace(request, to_day=WEEK[1]), run(replace(request, to_day=WEEK[1])))
    assert first["trades"] == short["trades"] > 0  # type: ignore[operator]
    assert first["sharpe"] == pytest.approx(short["sharpe"])


def test_the_page_follows_from_the_files(folders: tuple[Path, Path], tmp_path: Path) -> None:
    made = compare([read_record(one, one.name) for one in folders])
    write_lab_run(tmp_path, made, compare_page(made))
    again = compare_page(read_lab_run(tmp_path))

    assert (tmp_path / "report.html").read_text() == again
    assert "<td>sl_mult</td>" in again


def test_a_folder_that_is_no_run_or_without_sessions_is_named(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="holds no run: neither"):
        read_record(tmp_path, "x")
    for name in ("signals.parquet", "trades.parquet", "summary.json"):
        (tmp_path / name).write_bytes((folders[0] / name).read_bytes())
    with pytest.raises(DataError, match=r"daily\.parquet cannot be read"):
        read_record(tmp_path, "x")
