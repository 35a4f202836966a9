"""What the durable ledger adds to the contract: faults, projections, backups, other readers."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import StoreFailed
from core.ports import EventKind
from stores.files import DiskFiles
from stores.ledger import SqliteLedger
from stores.ledger_reader import open_read_only
from stores.views import VIEWS
from tests.stores.ledger_events import DAY, event, fill, minute, order, round_trip, signal
from tests.stores.ledger_files import alter, recorded


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger(tmp_path)) as opened:
        yield opened


# --- faults of the disk ------------------------------------------------------------------------


class Disk:
    """Connections that fail at a chosen statement, as a full or locked disk does."""

    def __init__(self) -> None:
        self.fails_at = ""
        self.failures = 0
        self.is_after = False  # fail once the statement has done its work
        self.opened = 0

    def connect(self, path: Path, **options: object) -> sqlite3.Connection:
        self.opened += 1
        disk = self

        class FailingConnection(sqlite3.Connection):
            def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
                fails = bool(disk.fails_at) and sql.startswith(disk.fails_at) and disk.failures > 0
                if fails and not disk.is_after:
                    disk.failures -= 1
                    raise sqlite3.OperationalError("database or disk is full")
                cursor = super().execute(sql, *parameters)  # type: ignore[arg-type]
                if fails:
                    disk.failures -= 1
                    raise sqlite3.OperationalError("disk I/O error")
                return cursor

        return sqlite3.connect(path, factory=FailingConnection, **options)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.mark.parametrize("statement", ["BEGIN", "INSERT INTO orders", "COMMIT"])
def test_a_step_that_failed_once_is_tried_again(tmp_path: Path, disk: Disk, statement: str) -> None:
    with closing(SqliteLedger(tmp_path, connect=disk.connect)) as opened:
        disk.fails_at, disk.failures = statement, 1

        assert opened.append([minute(1), order()]) == 2

        assert disk.opened == 2
        assert len(opened.rows("orders")) == 1
        opened.verify(full=True)


def test_a_commit_that_happened_though_it_failed_is_not_repeated(
    tmp_path: Path, disk: Disk
) -> None:
    with closing(SqliteLedger(tmp_path, connect=disk.connect)) as opened:
        disk.fails_at, disk.failures, disk.is_after = "COMMIT", 1, True

        assert opened.append([minute(1), order()]) == 2

        assert [one.seq for one in opened.events()] == [1, 2]
        opened.verify(full=True)


def test_a_step_that_fails_twice_is_an_error_and_leaves_nothing(tmp_path: Path, disk: Disk) -> None:
    opened = SqliteLedger(tmp_path, connect=disk.connect)
    opened.append([minute(1)])
    disk.fails_at, disk.failures = "COMMIT", 2

    with pytest.raises(StoreFailed, match="could not record ORDER"):
        opened.append([order()])
    opened.close()

    with closing(SqliteLedger(tmp_path)) as again:
        assert again.head()[0] == 1
        assert again.rows("orders") == []


def test_a_ledger_that_somebody_else_wrote_is_not_written_again(tmp_path: Path, disk: Disk) -> None:
    opened = SqliteLedger(tmp_path, connect=disk.connect)
    other = SqliteLedger(tmp_path)
    other.append([minute(1)])
    disk.fails_at, disk.failures = "COMMIT", 1

    with pytest.raises(StoreFailed, match="refuses MINUTE"):
        opened.append([minute(2)])  # the number is taken
    disk.fails_at = "BEGIN"
    with pytest.raises(StoreFailed, match="changed under us at event 1"):
        opened.append([minute(2)])
    opened.close()
    other.close()


@pytest.mark.parametrize(
    ("statement", "call"),
    [
        ("DELETE FROM runner_state", lambda ledger: ledger.write_runner_state([])),
        ("DELETE FROM blobs", lambda ledger: ledger.drop_blobs(DAY)),
        ("DELETE FROM orders", lambda ledger: ledger.rebuild_projections()),
        ("SELECT strategy", lambda ledger: ledger.rows("signals")),
        ("SELECT e.*", lambda ledger: list(ledger.events())),
        ("SELECT kind", lambda ledger: ledger.differing_views()),
    ],
)
def test_every_failure_of_the_disk_is_a_store_failure(
    tmp_path: Path, disk: Disk, statement: str, call: Callable[[SqliteLedger], object]
) -> None:
    with closing(SqliteLedger(tmp_path, connect=disk.connect)) as opened:
        disk.fails_at, disk.failures = statement, 1

        with pytest.raises(StoreFailed) as raised:
            call(opened)

        assert isinstance(raised.value.__cause__, sqlite3.OperationalError)


def test_a_number_too_large_for_the_file_is_refused(ledger: SqliteLedger) -> None:
    with pytest.raises(StoreFailed, match="refuses SIGNAL"):
        ledger.append([signal(quantity=2**63)])

    assert ledger.append([minute(1)]) == 1


class FailingFiles(DiskFiles):
    """Files of a disk that is full from the moment `is_full` is set."""

    is_full = False

    def replace(self, path: Path, content: bytes) -> None:
        if self.is_full:
            raise StoreFailed(f"cannot write {path.name}: No space left on device")
        super().replace(path, content)


def test_a_head_that_cannot_be_remembered_is_an_error_and_the_event_is_kept(tmp_path: Path) -> None:
    files = FailingFiles()
    opened = SqliteLedger(tmp_path, files=files)
    files.is_full = True

    with pytest.raises(StoreFailed, match=r"head\.json"):
        opened.append([order()])
    with pytest.raises(StoreFailed, match=r"head\.json"):
        opened.close()

    with closing(SqliteLedger(tmp_path)) as again:
        assert again.head()[0] == 1


# --- projections, backup, readers --------------------------------------------------------------


def test_projections_are_rebuilt_equal(ledger: SqliteLedger) -> None:
    for step in round_trip():
        ledger.append(step)
    ledger.append([order(order_id="b" * 24), signal(), fill(order_id="b" * 24, position=None)])
    before = {view: ledger.rows(view) for view in VIEWS}

    ledger.rebuild_projections()

    assert {view: ledger.rows(view) for view in VIEWS} == before
    assert ledger.differing_views() == []


def test_a_projection_that_was_edited_is_named_and_can_be_rebuilt(tmp_path: Path) -> None:
    recorded(tmp_path)
    alter(tmp_path, "UPDATE trades SET net_paise = 0", "DELETE FROM fills")

    with closing(SqliteLedger(tmp_path)) as opened:
        assert opened.differing_views() == ["fills", "trades"]
        opened.rebuild_projections()
        assert opened.differing_views() == []


def test_a_backup_is_a_whole_ledger(tmp_path: Path) -> None:
    target = tmp_path / "backup" / "ledger.db"
    with closing(SqliteLedger(tmp_path / "var")) as opened:
        for step in round_trip():
            opened.append(step)
        opened.backup(target)
        opened.backup(target)  # a second one takes the place of the first
        head, trades = opened.head(), opened.rows("trades")

    names = sorted(path.name for path in target.parent.iterdir())
    assert names == ["ledger.db", "ledger.head.json"]
    with closing(open_read_only(target.parent)) as copy:
        assert copy.head() == head
        assert copy.rows("trades") == trades
        copy.verify(full=True)


def test_a_backup_put_back_with_its_head_is_a_ledger_to_go_on_with(tmp_path: Path) -> None:
    recorded(tmp_path / "var")
    with closing(SqliteLedger(tmp_path / "var")) as opened:
        opened.backup(tmp_path / "var" / "copy.db")
        head = opened.head()
    (tmp_path / "new").mkdir()
    (tmp_path / "var" / "copy.db").rename(tmp_path / "new" / "ledger.db")
    (tmp_path / "var" / "copy.head.json").rename(tmp_path / "new" / "head.json")

    with closing(SqliteLedger(tmp_path / "new")) as put_back:
        assert put_back.head() == head
        put_back.append([minute(9)])
        put_back.verify(full=True)


def test_a_backup_of_a_broken_chain_gets_no_name(tmp_path: Path) -> None:
    with closing(SqliteLedger(tmp_path)) as opened:
        opened.append([minute(1), event(EventKind.NOTE, "n")])
        alter(tmp_path, "UPDATE events SET key = 'x' WHERE seq = 1")

        with pytest.raises(StoreFailed, match="chain broken at event 1"):
            opened.backup(tmp_path / "copy.db")

    assert not (tmp_path / "copy.db").exists()


def test_a_backup_that_fails_the_integrity_check_gets_no_name(tmp_path: Path) -> None:
    with closing(SqliteLedger(tmp_path)) as opened:
        opened.append([signal()])  # has no VWAP, which the altered schema does not allow
        alter(
            tmp_path,
            "PRAGMA writable_schema = ON",
            "UPDATE sqlite_schema SET sql = replace(sql, 'vwap REAL', 'vwap REAL NOT NULL')",
        )

        with pytest.raises(StoreFailed, match=r"integrity check: NULL value in signals\.vwap"):
            opened.backup(tmp_path / "copy.db")

    assert not (tmp_path / "copy.db").exists()


def test_a_backup_that_cannot_be_written_is_a_store_failure(
    tmp_path: Path, ledger: SqliteLedger
) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreFailed, match="was not written"):
        ledger.backup(tmp_path / "file" / "copy.db")


def test_another_program_reads_while_the_daemon_writes(
    tmp_path: Path, ledger: SqliteLedger
) -> None:
    ledger.append([minute(1)])
    with closing(open_read_only(tmp_path)) as reader:
        assert reader.head()[0] == 1
        ledger.append([order()])

        assert reader.head() == ledger.head()
        assert len(reader.rows("orders")) == 1
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.db.execute("DELETE FROM orders")


def test_a_ledger_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="cannot be read"):
        open_read_only(tmp_path)
