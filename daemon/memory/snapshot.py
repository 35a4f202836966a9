"""The memory of a book as bytes: what a day starts from, and what it leaves to the next.

A header of JSON facts and the names of the arrays, then each array in numpy's own file format,
which describes itself: whoever wrote a snapshot, its arrays can be read and told from ours.
"""

import io
import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib import format as npy

from core.errors import StoreFailed
from core.types import Records

FORMAT = "tradingd snapshot 2"
MAX_HEADER_CHARACTERS = 100_000  # of the description of one array; ours take a few hundred


def packed(arrays: Mapping[str, Records], facts: Mapping[str, object]) -> bytes:
    """Arrays and JSON facts as one compressed blob; equal content, equal bytes."""
    header = {"format": FORMAT, "facts": facts, "arrays": list(arrays)}
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    body = io.BytesIO()
    body.write(len(text).to_bytes(8, "little") + text)
    for array in arrays.values():
        npy.write_array(body, np.ascontiguousarray(array), allow_pickle=False)
    return zlib.compress(body.getbuffer(), 1)


def opened(blob: bytes) -> tuple[dict[str, Records], dict[str, Any]]:
    """Arrays and facts of a blob, as they were written. Raises StoreFailed."""
    body, header = _opened(blob)
    arrays = {
        name: npy.read_array(body, allow_pickle=False, max_header_size=MAX_HEADER_CHARACTERS)
        for name in header["arrays"]
    }
    return arrays, header["facts"]


def unpack(blob: bytes, into: Mapping[str, Records]) -> dict[str, Any]:
    """Fill the arrays `into` from a blob and return its facts.

    Raises StoreFailed if the blob is not a snapshot of exactly these arrays.
    """
    arrays, facts = opened(blob)
    if _described(arrays) != _described(into):
        raise StoreFailed("the snapshot of the day is of other arrays than its setup says")
    for name, array in into.items():
        array[...] = arrays[name]
    return facts


def _opened(blob: bytes) -> tuple[io.BytesIO, dict[str, Any]]:
    """The blob behind its header, and the header."""
    try:
        body = io.BytesIO(zlib.decompress(blob))
    except zlib.error as error:  # the chain covers the blob, so it was dropped, not damaged
        raise StoreFailed(f"the snapshot of the day is not there any more: {error}") from error
    header = json.loads(body.read(int.from_bytes(body.read(8), "little")))
    if header["format"] != FORMAT:
        raise StoreFailed(f"the snapshot of the day is a {header['format']}, known is {FORMAT}")
    return body, header


def _described(arrays: Mapping[str, Records]) -> list[tuple[str, np.dtype[Any], tuple[int, ...]]]:
    return [(name, array.dtype, array.shape) for name, array in arrays.items()]
