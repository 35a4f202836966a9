"""The command, which kills itself inside the transaction of a Minute: `NTH ARGUMENT ...`.

A program of the tests: the daemon has no such switch. SIGKILL comes to the process from itself
while the ledger's thread has written the Minute's rows and not committed them.
"""

import os
import signal
import sys
from collections.abc import Sequence

from cli.main import main
from core import crashpoints
from core.ports import EventKind, LedgerEvent
from stores.ledger import SqliteLedger


class MinuteCounter:
    """Counts Minutes on their way into the ledger, and dies in the one it was told."""

    def __init__(self, nth: int) -> None:
        self._left = nth
        self._is_minute = False

    def appending(self, events: Sequence[LedgerEvent]) -> None:
        self._is_minute = any(event.kind is EventKind.MINUTE for event in events)

    def reached(self, name: str) -> None:
        if name == "ledger.commit.inside" and self._is_minute:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    counter = MinuteCounter(int(sys.argv.pop(1)))
    append = SqliteLedger.append

    def counted(self: SqliteLedger, events: Sequence[LedgerEvent]) -> int:
        counter.appending(events)
        return append(self, events)

    SqliteLedger.append = counted  # type: ignore[method-assign]
    crashpoints.watch(counter.reached)
    main()
