"""A gzipped JSON list, row by row: as many rows as there are, and never more than one of them held.

Decides what is such a file at all. Neither a small file that swells nor one that ends too early is
taken for a list.
"""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from typing import Any

from core.errors import ProtocolViolation

MAX_PACKED_BYTES = 64 << 20  # the broker's whole list has 124,738 rows and is a tenth of this
MAX_RATIO = 100  # of what comes out to what went in
CHUNK_CHARACTERS = 1 << 18
MAX_ROW_CHARACTERS = 1 << 14
GZIP = b"\x1f\x8b"
# The broker's columns that no row lacks.
COLUMNS = ("segment", "name", "exchange", "instrument_type", "instrument_key", "trading_symbol")

Row = dict[str, Any]


def rows_of(packed: bytes, name: str) -> Iterator[Row]:
    """The objects of the list `packed`, each with COLUMNS.

    Args:
        name: what the file is, for a person.

    Raises ProtocolViolation, in one line, where it is met.
    """
    if not packed.startswith(GZIP):
        raise ProtocolViolation(f"{name}: not gzip but {packed[:40]!r}")
    if len(packed) > MAX_PACKED_BYTES:
        raise ProtocolViolation(f"{name}: {len(packed)} bytes over {MAX_PACKED_BYTES}")
    try:
        yield from _rows(packed, name)
    except (EOFError, OSError, zlib.error, UnicodeDecodeError) as error:
        raise ProtocolViolation(f"{name}: damaged or cut off: {error}") from error


def _rows(packed: bytes, name: str) -> Iterator[Row]:
    decode = json.JSONDecoder().raw_decode
    rest, before, rows, characters = "", "[", 0, 0
    with io.TextIOWrapper(gzip.GzipFile(fileobj=io.BytesIO(packed)), "utf-8") as text:
        while part := text.read(CHUNK_CHARACTERS):
            characters += len(part)
            if characters > MAX_RATIO * len(packed):
                raise ProtocolViolation(f"{name}: over {MAX_RATIO} times what was sent")
            rest += part
            place = 0
            while (start := rest.find("{", place)) >= 0:
                if rest[place:start].strip() != before:
                    raise ProtocolViolation(f"{name}: no list of objects after row {rows}")
                try:
                    row, end = decode(rest, start)
                except (ValueError, RecursionError) as error:  # cut off by the end of the part?
                    if len(rest) - start > MAX_ROW_CHARACTERS:
                        raise ProtocolViolation(f"{name}: row {rows + 1} is no JSON") from error
                    break
                place, before, rows = end, ",", rows + 1
                if missing := [column for column in COLUMNS if column not in row]:
                    raise ProtocolViolation(f"{name}: row {rows} lacks {', '.join(missing)}")
                yield row
            rest = rest[place:]
    if rows == 0 or rest.strip() != "]":
        raise ProtocolViolation(f"{name}: no whole list of objects, {rows} rows read")
