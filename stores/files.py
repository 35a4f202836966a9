"""The few file operations that must be durable, and that tests must be able to fail.

Decides how a file is replaced: never in place, always a synced copy under another name and a
rename, so that a reader after any crash finds the old bytes or the new ones.
"""

import os
from pathlib import Path
from typing import Protocol

from core.crashpoints import crashpoint
from core.errors import StoreFailed


class Files(Protocol):
    """The seam between our stores and the file system (`DiskFiles`; in tests one that fails)."""

    def read(self, path: Path) -> bytes | None:
        """The bytes of `path`, None if there is no such file. Raises StoreFailed."""

    def replace(self, path: Path, content: bytes) -> None:
        """Make `content` the bytes of `path`, durably and at once. Raises StoreFailed."""

    def publish(self, written: Path, path: Path) -> None:
        """Sync the finished file `written` and give it the name `path`. Raises StoreFailed."""


class DiskFiles:
    """Files of the operating system. Folders are made as needed, private to the owner."""

    def read(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreFailed(f"cannot read {path.name}: {error.strerror}") from error

    def replace(self, path: Path, content: bytes) -> None:
        temporary = path.with_name(f".{path.name}.partial")
        crashpoint("files.write.before")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary.write_bytes(content)
        except OSError as error:
            raise StoreFailed(f"cannot write {path.name}: {error.strerror}") from error
        self.publish(temporary, path)

    def publish(self, written: Path, path: Path) -> None:
        try:
            _sync(written)
            crashpoint("files.rename.before")
            written.replace(path)
            crashpoint("files.rename.after")
            _sync(path.parent)  # the new name itself has to survive a power cut
        except OSError as error:
            raise StoreFailed(f"cannot write {path.name}: {error.strerror}") from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
