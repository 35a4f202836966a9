"""Holding, by hand: two symbols, three sessions, one symbol late."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import DataError
from providers.dataset import DataOptions
from research.pages.benchmark import benchmark, regressed
from research.pages.comparison import compare
from tests.research.pages.test_comparison import record

ROWS = [
    ("A", date(2021, 1, 28), 100.0, 110.0),
    ("A", date(2021, 1, 29), 50.0, 99.0),
    ("A", date(2021, 2, 1), 99.0, 99.0),
    ("B", date(2021, 1, 29), 200.0, 210.0),
    ("B", date(2021, 2, 1), 300.0, 231.0),
]


def written(path: Path, close: float = 231.0) -> Path:
    rows = [
        {"symbol": symbol, "date": day, "open": first, "close": last}
        | {"high": 500.0, "low": 1.0, "volume": 1}
        for symbol, day, first, last in [*ROWS[:-1], (*ROWS[-1][:3], close)]
    ]
    pl.DataFrame(rows).write_parquet(path)
    return path


def test_equal_parts_are_held_from_close_to_close_and_first_from_the_open(tmp_path: Path) -> None:
    held = benchmark(written(tmp_path / "bars.parquet"), DataOptions(), 252.0)

    assert held.returns == pytest.approx([0.10, (-0.10 + 0.05) / 2, (0.0 + 0.10) / 2])
    assert [str(day) for day in held.days.astype("datetime64[D]")] == [
        *("2021-01-28", "2021-01-29", "2021-02-01"),
    ]
    only = DataOptions(symbols=("B",))
    assert benchmark(tmp_path / "bars.parquet", only, 252.0).returns == pytest.approx([0.05, 0.10])


def test_a_close_that_is_not_known_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a close that is not known"):
        benchmark(written(tmp_path / "bars.parquet", float("nan")), DataOptions(), 252.0)


def test_beta_and_alpha_are_those_of_the_line() -> None:
    held = np.array([0.01, -0.02, 0.03, 0.0])
    found = regressed(0.001 + 1.5 * held, held, 250.0)

    assert found == pytest.approx((1.5, 0.25, 1.0))
    assert regressed(held, held * 0.0, 250.0) is None


def test_a_benchmark_takes_part_without_settings_or_talk_of_other_data() -> None:
    one = record("a", [0.01, -0.02, 0.03, 0.0])
    held = record("benchmark", [0.02, -0.01, 0.01, 0.0], data_hash="e", settings={})
    made = compare([one], held)

    assert made.told["benchmark"] == "benchmark"
    assert made.told["warnings"] == [
        "4 common sessions are too few to tell two Sharpe ratios apart"
    ]
    assert made.tables["settings"].height == 0
    assert made.tables["regressions"]["run"].to_list() == ["a"]
