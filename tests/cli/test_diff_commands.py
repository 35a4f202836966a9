"""`tradingd diff`: the first layer at which two runs differ, with both values."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl
import pytest

from daemon.lock import StateLock
from stores.ledger_reader import LEDGER_FILE
from stores.market import MARKET_FILE, DuckMarketStore
from tests.cli.command import Answer, call
from tests.daemon.days import play, synthetic_plan
from tests.datasets import LIVELY

DAY = "2026-07-27"
LAYERS = ["tick", "minute", "bar", "state", "signal", "refusal", "order", "fill", "trade"]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("one")
    play(synthetic_plan(*LIVELY), place, open_store=DuckMarketStore)
    return place


@pytest.fixture
def other(one: Path, tmp_path: Path) -> Path:
    """The same again, to be altered."""
    shutil.copytree(one, tmp_path / "other")
    return tmp_path / "other"


def diff(capfd: pytest.CaptureFixture[str], a: Path | str, b: Path | str) -> Answer:
    return call(capfd, "diff", str(a), str(b))


def layers_of(answer: Answer) -> dict[str, str]:
    """What is said of each layer."""
    lines = answer.out.splitlines()[2:]
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}


def test_equal_runs_are_equal_in_every_layer(
    capfd: pytest.CaptureFixture[str], one: Path, other: Path
) -> None:
    answer = diff(capfd, one, f"{other}@{DAY}")
    said = layers_of(answer)

    assert (0, "") == (answer.code, answer.err)
    assert LAYERS == list(said)
    assert all(text.endswith("rows equal") for text in said.values())
    assert said["minute"] == "375 rows equal"


@pytest.mark.parametrize(
    ("layer", "field", "statement"),
    [
        ("tick", "price", "UPDATE ticks SET price = price + 1 WHERE seq = 2000"),
        ("bar", "close", "UPDATE decisions SET close = close + 1 WHERE rowid = 30"),
        ("state", "vwap", "UPDATE decisions SET vwap = vwap + 1 WHERE rowid = 30"),
    ],
)
def test_what_differs_in_the_market_store_is_named_with_both_values(
    capfd: pytest.CaptureFixture[str],
    one: Path,
    other: Path,
    layer: str,
    field: str,
    statement: str,
) -> None:
    with duckdb.connect(str(other / MARKET_FILE)) as db:
        db.execute(statement)
    answer = diff(capfd, one, other)

    assert answer.code == 1
    assert [layer] == [name for name, text in layers_of(answer).items() if "differ" in text]
    assert f"first        {layer}: " in answer.out
    assert f", {field}: A " in answer.out.splitlines()[-1]


@pytest.mark.parametrize(
    ("layer", "field", "statement"),
    [
        ("signal", "close", "UPDATE signals SET close = close + 1 WHERE rowid = 1"),
        ("refusal", "status", "UPDATE signals SET status = 'NONE' WHERE rowid = 1"),
        ("order", "quantity", "UPDATE orders SET quantity = 1 WHERE rowid = 1"),
        ("fill", "fees_paise", "UPDATE fills SET fees_paise = 1 WHERE rowid = 1"),
        ("trade", "net_paise", "UPDATE trades SET net_paise = 1 WHERE rowid = 1"),
    ],
)
def test_what_differs_in_the_ledger_is_named_with_both_values(
    capfd: pytest.CaptureFixture[str],
    one: Path,
    other: Path,
    layer: str,
    field: str,
    statement: str,
) -> None:
    with closing(sqlite3.connect(other / LEDGER_FILE)) as db:
        db.execute(statement)
        db.commit()
    answer = diff(capfd, one, other)

    assert answer.code == 1
    assert [layer] == [name for name, text in layers_of(answer).items() if "differ" in text]
    assert answer.out.splitlines()[-1].startswith(f"first        {layer}: ")
    assert f", {field}: A " in answer.out


def test_a_day_equals_its_export_ids_apart(
    capfd: pytest.CaptureFixture[str], one: Path, tmp_path: Path
) -> None:
    out = tmp_path / "export"
    call(capfd, "data", "export", "--day", DAY, "--state-dir", str(one), "--out", str(out))
    trades = pl.read_parquet(out / "trades.parquet")
    trades.with_columns(signal_id=pl.lit("another")).write_parquet(out / "trades.parquet")
    equal = diff(capfd, f"{one}@{DAY}", out)
    trades.with_columns(pl.col("exit_price") + 1).write_parquet(out / "trades.parquet")
    differs = diff(capfd, out, one)

    assert (0, ["signal", "refusal", "trade"]) == (equal.code, list(layers_of(equal)))
    assert differs.code == 1
    assert "first        trade: pixity RELIANCE" in differs.out
    assert "exit_price: A " in differs.out


def test_what_is_no_run_is_refused(
    capfd: pytest.CaptureFixture[str], one: Path, tmp_path: Path
) -> None:
    no_run = diff(capfd, one, tmp_path)
    no_day = diff(capfd, one, f"{one}@2026-07-28")
    with StateLock(one):
        running = diff(capfd, one, one)

    assert (2, 3, 5) == (no_run.code, no_day.code, running.code)
    assert f"{tmp_path} is no run" in no_run.err
    assert "holds no day 2026-07-28" in no_day.err
