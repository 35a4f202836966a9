"""Asks the broker for the candles of Minutes that the feed has not seen whole, within a time.

The shell around `core/repair.py`, which decides what is asked and what an answer is worth. A broker
that does not answer costs time, never a Minute.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog

from core.errors import AuthExpired, BrokerError
from core.minutes import ClosedMinute
from core.ports import Candles, Clock
from core.repair import Ask, AskLastMinute, Given, Repair, in_doubt
from core.session import SECOND_NS, ist_text
from core.types import Records

WAIT_NS = 20 * SECOND_NS  # repair_wait_s: how long a Minute may wait for candles (market.md 3)
PAUSE_NS = 3 * SECOND_NS  # between two rounds of questions: a candle may come late itself

log = structlog.get_logger()


class Repairer:
    """Repairs one stretch of Minutes after the other.

    Args:
        held: instruments with positions; they are asked for first.
    """

    def __init__(
        self,
        candles: Candles,
        clock: Clock,
        wait_ns: int = WAIT_NS,
        held: Callable[[], Iterable[int]] = tuple,
    ) -> None:
        self._candles = candles
        self._clock = clock
        self._held = held
        self._wait_ns = wait_ns
        self._began_ns = clock.now_ns()
        self._told = ""  # the last failure, until an answer comes

    async def given(self, minutes: Sequence[ClosedMinute], grace_ns: int) -> list[Given]:
        """What candles say of each of `minutes`, asked until all is known or the time is over.

        That of a Minute is its close, the grace and the wait; Minutes that were over when we began
        have the wait from then on.
        """
        until_ns = max(minutes[0].close_ns + grace_ns, self._began_ns) + self._wait_ns
        repair = Repair(minutes, self._held())
        asking = asyncio.create_task(self._ask_all(repair))
        over = asyncio.create_task(self._clock.sleep_until(until_ns))
        try:
            await asyncio.wait({asking, over}, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                asking.result()
        finally:
            for task in (asking, over):
                task.cancel()
            await asyncio.gather(asking, over, return_exceptions=True)
        given = [repair.given(minute) for minute in minutes]
        tell(minutes, given)
        return given

    async def _ask_all(self, repair: Repair) -> None:
        while True:
            while (ask := repair.next_ask()) is not None:
                try:
                    repair.take(ask, await self._answer(ask))
                    self._told = ""
                except BrokerError as error:
                    self._tell_failure(str(error))
                    if isinstance(error, AuthExpired):
                        break  # the next question would be refused as well
            if repair.is_done or not repair.requests_left:
                return
            await self._clock.sleep_until(self._clock.now_ns() + PAUSE_NS)
            if not repair.begin_round():
                return

    def _tell_failure(self, reason: str) -> None:
        if reason != self._told:  # a broker that refuses for hours is told of once
            log.warning("candles_failed", reason=reason)
        self._told = reason

    async def _answer(self, ask: Ask) -> Records:
        if isinstance(ask, AskLastMinute):
            return await self._candles.last_minute(ask.instruments)
        return await self._candles.day(ask.instrument)


def repairer_of(
    candles: Candles | None, clock: Clock, wait_ns: int, held: Callable[[], Iterable[int]]
) -> Repairer | None:
    """None where nobody knows candles: then bars are flagged only."""
    return None if candles is None else Repairer(candles, clock, wait_ns, held)


def tell(minutes: Sequence[ClosedMinute], given: Sequence[Given]) -> None:
    """One line a stretch: what was in doubt, and what became of it."""
    doubtful = sum(int(in_doubt(minute.bars).sum()) for minute in minutes)
    repaired, quiet = sum(len(one.candles) for one in given), sum(len(one.quiet) for one in given)
    log.warning(
        "bars_repaired",
        minute=ist_text(minutes[0].close_ns),
        minutes=len(minutes),
        repaired=repaired,
        quiet=quiet,
        unknown=doubtful - repaired - quiet,
    )
