"""The memory of a book as bytes: what a day starts from, and what it leaves to the next.

A header of names, dtypes and shapes, then the arrays. A snapshot of other dtypes, parameters or
code has another digest and is never read as if it were ours.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from core.errors import StoreFailed
from core.types import Records

FORMAT = "tradingd snapshot 1"


def packed(arrays: Mapping[str, Records], facts: Mapping[str, object]) -> bytes:
    """Arrays and JSON facts as one compressed blob; equal content, equal bytes."""
    header = {
        "format": FORMAT,
        "facts": facts,
        "arrays": [
            {"name": name, "dtype": dtype_digest(array.dtype), "shape": list(array.shape)}
            for name, array in arrays.items()
        ],
    }
    body = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    return zlib.compress(len(text).to_bytes(8, "little") + text + body, 1)


def unpack(blob: bytes, into: Mapping[str, Records]) -> dict[str, Any]:
    """Fill the arrays `into` from a blob and return its facts.

    Raises StoreFailed if the blob is not a snapshot of exactly these arrays.
    """
    try:
        plain = zlib.decompress(blob)
    except zlib.error as error:  # the chain covers the blob, so it was dropped, not damaged
        raise StoreFailed(f"the snapshot of the day is not there any more: {error}") from error
    size = int.from_bytes(plain[:8], "little")
    header = json.loads(plain[8 : 8 + size])
    ours = [
        {"name": name, "dtype": dtype_digest(array.dtype), "shape": list(array.shape)}
        for name, array in into.items()
    ]
    if header["format"] != FORMAT or header["arrays"] != ours:
        raise StoreFailed("the snapshot of the day was written by another version of the program")
    place = 8 + size
    for array in into.values():
        array[...] = np.frombuffer(plain, array.dtype, array.size, place).reshape(array.shape)
        place += array.nbytes
    facts: dict[str, Any] = header["facts"]
    return facts


def facts_of(blob: bytes) -> dict[str, Any]:
    """The JSON facts of a blob, whatever arrays it holds."""
    plain = zlib.decompress(blob)
    facts: dict[str, Any] = json.loads(plain[8 : 8 + int.from_bytes(plain[:8], "little")])["facts"]
    return facts


def dtype_digest(dtype: np.dtype[Any]) -> str:
    """Names, formats and offsets of a dtype, as a short hash."""
    return hashlib.sha256(repr(np.dtype(dtype).descr).encode()).hexdigest()[:16]
