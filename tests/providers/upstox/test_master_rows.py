"""The broker's gzipped list: whole, or one line that says what it is instead."""

import gzip
import json
import random
import tracemalloc

import pytest

from core.errors import ProtocolViolation
from providers.upstox import master_rows
from providers.upstox.instruments import Master
from providers.upstox.master_rows import rows_of
from tests.providers.upstox.masters import ROWS, packed, share

WHOLE = packed(ROWS)


def test_rows_come_as_they_were_packed_wherever_the_parts_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for characters in (1, 7, 300, 1 << 18):
        monkeypatch.setattr(master_rows, "CHUNK_CHARACTERS", characters)

        assert list(ROWS) == list(rows_of(WHOLE, "list"))


BAD = {
    "nothing": (b"", "not gzip"),
    "a page": (b"<html>error code: 1010</html>", "not gzip but b'<html>"),
    "cut off": (WHOLE[:-9], "damaged or cut off"),
    "damaged": (WHOLE[:40] + b"\0\0\0\0" + WHOLE[44:], "damaged or cut off"),
    "no text": (gzip.compress(b"\xff\xfe"), "damaged or cut off"),
    "a packed page": (gzip.compress(b"<html>" * 100), "over 100 times|no whole list"),
    "no rows": (packed([]), "no whole list of objects, 0 rows"),
    "no list": (packed({"status": "error"}), "no list of objects"),
    "a short row": (packed([{"segment": "NSE_EQ"}]), "row 1 lacks name, exchange"),
    "no end": (gzip.compress(json.dumps(ROWS)[:-1].encode()), "no whole list"),
    "half a row": (gzip.compress(json.dumps(ROWS)[:-3].encode()), "no whole list"),
    "no comma": (
        gzip.compress(json.dumps(ROWS).replace("}, {", "} {").encode()),
        "after row 1",
    ),
    "depth": (
        gzip.compress(
            b'[{"segment": ' + b"[" * 20_000 + random.Random(1).randbytes(900).hex().encode()
        ),
        "row 1 is",
    ),
    "noise": (
        gzip.compress(b'[{"segment": ' + random.Random(1).randbytes(9_000).hex().encode()),
        "row",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_list_is_refused_in_one_line(name: str) -> None:
    file, told = BAD[name]

    with pytest.raises(ProtocolViolation, match=told) as refused:
        list(rows_of(file, "instrument master"))

    assert str(refused.value).startswith("instrument master: ")
    assert "\n" not in str(refused.value)


def test_a_bomb_is_refused_before_it_has_gone_off() -> None:
    bomb = gzip.compress(b"[" + b" " * 50_000_000)

    with pytest.raises(ProtocolViolation, match="over 100 times what was sent"):
        list(rows_of(bomb, "list"))


def test_a_file_over_its_size_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(master_rows, "MAX_PACKED_BYTES", len(WHOLE) - 1)

    with pytest.raises(ProtocolViolation, match=f"{len(WHOLE)} bytes over {len(WHOLE) - 1}"):
        list(rows_of(WHOLE, "list"))


@pytest.mark.slow
def test_the_brokers_whole_list_takes_the_memory_of_what_is_kept() -> None:
    """82,409 rows of NSE, of which 9,000 are shares: 20 MB of text, never held."""
    options = (
        share(f"NSE_FO|{number}", f"SYM {number} CE", segment="NSE_FO", instrument_type="CE")
        for number in range(73_409)
    )
    shares = (share(f"NSE_EQ|INE{number:06}01", f"SYM{number}") for number in range(9_000))
    file = packed([*shares, *options])
    tracemalloc.start()
    try:
        read = Master.of(file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert 9_000 == len(read.by_key)
    assert peak < 12_000_000
