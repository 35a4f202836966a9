"""Opens the broker of a day: orders go to the host of orders, all else is read where data is.

Decides nothing about orders. Both hosts share the token; reads share the windows of the data.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from brokers.upstox.broker import UpstoxBroker
from brokers.upstox.limits import OrderLimits
from brokers.upstox.stream import Dial, Updates, dialled
from core.ports import Clock
from core.types import Instrument
from daemon.plan import Withheld
from providers.upstox.rest import Sleep, UpstoxRest


class UpstoxOrders:
    """As `Plan.orders`: a broker of its own for each day, by that day's list of instruments.

    Args:
        calls: the host of orders; `reads`: that of all else, as the source asks it.
        now_s: by which calls are counted and orders are looked for; None: the running loop's.
            `sleep` goes by the same.
    """

    def __init__(
        self,
        calls: UpstoxRest,
        reads: UpstoxRest,
        *,
        limits: OrderLimits | None = None,
        now_s: Callable[[], float] | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._calls, self._reads = calls, reads
        self._limits = limits
        self._now_s, self._sleep = now_s, sleep

    def __call__(
        self, clock: Clock, instruments: Sequence[Instrument], withheld: Withheld
    ) -> UpstoxBroker:
        return UpstoxBroker(
            self._calls,
            self._reads,
            {one.symbol: one.id for one in instruments},
            clock.now_ns,
            limits=self._limits,
            withheld=withheld,
            now_s=self._now_s,
            sleep=self._sleep,
            dial=held_dial(clock),
        )


def held_dial(clock: Clock) -> Dial:
    """Time that waits for its readers does so until the stream is connected."""

    @asynccontextmanager
    async def dial(address: str) -> AsyncIterator[Updates]:
        async with AsyncExitStack() as stack:
            with clock.held():
                socket = await stack.enter_async_context(dialled(address))
            yield socket

    return dial
