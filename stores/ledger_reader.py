"""Reading a ledger file: events, views, and the proof that nothing in it was altered.

Decides when a chain is broken. Never writes: the daemon reads through this and so does any other
program, beside the running daemon.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from core.errors import StoreFailed
from core.ports import EventKind, LedgerEvent, RecordedEvent
from stores.chain import Link
from stores.views import (
    PROJECTED,
    RUNNER_STATE,
    SELECTS,
    TABLES,
    VIEWS,
    Row,
    RowOrder,
    project,
    require_view,
)

LEDGER_FILE = "ledger.db"
HEAD_FILE = "head.json"  # beside it: the number and hash of a late event
SCHEMA_VERSION = 2  # since 2 every row of a view has its book
VERIFIED_AT_START = 20_000  # events: several days; `backup` verifies all of them every evening
PAGE_EVENTS = (
    100  # read at a time, with their blobs, so that no cursor stays open between two calls
)

RUNBOOK = "nothing was changed; see 'The ledger is refused' in docs/runbook.md"

_SELECT_LINKS = "SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
_SELECT_EVENTS = (
    "SELECT e.*, b.bytes FROM events e LEFT JOIN blobs b USING (seq)"
    " WHERE e.seq > ? AND e.kind IN (SELECT value FROM json_each(?)) ORDER BY e.seq LIMIT ?"
)
_SELECT_HELD = (
    "SELECT e.*, b.bytes FROM blobs b JOIN events e USING (seq)"
    " WHERE e.seq > ? AND b.day < ? AND e.kind = 'MINUTE' ORDER BY e.seq LIMIT ?"
)
_SELECT_RUNNER_STATE = "SELECT row FROM runner_state ORDER BY rowid"
_SELECT_PROJECTED = (
    "SELECT kind, payload FROM events WHERE kind IN (SELECT value FROM json_each(?)) ORDER BY seq"
)


class LedgerReader:
    """Everything that can be asked of a ledger file. `db` is the reader's own."""

    def __init__(self, db: sqlite3.Connection, order: RowOrder) -> None:
        self.db = db
        self._order = order

    def events(
        self, after: int = 0, kinds: Sequence[EventKind] | None = None
    ) -> Iterator[RecordedEvent]:
        """Events behind `after` in order, `kinds` only. A dropped blob is None.

        Raises StoreFailed where a blob is not the one that was recorded.
        """
        wanted = json.dumps(list(EventKind if kinds is None else kinds))
        while page := self._query(_SELECT_EVENTS, (after, wanted, PAGE_EVENTS)):
            yield from map(_recorded, page)
            after = page[-1][0]

    def minutes_held(self, before_day: int) -> Iterator[RecordedEvent]:
        """MINUTE events of days before `before_day` whose bars still lie in the ledger."""
        after = 0
        while page := self._query(_SELECT_HELD, (after, before_day, PAGE_EVENTS)):
            yield from map(_recorded, page)
            after = page[-1][0]

    def head(self) -> tuple[int, str]:
        """Number and hash of the last event; (0, "") when empty."""
        newest = self._query("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1")
        return (newest[0][0], newest[0][1]) if newest else (0, "")

    def hash_at(self, seq: int) -> str:
        """Hash of event `seq`; "" before the first."""
        found = self._query("SELECT hash FROM events WHERE seq = ?", (seq,))
        return str(found[0][0]) if found else ""

    def rows(self, view: str, day: int | None = None, book: str | None = None) -> list[Row]:
        """A view as dicts, of one book or all; `day` narrows those that have a day.

        Positions have none, nor has runner_state, which holds all books.
        """
        require_view(view)
        if view == RUNNER_STATE:
            return [json.loads(text) for (text,) in self._query(_SELECT_RUNNER_STATE)]
        found = self._query(SELECTS[view], {"day": day, "book": book})
        return self._order.ordered(
            view, [dict(zip(VIEWS[view], row, strict=True)) for row in found]
        )

    def verify(self, *, full: bool) -> None:
        """Recompute the chain: all of it with its blobs, or the last VERIFIED_AT_START events.

        Raises StoreFailed naming the first event that is not what was recorded.
        """
        if full:
            for _ in self.events():
                pass  # reading checks the blobs
        after = 0 if full else max(0, self.head()[0] - VERIFIED_AT_START)
        last_hash = self.hash_at(after)
        while page := self._query(_SELECT_LINKS, (after, PAGE_EVENTS)):
            for link in map(Link._make, page):
                after += 1
                if link.seq != after or link.prev_hash != last_hash or not link.is_sound():
                    raise StoreFailed(f"ledger.db: chain broken at event {after}; {RUNBOOK}")
                last_hash = link.hash

    def require_remembered(self, content: bytes | None) -> None:
        """Raises StoreFailed unless the file still holds the event that HEAD_FILE tells of."""
        head, _ = self.head()
        if content is None:
            raise StoreFailed(f"{HEAD_FILE} is missing beside ledger.db; {RUNBOOK}")
        try:
            remembered = json.loads(content)
            seq, expected = int(remembered["seq"]), str(remembered["hash"])
        except (ValueError, KeyError, TypeError) as error:
            raise StoreFailed(f"{HEAD_FILE} is not readable: {error}; {RUNBOOK}") from error
        if head < seq:
            raise StoreFailed(f"ledger.db ends at event {head}, remembered is {seq}; {RUNBOOK}")
        if self.hash_at(seq) != expected:
            raise StoreFailed(f"ledger.db has another event {seq} than remembered; {RUNBOOK}")

    def differing_views(self) -> list[str]:
        """Views whose rows are not those that the events give; empty when all is well."""
        try:
            with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
                for statement in TABLES:
                    fresh.execute(statement)
                project_all(self.db, fresh)
                rebuilt = LedgerReader(fresh, self._order)
                return [view for view in VIEWS if rebuilt.rows(view) != self.rows(view)]
        except sqlite3.Error as error:
            raise StoreFailed(f"projections could not be compared: {error}") from error

    def close(self) -> None:
        self.db.close()

    def _query(
        self, statement: str, parameters: tuple[object, ...] | dict[str, object] = ()
    ) -> list[Any]:
        try:
            return self.db.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise StoreFailed(f"ledger.db cannot be read: {error}; {RUNBOOK}") from error


def open_read_only(directory: Path, order: RowOrder | None = None) -> LedgerReader:
    """The ledger for another program, also while the daemon writes. Raises StoreFailed.

    `order` None: the configured order of names at the last start, as the ledger tells it.
    """
    path = directory / LEDGER_FILE
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        try:
            require_known_version(db)
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as error:
        raise StoreFailed(f"{path} cannot be read: {error}") from error
    return LedgerReader(db, _order_at_last_start(db) if order is None else order)


def _order_at_last_start(db: sqlite3.Connection) -> RowOrder:
    payload: dict[str, object] = {}
    for recorded in LedgerReader(db, RowOrder()).events(kinds=[EventKind.RUN_START]):
        payload = recorded.event.payload
    strategies, instruments = (payload.get(name, []) for name in ("strategies", "instruments"))
    assert isinstance(strategies, list)
    assert isinstance(instruments, list)
    return RowOrder(tuple(strategies), tuple(instruments))


def require_known_version(db: sqlite3.Connection) -> int:
    """The schema version of `db`, 0 for a new file. Raises StoreFailed for one we do not know."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version not in (0, SCHEMA_VERSION):
        raise StoreFailed(
            f"ledger.db has schema {version}, this program knows {SCHEMA_VERSION}; {RUNBOOK}"
        )
    return version


def project_all(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Apply every event of `source` to the empty projection tables of `target`."""
    for kind, payload in source.execute(_SELECT_PROJECTED, (json.dumps(PROJECTED),)):
        project(target, kind, [json.loads(payload)])


def _recorded(row: Sequence[Any]) -> RecordedEvent:
    """A row of `events` and its blob, which must be the one that was recorded."""
    *columns, blob = row
    link = Link(*columns)
    _check_blob(link, blob)
    try:
        kind, payload = EventKind(link.kind), json.loads(link.payload)
    except ValueError as error:
        raise StoreFailed(f"ledger.db: chain broken at event {link.seq}; {RUNBOOK}") from error
    event = LedgerEvent(link.ts_ns, kind, link.key, payload, blob)
    return RecordedEvent(link.seq, event, link.hash)


def _check_blob(link: Link, blob: bytes | None) -> None:
    if blob is not None and sha256(blob).hexdigest() != link.blob_hash:
        raise StoreFailed(f"ledger.db: blob of event {link.seq} is not the recorded one; {RUNBOOK}")
