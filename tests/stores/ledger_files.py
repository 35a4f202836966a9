"""A ledger on disk, and what somebody with an editor could do to it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from stores.ledger import SqliteLedger
from tests.stores.ledger_events import round_trip


def recorded(directory: Path) -> int:
    """A closed ledger of one round trip; returns its head."""
    with closing(SqliteLedger(directory)) as opened:
        for step in round_trip():
            opened.append(step)
        return opened.head()[0]


def alter(directory: Path, *statements: str) -> None:
    """What an editor of the file could do: drop the guards, change rows."""
    with closing(sqlite3.connect(directory / "ledger.db", isolation_level=None)) as db:
        db.execute("DROP TRIGGER IF EXISTS events_are_not_updated")
        db.execute("DROP TRIGGER IF EXISTS events_are_not_deleted")
        for statement in statements:
            db.execute(statement)


def remembered(directory: Path) -> int:
    return int(json.loads((directory / "head.json").read_bytes())["seq"])
