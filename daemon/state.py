"""Task 3: runner state to the ledger and to the page, as often as a person can look."""

import asyncio
from collections.abc import Callable

import structlog

from core.errors import StoreFailed
from core.ports import Ledger
from daemon.dashboard.source import LiveSource
from daemon.scanner import DaemonFacts, Scanner
from stores.owner import Owner

WRITE_EVERY_S = 1.0  # of real time
ROWS_AT_ONCE = 100  # made between two turns of the loop: a millisecond

log = structlog.get_logger()


class State:
    """Writes the scanner's rows when they changed, and once more at the end."""

    def __init__(
        self,
        *,
        scanner: Scanner,
        facts: Callable[[], DaemonFacts],
        now_ns: Callable[[], int],
        ledger: Ledger,
        owner: Owner,
        source: LiveSource,
    ) -> None:
        self._scanner = scanner
        self._facts = facts
        self._now_ns = now_ns
        self._ledger = ledger
        self._owner = owner
        self._source = source
        self._written = -1

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._look()
            for _ in self._scanner.prepare(ROWS_AT_ONCE):
                await asyncio.sleep(0)
            self._source.touch()
            await self.write()
            await asyncio.sleep(WRITE_EVERY_S)

    def refresh(self) -> None:
        """Status from the facts, and a new version for the page: its clock moves too."""
        self._look()
        self._source.touch()

    def _look(self) -> None:
        facts = self._facts()
        self._scanner.status(
            trading_state=facts.trading_state,
            market_open=facts.market_open,
            feed_up=facts.feed_up,
            stale=facts.stale,
        )

    async def write(self) -> None:
        """The rows into the ledger's plain table, if they changed."""
        if self._scanner.version == self._written:
            return
        written, self._written = self._written, self._scanner.version
        rows = self._scanner.rows(self._now_ns(), since=written)
        ledger = self._ledger
        write = ledger.write_runner_state if written < 0 else ledger.update_runner_state
        try:
            await self._owner.run(write, rows)
        except StoreFailed as error:
            self._written = -1  # the next time all of them
            log.error("runner_state_failed", reason=str(error))
