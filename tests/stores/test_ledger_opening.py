"""A ledger opens on nothing it cannot vouch for: chain, remembered head, schema, durability."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import StoreFailed
from stores import ledger_reader
from stores.ledger import HEAD_EVERY_APPENDS, SqliteLedger
from stores.ledger_reader import open_read_only
from tests.stores.ledger_events import DAY, minute, order, round_trip
from tests.stores.ledger_files import alter, recorded, remembered


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger(tmp_path)) as opened:
        yield opened


# --- the chain ---------------------------------------------------------------------------------


def test_a_closed_ledger_opens_where_it_ended(tmp_path: Path) -> None:
    head = recorded(tmp_path)

    with closing(SqliteLedger(tmp_path)) as again:
        assert again.head()[0] == head
        assert again.append([minute(9)]) == head + 1
        again.verify(full=True)


@pytest.mark.parametrize("statement", ["UPDATE events SET key = 'x'", "DELETE FROM events"])
def test_events_can_neither_be_changed_nor_deleted(tmp_path: Path, statement: str) -> None:
    recorded(tmp_path)

    with (
        closing(sqlite3.connect(tmp_path / "ledger.db")) as db,
        pytest.raises(sqlite3.IntegrityError, match="insert-only"),
    ):
        db.execute(statement)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET payload = '{\"late\":true}' WHERE seq = 2",
        "UPDATE events SET ts_ns = ts_ns + 1 WHERE seq = 2",
        "UPDATE events SET blob_hash = NULL WHERE seq = 2",
        "UPDATE events SET prev_hash = hash WHERE seq = 2",
    ],
)
def test_a_changed_event_is_named_at_the_next_start(tmp_path: Path, change: str) -> None:
    recorded(tmp_path)
    alter(tmp_path, change)

    with pytest.raises(StoreFailed, match=r"chain broken at event 2; .*runbook"):
        SqliteLedger(tmp_path)


def test_a_missing_event_breaks_the_chain(tmp_path: Path) -> None:
    recorded(tmp_path)
    alter(tmp_path, "DELETE FROM events WHERE seq = 6")

    with pytest.raises(StoreFailed, match="chain broken at event 6"):
        SqliteLedger(tmp_path)


def test_a_start_verifies_the_last_events_and_a_full_check_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(tmp_path)
    alter(tmp_path, "UPDATE events SET key = 'x' WHERE seq = 2")
    monkeypatch.setattr(ledger_reader, "VERIFIED_AT_START", 5)

    with (
        closing(SqliteLedger(tmp_path)) as opened,
        pytest.raises(StoreFailed, match="chain broken at event 2"),
    ):
        opened.verify(full=True)


def test_another_blob_is_noticed_when_it_is_read(tmp_path: Path) -> None:
    recorded(tmp_path)
    alter(tmp_path, "UPDATE blobs SET bytes = x'00' WHERE seq = 2")

    with (
        closing(SqliteLedger(tmp_path)) as opened,
        pytest.raises(StoreFailed, match="blob of event 2"),
    ):
        opened.verify(full=True)


def test_old_blobs_can_be_dropped_and_the_chain_stays_whole(ledger: SqliteLedger) -> None:
    for step in round_trip():
        ledger.append(step)

    assert ledger.drop_blobs(DAY) == 0
    assert ledger.drop_blobs(DAY + 1) == 3
    ledger.verify(full=True)
    assert {one.event.blob for one in ledger.events()} == {None}


def test_minutes_held_are_those_of_earlier_days_that_have_their_bars(ledger: SqliteLedger) -> None:
    ledger.append([minute(1), minute(2, b"others"), order()])

    assert [*ledger.minutes_held(DAY)] == []
    held = ledger.minutes_held(DAY + 1)
    assert [(one.seq, one.event.blob) for one in held] == [(1, b"bars"), (2, b"others")]
    ledger.drop_blobs(DAY + 1)
    assert [*ledger.minutes_held(DAY + 1)] == []


def test_pages_of_events_leave_nothing_out(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_reader, "PAGE_EVENTS", 2)
    ledger.append([minute(number) for number in range(5)])

    ledger.verify(full=True)
    assert [one.seq for one in ledger.events()] == [1, 2, 3, 4, 5]


# --- the remembered head -----------------------------------------------------------------------


def test_an_order_is_remembered_at_once_other_steps_every_few(
    tmp_path: Path, ledger: SqliteLedger
) -> None:
    seen = []
    for number in range(HEAD_EVERY_APPENDS + 1):
        ledger.append([minute(number)])
        seen.append(remembered(tmp_path))
    ledger.append([order()])

    assert seen == [0] * (HEAD_EVERY_APPENDS - 1) + [HEAD_EVERY_APPENDS] * 2
    assert remembered(tmp_path) == HEAD_EVERY_APPENDS + 2


def test_an_older_copy_of_the_file_is_refused(tmp_path: Path) -> None:
    recorded(tmp_path)
    shutil.copy(tmp_path / "ledger.db", tmp_path / "older.db")
    with closing(SqliteLedger(tmp_path)) as opened:
        opened.append([minute(9)])
    shutil.copy(tmp_path / "older.db", tmp_path / "ledger.db")

    with pytest.raises(StoreFailed, match=r"ends at event 13, remembered is 14; .*runbook"):
        SqliteLedger(tmp_path)


def test_a_vanished_file_is_refused(tmp_path: Path) -> None:
    recorded(tmp_path)
    (tmp_path / "ledger.db").unlink()

    with pytest.raises(StoreFailed, match="ends at event 0"):
        SqliteLedger(tmp_path)


def test_another_history_of_the_same_length_is_refused(tmp_path: Path) -> None:
    recorded(tmp_path)
    (tmp_path / "other").mkdir()
    with closing(SqliteLedger(tmp_path / "other")) as other:
        other.append([minute(number) for number in range(13)])
    shutil.copy(tmp_path / "other" / "ledger.db", tmp_path / "ledger.db")

    with pytest.raises(StoreFailed, match="another event 13 than remembered"):
        SqliteLedger(tmp_path)


def test_a_missing_head_file_is_refused(tmp_path: Path) -> None:
    recorded(tmp_path)
    (tmp_path / "head.json").unlink()

    with pytest.raises(StoreFailed, match=r"head\.json is missing"):
        SqliteLedger(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"seq": 1}', '{"seq": "x", "hash": ""}'])
def test_a_damaged_head_file_is_refused(tmp_path: Path, content: str) -> None:
    recorded(tmp_path)
    (tmp_path / "head.json").write_text(content)

    with pytest.raises(StoreFailed, match=r"head\.json is not readable"):
        SqliteLedger(tmp_path)


def test_a_head_file_behind_the_ledger_is_what_a_crash_leaves(tmp_path: Path) -> None:
    recorded(tmp_path)
    before = (tmp_path / "head.json").read_bytes()
    with closing(SqliteLedger(tmp_path)) as opened:
        opened.append([minute(9)])
    (tmp_path / "head.json").write_bytes(before)

    with closing(SqliteLedger(tmp_path)) as again:
        assert again.head()[0] == 14


# --- opening -----------------------------------------------------------------------------------


def test_a_newer_schema_is_refused_by_both_numbers(tmp_path: Path) -> None:
    recorded(tmp_path)
    alter(tmp_path, "PRAGMA user_version = 7")

    with pytest.raises(StoreFailed, match="schema 7, this program knows 2"):
        SqliteLedger(tmp_path)
    with pytest.raises(StoreFailed, match="schema 7, this program knows 2"):
        open_read_only(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database, but long enough to be looked at" * 99)

    with pytest.raises(StoreFailed, match="cannot be opened"):
        SqliteLedger(tmp_path)


def test_a_state_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")

    with pytest.raises(StoreFailed, match="cannot be opened"):
        SqliteLedger(tmp_path / "var")


def test_a_pragma_that_does_not_hold_stops_the_start(tmp_path: Path) -> None:
    def in_memory(_path: Path, **options: object) -> sqlite3.Connection:
        return sqlite3.connect(":memory:", isolation_level=None)  # has no write-ahead log

    with pytest.raises(StoreFailed, match="journal_mode is 'memory', needed 'wal'"):
        SqliteLedger(tmp_path, connect=in_memory)
