"""Upstox's market feed as a Feed: it connects, subscribes, reads, and comes back by itself.

Decides when a link is lost and when to try again. Never raises for a lost link: that is a
FeedDown; never subscribes before the handshake is done; asks for an authorised address every time.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from core.errors import AuthExpired, BrokerError, ProtocolViolation
from core.ports import Clock, FeedDown, FeedItem, FeedUp, Heartbeat, MarketStatus, TickBatch
from core.types import Instrument
from providers.upstox.wire import MAX_FRAME_BYTES, FrameDecoder, Garbage

MODE = "full"
MAX_KEYS = 2_000  # of one connection, in this mode alone
OPEN_TIMEOUT_S = 10.0
PING_EVERY_S, PONG_WITHIN_S = 5.0, 5.0  # a dead link is known within eleven seconds
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
STABLE_S = 60.0  # a link that has lasted this long was a good one
GARBAGE_LIMIT = 20  # frames that are none, one after the other: then the link is given up

Address = Callable[[], Awaitable[str]]

log = structlog.get_logger()


class UpstoxFeed:
    """The ticks of the instruments, by one connection.

    Args:
        address: an authorised address of the feed, good for one connection.
        clock: market time, by which arrivals are stamped.
        seed: of the jitter between two tries.
    """

    def __init__(
        self,
        address: Address,
        clock: Clock,
        *,
        seed: int = 0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._address = address
        self._clock = clock
        self._jitter = random.Random(seed)
        self._sleep = sleep
        self._connections = 0
        self.rejected = {"garbage": 0}  # what made no sense, by reason, over all connections

    async def stream(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        """Without end; `instruments` by their broker keys, at most MAX_KEYS."""
        keys = [str(instrument.id) for instrument in instruments]
        wait_s = FIRST_WAIT_S
        while True:
            number, self._connections = self._connections, self._connections + 1
            began_s = asyncio.get_running_loop().time()
            reason = "it was closed"
            try:
                async with await self._open() as socket:
                    await socket.send(subscription(keys))
                    yield FeedUp(self._clock.now_ns(), number)
                    decoder = FrameDecoder(keys, number, self.rejected)
                    async for item in self._items(socket, decoder):
                        yield item
            except AuthExpired as error:
                reason, wait_s = str(error), LONGEST_WAIT_S  # until a person has logged in
            except (BrokerError, ConnectionClosed, InvalidHandshake, InvalidURI, OSError) as error:
                reason = f"{type(error).__name__}: {error}"
            yield FeedDown(self._clock.now_ns(), reason, number)
            if asyncio.get_running_loop().time() - began_s > STABLE_S:
                wait_s = FIRST_WAIT_S
            await self._sleep(wait_s * (0.5 + self._jitter.random()))
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    async def _open(self) -> connect:
        return connect(
            await self._address(),
            open_timeout=OPEN_TIMEOUT_S,
            ping_interval=PING_EVERY_S,
            ping_timeout=PONG_WITHIN_S,
            max_size=MAX_FRAME_BYTES,
            max_queue=64,
        )

    async def _items(
        self, socket: ClientConnection, decoder: FrameDecoder
    ) -> AsyncIterator[FeedItem]:
        """What the frames say, until the link ends; a quiet link beats by its pings."""
        told: dict[str, str] = {}
        garbage = 0
        while True:
            try:
                async with asyncio.timeout(PING_EVERY_S):
                    frame = await socket.recv()
            except TimeoutError:
                yield Heartbeat(self._clock.now_ns())  # a lost one would have ended the link
                continue
            if isinstance(frame, str):  # e.g. {"status": "failed", ...}: not a frame of data
                log.warning("feed_said_text", text=frame[:200])
                continue
            recv_ns = self._clock.now_ns()
            found = decoder.decode(frame, recv_ns)
            if isinstance(found, Garbage):
                garbage += 1
                self.rejected["garbage"] += 1
                if garbage >= GARBAGE_LIMIT:
                    raise ProtocolViolation(f"{garbage} frames were none: {found.reason}")
                continue
            garbage = 0
            for segment, status in found.statuses:
                if told.get(segment) != status:
                    told[segment] = status
                    yield MarketStatus(recv_ns, segment, status)
            if len(found.ticks):
                yield TickBatch(recv_ns, found.ticks)
            elif not found.statuses:
                yield Heartbeat(recv_ns)


def subscription(keys: Sequence[str], method: str = "sub", mode: str = MODE) -> bytes:
    """The request for `keys`; it has to be a binary frame."""
    data = {"mode": mode, "instrumentKeys": list(keys)}
    return json.dumps({"guid": "tradingd", "method": method, "data": data}).encode()
