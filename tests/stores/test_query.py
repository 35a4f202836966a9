"""What a person may ask of both stores at once, and that asking can do no harm."""

from contextlib import closing
from pathlib import Path

import pytest

from core.errors import ConfigError, DataError, StoreFailed
from stores import query
from stores.answer import Answer
from stores.ledger import SqliteLedger
from stores.market import DuckMarketStore
from stores.query import LEDGER_TABLES, ask
from stores.views import VIEWS
from tests.stores.ledger_events import round_trip
from tests.stores.market_rows import INSTRUMENTS, bars, decisions, ticks


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A state directory of one traded day, left in order."""
    with closing(SqliteLedger(tmp_path)) as ledger:
        for step in round_trip():
            ledger.append(step)
    with closing(DuckMarketStore(tmp_path / "market.duckdb", INSTRUMENTS)) as store:
        store.append_bars(bars((0, 0, 100.0), (0, 1, 101.0)), "feed")
        store.append_ticks(ticks(6))
        store.append_decisions("pixity", *decisions(2))
        store.append_feed_gap(1, 5, 9, "lost")
    return tmp_path


def answer(directory: Path, sql: str) -> Answer:
    return ask(directory, sql)


@pytest.mark.parametrize(
    ("table", "count"),
    [
        ("ticks", 6),
        ("bars", 2),
        ("decisions", 2),
        ("feed_gaps", 1),
        ("signals", 1),
        ("orders", 2),
        ("fills", 2),
        ("trades", 1),
        ("positions", 0),
        ("runner_state", 0),
        ("events", 13),
    ],
)
def test_every_table_can_be_asked(directory: Path, table: str, count: int) -> None:
    sql = f"FROM {table} SELECT count(*) AS n"

    assert answer(directory, sql) == Answer(["n"], [(count,)], is_cut=False)


def test_the_ledger_has_its_columns_types_and_nulls(directory: Path) -> None:
    found = answer(directory, "SELECT * FROM signals")

    assert found.names == list(VIEWS["signals"])
    row = dict(zip(found.names, found.rows[0], strict=True))
    assert (row["strategy"], row["close"], row["quantity"]) == ("pixity", 100.0, 250)
    assert (row["vwap"], row["refusal"]) == (None, None)


def test_both_stores_are_joined_in_one_question(directory: Path) -> None:
    sql = """WITH entered AS (SELECT * FROM Trades)
        SELECT t.instrument, b.close, e.kind FROM entered t, main.BARS b, "events" e
        WHERE b.open_ns = t.entry_ns AND e.seq = 1 -- case and quotes are the person's"""

    assert answer(directory, sql).rows == [("RELIANCE", 101.0, "RUN_START")]


def test_payloads_of_events_are_json(directory: Path) -> None:
    sql = "SELECT payload->>'late' FROM events WHERE kind = 'MINUTE' LIMIT 1"

    assert answer(directory, sql).rows == [("false",)]


def test_times_in_a_zone_come_as_indian_text(directory: Path) -> None:
    sql = "SELECT to_timestamp(min(entry_ns) / 1e9) AS \"a b\", 1 AS n, '' AS n FROM trades -- now;"

    assert answer(directory, sql).names == ["a b", "n", "n"]
    assert answer(directory, sql).rows == [("2026-07-23 09:16:00+05:30", 1, "")]


def test_an_answer_is_cut_at_its_bound_and_says_so(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "MAX_SELECTED_ROWS", 3)

    assert not answer(directory, "SELECT seq FROM ticks LIMIT 3").is_cut
    cut = answer(directory, "SELECT seq FROM ticks ORDER BY seq")
    assert ([(0,), (1,), (2,)], True) == (cut.rows, cut.is_cut)


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "selec 1",
        "SELECT 1; SELECT 2",
        "DELETE FROM bars",
        "DROP TABLE ticks",
        "COPY bars TO 'bars.csv'",
        "ATTACH 'other.db'",
        "SET enable_external_access = true",
        "INSTALL sqlite",
        "PRAGMA database_list",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM sqlite_scan('ledger.db', 'events')",
        "SELECT nothing FROM bars",
        "SELECT * FROM orders, nowhere",
    ],
)
def test_anything_but_one_select_over_our_tables_is_refused(directory: Path, sql: str) -> None:
    before = {path: path.read_bytes() for path in directory.glob("*.d*b")}

    with pytest.raises(ConfigError):
        answer(directory, sql)
    assert {path: path.read_bytes() for path in before} == before
    assert not list(directory.glob("*.csv"))


def test_rows_written_inside_a_select_reach_no_file(directory: Path) -> None:
    """The engine takes a writing WITH for a SELECT: it finds a copy of the ledger only."""
    with pytest.raises(ConfigError, match="read-only"):
        answer(directory, "WITH x AS (DELETE FROM feed_gaps RETURNING *) SELECT * FROM x")
    answer(directory, "WITH x AS (DELETE FROM trades RETURNING *) SELECT * FROM x")

    assert answer(directory, "SELECT count(*) FROM trades, feed_gaps").rows == [(1,)]


# --- beside a running daemon, and without files --------------------------------------------------


def test_beside_a_daemon_the_ledger_answers_and_the_daemon_for_the_market(directory: Path) -> None:
    asked = []

    def live(sql: str) -> Answer:
        asked.append(sql)
        return Answer(["n"], [(7,)], is_cut=False)

    with (
        closing(SqliteLedger(directory)),
        closing(DuckMarketStore(directory / "market.duckdb", INSTRUMENTS)),
    ):
        for table in LEDGER_TABLES:
            ask(directory, f"FROM {table}", live=live)
        assert asked == []
        for table in ("ticks", "Bars", "decisions", "feed_gaps"):
            assert ask(directory, f"FROM {table}", live=live).rows == [(7,)]
            with pytest.raises(DataError, match="over the market store or over the ledger"):
                ask(directory, f"FROM {table}, trades", live=live)
    assert len(asked) == 4


def test_a_market_file_that_is_damaged_is_named(directory: Path) -> None:
    (directory / "market.duckdb").write_bytes(b"no database")

    with pytest.raises(StoreFailed, match=r"market\.duckdb cannot be opened"):
        answer(directory, "SELECT 1 FROM bars")


def test_files_that_are_not_there_are_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"trades: there is no .*ledger\.db"):
        answer(tmp_path, "SELECT * FROM trades")
    with pytest.raises(DataError, match=r"bars: there is no .*market\.duckdb"):
        answer(tmp_path, "SELECT * FROM bars")
    assert answer(tmp_path, "SELECT 1").rows == [(1,)]
    assert list(tmp_path.iterdir()) == []
