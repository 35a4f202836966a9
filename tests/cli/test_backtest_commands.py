"""`backtest` and `audit`: files of the same bytes every time, and what the terminal says."""

import json
import sys
from pathlib import Path

import polars as pl
import pytest

from cli.backtest_commands import check_timeframe, span_of
from core.errors import ConfigError
from core.session import MINUTE_NS, ist_text, parse_day
from strategies.settings import StrategySettings
from tests.cli.command import (
    LIVELY_SET,
    call,
    lively_csv,
    process,
    rows_of,
    tree,
    write_csv,
)
from tests.datasets import generated

FILES = {"signals.parquet", "summary.json", "trades.parquet", "daily.parquet"}

BUY_AND_WAIT = """
from core.types import Side
from strategies.plain import Proposal
from strategies.settings import StrategySettings

class BuyAndWait:
    settings = StrategySettings
    kinds = ("FIRST",)

    def __init__(self, settings, instruments):
        self.bars = 0

    def on_bar(self, bar, account):
        self.bars += 1
        return Proposal("FIRST", Side.BUY, atr=1.0) if self.bars == 60 else None
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a week of bars in it."""
    lively_csv(tmp_path / "bars.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_is_four_files_and_a_few_lines(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = call(capfd, "backtest", "--data", "bars.csv", "--out", "new/out", *LIVELY_SET)
    summary = json.loads((folder / "new/out/summary.json").read_text())
    trades = pl.read_parquet(folder / "new/out/trades.parquet")
    daily = pl.read_parquet(folder / "new/out/daily.parquet")

    assert 0 == answer.code  # how far it has come may be told, where kernels are compiled first
    assert {path.name for path in (folder / "new/out").iterdir()} == FILES
    assert len(trades) == summary["trades"] > 3
    assert (daily.height, daily["net_paise"].sum()) == (5, summary["net_paise"])
    assert f"\ntrades       {len(trades)}: " in answer.out
    assert "written      new/out/signals.parquet, trades.parquet, summary.json" in answer.out


def test_both_gears_write_the_same_bytes(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for gear in ("event", "compiled"):
        line = ["backtest", "--data", "bars.csv", "--out", gear, "--gear", gear, *LIVELY_SET]
        assert 0 == call(capfd, *line).code

    for name in ("signals.parquet", "trades.parquet"):
        assert (folder / "event" / name).read_bytes() == (folder / "compiled" / name).read_bytes()


def test_another_process_seed_of_hashes_and_time_zone_give_the_same_bytes(folder: Path) -> None:
    hosts = {
        "one": {"PYTHONHASHSEED": "1", "TZ": "Asia/Kolkata"},
        "two": {"PYTHONHASHSEED": "2", "TZ": "America/New_York"},
    }
    for out, host in hosts.items():
        line = ["backtest", "--data", "bars.csv", "--out", out, *LIVELY_SET]
        assert 0 == process(*line, cwd=folder, env=host).code
    summaries = [json.loads((folder / out / "summary.json").read_text()) for out in hosts]
    for summary in summaries:
        del summary["bars_per_second"]

    assert summaries[0]["trades"] > 3
    assert summaries[0] == summaries[1]
    for name in ("signals.parquet", "trades.parquet"):
        assert (folder / "one" / name).read_bytes() == (folder / "two" / name).read_bytes()


def test_disorder_and_equal_duplicates_are_put_right_and_counted(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = rows_of(generated("week"))
    write_csv(folder / "mixed.csv", [rows[7], *rows[:7], *rows[8:], *rows[:3]])
    said = {
        name: call(capfd, "backtest", "--data", f"{name}.csv", "--out", name, *LIVELY_SET).out
        for name in ("bars", "mixed")
    }

    assert "data         3 equal duplicates dropped, 2 unsorted rows sorted" in said["mixed"]
    assert "data         " not in said["bars"]
    for name in ("signals.parquet", "trades.parquet"):
        assert (folder / "bars" / name).read_bytes() == (folder / "mixed" / name).read_bytes()


def test_rows_outside_the_session_are_kept_out_and_counted(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    late = "A,2026-07-22T15:35:00+05:30,100,100,100,100,1"
    write_csv(folder / "late.csv", [*rows_of(generated("week")), late])

    answer = call(capfd, "backtest", "--data", "late.csv", "--out", "out", *LIVELY_SET)

    assert "data         1 rows outside the session kept out" in answer.out


def test_a_span_trades_its_days_and_warms_up_on_the_earlier_ones(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    span = ("--from", "2026-07-22", "--to", "2026-07-23")
    line = ("backtest", "--data", "bars.csv", "--out", "out", *span, *LIVELY_SET)
    assert 0 == call(capfd, *line).code
    signals = pl.read_parquet(folder / "out/signals.parquet")
    opens = [ist_text(open_ns) for open_ns in signals["bar_open_ns"]]

    assert {"2026-07-22", "2026-07-23"} == {text[:10] for text in opens}
    assert opens[0][11:16] < "10:00"  # the tenth bar of a run that begins that day


def test_a_class_of_the_current_folder_is_a_strategy(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != ""])
    (folder / "own_strategy_file.py").write_text(BUY_AND_WAIT)
    line = ("backtest", "--data", "bars.csv", "--out", "out", "--strategy")

    answer = call(capfd, *line, "own_strategy_file:BuyAndWait", "--set", "timeframe=5m")
    again = call(capfd, *line, "own_strategy_file:BuyAndWait", "--gear", "compiled")
    signals = pl.read_parquet(folder / "out/signals.parquet")

    assert 0 == answer.code
    assert [("buyandwait", "FIRST", "ACTED")] == signals.select("strategy", "kind", "status").rows()
    assert 2 == again.code
    assert "is plain Python: it runs with --gear event only" in again.err


def test_the_current_folder_is_searched_for_such_a_class_only(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list(sys.path)
    monkeypatch.setattr(sys, "path", list(before))

    call(capfd, "backtest", "--data", "bars.csv", "--out", "out")
    assert before == sys.path

    call(capfd, "backtest", "--data", "bars.csv", "--out", "out", "--strategy", "nowhere:Cls")
    assert [*before, str(folder)] == sys.path


def test_a_configured_strategy_runs_under_its_own_name(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "tradingd.toml").write_text(
        '[strategies.quick]\nstrategy = "pixity"\ntimeframe = "5m"\nema_fast = 3\nema_slow = 8\n'
    )
    line = ("backtest", "--data", "bars.csv", "--out", "out", "--strategy", "quick")
    assert 0 == call(capfd, *line).code
    signals = pl.read_parquet(folder / "out/signals.parquet")

    assert {"quick"} == set(signals["strategy"])


def test_audit_warms_up_as_long_as_the_daemon_is_configured_to(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    line = ["audit", "--data", "bars.csv", *LIVELY_SET, "history_sessions=3"]
    answer = call(capfd, *line)

    assert 0 == answer.code
    assert "bars are enough, 3 sessions are given" in answer.out


def test_audit_tells_every_check_and_writes_nothing(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = tree(folder)
    answer = call(capfd, "audit", "--data", "bars.csv", *LIVELY_SET)

    assert 0 == answer.code
    assert ["bars", "causality", "warm-up", "gears", "batch"] == [
        line.split()[0] for line in answer.out.splitlines()
    ]
    assert before == tree(folder)


@pytest.mark.parametrize(
    ("timeframe", "base_minutes", "fits"),
    [
        ("15m", 1, True),
        ("15m", 15, True),
        ("1h", 15, True),
        ("1d", 7, True),
        ("5m", 15, False),
        ("90m", 60, False),
        ("1h", 24 * 60, False),
    ],
)
def test_a_strategy_bar_is_made_of_whole_bars_of_the_data(
    timeframe: str, base_minutes: int, fits: bool
) -> None:
    settings = StrategySettings(timeframe=timeframe)
    if fits:
        check_timeframe("pixity", settings, base_minutes * MINUTE_NS)
        return
    with pytest.raises(ConfigError, match=f"timeframe {timeframe} .* {base_minutes}m"):
        check_timeframe("pixity", settings, base_minutes * MINUTE_NS)


def test_a_span_of_one_day_is_that_day() -> None:
    day = parse_day("2026-07-22")

    assert (day, day) == span_of("2026-07-22", "2026-07-22")
    assert (None, None) == span_of(None, None)
