"""The files of a run: columns and order as cli.md 3 lists them, and all of a file or none of it."""

import json
import math
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from backtest.files import (
    SIGNAL_SCHEMA,
    TRADE_SCHEMA,
    check_writable,
    refusal_name,
    signals_frame,
    trades_frame,
    write_run,
)
from core.errors import ConfigError
from core.types import Refusal, Signal, Trade
from tests.market import BUY, at, bar, flat, play, span_of

SIGNAL_COLUMNS = (
    "strategy, instrument, kind, side, bar_open_ns, bar_close_ns, close, atr, vwap, status,"
    " refusal, signal_id"
).split(", ")
TRADE_COLUMNS = (
    "strategy, instrument, side, quantity, signal_id, kind, signal_bar_open_ns, entry_ns,"
    " entry_price, exit_ns, exit_price, exit_reason, bars_held, gross_paise, fees_paise,"
    " net_paise, r, mae, mfe"
).split(", ")


def played() -> tuple[list[Signal], list[Trade]]:
    """One trade, and a signal that was refused."""
    bars = [*flat("09:15", "10:30"), bar("09:30", 100, 104, 99, 103)]
    book = play(span_of(bars), {(0, at("09:15")): BUY, (0, at("09:20")): BUY})
    return book.signals, book.trades


def test_columns_come_in_the_order_of_the_specification() -> None:
    assert SIGNAL_COLUMNS == list(SIGNAL_SCHEMA)
    assert TRADE_COLUMNS == list(TRADE_SCHEMA)


def test_signals_stay_in_the_order_in_which_they_were_decided() -> None:
    signals, _ = played()
    frame = signals_frame(signals)

    assert ["ACTED", "REFUSED"] == frame["status"].to_list()
    assert [None, "position"] == frame["refusal"].to_list()
    assert ["BUY", "BUY"] == frame["side"].to_list()
    assert [s.signal_id for s in signals] == frame["signal_id"].to_list()


def test_an_undefined_value_is_null_in_the_file() -> None:
    signals, _ = played()
    frame = signals_frame([signals[0]._replace(atr=math.nan, vwap=math.nan)])

    assert (None, None) == (frame["atr"][0], frame["vwap"][0])


def test_trades_are_ordered_by_entry_then_strategy_and_instrument_as_configured() -> None:
    _, (one,) = played()
    order = [("b", "Z"), ("b", "A"), ("a", "Z")]
    trades = [replace(one, strategy=s, instrument=i) for s, i in reversed(order)]
    first = replace(one, strategy="a", instrument="Z", entry_ns=one.entry_ns - 1)
    frame = trades_frame([*trades, first], order)

    assert [("a", "Z"), *order] == frame.select("strategy", "instrument").rows()


def test_a_trade_keeps_its_numbers() -> None:
    _, (one,) = played()
    (row,) = trades_frame([one], [("scripted", "A")]).to_dicts()

    assert ("TARGET", "BUY", 250) == (row["exit_reason"], row["side"], row["quantity"])
    assert (one.net_paise, one.r, one.mae, one.mfe) == (
        row["net_paise"],
        row["r"],
        row["mae"],
        row["mfe"],
    )


@pytest.mark.parametrize("refusal", Refusal)
def test_refusals_have_the_names_of_the_specification(refusal: Refusal) -> None:
    names = "state last_entry position cooldown max_entries day_loss quantity duplicate model gap"
    live = (
        "max_positions exposure order_rate rejects feed_doubt clock_skew unknown_order difference"
    )

    assert refusal_name(refusal) in {None, *names.split(), "late", "observe", *live.split()}
    assert (refusal_name(refusal) is None) == (refusal is Refusal.NONE)


def test_no_rows_are_a_file_all_the_same(tmp_path: Path) -> None:
    write_run(tmp_path, signals_frame([]), trades_frame([], []), {})

    assert SIGNAL_SCHEMA == pl.read_parquet(tmp_path / "signals.parquet").schema
    assert TRADE_SCHEMA == pl.read_parquet(tmp_path / "trades.parquet").schema


def test_a_run_is_three_files_and_nothing_half_written(tmp_path: Path) -> None:
    signals, trades = played()
    folder = tmp_path / "new" / "run"
    frames = signals_frame(signals), trades_frame(trades, [("scripted", "A")])
    write_run(folder, *frames, {"b": 2, "a": 1})

    assert {"signals.parquet", "trades.parquet", "summary.json"} == {
        p.name for p in folder.iterdir()
    }
    assert frames[0].equals(pl.read_parquet(folder / "signals.parquet"))
    assert frames[1].equals(pl.read_parquet(folder / "trades.parquet"))
    assert {"a": 1, "b": 2} == json.loads((folder / "summary.json").read_text())


def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    signals, _ = played()
    write_run(tmp_path, signals_frame(signals), trades_frame([], []), {})
    write_run(tmp_path, signals_frame([]), trades_frame([], []), {})

    assert 0 == len(pl.read_parquet(tmp_path / "signals.parquet"))


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_computed(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match=r"cannot write to .*file"):
        check_writable(tmp_path / "file")
