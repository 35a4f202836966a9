"""The broker's stream of order updates: one connection, and the next one when that is lost.

It has no sequence number and no replay, so each connection begins by saying that it is new: what
happened before it stands in the order book alone. Never gives up for the day.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from core.errors import BrokerError
from providers.upstox.line import lost_because

OPEN_WITHIN_S, CLOSE_WITHIN_S = 10.0, 2.0
PING_EVERY_S, PONG_WITHIN_S = 10.0, 5.0  # a dead connection is known within fifteen seconds
MAX_UPDATE_BYTES = 1 << 20
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
STABLE_S = 20.0  # a connection that has lasted this long was a good one, though it told nothing

log = structlog.get_logger()


class Updates(Protocol):
    """What we need of a WebSocket: frames until it ends."""

    def __aiter__(self) -> AsyncIterator[str | bytes]: ...


Dial = Callable[[str], AbstractAsyncContextManager[Updates]]


def dialled(address: str) -> connect:
    """A connection to an authorised address."""
    return connect(
        address,
        open_timeout=OPEN_WITHIN_S,
        close_timeout=CLOSE_WITHIN_S,
        ping_interval=PING_EVERY_S,
        ping_timeout=PONG_WITHIN_S,
        max_size=MAX_UPDATE_BYTES,
    )


class UpdateStream:
    """Frames of one connection after another.

    Args:
        address: an authorised address, good for one connection.
        seed: of the jitter between two tries.
    """

    def __init__(
        self,
        address: Callable[[], Awaitable[str]],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        dial: Dial = dialled,
        seed: int = 0,
    ) -> None:
        self._address = address
        self._sleep = sleep
        self._dial = dial
        self._jitter = random.Random(seed)

    async def frames(self) -> AsyncGenerator[str | bytes | None]:
        """Without end; None: connected anew, so that what was told meanwhile was missed."""
        wait_s, told, now_s = FIRST_WAIT_S, "", asyncio.get_running_loop().time
        while True:
            reason, up_s = "it was closed", float("inf")
            try:
                async with self._dial(await self._address()) as socket:
                    log.info("order_stream_up")
                    up_s = now_s()
                    yield None
                    async for frame in socket:
                        wait_s, told = FIRST_WAIT_S, ""
                        yield frame
            except (BrokerError, ConnectionClosed, InvalidHandshake, InvalidURI, OSError) as error:
                reason = lost_because(error)
            if reason != told:  # a broker that refuses for hours is told of once
                told = reason
                log.warning("order_stream_lost", reason=reason)
            if now_s() - up_s >= STABLE_S:
                wait_s = FIRST_WAIT_S
            await self._sleep(wait_s * (0.5 + self._jitter.random()))
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
