"""Room on the disk of a state directory: what is given up, and in which order, when it ends.

First raw ticks, then a file that was kept for this moment; bars and the ledger go on to the last
byte, for an exit that cannot be recorded is not sent. Looked at once a Minute.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import structlog

from core.doubts import Doubt, DoubtKind
from daemon.intake.doubts import Doubts

LOW_BYTES = 1_000_000_000  # worth telling
SHORT_BYTES = 200_000_000  # no more raw ticks
BALLAST_BYTES = 16 << 20
BALLAST_FILE = "ballast"
SPACE = Doubt(DoubtKind.SPACE)

log = structlog.get_logger()


def free_bytes(directory: Path) -> int:
    return shutil.disk_usage(directory).free


class Space:
    """Watches the disk of one state directory."""

    def __init__(
        self, directory: Path, doubts: Doubts, free: Callable[[Path], int] = free_bytes
    ) -> None:
        self._directory = directory
        self._doubts = doubts
        self._free = free
        self._was_low = False
        self.is_short = False

    def look(self) -> None:
        """Open or close the doubt, and let the ballast go when nothing else is left."""
        free = self._free(self._directory)
        is_low, self.is_short = free < LOW_BYTES, free < SHORT_BYTES
        if is_low and not self._was_low:
            log.warning("space_low", free_mb=free // 1_000_000)
        self._was_low = is_low
        if self.is_short:
            self._doubts.open(SPACE, f"{free // 1_000_000} MB free: raw ticks are not kept")
        else:
            self._doubts.close(SPACE)
        if free < BALLAST_BYTES:
            drop_ballast(self._directory)


def keep_ballast(directory: Path, free: int) -> None:
    """At a start: the file is there while there is room for it, and gone when there is none.

    A disk that cannot hold it, by a quota or by its kind, is no reason not to start.
    """
    if free < SHORT_BYTES:
        drop_ballast(directory)
        return
    ballast = directory / BALLAST_FILE
    if ballast.exists():
        return
    try:
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, BALLAST_BYTES)
    except OSError as error:
        ballast.unlink(missing_ok=True)
        log.warning("ballast_missing", reason=error.strerror)


def drop_ballast(directory: Path) -> None:
    ballast = directory / BALLAST_FILE
    if ballast.exists():
        ballast.unlink()
        log.error("ballast_dropped", freed_mb=BALLAST_BYTES // 1_000_000)
