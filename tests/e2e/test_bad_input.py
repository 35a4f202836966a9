"""Whatever is wrong with what a user gives: one clear line, its exit code, and nothing written.

One folder serves all rows of the table: no call may change anything in it.
"""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.cli.command import HEADER, Answer, call, process, rows_of, tree, write_csv
from tests.datasets import generated

BACKTEST = "backtest --out out --data"
NAMES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Bad:
    """A line, how it must end, and the words that must be in what it says."""

    line: str
    code: int
    told: tuple[str, ...]


def bad(line: str, code: int, *told: str) -> object:
    return pytest.param(Bad(line, code, told), id=line)


# --- the folder ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good bars, and every kind of bad file."""
    folder = tmp_path_factory.mktemp("bad-input")
    rows = rows_of(generated("week"))[:400]
    write_csv(folder / "good.csv", rows)
    for name, row in BAD_ROWS.items():
        write_csv(folder / f"{name}.csv", [*rows[:3], row])
    write_csv(folder / "no-header.csv", rows[1:3], rows[0])
    write_csv(folder / "semicolons.csv", [], HEADER.replace(",", ";"))
    write_csv(folder / "header-only.csv", [])
    (folder / "empty.csv").touch()
    (folder / "cut-off.csv").write_text((folder / "good.csv").read_text()[:-5])
    (folder / "zipped.csv").write_bytes(b"\x1f\x8b" + b"0" * 100)
    (folder / "utf-16.csv").write_text(HEADER, encoding="utf-16")
    (folder / "text.parquet").write_text("PAR1 is not all of it")
    _parquet_files(folder)
    (folder / "no-data").mkdir()
    (folder / "in-the-way").write_text("a file")
    for name, text in CONFIGURATIONS.items():
        (folder / f"{name}.toml").write_text(text)
    (folder / "latin.toml").write_bytes('mode = "päper"'.encode("latin-1"))
    (folder / "raising.py").write_text("raise RuntimeError('at import')")
    (folder / "no_strategy.py").write_text("class Empty: ...")
    return folder


def _parquet_files(folder: Path) -> None:
    bars = generated("week").bars[:400]
    columns = {name: np.ascontiguousarray(bars[name]) for name in (*NAMES, "volume")}
    stamps = pl.Series(bars["open_ns"]).cast(pl.Datetime("ns", "UTC")).dt.cast_time_unit("ms")
    frame = pl.DataFrame({"symbol": ["A"] * len(bars), "ts": stamps, **columns})
    frame.write_parquet(folder / "good.parquet")
    frame.drop("close").write_parquet(folder / "no-close.parquet")
    naive = frame.with_columns(pl.col("ts").dt.replace_time_zone(None))
    naive.write_parquet(folder / "naive.parquet")
    missing = pl.when(pl.col("ts") == stamps[7]).then(float("nan")).otherwise(pl.col("low"))
    frame.with_columns(low=missing).write_parquet(folder / "nan.parquet")
    whole = (folder / "good.parquet").read_bytes()
    (folder / "truncated.parquet").write_bytes(whole[: len(whole) // 2])
    for name, start in {"bad-page": 4, "bad-middle": len(whole) // 2}.items():
        damaged = bytearray(whole)
        damaged[start : start + 400] = bytes(reversed(range(256))) + bytes(144)
        (folder / f"{name}.parquet").write_bytes(damaged)


DAY = "2026-07-29T"
BAD_ROWS = {
    "nan": f"A,{DAY}09:15:00+05:30,nan,1,1,1,1",
    "infinite": f"A,{DAY}09:15:00+05:30,1,inf,1,1,1",
    "negative": f"A,{DAY}09:15:00+05:30,1,1,-1,1,1",
    "zero": f"A,{DAY}09:15:00+05:30,1,1,0,1,1",
    "upside-down": f"A,{DAY}09:15:00+05:30,5,4,6,5,1",
    "open-outside": f"A,{DAY}09:15:00+05:30,9,5,4,5,1",
    "negative-volume": f"A,{DAY}09:15:00+05:30,1,1,1,1,-1",
    "part-volume": f"A,{DAY}09:15:00+05:30,1,1,1,1,1.5",
    "scientific": f"A,{DAY}09:15:00+05:30,1e2,1e2,1e2,1e2,1",
    "thousands": f"A,{DAY}09:15:00+05:30,1,000,1,1,1,1",
    "words": f"A,{DAY}09:15:00+05:30,one,1,1,1,1",
    "no-zone": f"A,{DAY}09:15:00,1,1,1,1,1",
    "epoch": "A,1785296700,1,1,1,1,1",
    "day-first": "A,29/07/2026 09:15,1,1,1,1,1",
    "no-such-day": "A,2026-02-30T09:15:00+05:30,1,1,1,1,1",
    "off-grid": f"A,{DAY}09:15:30+05:30,1,1,1,1,1",
    "no-symbol": f",{DAY}09:15:00+05:30,1,1,1,1,1",
    "short": f"A,{DAY}09:15:00+05:30,1,1,1",
    "conflict": "A,2026-07-20T09:15:00+05:30,1,1,1,1,1",
    "zero-byte": f"A,{DAY}09:15:00+05:30,1,1,1,1,\0",
}
CONFIGURATIONS = {
    "unknown-key": "[risk]\nmax_capitl = 5\n",
    "unknown-table": "[rsk]\nmax_capital = 5\n",
    "broken": "mode = \n",
    "bool": "[risk]\nmax_capital = true\n",
    "text": '[risk]\nmax_capital = "5,000"\n',
    "disagree": "[risk]\nmax_capital = 100.0\nmax_daily_loss = 200.0\n",
    "nan": "[risk]\nmax_daily_loss = nan\n",
    "infinite": "[risk]\nmax_capital = inf\n",
    "negative": "[risk]\nslippage_bps = -1\n",
    "zero": "[risk]\nmax_entries_per_day = 0\n",
    "floating": "[risk]\nmax_entries_per_day = 2.5\n",
    "order": "[risk]\nsquare_off_minutes = 50\n",
    "twice": 'symbols = ["A", "B", "A"]\n',
    "crowd": f"symbols = {[f'S{number}' for number in range(5_001)]}\n",
    "strategy": '[strategies.mine]\nstrategy = "pixty"\n',
}

# --- the table -----------------------------------------------------------------------------------

OPTIONS = [
    bad("backtest --data good.csv", 2, "--out"),
    bad("backtest --out out", 2, "--data"),
    bad(f"{BACKTEST} good.csv --strategy pixty", 2, '"pixty"', '"pixity"'),
    bad(f"{BACKTEST} good.csv --strategy nowhere:Cls", 2, "nowhere:Cls", "No module named"),
    bad(f"{BACKTEST} good.csv --strategy raising:Cls", 2, "raising:Cls", "at import"),
    bad(f"{BACKTEST} good.csv --strategy no_strategy:Empty", 2, "settings, kinds and on_bar"),
    bad(f"{BACKTEST} good.csv --strategy no_strategy:Absent", 2, "no_strategy:Absent"),
    bad(f"{BACKTEST} good.csv --label middle", 2, '--label "middle"', "open, end"),
    bad(f"{BACKTEST} good.csv --session lse", 2, '--session "lse"', "nse, 24x7"),
    bad(f"{BACKTEST} good.csv --gear third", 2, '--gear "third"', "event, compiled"),
    bad(f"{BACKTEST} good.csv --base 7x", 2, '--base "7x"', "15m"),
    bad(f"{BACKTEST} good.csv --base 2d", 2, '--base "2d"', "no longer than 1d"),
    bad(f"{BACKTEST} good.csv --base 15m --set timeframe=5m", 2, "timeframe 5m", "15m (--base)"),
    bad(f"{BACKTEST} good.csv --base 2m --set timeframe=15m", 2, "timeframe 15m", "2m (--base)"),
    bad(f"{BACKTEST} good.csv --symbols B", 2, "not in the data: B"),
    bad(f"{BACKTEST} good.csv --symbols A,A", 2, "A is named twice"),
    bad(f"{BACKTEST} good.csv --symbols ,", 2, "none is named"),
    bad(f"{BACKTEST} good.csv --closing-auction B", 2, "closing auction", "B"),
    bad(f"{BACKTEST} good.csv --closing-auction ''", 2, "--closing-auction", "all, none"),
    bad(f"{BACKTEST} good.csv --from 2026-02-30", 2, "--from", "2026-02-30"),
    bad(f"{BACKTEST} good.csv --to 22-07-2026", 2, "--to", "22-07-2026"),
    bad(f"{BACKTEST} good.csv --from 2026-07-23 --to 2026-07-22", 2, "2026-07-23 is after"),
    bad("backtest --data good.csv --out in-the-way", 2, "in-the-way", "Not a directory"),
    bad("backtest --data good.csv --out in-the-way/below/it", 2, "in-the-way/below/it"),
    bad("backtest --data good.csv --out /proc/out", 2, "cannot write to /proc/out"),
    bad("audit --data good.csv --strategy pixty", 2, "pixty"),
    bad("validate --data good.csv --from 2026-07-23 --to 2026-07-22", 2, "is after"),
    bad("run --mode lively", 2, "mode", '"lively"', "paper, observe, live"),
    bad("run --mode live", 2, "account under [live] in the configuration file"),
    bad("run --mode live --feed synthetic", 2, "feed synthetic has no exchange that takes orders"),
    bad("confirm", 2, "confirm needs a terminal"),
    bad("run --feed moon", 2, "feed.kind", '"moon"', "sandbox, upstox, synthetic, replay"),
    bad("run --feed replay", 2, "replay needs data and day"),
    bad("run --speed nan", 2, "feed.speed", "> 0"),
    bad("run --seed one", 2, "feed.seed", '"one"', "whole number"),
    bad("run --port 99999", 2, "dashboard.port", "65535"),
    bad("run --strategies pixity,pixity", 2, "pixity", "named twice"),
    bad("run --strategies nope", 2, '"nope"'),
    bad("run --symbols A,A", 2, "named twice: A"),
    bad("data export --out x.csv", 2, "--data PATH or --day DATE"),
    bad("data export --out x.csv --data good.csv --day 2026-07-22", 2, "only one of them"),
    bad("data export --out out --day 2026-07-22 --state-dir nowhere", 2, "nowhere"),
    bad("data export --out x.json --data good.csv", 2, ".parquet or .csv"),
    bad("data export --out good.csv --data good.csv", 2, "is the data itself"),
    bad("data export --out in-the-way/x.csv --data good.csv", 2, "in-the-way"),
    bad("data import --out in-the-way --data good.csv", 2, "in-the-way"),
    bad("data import --out archive --data good.csv --zone Mars/Base", 2, "Mars/Base"),
    bad("data import --out archive --data good.csv --columns x=y", 2, "'x'"),
]

SETTINGS = [
    bad("config show --config missing.toml", 2, "missing.toml", "no such file"),
    bad("config show --config no-data", 2, "no-data"),
    bad("config check --config broken.toml", 2, "broken.toml", "line 1"),
    bad("config check --config latin.toml", 2, "latin.toml", "UTF-8"),
    bad("config check --config unknown-key.toml", 2, "risk.max_capitl", '"max_capital"'),
    bad("config check --config unknown-table.toml", 2, '"rsk"', '"risk"'),
    bad("config check --config bool.toml", 2, "risk.max_capital", "true", "a number > 0"),
    bad("config check --config text.toml", 2, '"5,000"', "a number > 0"),
    bad("config check --config disagree.toml", 2, "max_daily_loss 200", "max_capital 100"),
    bad("config check --config nan.toml", 2, "risk.max_daily_loss", "nan", "a number > 0"),
    bad("config check --config infinite.toml", 2, "risk.max_capital", "inf", "a number > 0"),
    bad("config check --config negative.toml", 2, "risk.slippage_bps", "-1", ">= 0"),
    bad("config check --config zero.toml", 2, "risk.max_entries_per_day", "0", ">= 1"),
    bad("config check --config floating.toml", 2, "max_entries_per_day", "2.5", "whole number"),
    bad("config check --config order.toml", 2, "square_off_minutes 50", "last_entry_minutes 45"),
    bad("config check --config twice.toml", 2, "named twice: A"),
    bad("config check --config crowd.toml", 2, "symbols"),
    bad("config check --config strategy.toml", 2, "pixty", '"pixity"'),
    bad(f"{BACKTEST} good.csv --config missing.toml", 2, "missing.toml", "no such file"),
    bad(f"{BACKTEST} good.csv --config unknown-key.toml", 2, '"max_capital"'),
    bad(f"{BACKTEST} good.csv --set ema_fst=3", 2, '"ema_fst"', '"ema_fast"'),
    bad(f"{BACKTEST} good.csv --set ema_fast", 2, '"ema_fast" is not key=value'),
    bad(f"{BACKTEST} good.csv --set max_daily_loss=nan", 2, "max_daily_loss", "nan", "> 0"),
    bad(f"{BACKTEST} good.csv --set max_capital=1e999999", 2, "max_capital", "<= 10000000000"),
    bad(f"{BACKTEST} good.csv --set initial_cash=-1", 2, "initial_cash", '"-1"', "> 0"),
    bad(f"{BACKTEST} good.csv --set max_entries_per_day=0", 2, "max_entries_per_day", ">= 1"),
    bad(f"{BACKTEST} good.csv --set ema_fast=2.5", 2, "ema_fast", "whole number"),
    bad(f"{BACKTEST} good.csv --set timeframe=banana", 2, "timeframe", "banana", "15m"),
    bad(f"{BACKTEST} good.csv --set square_off_minutes=60", 2, "square_off_minutes 60", "45"),
]

DATA = [
    bad(f"{BACKTEST} nowhere.csv", 3, "nowhere.csv", "no such file"),
    bad(f"{BACKTEST} no-data", 3, "no-data", "holds no"),
    bad(f"{BACKTEST} good.csv --from 2027-01-01", 3, "no bars from 2027-01-01", "2026-07-20"),
    bad(f"{BACKTEST} good.csv --to 2020-01-01", 3, "no bars to 2020-01-01", "2026-07-20"),
    bad(f"{BACKTEST} good.csv --base 15m", 3, "good.csv row ", "15-minute bars"),
    bad(f"{BACKTEST} nan.csv", 3, "nan.csv row 5", "open", "not a finite number"),
    bad(f"{BACKTEST} infinite.csv", 3, "infinite.csv row 5", "high", "not a finite number"),
    bad(f"{BACKTEST} negative.csv", 3, "negative.csv row 5", "low -1 is not positive"),
    bad(f"{BACKTEST} zero.csv", 3, "zero.csv row 5", "low 0 is not positive"),
    bad(f"{BACKTEST} upside-down.csv", 3, "row 5", "high 4 is below low 6"),
    bad(f"{BACKTEST} open-outside.csv", 3, "row 5", "open 9 is outside low 4 to high 5"),
    bad(f"{BACKTEST} negative-volume.csv", 3, "row 5", "volume", "negative"),
    bad(f"{BACKTEST} part-volume.csv", 3, "row 5", "volume", "whole number"),
    bad(f"{BACKTEST} scientific.csv", 3, "row 5", "scientific notation"),
    bad(f"{BACKTEST} thousands.csv", 3, "row 5", "8 fields", "thousand separator"),
    bad(f"{BACKTEST} words.csv", 3, "row 5", "'one'", "not a plain decimal"),
    bad(f"{BACKTEST} no-zone.csv", 3, "row 5", "no offset"),
    bad(f"{BACKTEST} epoch.csv", 3, "row 5", "ISO-8601"),
    bad(f"{BACKTEST} day-first.csv", 3, "row 5", "ISO-8601"),
    bad(f"{BACKTEST} no-such-day.csv", 3, "row 5", "2026-02-30"),
    bad(f"{BACKTEST} off-grid.csv", 3, "row 5", "09:15:30", "off the base grid"),
    bad(f"{BACKTEST} no-symbol.csv", 3, "row 5", "symbol is empty"),
    bad(f"{BACKTEST} short.csv", 3, "row 5", "5 fields", "7"),
    bad(f"{BACKTEST} conflict.csv", 3, "row 5", "disagrees with", "row 2"),
    bad(f"{BACKTEST} zero-byte.csv", 3, "row 5", "NUL"),
    bad(f"{BACKTEST} no-header.csv", 3, "row 1", "no column symbol"),
    bad(f"{BACKTEST} semicolons.csv", 3, "row 1", "';'"),
    bad(f"{BACKTEST} header-only.csv", 3, "header-only.csv", "no rows"),
    bad(f"{BACKTEST} empty.csv", 3, "empty.csv", "is empty"),
    bad(f"{BACKTEST} cut-off.csv", 3, "cut-off.csv row 401", "cut off"),
    bad(f"{BACKTEST} zipped.csv", 3, "gzip-compressed"),
    bad(f"{BACKTEST} utf-16.csv", 3, "UTF-16"),
    bad(f"{BACKTEST} text.parquet", 3, "text.parquet", "not a readable Parquet file"),
    bad(f"{BACKTEST} truncated.parquet", 3, "truncated.parquet", "not a readable Parquet file"),
    bad(f"{BACKTEST} bad-page.parquet", 3, "bad-page.parquet"),
    bad(f"{BACKTEST} bad-middle.parquet", 3, "bad-middle.parquet"),
    bad(f"{BACKTEST} no-close.parquet", 3, "no-close.parquet", "no column close"),
    bad(f"{BACKTEST} naive.parquet", 3, "naive.parquet", "no time zone"),
    bad(f"{BACKTEST} nan.parquet", 3, "nan.parquet row 8", "low nan"),
    bad(f"{BACKTEST} good.csv nan.csv", 3, "nan.csv row 5"),
    bad("audit --data nan.csv", 3, "nan.csv row 5"),
    bad("validate --data nan.csv", 3, "nan.csv row 5"),
    bad("data verify --data nan.csv", 3, "nan.csv row 5"),
    bad("data list --data nan.csv", 3, "nan.csv row 5"),
    bad("data import --out archive --data conflict.csv", 3, "disagrees with"),
    bad("data export --out x.csv --data bad-page.parquet", 3, "bad-page.parquet"),
    bad("data export --out x.csv --data good.csv --from 2027-01-01", 3, "no bars"),
]

PROCESSES = [
    bad(f"{BACKTEST} bad-page.parquet", 3, "bad-page.parquet"),
    bad(f"{BACKTEST} bad-middle.parquet", 3, "bad-middle.parquet"),
    bad(f"{BACKTEST} good.csv --dta x", 2, "No such option: --dta"),
    bad("run --feed replay --data nan.csv --day 2026-07-22 --state-dir state", 3, "nan.csv row 5"),
    bad("run --feed replay --data good.csv --day 2020-01-01 --state-dir state", 3, "2020-01-01"),
    bad(
        "run --feed replay --data good.csv --day 2026-07-20 --state-dir state --base 2m",
        2,
        "timeframe 15m",
        "2m (--base)",
    ),
    bad("run --state-dir in-the-way/state", 2, "in-the-way"),
    bad("run --state-dir /proc/state", 2, "cannot write to /proc/state"),
]


@pytest.fixture
def untouched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder as the current one; afterwards nothing in it may have changed."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    before = tree(folder)
    yield folder
    assert before == tree(folder)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("case", [*OPTIONS, *SETTINGS, *DATA])
def test_bad_input_is_one_clear_line_and_changes_nothing(
    case: Bad, capfd: pytest.CaptureFixture[str]
) -> None:
    require(case, call(capfd, *shlex.split(case.line)))


@pytest.mark.parametrize("case", PROCESSES)
def test_the_same_holds_for_a_process_of_its_own(case: Bad, untouched: Path) -> None:
    env = {"PYTHONDONTWRITEBYTECODE": "1"}

    require(case, process(*shlex.split(case.line), cwd=untouched, env=env))


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("TRADINGD_RISK__MAX_CAPITL", "max_capital"),
        ("TRADINGD_MODEE", "mode"),
        ("TRADINGD_RISK__MAX_DAILY_LOSS", "max_daily_loss"),
    ],
)
def test_a_mistyped_variable_is_no_default(
    variable: str, told: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "much")

    require(Bad(variable, 2, (told,)), call(capfd, "backtest", "--data", "good.csv", "--out", "o"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_leave_to_write_is_told(
    tmp_path: Path, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    out = tmp_path / "locked" / "out"

    answer = call(capfd, "backtest", "--data", str(folder / "good.csv"), "--out", str(out))

    require(Bad("", 2, ("locked/out", "Permission denied")), answer)


def require(case: Bad, answer: Answer) -> None:
    """Raise AssertionError unless `answer` is what `case` says."""
    assert answer.err.startswith("tradingd: "), answer
    assert case.code == answer.code, answer
    assert 1 == answer.err.count("\n"), answer
    assert "internal error" not in answer.err
    for word in case.told:
        assert word in answer.err, answer
