"""The files of a run (cli.md 3): their columns, their order, and writing them atomically."""

import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from core.errors import ConfigError, DataError
from core.types import Records, Refusal, Side, Signal, SignalStatus, Trade

SIGNAL_SCHEMA: dict[str, pl.DataType] = {
    "strategy": pl.String(),
    "instrument": pl.String(),
    "kind": pl.String(),
    "side": pl.String(),
    "bar_open_ns": pl.Int64(),
    "bar_close_ns": pl.Int64(),
    "close": pl.Float64(),
    "atr": pl.Float64(),
    "vwap": pl.Float64(),
    "status": pl.String(),
    "refusal": pl.String(),
    "signal_id": pl.String(),
}

TRADE_SCHEMA: dict[str, pl.DataType] = {
    "strategy": pl.String(),
    "instrument": pl.String(),
    "side": pl.String(),
    "quantity": pl.Int64(),
    "signal_id": pl.String(),
    "kind": pl.String(),
    "signal_bar_open_ns": pl.Int64(),
    "entry_ns": pl.Int64(),
    "entry_price": pl.Float64(),
    "exit_ns": pl.Int64(),
    "exit_price": pl.Float64(),
    "exit_reason": pl.String(),
    "bars_held": pl.Int64(),
    "gross_paise": pl.Int64(),
    "fees_paise": pl.Int64(),
    "net_paise": pl.Int64(),
    "r": pl.Float64(),
    "mae": pl.Float64(),
    "mfe": pl.Float64(),
}


DAILY_SCHEMA: dict[str, pl.DataType] = {"day": pl.Date(), "net_paise": pl.Int64()}

SIGNALS, TRADES, SUMMARY = "signals.parquet", "trades.parquet", "summary.json"
DAILY = "daily.parquet"  # every session of the span, traded in or not


class RunFiles(NamedTuple):
    """What a run left in its folder."""

    signals: pl.DataFrame
    trades: pl.DataFrame
    summary: dict[str, object]


def refusal_name(refusal: Refusal) -> str | None:
    """`last_entry` for Refusal.LAST_ENTRY; None where nothing was refused."""
    return refusal.name.lower() if refusal else None


def signals_frame(signals: Iterable[Signal]) -> pl.DataFrame:
    """Signals in the order in which they were decided, which is the order of the file."""
    rows = [
        (
            s.strategy,
            s.instrument,
            s.kind,
            s.side.name,
            s.bar_open_ns,
            s.bar_close_ns,
            s.close,
            s.atr,
            s.vwap,
            s.status.name,
            refusal_name(s.refusal),
            s.signal_id,
        )
        for s in signals
    ]
    return pl.DataFrame(rows, SIGNAL_SCHEMA, orient="row").with_columns(
        pl.col("atr", "vwap").fill_nan(None)
    )


def events_frame(
    kinds: Sequence[str], symbols: Sequence[str], bars: Records, signals: Records
) -> pl.DataFrame:
    """Every event of SIGNAL rows before anybody has decided on it, as `precomputed` reads them.

    A bar with several events has one row for each; those after the first are SUPPRESSED.
    """
    row = np.repeat(np.arange(len(signals)), signals["count"])
    place = np.arange(len(row)) - np.searchsorted(row, row)
    by_model = (signals["refusal"][row] == Refusal.MODEL) & (place == 0)
    return pl.DataFrame(
        {
            "instrument": np.array(symbols)[bars["instrument"][row]].tolist(),
            "bar_open_ns": bars["open_ns"][row],
            "side": [Side(side).name for side in signals["side"][row, place]],
            "kind": np.array(["", *kinds])[signals["kind"][row, place]].tolist(),
            "atr": signals["atr"][row],
            "vwap": signals["vwap"][row],
            "status": np.where(place > 0, SignalStatus.SUPPRESSED.name, "").tolist(),
            "refusal": np.where(by_model, Refusal.MODEL.name.lower(), "").tolist(),
        },
        {
            "instrument": pl.String,
            "bar_open_ns": pl.Int64,
            "side": pl.String,
            "kind": pl.String,
            "atr": pl.Float64,
            "vwap": pl.Float64,
            "status": pl.String,
            "refusal": pl.String,
        },
    )


def trades_frame(trades: Iterable[Trade], order: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """Round trips by (entry time, strategy order, instrument order).

    `order`: (strategy, instrument) pairs in configured order.
    """
    place = {pair: i for i, pair in enumerate(order)}
    rows = [
        (
            t.strategy,
            t.instrument,
            t.side.name,
            t.quantity,
            t.signal_id,
            t.kind,
            t.signal_bar_open_ns,
            t.entry_ns,
            t.entry_price,
            t.exit_ns,
            t.exit_price,
            t.exit_reason.name,
            t.bars_held,
            t.gross_paise,
            t.fees_paise,
            t.net_paise,
            t.r,
            t.mae,
            t.mfe,
        )
        for t in sorted(trades, key=lambda t: (t.entry_ns, place[t.strategy, t.instrument]))
    ]
    return pl.DataFrame(rows, TRADE_SCHEMA, orient="row")


def check_writable(directory: Path) -> None:
    """Raise ConfigError if files cannot be made in `directory`, before anything is computed.

    Leaves nothing behind: a folder that is not there yet is only made by `write_run`.
    """
    try:
        nearest = next(
            path for path in (directory, *directory.absolute().parents) if _is_there(path)
        )
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise ConfigError(f"cannot write to {directory}: {error.strerror}") from error


def _is_there(path: Path) -> bool:
    """Like `Path.exists`, which takes a path below a file for absent."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def write_run(
    directory: Path,
    signals: pl.DataFrame,
    trades: pl.DataFrame,
    summary: dict[str, object],
    daily: pl.DataFrame | None = None,
) -> None:
    """Write the files of a run, each complete or not at all; the summary comes last.

    `daily`: DAILY_SCHEMA; a live or replayed day has none, for it is one session.
    """
    check_writable(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for name, frame in ((SIGNALS, signals), (TRADES, trades), (DAILY, daily)):
        if frame is not None:
            write_parquet(directory / name, frame)
    write_text(directory / SUMMARY, json.dumps(summary, indent=1, sort_keys=True) + "\n")


def write_parquet(path: Path, frame: pl.DataFrame) -> None:
    """A file complete, or as it was."""
    partial = path.with_name(f".{path.name}.partial")
    frame.write_parquet(partial, compression="zstd", statistics=False)
    _move(partial, path)


def write_text(path: Path, text: str) -> None:
    """A file complete, or as it was. Raises ConfigError where it cannot be written."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        _move(partial, path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def read_run(directory: Path) -> RunFiles:
    """The files again, less DAILY. Raises DataError where one is missing or is none of ours."""
    try:
        signals = pl.read_parquet(directory / SIGNALS)
        trades = pl.read_parquet(directory / TRADES)
        summary = json.loads((directory / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{directory} cannot be read: {error}") from error
    for name, frame, schema in (
        (SIGNALS, signals, SIGNAL_SCHEMA),
        (TRADES, trades, TRADE_SCHEMA),
    ):
        if dict(frame.schema) != schema:
            raise DataError(f"{directory / name} has not the columns of a run")
    if not isinstance(summary, dict):
        raise DataError(f"{directory / SUMMARY} is no summary of a run")
    return RunFiles(signals, trades, summary)


def read_daily(directory: Path) -> pl.DataFrame:
    """DAILY_SCHEMA. Raises DataError where the run has none, as those of old and of single days."""
    try:
        daily = pl.read_parquet(directory / DAILY)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{directory / DAILY} cannot be read: {error}") from error
    if dict(daily.schema) != DAILY_SCHEMA:
        raise DataError(f"{directory / DAILY} has not the columns of a run's sessions")
    return daily


def _move(partial: Path, target: Path) -> None:
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(target)
