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
        blob_hash = None if event.blob is None else sha256(event.blob).hexdigest()
        kind = EventKind(event.kind).value
        payload = canonical_json(event.payload, f"{kind} {event.key}")
        content = (seq, event.ts_ns, kind, event.key, payload, blob_hash, last_hash)
        last_hash = link_hash(*content)
        links.append(Link(*content, last_hash))
    return links


def link_hash(*content: int | str | None) -> str:
    """SHA-256 over the content of a link as one JSON list: unambiguous, and any tool can do it."""
    return sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


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


def _dumped(value: object) -> str:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


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
