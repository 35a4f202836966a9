"""One text in two gears: event by event and compiled give the same rows, and the same bytes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backtest.run import Gear, run
from core.rules.holdings import MAX_REPORTS_PER_INSTRUMENT
from tests.datasets import LIVELY, MARKETS, generated, in_both_gears, request_on
from tests.parity.generated_run import write

ROOT = Path(__file__).resolve().parents[2]
FILES = ("signals.parquet", "trades.parquet")
VARIANTS = {
    "lively": [],
    "fill on close": ["fill_on=close"],
    "to the last minute": [
        "last_entry_minutes=0",
        "square_off_minutes=0",
        "sl_mult=6",
        "tp_mult=6",
        "time_stop_bars=1000",
        "max_entries_per_day=1000",
    ],
    "every limit": [
        "max_quantity=40",
        "max_notional_per_order=9000.5",
        "max_entries_per_day=4",
        "max_daily_loss=150",
        "slippage_bps=25",
    ],
    "one bar at a time": ["time_stop_bars=1", "cooldown_bars=0", "timeframe=1m"],
}


def contents(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in FILES]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("market", MARKETS)
def test_event_gear_equals_compiled_gear(market: str, variant: str) -> None:
    request = request_on(generated(market, seed=2), *LIVELY, *VARIANTS[variant])
    event, compiled = (run(each) for each in in_both_gears(request))

    assert len(event.trades) > 0
    assert event.signals.rows() == compiled.signals.rows()
    assert event.trades.rows() == compiled.trades.rows()
    assert (event.signals.schema, event.trades.schema) == (
        compiled.signals.schema,
        compiled.trades.schema,
    )
    assert (event.days, event.base_bars, event.strategy_bars) == (
        compiled.days,
        compiled.base_bars,
        compiled.strategy_bars,
    )


@pytest.mark.parametrize("market", MARKETS)
def test_the_strategy_to_copy_is_equal_in_both_gears(market: str) -> None:
    request = request_on(generated(market), "timeframe=5m", strategy="ema_cross")
    event, compiled = (run(each) for each in in_both_gears(request))

    assert len(event.trades) > 0
    assert event.signals.equals(compiled.signals)
    assert event.trades.equals(compiled.trades)


def test_a_span_that_begins_later_is_equal_in_both_gears() -> None:
    days, _ = MARKETS["mixed auction"]
    request = request_on(generated("mixed auction"), *LIVELY, from_day=days[1], to_day=days[2])
    event, compiled = (run(each) for each in in_both_gears(request))

    assert days[1:] == event.days
    assert event.signals.equals(compiled.signals)
    assert event.trades.equals(compiled.trades)


def test_more_trades_than_one_buffer_holds_are_all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    request = request_on(generated("week"), *LIVELY, *VARIANTS["one bar at a time"])
    whole = run(request).trades
    monkeypatch.setattr("backtest.compiled.TRADES_AT_ONCE", MAX_REPORTS_PER_INSTRUMENT)
    pieces = run(request).trades

    assert len(whole) > 2 * MAX_REPORTS_PER_INSTRUMENT
    assert whole.equals(pieces)


def test_the_same_backtest_writes_the_same_bytes_in_any_gear(tmp_path: Path) -> None:
    for name, gear in (("a", Gear.COMPILED), ("b", Gear.COMPILED), ("c", Gear.EVENT)):
        write(tmp_path / name, gear)
    a, b, c = (contents(tmp_path / name) for name in "abc")

    assert a == b
    assert a == c


@pytest.mark.parametrize("gear", Gear)
def test_plain_python_writes_the_bytes_of_compiled_code(gear: Gear, tmp_path: Path) -> None:
    """NUMBA_DISABLE_JIT=1 runs the same text, so it must give the same answers."""
    write(tmp_path / "compiled", gear)
    environ = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-m", "tests.parity.generated_run"]
    subprocess.run(
        [*command, str(tmp_path / "plain"), gear], cwd=ROOT, env=environ, check=True, timeout=120
    )

    assert contents(tmp_path / "compiled") == contents(tmp_path / "plain")
