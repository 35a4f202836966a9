"""The service manager's ear: sd_notify, as datagrams to the socket it names.

Says how we are; never waits, and nothing depends on whether anybody listens.
"""

import os
import socket
from collections.abc import Mapping

import structlog

SOCKET = "NOTIFY_SOCKET"
WATCHDOG_US = "WATCHDOG_USEC"
WATCHDOG_PID = "WATCHDOG_PID"

log = structlog.get_logger()


class Notifier:
    """Tells the service manager of `environ`, if there is one.

    `watchdog_s` is how long it waits for a WATCHDOG=1 before it ends us; None: it does not.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        name = environ.get(SOCKET, "")
        self._address = f"\0{name[1:]}" if name.startswith("@") else name  # @: the abstract space
        self._socket: socket.socket | None = None
        self.watchdog_s = _watchdog_s(environ)
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)

    def tell(self, *assignments: str) -> None:
        """Send `READY=1`, `STATUS=...` and the like in one message."""
        if self._socket is None:
            return
        try:
            self._socket.sendto("\n".join(assignments).encode(), self._address)
        except OSError as error:  # nobody there, or an ear that is full: the next message tells
            log.warning("notify_failed", reason=str(error))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """As sd_watchdog_enabled(3): only what is meant for this very process."""
    asked, pid = environ.get(WATCHDOG_US, ""), environ.get(WATCHDOG_PID, "")
    if not asked.isdecimal() or int(asked) == 0 or pid not in ("", str(os.getpid())):
        return None
    return int(asked) / 1e6
