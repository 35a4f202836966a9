"""The market store: ticks, 1m bars and decisions in one DuckDB file.

Decides when market data is durable (`commit`) and what a number means across restarts. Never a
message bus, never the authority: whatever is lost here can be had again. One owner makes all calls;
nothing else may open the file, not even to copy it, while this is open.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Timer
from typing import Any, TypeVar

import duckdb
import numpy as np
from numpy.typing import NDArray

from core.crashpoints import crashpoint
from core.errors import ConfigError, StoreDamaged, StoreFailed, TryAgain
from core.ports import DecidedBar
from core.session import DAY_NS, days_of
from core.types import BAR, MISSING, TICK, Instrument, Int64s, Records, SessionClass
from stores.answer import Answer, read_answer, reason_of
from stores.archive import BarArchive
from stores.market_tables import (
    BAR_ROW,
    SELECT_DECISIONS,
    SOURCES,
    STORED_TICK,
    Staging,
    create_or_check,
    decided_bar,
    decision_staging,
    known_numbers,
    require_schema,
    require_source,
    stage_decisions,
    stored_numbers,
    tick_checksums,
)

T = TypeVar("T")
Connect = Callable[..., duckdb.DuckDBPyConnection]

MARKET_FILE = "market.duckdb"
# In the engine's words; what it says of a newer file, a lock, rights or a full disk is not among.
DAMAGE = (
    "not a valid DuckDB database file",
    "Corrupt database file",
    "Could not read enough bytes",
    "Failure while replaying WAL",
)

# Rows held in memory. A full buffer is committed early: at 5,000 ticks a second every 26 s.
MAX_BUFFERED_TICKS = 131_072
MAX_BUFFERED_BARS = 65_536
MAX_BUFFERED_DECISIONS = 8_192
MAX_BUFFERED_GAPS = 1_000
MAX_SELECTED_ROWS = 100_000

# Of a person's question to the running daemon: whatever is to be written waits until it is done.
MAX_LIVE_ROWS = 10_000
MAX_LIVE_BYTES = 4_000_000  # as JSON
SELECT_WAIT_S = 2.0

# No file but ours, no extension from the network. One thread leaves the other cores to the loop,
# and a flush of a thousand rows is done before a second one is awake.
CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "threads": 1,
    "memory_limit": "1GB",
}

_SELECT_BARS = """
    SELECT c.number AS instrument, quality, open_ns, open, high, low, close, volume
    FROM bars b JOIN configured c ON c.stored = b.instrument
    WHERE open_ns >= ? AND open_ns < ? ORDER BY open_ns, c.number"""
_SELECT_BARS_OF = """
    SELECT ?::INTEGER AS instrument, quality, open_ns, open, high, low, close, volume
    FROM bars WHERE instrument = ? AND open_ns >= ? AND open_ns < ? ORDER BY open_ns"""
_SELECT_TICKS = """
    SELECT c.number AS instrument, t.* EXCLUDE (instrument, checksum)
    FROM ticks t JOIN configured c ON c.stored = t.instrument
    WHERE recv_ns >= ? AND recv_ns < ? ORDER BY t.rowid"""
_SELECT_STORED_TICKS = """
    SELECT t.* FROM ticks t JOIN configured c ON c.stored = t.instrument
    WHERE recv_ns >= ? AND recv_ns < ? ORDER BY t.rowid"""
_COUNT_TICKS = """
    SELECT count(*) AS rows FROM ticks t JOIN configured c ON c.stored = t.instrument
    WHERE recv_ns >= ? AND recv_ns < ?"""
_SELECT_DAYS = """
    SELECT DISTINCT day FROM bar_rows b JOIN configured c ON c.stored = b.instrument ORDER BY day"""
_SELECT_HELD_DAYS = """
    SELECT DISTINCT c.number AS instrument, day
    FROM bar_rows b JOIN configured c ON c.stored = b.instrument
    WHERE quality & ? = 0 AND source BETWEEN ? AND ?"""
_SELECT_DAY = """
    SELECT symbol, open_ns, open, high, low, close, volume, quality, source
    FROM bars WHERE day = ? AND quality & ? = 0 AND open_ns >= ? AND open_ns < ?
    ORDER BY symbol, open_ns"""


class DuckMarketStore:
    """The market store of one state directory (core.ports.MarketStore)."""

    def __init__(
        self,
        path: Path,
        instruments: Sequence[Instrument],
        *,
        connect: Connect = duckdb.connect,
        read_only: bool = False,
    ) -> None:
        self._path = path
        self._instruments = list(instruments)
        self._connect = partial(connect, read_only=True) if read_only else connect
        self._read_only = read_only
        self._always_open = np.array(
            [one.session_class is SessionClass.ALWAYS_OPEN for one in instruments], np.bool_
        )
        self._ticks = Staging("ticks", "staged_ticks", STORED_TICK, MAX_BUFFERED_TICKS)
        self._bars = Staging("bar_rows", "staged_bars", BAR_ROW, MAX_BUFFERED_BARS)
        self._decisions: dict[str, Staging] = {}
        self._gaps: list[tuple[int, int, int, str]] = []
        self._is_reopened = False
        self._stored: NDArray[np.int32] = np.zeros(0, np.int32)
        self._db = self._opened()
        self._durable = self._counts()

    # --- writing -----------------------------------------------------------------------------

    def append_ticks(self, ticks: Records) -> None:
        for block in self._blocks(self._ticks, len(ticks)):
            stored = self._stored[ticks["instrument"][block]]
            rows = self._ticks.room(len(stored))
            for name in TICK.names or ():
                rows[name] = ticks[name][block]
            rows["instrument"] = stored

    def append_bars(self, bars: Records, source: str) -> None:
        rank = require_source(source)
        for block in self._blocks(self._bars, len(bars)):
            given = bars[block]
            stored = self._stored[given["instrument"]]
            rows = self._bars.room(len(stored))
            for name in BAR.names or ():
                rows[name] = given[name]
            rows["day"] = self._days_of(given)
            rows["instrument"] = stored
            rows["source"] = rank

    def append_decisions(self, strategy: str, bars: Records, decisions: Records) -> None:
        staging = self._decisions.get(strategy)
        if staging is None:
            number = len(self._decisions)
            staging = decision_staging(strategy, decisions.dtype, number, MAX_BUFFERED_DECISIONS)
            self._guarded(lambda: self._db.register(staging.name, staging.views), "register")
            self._decisions[strategy] = staging
        for block in self._blocks(staging, len(bars)):
            stored = self._stored[bars["instrument"][block]]
            rows = staging.room(len(stored))
            stage_decisions(rows, bars[block], decisions[block])
            rows["instrument"] = stored

    def append_feed_gap(self, connection: int, from_ns: int, to_ns: int, reason: str) -> None:
        """Buffer one stretch without a feed."""
        if len(self._gaps) >= MAX_BUFFERED_GAPS:
            self.commit()
        self._gaps.append((connection, from_ns, to_ns, reason))

    def commit(self) -> None:
        """Write everything buffered in one transaction. Raises StoreFailed; the rows are kept."""
        staged = [one for one in self._staging() if one.count]
        if not staged and not self._gaps:
            return
        ticks = self._ticks.rows[: self._ticks.count]
        ticks["checksum"] = tick_checksums(ticks)
        crashpoint("market.commit.before")
        self._guarded(lambda: self._write(staged), "commit")
        crashpoint("market.commit.after")
        for one in staged:
            self._durable[one.table] += one.count
            one.count = 0
        self._gaps.clear()
        self._is_reopened = False

    def compact(self, day: int, archive: BarArchive) -> Path:
        """Copy the bars of `day` into the Parquet archive. Raises StoreFailed."""
        self.commit()
        # The span says less than the day, but the engine can skip all other days by it.
        span = ((day - 1) * DAY_NS, (day + 1) * DAY_NS)
        path = archive.write(day, self._fetch(_SELECT_DAY, (day, MISSING, *span)))
        crashpoint("market.checkpoint.before")
        self._guarded(lambda: self._run("CHECKPOINT"), "checkpoint")
        crashpoint("market.checkpoint.after")
        return path

    def drop_ticks(self, before_ns: int) -> int:
        """Drop ticks that arrived before `before_ns`; says how many. Raises StoreFailed."""
        self.commit()

        def dropped() -> int:
            [(count,)] = self._db.execute(
                "DELETE FROM ticks WHERE recv_ns < ?", (before_ns,)
            ).fetchall()
            return int(count)

        crashpoint("market.drop_ticks.before")
        count = self._guarded(dropped, "dropping old ticks")
        crashpoint("market.drop_ticks.after")
        self._durable = self._guarded(self._counts, "count")
        return count

    def close(self) -> None:
        """Commit and close."""
        try:
            self.commit()
        finally:
            self._db.close()

    # --- reading: what is committed ----------------------------------------------------------

    def bars(self, from_ns: int, to_ns: int, instrument: int | None = None) -> Records:
        if instrument is None:
            return _records(BAR, self._fetch(_SELECT_BARS, (from_ns, to_ns)))
        stored = int(self._stored[instrument])
        return _records(BAR, self._fetch(_SELECT_BARS_OF, (instrument, stored, from_ns, to_ns)))

    def decisions(self, instrument: int, day: int, limit: int) -> list[DecidedBar]:
        wanted = (int(self._stored[instrument]), day, limit)
        rows = self._guarded(lambda: self._db.execute(SELECT_DECISIONS, wanted).fetchall(), "read")
        return [decided_bar(row) for row in reversed(rows)]

    def ticks(self, from_ns: int, to_ns: int) -> Records:
        return _records(TICK, self._fetch(_SELECT_TICKS, (from_ns, to_ns)))

    def tick_count(self, from_ns: int, to_ns: int) -> int:
        return int(self._fetch(_COUNT_TICKS, (from_ns, to_ns))["rows"][0])

    def altered_ticks(self, from_ns: int, to_ns: int) -> Int64s:
        rows = _records(STORED_TICK, self._fetch(_SELECT_STORED_TICKS, (from_ns, to_ns)))
        return np.flatnonzero(rows["checksum"] != tick_checksums(rows))

    def days(self) -> list[int]:
        return [int(day) for day in self._fetch(_SELECT_DAYS)["day"]]

    def held_days(self, source: str | None = None) -> list[set[int]]:
        ranks = (0, len(SOURCES)) if source is None else (require_source(source),) * 2
        rows = self._fetch(_SELECT_HELD_DAYS, (MISSING, *ranks))
        held: list[set[int]] = [set() for _ in self._instruments]
        for number, day in zip(rows["instrument"].tolist(), rows["day"].tolist(), strict=True):
            held[number].add(day)
        return held

    def select(self, sql: str, within_s: float = SELECT_WAIT_S) -> Answer:
        """The answer to one SELECT that a person typed, of what is committed.

        Raises ConfigError for anything else, TryAgain when the time is up. A transaction of its
        own keeps even a WITH that writes from the tables, the configuration keeps it from files.
        """
        statement = one_select(sql)

        def answered() -> Answer:
            reading = self._db.cursor()  # it does not see our buffers
            limit = Timer(within_s, reading.interrupt)
            limit.start()
            try:
                reading.execute("BEGIN TRANSACTION READ ONLY").fetchall()
                return read_answer(reading, statement, MAX_LIVE_ROWS, MAX_LIVE_BYTES)
            except duckdb.InterruptException as error:
                raise TryAgain(f"no answer within {within_s:g} s: ask for less") from error
            except (duckdb.FatalException, duckdb.IOException):
                raise
            except (duckdb.Error, OverflowError) as error:
                raise ConfigError(reason_of(error)) from error
            finally:
                limit.cancel()
                limit.join()  # it may be interrupting just now
                reading.close()

        return self._guarded(answered, "select")

    # --- buffers -------------------------------------------------------------------------------

    def _staging(self) -> tuple[Staging, ...]:
        return (self._ticks, self._bars, *self._decisions.values())

    def _blocks(self, staging: Staging, count: int) -> Iterator[slice]:
        """Parts of `count` rows for which there is room; a full buffer is committed."""
        start = 0
        while start < count:
            if staging.free == 0:
                self.commit()
            stop = min(count, start + staging.free)
            yield slice(start, stop)
            start = stop

    def _days_of(self, bars: Records) -> NDArray[np.int64]:
        return np.where(
            self._always_open[bars["instrument"]],
            days_of(bars["open_ns"], SessionClass.ALWAYS_OPEN),
            days_of(bars["open_ns"], SessionClass.CASH),
        )

    # --- the engine ------------------------------------------------------------------------------

    def _write(self, staged: Sequence[Staging]) -> None:
        if self._is_reopened and self._counts() == self._expected(staged):
            return  # the commit that broke the engine had reached the disk
        statements = [(one.insert, one.parameters) for one in staged]
        statements += [("INSERT INTO feed_gaps VALUES (?, ?, ?, ?)", [*gap]) for gap in self._gaps]
        if len(statements) == 1:
            self._run(*statements[0])  # its own transaction, a fifth cheaper
            return
        self._run("BEGIN")
        try:
            for statement, parameters in statements:
                self._run(statement, parameters)
            self._run("COMMIT")
        except duckdb.Error:
            # A failed COMMIT has rolled back by itself, a broken engine cannot: the first error
            # is the one to report.
            with suppress(duckdb.Error):
                self._run("ROLLBACK")
            raise

    def _expected(self, staged: Sequence[Staging]) -> dict[str, int]:
        expected = self._durable.copy()
        for one in staged:
            expected[one.table] += one.count
        expected["feed_gaps"] += len(self._gaps)
        return expected

    def _counts(self) -> dict[str, int]:
        return {
            table: int(self._fetched(question)["rows"][0]) for table, question in _COUNTS.items()
        }

    def _guarded(self, action: Callable[[], T], what: str) -> T:
        """Run `action`; after a FatalException once more on a new engine. Raises StoreFailed.

        The exception invalidates the engine's memory of the file, reads included, not the file.
        """
        try:
            try:
                return action()
            except duckdb.FatalException:
                self._db.close()
                self._db = self._opened()
                self._is_reopened = True
                return action()
        except duckdb.Error as error:
            raise StoreFailed(f"{self._path.name}: {what} failed: {error}") from error

    def _fetch(self, sql: str, parameters: Sequence[object] = ()) -> dict[str, NDArray[Any]]:
        return self._guarded(lambda: self._fetched(sql, parameters), "read")

    def _fetched(self, sql: str, parameters: Sequence[object] = ()) -> dict[str, NDArray[Any]]:
        return self._db.execute(sql, parameters).fetchnumpy()

    def _run(self, sql: str, parameters: Sequence[object] = ()) -> None:
        self._db.execute(sql, parameters).fetchall()  # an unread result blocks the connection

    # --- opening -------------------------------------------------------------------------------

    def _opened(self) -> duckdb.DuckDBPyConnection:
        try:
            if not self._read_only:
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            db = self._connect(str(self._path), config=CONFIG)
        except (duckdb.Error, OSError) as error:
            kind = StoreDamaged if _is_damage(error) else StoreFailed
            raise kind(f"{self._path.name} cannot be opened: {redacted(error)}") from error
        try:
            self._prepare(db)
        except duckdb.Error as error:
            db.close()
            kind = StoreDamaged if _is_damage(error) else StoreFailed
            raise kind(f"{self._path.name} cannot be used: {error}") from error
        except StoreFailed:
            db.close()
            raise
        return db

    def _prepare(self, db: duckdb.DuckDBPyConnection) -> None:
        """Check the engine, make the tables, number the instruments, show it our buffers."""
        db.execute("SET GLOBAL TimeZone = 'Asia/Kolkata'").fetchall()
        db.execute("SET lock_configuration = true").fetchall()
        [(mode,)] = db.execute("SELECT current_setting('fsync_mode')").fetchall()
        if mode == "NONE":
            raise StoreFailed("market.duckdb would not be synced: fsync_mode is NONE")
        if self._read_only:
            require_schema(db)
            self._stored = known_numbers(db, self._instruments)
        else:
            create_or_check(db)
            self._stored = stored_numbers(db, self._instruments)
        numbers = np.arange(len(self._instruments), dtype=np.int32)
        db.register("configured", {"stored": self._stored, "number": numbers})
        for one in self._staging():
            db.register(one.name, one.views)


def _is_damage(error: Exception) -> bool:
    return any(words in str(error) for words in DAMAGE)


def one_select(sql: str) -> duckdb.Statement:
    """What a person typed, if it is one statement that reads. Raises ConfigError otherwise."""
    try:
        sql.encode()  # half a character is none
        statements = duckdb.extract_statements(sql)
    except (duckdb.Error, UnicodeError) as error:
        raise ConfigError(f"not SQL: {error}") from error
    if [one.type for one in statements] != [duckdb.StatementType.SELECT]:
        raise ConfigError("one SELECT is allowed, nothing else")
    return statements[0]


_COUNTS = {
    "ticks": "SELECT count(*) AS rows FROM ticks",
    "bar_rows": "SELECT count(*) AS rows FROM bar_rows",
    "decisions": "SELECT count(*) AS rows FROM decisions",
    "feed_gaps": "SELECT count(*) AS rows FROM feed_gaps",
}


def _records(dtype: np.dtype[Any], columns: dict[str, NDArray[Any]]) -> Records:
    rows = np.zeros(len(columns["instrument"]), dtype)
    for name in dtype.names or ():
        column = columns[name]
        # The engine takes NaN for NULL and gives a masked array back.
        rows[name] = column.filled(np.nan) if isinstance(column, np.ma.MaskedArray) else column
    return rows


def redacted(error: Exception) -> str:
    """The engine names the program that holds its lock by path; its number is enough."""
    pid = re.search(r"\(PID \d+\)", str(error))
    return f"another process holds it {pid.group()}" if pid else str(error)
