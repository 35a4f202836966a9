"""The bytes of the chain are fixed: a ledger written today must verify in five years."""

import pytest

from core.errors import StoreFailed
from core.ports import EventKind, LedgerEvent
from stores.chain import Link, canonical_json, chained


def test_the_hash_of_a_known_event_never_changes() -> None:
    event = LedgerEvent(1_784_700_000_000_000_000, EventKind.NOTE, "n", {"b": 1.5, "a": "é"}, b"x")

    [link] = chained([event], 0, "")

    assert link.payload == '{"a":"é","b":1.5}'
    assert link.blob_hash == "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    assert link.hash == "d94bd73c4f5b06f714a50cdf44fe63a4a4d5bf6b2b0d4204b7cecf8758400154"
    assert link.is_sound()


def test_fields_cannot_be_shifted_into_each_other() -> None:
    one = chained([LedgerEvent(1, EventKind.NOTE, "a", {})], 0, "b")[0]
    two = chained([LedgerEvent(1, EventKind.NOTE, "ab", {})], 0, "")[0]

    assert one.hash != two.hash


def test_each_link_covers_the_one_before() -> None:
    event = LedgerEvent(1, EventKind.NOTE, "n", {})

    first, second = chained([event, event], 6, "start")

    assert (first.seq, second.seq) == (7, 8)
    assert (first.prev_hash, second.prev_hash) == ("start", first.hash)
    assert not Link(*second[:-1], first.hash).is_sound()


def test_nothing_that_is_no_number_remains_at_any_depth() -> None:
    nan = float("nan")

    assert canonical_json({"z": [nan, {"y": (nan, 1)}], "a": nan}, "x") == (
        '{"a":null,"z":[null,{"y":[null,1]}]}'
    )


def test_a_key_of_several_lines_is_refused() -> None:
    """Fields are one line each, so that none can be taken for two."""
    with pytest.raises(StoreFailed, match="several lines"):
        chained([LedgerEvent(1, EventKind.NOTE, "a\nb", {})], 0, "")
