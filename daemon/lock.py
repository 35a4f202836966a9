"""One daemon per state directory: a flock on a side file, with the pid for whoever is refused."""

import fcntl
import os
from pathlib import Path
from types import TracebackType

from core.errors import AlreadyRunning, StoreFailed

LOCK_FILE = "tradingd.lock"


class StateLock:
    """Held from `__enter__` to `__exit__`, or until the process is gone, however it goes."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / LOCK_FILE
        self._descriptor = -1

    def __enter__(self) -> "StateLock":
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreFailed(f"state directory {self._path.parent}: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = os.read(self._descriptor, 20).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise AlreadyRunning(
                f"state directory {self._path.parent} is in use: already running, PID {pid}"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.ftruncate(self._descriptor, 0)  # a pid stands there only while it is held
        os.close(self._descriptor)  # closing releases the lock; the file stays


def running_pid(directory: Path) -> str | None:
    """PID of the daemon that has `directory`, "unknown" while it starts; None if there is none."""
    try:
        descriptor = os.open(directory / LOCK_FILE, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreFailed(f"state directory {directory}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # held by nobody, and let go at once
    except OSError:
        return os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
    finally:
        os.close(descriptor)
    return None
