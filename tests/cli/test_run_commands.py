"""What leaves a state directory, and what a person is told of a day."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from backtest.files import SIGNAL_SCHEMA, TRADE_SCHEMA
from cli.run_commands import export_day, outcome_lines
from core.errors import DataError
from core.ports import EventKind
from core.session import parse_day
from daemon.plan import DayOutcome
from tests.daemon.days import play, recorded, replay_plan
from tests.datasets import generated, request_on

DAY = parse_day("2026-08-04")
LIVELY = ("timeframe=5m", "warmup_bars=5", "swing_period=1", "cooldown_bars=0", "sl_mult=0.5")


def test_a_days_export_keeps_the_configured_order(tmp_path: Path) -> None:
    """Rows of one moment come as configured, though the reader is another program."""
    request = request_on(generated("mixed auction", seed=2), *LIVELY)
    day = request.dataset.bars["open_ns"][-1] // 86_400_000_000_000
    play(replay_plan(request), tmp_path / "var", int(day))
    told: list[str] = []
    export_day(tmp_path / "var", int(day), tmp_path / "out", told.append)
    signals = pl.read_parquet(tmp_path / "out" / "signals.parquet")
    trades = pl.read_parquet(tmp_path / "out" / "trades.parquet")
    [start] = recorded(tmp_path / "var", [EventKind.RUN_START])
    order = start.payload["instruments"]
    assert isinstance(order, list)

    assert dict(signals.schema) == SIGNAL_SCHEMA
    assert dict(trades.schema) == TRADE_SCHEMA
    assert len(trades) > 0
    for frame, time in ((signals, "bar_close_ns"), (trades, "entry_ns")):
        rows = [(row[time], order.index(row["instrument"])) for row in frame.to_dicts()]
        assert rows == sorted(rows)
    assert f"{len(signals)} signals, {len(trades)} trades" in told[-1]


def test_a_shadows_day_is_exported_by_its_name_and_the_main_book_without_one(
    tmp_path: Path,
) -> None:
    request = request_on(generated("mixed auction", seed=2), *LIVELY)
    day = int(request.dataset.bars["open_ns"][-1] // 86_400_000_000_000)
    plan = replay_plan(request)
    slow = request.settings.model_copy(update={"timeframe": "15m"})
    play(replace(plan, shadows=(("trial", (("slow", "pixity", slow),)),)), tmp_path / "var", day)
    export_day(tmp_path / "var", day, tmp_path / "main", print)
    export_day(tmp_path / "var", day, tmp_path / "trial", print, "trial")

    for book, strategy in (("main", "pixity"), ("trial", "slow")):
        signals = pl.read_parquet(tmp_path / book / "signals.parquet")
        assert dict(signals.schema) == SIGNAL_SCHEMA
        assert set(signals["strategy"]) == {strategy}
    with pytest.raises(DataError, match="in book nobody"):
        export_day(tmp_path / "var", day, tmp_path / "none", print, "nobody")


def test_a_day_without_rows_is_said_to_be_missing(tmp_path: Path) -> None:
    request = request_on(generated("mixed auction", seed=2), *LIVELY)
    day = int(request.dataset.bars["open_ns"][-1] // 86_400_000_000_000)
    play(replay_plan(request), tmp_path / "var", day)

    with pytest.raises(DataError, match="no signal and no trade of 2026-01-01"):
        export_day(tmp_path / "var", parse_day("2026-01-01"), tmp_path / "out", print)


def test_a_day_that_was_left_says_that_it_goes_on() -> None:
    outcome = DayOutcome(
        day=DAY,
        complete=False,
        minutes=42,
        minutes_expected=360,
        signals=1,
        entries=1,
        trades=0,
        net_paise=-123_456,
    )
    first, second = outcome_lines(outcome)

    assert "2026-08-04 left, the next start goes on here: 42 of 360 Minutes" in first
    assert "1 signals, 1 entries, 0 trades, net Rs -1,234.56" in second
