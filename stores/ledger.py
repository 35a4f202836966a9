"""The ledger: what the daemon has heard, decided and sent, in order, on disk before it acts.

Decides when something counts as remembered, and refuses to open on anything it cannot vouch for:
a broken chain, a head behind the remembered one, a newer schema. Never alters or deletes an event.
One read-write connection, all calls from one owner; others open the file read-only.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path

from core.crashpoints import crashpoint
from core.errors import StoreFailed
from core.ports import EventKind, LedgerEvent, RecordedEvent
from core.session import DAY_NS
from stores.chain import Link, canonical_json, chained
from stores.files import DiskFiles, Files
from stores.ledger_reader import HEAD_FILE as HEAD_FILE
from stores.ledger_reader import (
    LEDGER_FILE,
    RUNBOOK,
    SCHEMA_VERSION,
    LedgerReader,
    project_all,
    require_known_version,
)
from stores.views import EMPTY_TABLES, TABLES, Row, RowOrder, project

Connect = Callable[..., sqlite3.Connection]

HEAD_EVERY_APPENDS = 5  # without an order; one Minute is one append
MAX_NAMED_EVENTS = 5  # in a message

# How it is asked for, how it is read back, and what must be read.
_PRAGMAS: tuple[tuple[str, str, object], ...] = (
    ("PRAGMA journal_mode = WAL", "PRAGMA journal_mode", "wal"),
    ("PRAGMA synchronous = FULL", "PRAGMA synchronous", 2),
    ("PRAGMA foreign_keys = ON", "PRAGMA foreign_keys", 1),
    ("PRAGMA busy_timeout = 200", "PRAGMA busy_timeout", 200),
)

_SCHEMA = (
    "CREATE TABLE events (seq INTEGER PRIMARY KEY, ts_ns INTEGER NOT NULL, kind TEXT NOT NULL,"
    " key TEXT NOT NULL, payload TEXT NOT NULL, blob_hash TEXT, prev_hash TEXT NOT NULL,"
    " hash TEXT NOT NULL) STRICT",
    # A row per event, not per content: two equal Minutes must not share one that is dropped.
    "CREATE TABLE blobs (seq INTEGER PRIMARY KEY REFERENCES events (seq), bytes BLOB NOT NULL,"
    " day INTEGER NOT NULL) STRICT",
    "CREATE TRIGGER events_are_not_updated BEFORE UPDATE ON events"
    " BEGIN SELECT RAISE (ABORT, 'events are insert-only'); END",
    "CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events"
    " BEGIN SELECT RAISE (ABORT, 'events are insert-only'); END",
    *TABLES,
    "CREATE TABLE runner_state (book TEXT NOT NULL, strategy TEXT NOT NULL,"
    " instrument TEXT NOT NULL, updated_ns INTEGER NOT NULL, row TEXT NOT NULL,"
    " PRIMARY KEY (book, strategy, instrument)) STRICT",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

# The events themselves are at fault, so trying again cannot help.
_REFUSALS = (sqlite3.IntegrityError, sqlite3.ProgrammingError, OverflowError)

_INSERT_EVENT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_BLOB = "INSERT INTO blobs VALUES (?, ?, ?)"
_INSERT_RUNNER_STATE = (
    "INSERT INTO runner_state VALUES (:book, :strategy, :instrument, :updated_ns, :row)"
)
_UPDATE_RUNNER_STATE = (
    "UPDATE runner_state SET updated_ns = :updated_ns, row = :row"
    " WHERE book = :book AND strategy = :strategy AND instrument = :instrument"
)
_RUNNER_STATE_KEY = ("book", "strategy", "instrument", "updated_ns")


class SqliteLedger:
    """The ledger of one state directory (core.ports.Ledger).

    Opening verifies the last events and the remembered head; `StoreFailed` means: do not trade.
    """

    def __init__(
        self,
        directory: Path,
        order: RowOrder = RowOrder(),  # noqa: B008 - a frozen value
        *,
        files: Files | None = None,
        connect: Connect = sqlite3.connect,
    ) -> None:
        self._path = directory / LEDGER_FILE
        self._head_path = directory / HEAD_FILE
        self._order = order
        self._files = files or DiskFiles()
        self._connect = connect
        self._appends_since_head = 0
        self._reader = LedgerReader(self._open(), order)
        try:
            self._head = self._reader.head()
            self._check_remembered_head()
            self._reader.verify(full=False)
        except StoreFailed:
            self._reader.close()
            raise

    # --- writing -----------------------------------------------------------------------------

    def append(self, events: Sequence[LedgerEvent]) -> int:
        """Commit `events`, all or none, and return the new head. Raises StoreFailed; then stop.

        After an I/O error the outcome is looked up on a fresh connection and, if the events are
        not there, tried once more. A broken rule (a second intent) is refused without a retry.
        """
        links = chained(events, *self._head)
        if not links:
            return self._head[0]
        crashpoint("ledger.commit.before")
        try:
            self._commit(links, events)
        except _REFUSALS as error:
            raise StoreFailed(f"the ledger refuses {_named(events)}: {error}") from error
        except sqlite3.Error:
            self._commit_again(links, events)
        crashpoint("ledger.commit.after")
        self._head = (links[-1].seq, links[-1].hash)
        self._appends_since_head += 1
        has_order = any(event.kind is EventKind.ORDER for event in events)
        if has_order or self._appends_since_head >= HEAD_EVERY_APPENDS:
            self._remember_head()
        return self._head[0]

    def write_runner_state(self, rows: Sequence[Row]) -> None:
        """Replace the runner state. Raises StoreFailed; then the old rows stand."""
        self._write_runner_state(("DELETE FROM runner_state",), _INSERT_RUNNER_STATE, rows)

    def update_runner_state(self, rows: Sequence[Row]) -> None:
        """Replace those rows where they stand. Raises StoreFailed; then the old ones stand."""
        self._write_runner_state((), _UPDATE_RUNNER_STATE, rows)

    def _write_runner_state(
        self, before: Sequence[str], statement: str, rows: Sequence[Row]
    ) -> None:
        values = [
            {name: row[name] for name in _RUNNER_STATE_KEY}
            | {"row": canonical_json(row, "runner state")}
            for row in rows
        ]
        crashpoint("ledger.runner_state.before")
        try:
            with _transaction(self._db):
                for one in before:
                    self._db.execute(one)
                self._db.executemany(statement, values)
        except sqlite3.Error as error:
            raise StoreFailed(f"runner state was not written: {error}") from error
        crashpoint("ledger.runner_state.after")

    def drop_blobs(self, before_day: int) -> int:
        """Drop archived blobs of days before `before_day`; the chain covers their hashes only."""
        crashpoint("ledger.drop_blobs.before")
        try:
            with _transaction(self._db):
                gone = self._db.execute("DELETE FROM blobs WHERE day < ?", (before_day,)).rowcount
        except sqlite3.Error as error:
            raise StoreFailed(f"old blobs were not dropped: {error}") from error
        crashpoint("ledger.drop_blobs.after")
        return gone

    def rebuild_projections(self) -> None:
        """Throw the projections away and build them again from the events."""
        try:
            with _transaction(self._db):
                for statement in EMPTY_TABLES:
                    self._db.execute(statement)
                project_all(self._db, self._db)
        except sqlite3.Error as error:
            raise StoreFailed(f"projections were not rebuilt: {error}") from error

    def backup(self, path: Path) -> None:
        """Write a copy to `path`, checked (integrity, whole chain) before it gets that name.

        Its HEAD_FILE lies beside it: without one no ledger is opened.
        """
        unchecked = path.with_name(f".{path.name}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            unchecked.unlink(missing_ok=True)
            with closing(sqlite3.connect(unchecked)) as copy:
                self._db.backup(copy)
                answer = copy.execute("PRAGMA integrity_check").fetchone()[0]
                if answer != "ok":
                    raise StoreFailed(f"backup {path.name} fails the integrity check: {answer}")
                LedgerReader(copy, self._order).verify(full=True)
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole by itself
        except (sqlite3.Error, OSError) as error:
            raise StoreFailed(f"backup {path.name} was not written: {error}") from error
        self._files.replace(path.with_suffix(f".{HEAD_FILE}"), self._head_content())
        self._files.publish(unchecked, path)

    def close(self) -> None:
        """Remember the head and close."""
        try:
            self._remember_head()
        finally:
            self._reader.close()

    # --- reading: as any other program may ------------------------------------------------------

    def events(
        self, after: int = 0, kinds: Sequence[EventKind] | None = None
    ) -> Iterator[RecordedEvent]:
        return self._reader.events(after, kinds)

    def head(self) -> tuple[int, str]:
        return self._head

    def rows(self, view: str, day: int | None = None, book: str | None = None) -> list[Row]:
        return self._reader.rows(view, day, book)

    def verify(self, *, full: bool) -> None:
        self._reader.verify(full=full)

    def minutes_held(self, before_day: int) -> Iterator[RecordedEvent]:
        return self._reader.minutes_held(before_day)

    def differing_views(self) -> list[str]:
        return self._reader.differing_views()

    # --- how a step becomes durable -------------------------------------------------------------

    @property
    def _db(self) -> sqlite3.Connection:
        return self._reader.db

    def _commit(self, links: Sequence[Link], events: Sequence[LedgerEvent]) -> None:
        with _transaction(self._db):
            self._db.executemany(_INSERT_EVENT, links)
            for link, event in zip(links, events, strict=True):
                if event.blob is not None:
                    # No session crosses midnight UTC, so this is the session's day everywhere.
                    self._db.execute(_INSERT_BLOB, (link.seq, event.blob, event.ts_ns // DAY_NS))
            for kind, run in groupby(events, key=lambda event: event.kind):
                project(self._db, kind, [event.payload for event in run])
            crashpoint("ledger.commit.inside")

    def _commit_again(self, links: Sequence[Link], events: Sequence[LedgerEvent]) -> None:
        """The outcome of a failed commit is unknown: the last hash tells whether it happened."""
        crashpoint("ledger.retry.before")
        try:
            self._reader.close()
            self._reader = LedgerReader(self._open(), self._order)
            found = self._reader.head()
            if found == self._head:
                self._commit(links, events)
            elif found != (links[-1].seq, links[-1].hash):
                raise StoreFailed(f"ledger.db changed under us at event {found[0]}; {RUNBOOK}")
        except sqlite3.Error as error:
            raise StoreFailed(f"the ledger could not record {_named(events)}: {error}") from error
        crashpoint("ledger.retry.after")

    def _open(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Opened by the thread that starts the daemon, used by the owner alone from then on.
            db = self._connect(self._path, isolation_level=None, check_same_thread=False)
            try:
                _prepare(db)
            except BaseException:
                db.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise StoreFailed(f"ledger.db cannot be opened: {error}; {RUNBOOK}") from error
        return db

    # --- the remembered head: a cut or older copy of the file is a valid file, only this tells ----

    def _remember_head(self) -> None:
        self._files.replace(self._head_path, self._head_content())
        self._appends_since_head = 0

    def _head_content(self) -> bytes:
        return json.dumps({"seq": self._head[0], "hash": self._head[1]}).encode()

    def _check_remembered_head(self) -> None:
        """Raises StoreFailed unless the file still holds everything that was acknowledged."""
        content = self._files.read(self._head_path)
        if content is None and self._head[0] == 0:
            self._remember_head()  # a first start; from now on a missing file is a fault
            return
        self._reader.require_remembered(content)


def _prepare(db: sqlite3.Connection) -> None:
    """Bring a new connection into the one state we work in, or refuse it."""
    version = require_known_version(db)
    for request, question, needed in _PRAGMAS:
        db.execute(request).fetchall()
        answer = db.execute(question).fetchone()[0]
        if answer != needed:
            raise StoreFailed(f"ledger.db: {question} is {answer!r}, needed {needed!r}")
    if version == 0:
        crashpoint("ledger.create.before")
        with _transaction(db):
            for statement in _SCHEMA:
                db.execute(statement)
        crashpoint("ledger.create.after")


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # some errors have rolled back by themselves
            db.execute("ROLLBACK")
        raise


def _named(events: Sequence[LedgerEvent]) -> str:
    return ", ".join(f"{event.kind} {event.key}" for event in events[:MAX_NAMED_EVENTS])
