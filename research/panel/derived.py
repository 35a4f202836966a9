"""Frames made from others, kept on disk under what they were made from.

A file is named after its key and the digest of its own bytes: one that was damaged, or half
written, is not believed and made anew. Never the only copy of anything.
"""

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from backtest.files import check_writable

FORMAT = "tradingd derived 1"  # another meaning of the files is another key
MAX_BYTES = 4 << 30
DIGITS = 24


class DerivedFrames:
    """A folder of them. The least recently used go when together they exceed `max_bytes`.

    Raises ConfigError where the folder cannot be written.
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        check_writable(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.max_bytes = folder, max_bytes

    def get(self, key: Mapping[str, object], make: Callable[[], pl.LazyFrame]) -> pl.DataFrame:
        """The frame of `key`, made and kept if it is not there.

        Args:
            key: plain values that say all that `make` depends on: at least data hash, universe
                and timeframe.
        """
        text = json.dumps({"format": FORMAT, **key}, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
        for path in sorted(self.folder.glob(f"{name}-*.parquet")):
            with contextlib.suppress(FileNotFoundError):  # another process was quicker
                content = path.read_bytes()
                if path.stem == f"{name}-{_digest(content)}":
                    os.utime(path)
                    return pl.read_parquet(io.BytesIO(content))
                path.unlink()
        frame = make().collect()
        buffer = io.BytesIO()
        frame.write_parquet(buffer, compression="zstd", statistics=False)
        content = buffer.getvalue()
        partial = self.folder / f".{name}.{os.getpid()}.partial"
        partial.write_bytes(content)
        kept = partial.replace(self.folder / f"{name}-{_digest(content)}.parquet")
        self._prune(kept)
        return frame

    def _prune(self, kept: Path) -> None:
        """Remove the longest unused until the rest fits; what was just made stays."""
        files = [path for path in self.folder.glob("*-*.parquet") if path != kept]
        by_use = sorted(files, key=lambda path: path.stat().st_mtime_ns, reverse=True)
        used = kept.stat().st_size
        for path in by_use:
            used += path.stat().st_size
            if used > self.max_bytes:
                path.unlink(missing_ok=True)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGITS]
