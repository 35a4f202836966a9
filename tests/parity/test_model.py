"""With a meta-model: the same decisions event by event, compiled, and through the daemon."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import structlog

from backtest.audit import audit
from backtest.run import Request, Result, run
from cli.validate_commands import validate
from tests.datasets import LIVELY, MARKETS, generated, in_both_gears, request_on
from tests.strategies.forests import with_model, write_model


@pytest.fixture(autouse=True)
def logging() -> Iterator[None]:
    """`validate` silences the log of its process."""
    yield
    structlog.reset_defaults()


def request_with_model(folder: Path, market: str) -> Request:
    model = write_model(folder / "model", assignments=LIVELY)
    return request_on(generated(market, seed=2), *LIVELY, *with_model(model))


def refused_by_model(result: Result) -> int:
    return result.signals.filter(pl.col("refusal") == "model").height


@pytest.mark.parametrize("market", MARKETS)
def test_both_gears_refuse_and_trade_the_same_events(market: str, tmp_path: Path) -> None:
    request = request_with_model(tmp_path, market)
    event, compiled = (run(each) for each in in_both_gears(request))
    every = run(request_on(request.dataset, *LIVELY))

    assert refused_by_model(event) > 2
    assert event.trades.height > 0
    assert event.signals.equals(compiled.signals)
    assert event.trades.equals(compiled.trades)
    events = ["instrument", "bar_open_ns", "side", "kind", "close", "atr", "vwap"]
    assert every.signals.select(events).equals(event.signals.select(events))
    assert request.scope != request_on(request.dataset, *LIVELY).scope


def test_the_daemon_decides_with_the_model_as_the_backtest_does(tmp_path: Path) -> None:
    lines: list[str] = []
    request = request_with_model(tmp_path, "two parts")
    backtest = run(request)
    validate(request, lines.append)

    assert refused_by_model(backtest) > 2
    assert lines[-2:] == [
        f"{name:<12} {frame.height} of {frame.height} rows equal to the backtest"
        for name, frame in (("signals", backtest.signals), ("trades", backtest.trades))
    ]


def test_what_the_model_says_of_an_event_knows_no_later_bar(tmp_path: Path) -> None:
    checks = {check.name: check for check in audit(request_with_model(tmp_path, "week"))}

    assert checks["causality"].ok
    assert checks["gears"].ok
