"""The tables of the market store, and how a buffer of records becomes rows of one.

Decides column names and which of two bars of the same minute counts. No key and no index: indexes
of this engine have gone bad under updates, and rows here are only ever added.
"""

from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from core.crashpoints import crashpoint
from core.errors import StoreFailed
from core.ports import DecidedBar
from core.types import STRATEGY_BAR, TICK, Instrument, Int64s, Records, record

SCHEMA_VERSION = 2

# Where a 1m bar came from. Of two bars of one minute the one further right counts, of two from the
# same source the one written later: the broker's candles correct what we saw on the wire.
SOURCES = ("import", "feed", "repair", "backfill")

# A tick as it lies in the file, where its instrument has another number.
STORED_TICK = record([*((name, TICK[name]) for name in TICK.names or ()), ("checksum", "i8")])

BAR_ROW = record(
    [
        ("day", "i4"),
        ("instrument", "i4"),
        ("open_ns", "i8"),
        ("open", "f8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close", "f8"),
        ("volume", "i8"),
        ("quality", "i4"),
        ("source", "i1"),
    ]
)

# `minute` counts within a span and means nothing later; the close of a decision is its bar's.
_DECIDED_BAR = tuple(name for name in STRATEGY_BAR.names or () if name != "minute")
_DECISION = (
    ("count", "TINYINT"),
    ("kind", "TINYINT[]"),
    ("side", "TINYINT[]"),
    ("status", "TINYINT"),
    ("refusal", "TINYINT"),
    ("atr", "DOUBLE"),
    ("vwap", "DOUBLE"),
    ("confidence", "DOUBLE"),
    ("value", "DOUBLE"),
    ("limit", "DOUBLE"),
    ("quantity", "BIGINT"),
    ("features", "DOUBLE[]"),
    ("gate_value", "DOUBLE[]"),
    ("gate_threshold", "DOUBLE[]"),
    ("gate_passed", "BOOLEAN[]"),
)

# The newest first: the caller bounds their number. Rows are only added, so their order is time's.
SELECT_DECISIONS = """
    SELECT strategy, open_ns, close_ns, open, high, low, close, volume, minutes_seen,
        minutes_expected, gap, atr, vwap, count, kind, side, status, refusal, value, "limit",
        quantity, gate_value, gate_threshold, gate_passed
    FROM decisions WHERE instrument = ? AND day = ? ORDER BY close_ns DESC, rowid DESC LIMIT ?"""

_SQL_TYPES = {"i1": "TINYINT", "i4": "INTEGER", "i8": "BIGINT", "f8": "DOUBLE"}


def _columns(dtype: np.dtype[Any], names: Sequence[str] | None = None) -> str:
    return ", ".join(
        f'"{name}" {_SQL_TYPES[dtype[name].str[1:]]}' for name in names or dtype.names or ()
    )


SCHEMA = (
    "CREATE TABLE schema_version (version INTEGER)",
    "CREATE TABLE instruments (number INTEGER, id VARCHAR, symbol VARCHAR)",
    f"CREATE TABLE ticks ({_columns(STORED_TICK)})",
    f"CREATE TABLE bar_rows ({_columns(BAR_ROW)})",
    f"CREATE TABLE decisions (strategy VARCHAR, {_columns(STRATEGY_BAR, _DECIDED_BAR)}, "
    + ", ".join(f'"{name}" {kind}' for name, kind in _DECISION)
    + ")",
    "CREATE TABLE feed_gaps (connection INTEGER, from_ns BIGINT, to_ns BIGINT, reason VARCHAR)",
    # What people and our own reads ask: one bar per instrument and minute.
    f"""CREATE VIEW bars AS
        SELECT i.symbol, r.* REPLACE ({list(SOURCES)}[r.source + 1] AS source)
        FROM (
            SELECT * FROM bar_rows
            QUALIFY row_number() OVER (
                PARTITION BY instrument, open_ns ORDER BY source DESC, rowid DESC
            ) = 1
        ) r JOIN instruments i ON i.number = r.instrument""",  # noqa: S608 - literals above
)


class Staging:
    """A bounded buffer that the engine reads in place, as one view per field.

    Appending is one copy of an array, flushing one INSERT ... SELECT over the registered views:
    measured twice as fast as the engine's own appender, which takes Python rows.
    """

    def __init__(
        self,
        table: str,
        name: str,
        dtype: np.dtype[Any],
        capacity: int,
        prefix: tuple[str, ...] = (),
    ) -> None:
        self.table = table
        self.name = name
        self.rows: Records = np.zeros(capacity, dtype)
        self.count = 0
        self._prefix = prefix  # constant leading columns
        values = ["?"] * len(prefix)
        self.views: dict[str, NDArray[Any]] = {}
        for field in dtype.names or ():
            column = self.rows[field]
            if column.ndim == 1:
                self.views[field] = column
                values.append(f'"{field}"')
            else:
                parts = {f"{field}_{i}": column[:, i] for i in range(column.shape[1])}
                self.views |= parts
                values.append("[" + ", ".join(f'"{part}"' for part in parts) + "]")
        # Names are of our own dtypes, never from the outside.
        self.insert = f"INSERT INTO {table} SELECT {', '.join(values)} FROM {name} LIMIT ?"  # noqa: S608

    @property
    def parameters(self) -> list[object]:
        return [*self._prefix, self.count]

    def room(self, count: int) -> Records:
        """The next `count` rows, to be written by the caller; there must be room for them."""
        self.count += count
        return self.rows[self.count - count : self.count]

    @property
    def free(self) -> int:
        return len(self.rows) - self.count


def decision_staging(strategy: str, dtype: np.dtype[Any], number: int, capacity: int) -> Staging:
    """The buffer of one strategy, whose features and gates have lengths of its own."""
    names = dtype.names or ()
    missing = [name for name, _ in _DECISION if name not in names]
    if missing:
        raise StoreFailed(f"decisions of {strategy} lack {', '.join(missing)}")
    bar_fields = [(name, STRATEGY_BAR[name]) for name in _DECIDED_BAR]
    fields = [(name, dtype[name]) for name, _ in _DECISION]
    staged = record([*bar_fields, *fields])
    return Staging("decisions", f"staged_decisions_{number}", staged, capacity, (strategy,))


def stage_decisions(rows: Records, bars: Records, decisions: Records) -> None:
    """Copy strategy bars and decisions of the same length side by side."""
    for name in _DECIDED_BAR:
        rows[name] = bars[name]
    for name, _ in _DECISION:
        rows[name] = decisions[name]


def tick_checksums(rows: Records) -> Int64s:
    """Of STORED_TICK rows, over all their columns but the checksum: which row was altered later.

    64 bits mixed as in splitmix64 (Steele, Lea, Flood 2014), column by column. They find damage and
    name its row; what cannot be forged are the digests in the ledger.
    """
    mixed = np.zeros(len(rows), np.uint64)
    for name in TICK.names or ():
        column = rows[name]
        if column.dtype.kind == "f":
            word = np.where(np.isnan(column), np.nan, column).view(np.uint64)
        else:
            word = column.astype(np.int64).view(np.uint64)
        mixed = (mixed ^ word) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(27)
    return mixed.view(np.int64)


def decided_bar(row: Sequence[Any]) -> DecidedBar:
    """A row of SELECT_DECISIONS; the engine gives NULL for NaN."""
    (strategy, open_ns, close_ns, *prices, volume, seen, expected, gap) = row[:11]
    atr, vwap, count, kinds, sides, status, refusal, value, limit, quantity, *gates = row[11:]
    return DecidedBar(
        strategy=strategy,
        open_ns=open_ns,
        close_ns=close_ns,
        open=_number(prices[0]),
        high=_number(prices[1]),
        low=_number(prices[2]),
        close=_number(prices[3]),
        volume=volume,
        minutes_seen=seen,
        minutes_expected=expected,
        gap=bool(gap),
        atr=_number(atr),
        vwap=_number(vwap),
        events=tuple(zip(kinds, sides, strict=True))[:count],
        status=status,
        refusal=refusal,
        value=_number(value),
        limit=_number(limit),
        quantity=quantity,
        gates=tuple(
            (_number(seen), _number(needed), bool(passed))
            for seen, needed, passed in zip(*gates, strict=True)
        ),
    )


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def require_source(source: str) -> int:
    """The rank of `source`. Raises StoreFailed for one that is not in SOURCES."""
    if source not in SOURCES:
        raise StoreFailed(f"bars from {source!r}: one of {', '.join(SOURCES)}")
    return SOURCES.index(source)


def create_or_check(db: duckdb.DuckDBPyConnection) -> None:
    """Make the tables of a new file, refuse one of another schema. Raises duckdb.Error."""
    found = db.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    if not found:
        crashpoint("market.create.before")
        db.execute("BEGIN").fetchall()
        for statement in SCHEMA:
            db.execute(statement).fetchall()
        db.execute("INSERT INTO schema_version VALUES (?)", (SCHEMA_VERSION,)).fetchall()
        db.execute("COMMIT").fetchall()
        # Replaying schema changes mixed with rows has failed in this engine: none stay in its log.
        db.execute("CHECKPOINT").fetchall()
        crashpoint("market.create.after")
    require_schema(db)


def require_schema(db: duckdb.DuckDBPyConnection) -> None:
    """Refuse a file of another schema. Raises duckdb.Error, StoreFailed."""
    [(version,)] = db.execute("SELECT max(version) FROM schema_version").fetchall()
    if version != SCHEMA_VERSION:
        raise StoreFailed(
            f"market.duckdb has schema {version}, this program knows {SCHEMA_VERSION}"
        )


def known_numbers(
    db: duckdb.DuckDBPyConnection, instruments: Sequence[Instrument]
) -> NDArray[np.int32]:
    """The number in the file of each instrument, -1 of one that is not in it."""
    known = dict(db.execute("SELECT id, number FROM instruments").fetchall())
    return np.array([known.get(one.id, -1) for one in instruments], np.int32)


def stored_numbers(
    db: duckdb.DuckDBPyConnection, instruments: Sequence[Instrument]
) -> NDArray[np.int32]:
    """The number in the file of each configured instrument: given once per id, kept for ever."""
    known = dict(db.execute("SELECT id, number FROM instruments").fetchall())
    for one in instruments:
        known.setdefault(one.id, len(known))
    stored = np.array([known[one.id] for one in instruments], np.int32)
    named = {
        "number": stored,
        "id": np.array([one.id for one in instruments], object),
        "symbol": np.array([one.symbol for one in instruments], object),
    }
    db.register("named", named)
    db.execute(
        "INSERT INTO instruments SELECT number, id, symbol FROM named"
        " WHERE number NOT IN (SELECT number FROM instruments)"
    ).fetchall()
    db.execute(
        "UPDATE instruments SET symbol = n.symbol FROM named n"
        " WHERE instruments.number = n.number AND instruments.symbol <> n.symbol"
    ).fetchall()
    db.unregister("named")
    return stored
