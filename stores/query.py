"""One SELECT that a person typed, over the market store's file and the ledger's tables at once.

Decides who answers while the daemon runs: the ledger's file, or, for the market file, which is the
daemon's alone, the daemon. Opens both read-only; the text reaches no other file or setting.
"""

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError, DataError, StoreFailed
from stores.answer import Answer, read_answer, reason_of
from stores.ledger_reader import LEDGER_FILE, LedgerReader, open_read_only
from stores.market import CONFIG, MARKET_FILE, MAX_SELECTED_ROWS, one_select, redacted
from stores.views import RUNNER_STATE, VIEWS

MARKET_TABLES = ("ticks", "bars", "decisions", "feed_gaps", "instruments", "bar_rows")
LEDGER_TABLES = (*VIEWS, RUNNER_STATE, "events")

# From SQLite's STRICT column types; NaN is what the engine takes for NULL.
_TYPES = {"TEXT": "VARCHAR", "INTEGER": "BIGINT", "REAL": "DOUBLE"}
_COLUMNS = "SELECT name, type FROM pragma_table_info(?)"


def ask(directory: Path, sql: str, *, live: Callable[[str], Answer] | None = None) -> Answer:
    """The answer to `sql` from the files of a state directory.

    Args:
        live: asks the daemon that has the market store; None if there is none.

    Raises:
        ConfigError: not one SELECT, or one that the engine refuses.
        DataError: a table that is not there, or tables of both stores while a daemon runs.
        StoreFailed: a file that cannot be read.
        TryAgain: the daemon gave no answer.
    """
    statement = one_select(sql)
    market = None if live else directory / MARKET_FILE
    db = _engine(market if market and market.exists() else None)
    try:
        wanted = _tables_of(db, sql)
        held = sorted(wanted & set(MARKET_TABLES))
        if held and live is not None:
            if other := sorted(wanted - set(held)):
                raise DataError(
                    f"{held[0]} and {other[0]}: while the daemon runs, one question is over the"
                    " market store or over the ledger, not over both"
                )
            return live(sql)
        if held and market is not None and not market.exists():
            raise DataError(f"{held[0]}: there is no {market}")
        if loaded := [name for name in LEDGER_TABLES if name in wanted]:
            _load_ledger(db, directory, loaded)
        db.execute("SET lock_configuration = true").fetchall()
        return _answer(db, statement)
    finally:
        db.close()


def _engine(market: Path | None) -> duckdb.DuckDBPyConnection:
    """On the file of the market store, read-only, or on nothing. It spills to no disk."""
    try:
        db = duckdb.connect(
            str(market or ":memory:"),
            read_only=market is not None,
            config={**CONFIG, "temp_directory": ""},
        )
        db.execute("SET TimeZone = 'Asia/Kolkata'").fetchall()
    except duckdb.Error as error:
        raise StoreFailed(f"{MARKET_FILE} cannot be opened: {redacted(error)}") from error
    return db


def _tables_of(db: duckdb.DuckDBPyConnection, sql: str) -> set[str]:
    """Which of our tables `sql` names; where the engine cannot tell, every word that is one."""
    try:
        named = {name.rpartition(".")[2].strip('"').lower() for name in db.get_table_names(sql)}
    except duckdb.Error:
        named = set(re.findall(r"\w+", sql.lower()))
    return named & {*MARKET_TABLES, *LEDGER_TABLES}


# --- the ledger in the engine --------------------------------------------------------------------


def _load_ledger(db: duckdb.DuckDBPyConnection, directory: Path, tables: list[str]) -> None:
    """Copy `tables` of the ledger into the engine's memory, all as of one moment.

    The engine's own extension for SQLite files is not part of it and is never fetched.
    """
    if not (directory / LEDGER_FILE).exists():
        raise DataError(f"{tables[0]}: there is no {directory / LEDGER_FILE}")
    ledger = open_read_only(directory)
    try:
        ledger.db.execute("BEGIN")
        for table in tables:
            _load_table(db, ledger, table)
    except sqlite3.Error as error:
        raise StoreFailed(f"{LEDGER_FILE} cannot be read: {error}") from error
    finally:
        ledger.close()


def _load_table(db: duckdb.DuckDBPyConnection, ledger: LedgerReader, table: str) -> None:
    """`table` is one of LEDGER_TABLES, and its columns are those of our own schema."""
    kinds: dict[str, str] = dict(ledger.db.execute(_COLUMNS, (table,)).fetchall())
    rows = ledger.db.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()  # noqa: S608 - ours
    columns = ", ".join(f'"{name}" {_TYPES[kind]}' for name, kind in kinds.items())
    db.execute(f"CREATE TEMP TABLE {table} ({columns})").fetchall()
    values = zip(*rows, strict=True) if rows else ([] for _ in kinds)
    arrays = {
        name: _array(kind, column)
        for (name, kind), column in zip(kinds.items(), values, strict=True)
    }
    db.register("loaded", arrays)
    db.execute(f"INSERT INTO {table} SELECT * FROM loaded").fetchall()  # noqa: S608 - ours
    db.unregister("loaded")


def _array(kind: str, values: Any) -> NDArray[Any]:
    match kind:
        case "INTEGER":
            return np.array(values, np.int64)
        case "REAL":
            return np.array(values, np.float64)  # None becomes NaN, which the engine takes for NULL
        case _:
            return np.array(values, object)


# --- the answer ----------------------------------------------------------------------------------


def _answer(db: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> Answer:
    try:
        return read_answer(db, statement, MAX_SELECTED_ROWS)
    except (duckdb.Error, OverflowError) as error:
        raise ConfigError(reason_of(error)) from error
