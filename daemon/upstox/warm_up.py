"""The history that warms strategies up, brought into the market store before a day.

Asked for until it is told: without it there is nothing to decide by. What our feed made of the last
day is compared with what the broker says of it now, which is final; where that alone is left to ask
and the broker does not answer, the day begins without.
"""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

import structlog

from core.errors import BrokerError
from core.ports import MarketStore
from core.types import Instrument
from daemon.upstox.backfill import Backfill, Filled
from daemon.upstox.backfill_memory import BackfillMemory
from daemon.upstox.backfilled_store import StoreKeep
from providers.upstox.history import Historical, UpstoxHistory
from stores.owner import Owner

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0  # between two tries of a history that was not told

log = structlog.get_logger()


class WarmUp:
    """Of one market store; `directory`: where it remembers what bars cannot say, None: nowhere."""

    def __init__(
        self,
        rest: Historical,
        directory: Path | None = None,
        accept: frozenset[int] = frozenset(),
    ) -> None:
        self._rest = rest
        self._directory = directory
        self._memory: BackfillMemory | None = None
        self._accept = accept

    async def fetch(
        self,
        instruments: Sequence[Instrument],
        days: Sequence[int],
        store: MarketStore,
        owner: Owner,
        doubted: Iterable[int] = (),
    ) -> frozenset[int]:
        """What the store lacks of `instruments`, by their numbers, from the first day to the last.

        `doubted`: instruments whose history is to be made anew. Returns those of which nothing is
        older than this. Raises StoreFailed, ConfigError.
        """
        if self._memory is None:
            self._memory = BackfillMemory(self._directory)
        anew, wait_s = frozenset(doubted), 0.0
        while True:
            history = UpstoxHistory(self._rest, instruments, accept=self._accept)
            work = Backfill(
                history,
                StoreKeep(store, owner),
                self._memory,
                instruments,
                from_day=days[0],
                to_day=days[-1],
                accept=self._accept,
            )
            asked = await work.plan(anew)
            log.info("history_asked", instruments=len(instruments), requests=len(asked))
            try:
                while asked:
                    await work.take(asked)
                    asked = work.renewals()
            except BrokerError as error:
                if not work.is_needed:
                    log.warning("history_not_compared", reason=str(error))
                    return frozenset()
                log.error("history_failed", reason=str(error), requests_left=work.left)
                wait_s = min(2 * wait_s + FIRST_WAIT_S, LONGEST_WAIT_S)
                await asyncio.sleep(wait_s)
                continue
            filled = work.end()
            _tell(filled, instruments)
            return filled.anew


def _tell(filled: Filled, instruments: Sequence[Instrument]) -> None:
    """What came, and what of it is not as we had it."""
    log.info(
        "history_fetched",
        days=filled.days,
        bars=filled.bars,
        missing=filled.missing,
        refused=filled.refused,
        quiet=filled.quiet_days,
    )
    if filled.differing or filled.only_ours or filled.only_theirs:
        log.warning(
            "history_differs",
            days=filled.compared,
            minutes=filled.differing,
            only_ours=filled.only_ours,
            only_theirs=filled.only_theirs,
            first=filled.first_difference,
        )
    for number, factor in filled.renewed.items():
        symbol = instruments[number].symbol
        log.warning("history_renewed", instrument=symbol, factor=round(factor, 6))
