"""A model trained on two real years and applied to the third: one set of decisions everywhere."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import structlog

from backtest.run import run
from cli.validate_commands import validate
from core.session import parse_day
from providers.dataset import DataOptions, load
from research.meta.labels import label_events
from research.meta.training import train
from strategies.model import save
from tests.datasets import in_both_gears, request_on
from tests.strategies.forests import with_model

YEARS = "nse_1m_BAJAJFINSV_2021-01_2024-06.parquet"


@pytest.fixture(autouse=True)
def logging() -> Iterator[None]:
    """`validate` silences the log of its process."""
    yield
    structlog.reset_defaults()


@pytest.mark.slow
def test_trained_on_two_years_it_decides_the_third_alike_everywhere(
    shared: Path, tmp_path: Path
) -> None:
    dataset = load([shared / "data" / YEARS], DataOptions())
    trained = train(label_events(request_on(dataset, to_day=parse_day("2022-12-31"))))
    save(tmp_path / "model", trained.forest, trained.description)
    year = [parse_day(day) for day in ("2023-01-01", "2023-12-31")]
    request = request_on(dataset, *with_model(tmp_path / "model"), from_day=year[0], to_day=year[1])
    event, compiled = (run(each) for each in in_both_gears(request))
    every = label_events(request).frame

    assert {"from": "2021-01-05", "to": "2022-12-23"} == trained.description["span"]
    assert event.signals.equals(compiled.signals)
    assert event.trades.equals(compiled.trades)
    assert every.height == event.signals.filter(pl.col("status") != "SUPPRESSED").height
    refused = event.signals.filter(pl.col("refusal") == "model").height
    assert 0 < refused < every.height

    few_days = replace(request, to_day=parse_day("2023-01-06"))
    backtest, lines = run(few_days), list[str]()
    validate(few_days, lines.append)
    assert backtest.trades.height > 0
    assert lines[-2:] == [
        f"{name:<12} {frame.height} of {frame.height} rows equal to the backtest"
        for name, frame in (("signals", backtest.signals), ("trades", backtest.trades))
    ]
