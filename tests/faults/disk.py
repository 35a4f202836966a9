"""A disk that fails: full, slow to answer, and after a kill without what was never synced.

The files are real ones; what is modelled is how a write ends and what a crash leaves of it.
"""

import shutil
import sqlite3
import struct
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import StoreFailed
from stores.files import DiskFiles
from stores.ledger_reader import LEDGER_FILE

WAL_HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24
FULL = 2  # PRAGMA synchronous: every commit is synced


@dataclass(slots=True)
class Disk:
    """What the next commits and file replacements meet; empty lists: all goes well."""

    commits: list[str] = field(default_factory=list)  # "ok", "full" or "unanswered", in order
    replaces: list[str] = field(default_factory=list)  # "ok" or "full"
    met: list[str] = field(default_factory=list)  # the faults that happened
    synced: bool = True  # whether the connection syncs its commits

    def connect(self, path: Path, **options: Any) -> sqlite3.Connection:
        opened: sqlite3.Connection = sqlite3.connect(
            path,
            factory=partial(_Connection, self),  # type: ignore[call-overload]
            **options,
        )
        return opened

    def next_commit(self) -> str:
        return self._next(self.commits, "commit")

    def next_replace(self) -> str:
        return self._next(self.replaces, "replace")

    def _next(self, planned: list[str], what: str) -> str:
        coming = planned.pop(0) if planned else "ok"
        if coming != "ok":
            self.met.append(f"{what} {coming}")
        return coming


class _Connection(sqlite3.Connection):
    """A connection to a file on `disk`."""

    def __init__(self, disk: Disk, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._disk = disk

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if sql != "COMMIT":
            return super().execute(sql, parameters)
        [(level,)] = super().execute("PRAGMA synchronous").fetchall()
        self._disk.synced = level == FULL
        coming = self._disk.next_commit()
        if coming == "full":
            raise sqlite3.OperationalError("database or disk is full")
        done = super().execute(sql)
        if coming == "unanswered":
            raise sqlite3.OperationalError("disk I/O error")
        return done


class FaultyFiles(DiskFiles):
    """Files on `disk`."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def replace(self, path: Path, content: bytes) -> None:
        if self._disk.next_replace() == "full":
            raise StoreFailed(f"cannot write {path.name}: No space left on device")
        super().replace(path, content)


# --- what a kill leaves --------------------------------------------------------------------------


def left_after_kill(
    directory: Path, to: Path, random: np.random.Generator, *, synced: bool, in_commit: bool
) -> str:
    """Copy `directory` as a power cut at this moment may leave it; says what became of the log.

    Args:
        synced: whether commits were synced; if not, any number of the last ones is gone.
        in_commit: the last commit had not returned: any prefix of its writes, the last one torn.
    """
    shutil.copytree(directory, to, ignore=_is_no_file)
    log = to / f"{LEDGER_FILE}-wal"
    ends = commit_ends(log, _frames_copied(directory / f"{LEDGER_FILE}-shm"))
    if not synced:
        return _cut(log, int(random.choice(np.array(ends))), "unsynced")
    if in_commit and len(ends) > 1:
        at = int(random.integers(ends[-2], ends[-1]))
        return _zeroed(log, at) if random.random() < 0.5 else _cut(log, at, "torn")
    return "whole"


def commit_ends(log: Path, copied: int = 0) -> list[int]:
    """Where the log may end after a crash: behind the frames already `copied` into the database
    (those were synced before), then behind each later commit of the log's present generation."""
    content = log.read_bytes() if log.exists() else b""
    if len(content) < WAL_HEADER_BYTES:
        return [0]
    page_bytes, salt = struct.unpack(">8xI4x8s", content[:24])
    frame_bytes = FRAME_HEADER_BYTES + page_bytes
    ends = [WAL_HEADER_BYTES + copied * frame_bytes]
    for start in range(ends[0], len(content) - frame_bytes + 1, frame_bytes):
        pages_after_commit, frame_salt = struct.unpack(">4xI8s", content[start : start + 16])
        if frame_salt != salt:
            break
        if pages_after_commit:
            ends.append(start + frame_bytes)
    return ends


def _frames_copied(index: Path) -> int:
    """How many frames of the log a checkpoint has copied: `nBackfill` of SQLite's wal-index."""
    content = index.read_bytes() if index.exists() else b""
    return int(struct.unpack_from("=I", content, 96)[0]) if len(content) >= 100 else 0


def _cut(log: Path, at: int, word: str) -> str:
    if log.exists():
        with log.open("r+b") as file:
            file.truncate(at)
    return word


def _zeroed(log: Path, at: int) -> str:
    with log.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(at)
        file.write(bytes(size - at))
    return "zeroed"


def _is_no_file(folder: str, names: list[str]) -> list[str]:
    """Sockets and the shared memory of the log, which no crash leaves."""
    paths = [Path(folder, name) for name in names]
    return [one.name for one in paths if one.suffix.endswith("-shm") or one.is_socket()]
