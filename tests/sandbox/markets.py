"""An exchange at rest: its clock stands where a test puts it."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from core.ports import Clock
from core.session import at_ist, parse_day
from daemon.clocks import VirtualClock
from sandbox.faults.schedule import NO_FAULTS, Faults
from sandbox.market.exchange import Exchange, hours
from sandbox.market.universe import Listing, listings
from sandbox.market.world import GeneratedWorld

DAY = parse_day("2026-08-05")  # a Wednesday with the closing auction
WORLD = GeneratedWorld(7, hours)  # tapes are kept: made once for all tests


def exchange_at(
    clock_text: str, day: int = DAY, listed: tuple[Listing, ...] | None = None
) -> Exchange:
    return exchange_by(VirtualClock(at_ist(day, clock_text)), listed)


def exchange_by(
    clock: Clock, listed: tuple[Listing, ...] | None = None, faults: Faults = NO_FAULTS
) -> Exchange:
    return Exchange(listings(4) if listed is None else listed, WORLD, hours, clock, faults)


class HandClock:
    """A Clock that stands still until a test moves it."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []
        self._timers: dict[object, tuple[int, Callable[[], None]]] = {}

    def now_ns(self) -> int:
        return self._now_ns

    async def sleep_until(self, when_ns: int) -> None:
        if when_ns > self._now_ns:
            woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._sleepers.append((when_ns, woken))
            await woken

    def call_at(self, when_ns: int, function: Callable[[], None]) -> Callable[[], None]:
        timer = object()
        self._timers[timer] = (when_ns, function)

        def cancel() -> None:
            self._timers.pop(timer, None)

        return cancel

    def held(self) -> AbstractContextManager[None]:
        return nullcontext()

    def move(self, to_ns: int) -> None:
        """Wake everybody whose moment has come."""
        self._now_ns = to_ns
        due = [woken for when_ns, woken in self._sleepers if when_ns <= to_ns]
        self._sleepers = [one for one in self._sleepers if one[0] > to_ns]
        for woken in due:
            if not woken.done():
                woken.set_result(None)
        for timer, (when_ns, function) in list(self._timers.items()):
            if when_ns <= to_ns:
                del self._timers[timer]
                function()
