"""What the DuckDB store adds to the contract: it outlives restarts, faults and its own engine."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from core.errors import ConfigError, StoreFailed
from core.types import MISSING
from stores import market
from stores.archive import BarArchive
from stores.market import DuckMarketStore
from tests.stores.market_rows import (
    DAY,
    ETH,
    INFY,
    INSTRUMENTS,
    OPEN_NS,
    TCS,
    bars,
    decisions,
    ticks,
)

EVER = (0, 2**62)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "market.duckdb"


@pytest.fixture
def store(path: Path) -> Iterator[DuckMarketStore]:
    with closing(DuckMarketStore(path, INSTRUMENTS)) as opened:
        yield opened


# --- numbers and restarts ----------------------------------------------------------------------


def test_a_number_means_the_same_instrument_after_a_restart_with_another_list(path: Path) -> None:
    with closing(DuckMarketStore(path, [TCS, INFY])) as first:
        first.append_bars(bars((0, 0, 100.0), (1, 0, 10.0)), "feed")
        first.append_ticks(ticks(2))

    with closing(DuckMarketStore(path, [ETH, INFY, TCS])) as second:
        found, heard = second.bars(*EVER), second.ticks(*EVER)

    assert found["instrument"].tolist() == [1, 2]
    assert found["close"].tolist() == [10.0, 100.0]
    assert heard["instrument"].tolist() == [2, 1]


def test_instruments_that_are_not_configured_are_left_out(path: Path) -> None:
    with closing(DuckMarketStore(path, [TCS, INFY])) as first:
        first.append_bars(bars((0, 0, 100.0)), "feed")
        first.append_bars(bars((1, 0, 10.0), day=DAY + 1), "feed")

    with closing(DuckMarketStore(path, [INFY])) as second:
        assert second.bars(*EVER)["instrument"].tolist() == [0]
        assert second.days() == [DAY + 1]


def test_a_store_can_be_asked_without_instruments(path: Path) -> None:
    with closing(DuckMarketStore(path, [TCS])) as first:
        first.append_bars(bars((0, 0, 100.0)), "feed")

    with closing(DuckMarketStore(path, [])) as second:
        assert second.select("SELECT symbol FROM bars").rows == [("TCS",)]
        assert len(second.bars(*EVER)) == 0


def test_a_renamed_symbol_is_the_same_instrument(path: Path) -> None:
    with closing(DuckMarketStore(path, [TCS])) as first:
        first.append_bars(bars((0, 0, 100.0)), "feed")
    renamed = type(TCS)(TCS.id, "TCSNEW", TCS.session_class)

    with closing(DuckMarketStore(path, [renamed])) as second:
        assert second.select("SELECT symbol, close FROM bars").rows == [("TCSNEW", 100.0)]


# --- what people ask ---------------------------------------------------------------------------


def test_the_gates_of_a_decision_can_be_asked_for(store: DuckMarketStore) -> None:
    store.append_decisions("pixity", *decisions(2))
    store.append_decisions("ema_cross", *decisions(1))
    store.append_decisions("pixity", *decisions(1))
    store.commit()

    rows = store.select(
        'SELECT strategy, i.symbol, close, kind, vwap, "limit", features, gate_value, gate_passed'
        " FROM decisions d JOIN instruments i ON i.number = d.instrument ORDER BY d.rowid"
    ).rows

    tail = ([False, False, True],)
    first = ("INFY", 100.0, [2, 0, 0, 0], None, 500.0, [0.25, None], [0.0, 0.0, 0.0], *tail)
    second = ("INFY", 101.0, [2, 0, 0, 0], None, 500.0, [0.25, None], [0.0, 1.0, 0.0], *tail)
    assert sorted(rows, key=str) == sorted(
        [("pixity", *first), ("pixity", *second), ("ema_cross", *first), ("pixity", *first)],
        key=str,
    )


def test_decisions_without_their_fields_are_refused(store: DuckMarketStore) -> None:
    closed, decided = decisions(1)

    with pytest.raises(StoreFailed, match="decisions of pixity lack atr"):
        store.append_decisions(
            "pixity", closed, decided[["count", "kind", "side", "status", "refusal"]]
        )


def test_feed_gaps_are_kept(store: DuckMarketStore) -> None:
    store.append_feed_gap(1, OPEN_NS, OPEN_NS + 5, "closed by peer")
    store.append_feed_gap(2, OPEN_NS, OPEN_NS + 9, "ping")
    store.commit()

    assert store.select("SELECT * FROM feed_gaps ORDER BY connection").rows == [
        (1, OPEN_NS, OPEN_NS + 5, "closed by peer"),
        (2, OPEN_NS, OPEN_NS + 9, "ping"),
    ]


def test_bars_name_their_symbol_and_source(store: DuckMarketStore) -> None:
    store.append_bars(bars((1, 0, 10.0)), "feed")
    store.append_bars(bars((1, 0, 11.0)), "backfill")
    store.commit()

    assert store.select("SELECT symbol, day, close, source FROM bars -- all;").rows == [
        ("INFY", DAY, 11.0, "backfill")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM ticks",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE ticks",
        "SET memory_limit = '8GB'",
        "ATTACH 'other.duckdb'",
        "COPY ticks TO 'ticks.csv'",
        "SELECT * FROM read_csv('/etc/hostname')",
        "SELECT FROM WHERE",
        "SELECT 1) LIMIT 1; DROP TABLE ticks; SELECT (1",
        "",
    ],
)
def test_a_person_can_only_select(store: DuckMarketStore, text: str) -> None:
    with pytest.raises(ConfigError):
        store.select(text)

    store.append_ticks(ticks(1))  # the connection is fit for work
    store.commit()
    assert len(store.ticks(*EVER)) == 1


# --- bounds ------------------------------------------------------------------------------------


def test_a_full_buffer_is_committed_early(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market, "MAX_BUFFERED_TICKS", 100)
    monkeypatch.setattr(market, "MAX_BUFFERED_GAPS", 2)
    with closing(DuckMarketStore(path, INSTRUMENTS)) as opened:
        opened.append_ticks(ticks(250))
        for number in range(3):
            opened.append_feed_gap(number, 0, 1, "test")
        early = len(opened.ticks(*EVER)), opened.select("SELECT count(*) FROM feed_gaps").rows
        opened.commit()

        assert early == (250, [(2,)])
        assert np.array_equal(opened.ticks(*EVER), ticks(250))


# --- faults ------------------------------------------------------------------------------------


class Engine:
    """Connects to DuckDB; its connections fail at a chosen statement with a chosen error."""

    def __init__(self) -> None:
        self.opened = 0
        self.failures: list[tuple[str, str, type[duckdb.Error]]] = []  # (statement, when, error)

    def connect(self, path: str, config: dict[str, Any]) -> Any:
        self.opened += 1
        return FailingConnection(duckdb.connect(path, config=config), self)


class FailingConnection:
    """A connection that, once it has met a FatalException, meets it again until reopened."""

    def __init__(self, db: duckdb.DuckDBPyConnection, engine: Engine) -> None:
        self._db = db
        self._engine = engine
        self._is_invalid = False

    def execute(self, sql: str, parameters: Any = None) -> Any:
        if self._is_invalid:
            raise duckdb.FatalException("database has been invalidated")
        error = self._failure(sql, "before")
        if error is None:
            result = self._db.execute(sql, parameters)
            error = self._failure(sql, "after")
            if error is None:
                return result
            result.fetchall()
        self._is_invalid = error is duckdb.FatalException
        raise error("disk full")

    def _failure(self, sql: str, when: str) -> type[duckdb.Error] | None:
        failures = self._engine.failures
        if failures and sql.startswith(failures[0][0]) and failures[0][1] == when:
            return failures.pop(0)[2]
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("statement", ["BEGIN", "INSERT INTO ticks", "COMMIT"])
def test_a_broken_engine_is_reopened_and_nothing_is_lost_or_doubled(
    path: Path, engine: Engine, statement: str, when: str
) -> None:
    with closing(DuckMarketStore(path, INSTRUMENTS, connect=engine.connect)) as opened:
        opened.append_decisions("pixity", *decisions(2))
        opened.commit()
        opened.append_ticks(ticks(10))
        opened.append_bars(bars((0, 0, 100.0)), "feed")
        engine.failures = [(statement, when, duckdb.FatalException)]
        opened.commit()
        opened.append_decisions("pixity", *decisions(2))
        opened.append_ticks(ticks(10, first_seq=10))
        opened.commit()

        assert engine.opened == 2
        assert np.array_equal(opened.ticks(*EVER), ticks(20))
        assert len(opened.bars(*EVER)) == 1
        assert opened.select("SELECT count(*) FROM decisions").rows == [(4,)]


def test_a_read_that_broke_the_engine_is_answered_by_the_next(path: Path, engine: Engine) -> None:
    with closing(DuckMarketStore(path, INSTRUMENTS, connect=engine.connect)) as opened:
        opened.append_ticks(ticks(3))
        opened.commit()
        engine.failures = [("\n    SELECT c.number", "before", duckdb.FatalException)]

        assert len(opened.ticks(*EVER)) == 3
        assert engine.opened == 2


def test_an_engine_that_stays_broken_is_a_store_failure(path: Path, engine: Engine) -> None:
    opened = DuckMarketStore(path, INSTRUMENTS, connect=engine.connect)
    opened.append_ticks(ticks(3))
    engine.failures = [("INSERT INTO ticks", "before", duckdb.FatalException)] * 2

    with pytest.raises(StoreFailed, match=r"market\.duckdb: commit failed"):
        opened.commit()
    opened.commit()  # the disk has room again

    assert len(opened.ticks(*EVER)) == 3
    opened.close()


@pytest.mark.parametrize("statement", ["BEGIN", "INSERT INTO bar_rows", "COMMIT"])
def test_a_failed_commit_keeps_its_rows_for_the_next(
    path: Path, engine: Engine, statement: str
) -> None:
    with closing(DuckMarketStore(path, INSTRUMENTS, connect=engine.connect)) as opened:
        opened.append_ticks(ticks(10))
        opened.append_bars(bars((0, 0, 100.0)), "feed")
        engine.failures = [(statement, "before", duckdb.TransactionException)]

        with pytest.raises(StoreFailed, match="disk full"):
            opened.commit()
        nothing = len(opened.ticks(*EVER))
        opened.append_ticks(ticks(10, first_seq=10))
        opened.commit()

        assert nothing == 0
        assert np.array_equal(opened.ticks(*EVER), ticks(20))
        assert len(opened.bars(*EVER)) == 1


def test_a_buffer_that_is_full_and_cannot_be_written_is_an_error(
    path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market, "MAX_BUFFERED_TICKS", 100)
    with closing(DuckMarketStore(path, INSTRUMENTS, connect=engine.connect)) as opened:
        opened.append_ticks(ticks(100))
        engine.failures = [("INSERT INTO ticks", "before", duckdb.TransactionException)]

        with pytest.raises(StoreFailed, match="disk full"):
            opened.append_ticks(ticks(1, first_seq=100))

        opened.append_ticks(ticks(1, first_seq=100))
        opened.commit()
        assert np.array_equal(opened.ticks(*EVER), ticks(101))


# --- opening -----------------------------------------------------------------------------------


def test_a_file_of_another_schema_is_refused(path: Path) -> None:
    DuckMarketStore(path, INSTRUMENTS).close()
    with closing(duckdb.connect(str(path))) as db:
        db.execute("UPDATE schema_version SET version = 9")

    with pytest.raises(StoreFailed, match="schema 9, this program knows 2"):
        DuckMarketStore(path, INSTRUMENTS)


def test_a_file_of_somebody_else_is_refused(path: Path) -> None:
    path.parent.mkdir()
    with closing(duckdb.connect(str(path))) as db:
        db.execute("CREATE TABLE ticks (price DOUBLE)")

    with pytest.raises(StoreFailed, match=r"market\.duckdb cannot be used"):
        DuckMarketStore(path, INSTRUMENTS)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1_000)

    with pytest.raises(StoreFailed, match=r"market\.duckdb cannot be opened"):
        DuckMarketStore(path, INSTRUMENTS)


def test_an_engine_that_would_not_sync_is_refused(path: Path) -> None:
    def careless(file: str, config: dict[str, Any]) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(file, config={**config, "fsync_mode": "NONE"})

    with pytest.raises(StoreFailed, match="fsync_mode is NONE"):
        DuckMarketStore(path, INSTRUMENTS, connect=careless)


def test_who_holds_the_file_is_named_by_number_only(path: Path) -> None:
    def locked(file: str, config: dict[str, Any]) -> duckdb.DuckDBPyConnection:
        raise duckdb.IOException('Could not set lock on "x": held in /opt/python (PID 4711).')

    with pytest.raises(StoreFailed) as raised:
        DuckMarketStore(path, INSTRUMENTS, connect=locked)

    assert (
        str(raised.value) == "market.duckdb cannot be opened: another process holds it (PID 4711)"
    )


# --- compaction --------------------------------------------------------------------------------


def test_a_compacted_day_is_read_back_as_it_was(tmp_path: Path, store: DuckMarketStore) -> None:
    archive = BarArchive(tmp_path / "archive")
    day = bars(*((number, minute, 100.0 + minute) for minute in range(9) for number in (0, 1)))
    store.append_bars(day, "feed")
    store.append_bars(bars((1, 3, 55.0), quality=2), "repair")
    store.append_bars(bars((0, 0, 1.0), day=DAY + 1), "feed")

    store.compact(DAY, archive)

    stored = store.bars(0, OPEN_NS + 9 * 60_000_000_000)
    assert np.array_equal(archive.read(DAY, DAY, INSTRUMENTS), stored)
    assert stored["close"].tolist().count(55.0) == 1
    assert archive.days() == [DAY]


def test_a_minute_without_prices_is_not_archived(tmp_path: Path, store: DuckMarketStore) -> None:
    missing = bars((0, 0, float("nan")), quality=MISSING)
    store.append_bars(missing, "feed")
    store.append_bars(bars((0, 1, 100.0)), "feed")
    archive = BarArchive(tmp_path / "archive")

    store.compact(DAY, archive)

    assert archive.read(DAY, DAY, INSTRUMENTS)["close"].tolist() == [100.0]


def test_a_day_without_bars_has_an_empty_file(tmp_path: Path, store: DuckMarketStore) -> None:
    archive = BarArchive(tmp_path / "archive")

    store.compact(DAY, archive)

    assert len(archive.read(DAY, DAY, INSTRUMENTS)) == 0


# --- old ticks -----------------------------------------------------------------------------------


def test_ticks_before_a_moment_are_dropped_and_all_others_stay_in_order(
    store: DuckMarketStore,
) -> None:
    given = ticks(9)
    store.append_ticks(given)
    before_ns = int(given["recv_ns"][4])

    assert store.drop_ticks(before_ns) == 4
    assert store.drop_ticks(before_ns) == 0
    assert store.ticks(*EVER)["seq"].tolist() == [4, 5, 6, 7, 8]


def test_what_is_committed_after_dropping_is_kept(path: Path) -> None:
    with closing(DuckMarketStore(path, INSTRUMENTS)) as store:
        store.append_ticks(ticks(4))
        store.drop_ticks(2**62)
        store.append_ticks(ticks(2, first_seq=4))

    with closing(DuckMarketStore(path, INSTRUMENTS)) as again:
        assert again.ticks(*EVER)["seq"].tolist() == [4, 5]
