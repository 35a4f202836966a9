"""What a ledger event looks like as bytes, and how events are chained.

Decides the canonical text of a payload and the hash of an event. Any change here breaks every
ledger that exists: raise the schema version with it.
"""

import json
import math
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from core.errors import StoreFailed
from core.ports import EventKind, LedgerEvent


class Link(NamedTuple):
    """One event as it is kept. `blob_hash` is None for an event without a blob."""

    seq: int
    ts_ns: int
    kind: str
    key: str
    payload: str
    blob_hash: str | None
    prev_hash: str
    hash: str

    def is_sound(self) -> bool:
        """True if the hash is that of the content."""
        return self.hash == link_hash(*self[:-1])


def chained(events: Sequence[LedgerEvent], seq: int, last_hash: str) -> list[Link]:
    """`events` as the links that follow event `seq`. Raises StoreFailed for a payload not JSON."""
    links = []
    for event in events:
        seq += 1
        if "\n" in event.key:
            raise StoreFailed(f"{event.kind} has a key of several lines: {event.key!r}")
        blob_hash = None if event.blob is None else sha256(event.blob).hexdigest()
        kind = EventKind(event.kind).value
        payload = canonical_json(event.payload, f"{kind} {event.key}")
        content = (seq, event.ts_ns, kind, event.key, payload, blob_hash, last_hash)
        last_hash = link_hash(*content)
        links.append(Link(*content, last_hash))
    return links


def link_hash(*content: int | str | None) -> str:
    """SHA-256 over the content of a link, one field a line, in the order of the columns.

    Unambiguous, since no field holds a line end (`chained` sees to the keys), and any tool can do
    it: nothing is escaped.
    """
    text = "\n".join("" if field is None else str(field) for field in content)
    return sha256(text.encode()).hexdigest()


def canonical_json(value: object, what: str) -> str:
    """`value` with sorted keys and no spaces; NaN (no price) is null, infinity an error.

    Raises StoreFailed naming `what`.
    """
    try:
        try:
            return _dumped(value)
        except ValueError:  # rare, so the common payload is not walked in Python
            return _dumped(_without_nan(value))
    except (TypeError, ValueError) as error:
        raise StoreFailed(f"{what} is not JSON: {error}") from error


# Made once: json.dumps builds an encoder at every call that has options.
_dumped = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


def _without_nan(value: object) -> object:
    match value:
        case float() if math.isnan(value):
            return None
        case dict():
            return {name: _without_nan(item) for name, item in value.items()}
        case list() | tuple():
            return [_without_nan(item) for item in value]
        case _:
            return value
