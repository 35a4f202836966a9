"""One line to the broker's feed: a connection, and the next one when that is lost.

Decides when a connection is given up and when the next is tried. Never raises for a lost one: that
is a FeedDown, told once; asks for an authorised address every time, and never gives up for the day.
"""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Protocol

from websockets.asyncio.client import connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
)

from core.errors import AuthExpired, BrokerError, ConnectionLost
from core.ports import Clock, FeedDown, FeedItem, Heartbeat
from core.session import MINUTE_NS, SECOND_NS
from providers.upstox.arrivals import Arrival, Arrivals, Receiver, arrivals
from providers.upstox.reading import LONGEST_PATIENCE_NS, PATIENCE_NS, Reading
from providers.upstox.wire import MAX_FRAME_BYTES

MODE = "full"
OPEN_WITHIN_S, CLOSE_WITHIN_S = 10.0, 2.0
QUIET_NS = 2 * SECOND_NS  # without a frame: then it is pinged, by us: we may be the slow ones
PONG_WITHIN_S = 5.0  # a dead connection is known within seven seconds
LOOK_NS = SECOND_NS  # how often what is overdue is looked for
MAX_WAITING_FRAMES = 64
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
STABLE_NS = MINUTE_NS  # a connection that has lasted this long was a good one
TOKEN_LOOK_S = 5.0  # how often a new token is looked for, where the old one is not good
TOKEN_RETRY_S = 300.0  # and after which the old one is tried again: it may have been good


class Socket(Receiver, Protocol):
    """What we need of a WebSocket."""

    async def send(self, message: bytes) -> None: ...

    async def ping(self) -> Awaitable[float]: ...


Dial = Callable[[str], AbstractAsyncContextManager[Socket]]


def dialled(address: str) -> connect:
    """A connection to an authorised address. The library follows a redirect, never to a line in the
    clear, and has no bearer of ours that it could take along."""
    return connect(
        address,
        open_timeout=OPEN_WITHIN_S,
        close_timeout=CLOSE_WITHIN_S,
        ping_interval=None,
        max_size=MAX_FRAME_BYTES,
        max_queue=MAX_WAITING_FRAMES,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How lines reach the broker; one for all lines of a feed.

    Args:
        address: an authorised address of the feed, good for one connection.
        token: the one in use, to see whether it has changed; raises AuthExpired without one.
        clock: market time, by which arrivals are stamped.
        numbers: of the connections, over all lines.
        rejected: what made no sense, by reason.
    """

    address: Callable[[], Awaitable[str]]
    token: Callable[[], object]
    clock: Clock
    sleep: Callable[[float], Awaitable[None]]
    dial: Dial
    numbers: Iterator[int]
    rejected: dict[str, int]

    def token_now(self) -> object:
        try:
            return self.token()
        except AuthExpired:
            return None


class Line:
    """The share of a feed that one connection carries.

    Args:
        keys: of its instruments, numbered from `first` on.
        count: of all instruments of the feed.
    """

    def __init__(
        self, access: Access, keys: Sequence[str], first: int, *, count: int, seed: str
    ) -> None:
        self._access = access
        self._keys = list(keys)
        self._first = first
        self._count = count
        self._jitter = random.Random(seed)
        self._patience_ns = PATIENCE_NS

    async def items(self) -> AsyncGenerator[FeedItem]:
        """Without end."""
        access, wait_s, told = self._access, FIRST_WAIT_S, ""
        while True:
            number, token = next(access.numbers), access.token_now()
            reading: Reading | None = None
            began_ns, expired, reason = access.clock.now_ns(), False, "it was closed"
            try:
                async with access.dial(await access.address()) as socket:
                    async with asyncio.timeout(OPEN_WITHIN_S):
                        await socket.send(subscription(self._keys))
                    reading = self._reading(number)
                    async with aclosing(self._read(socket, reading)) as items:
                        async for item in items:
                            told = "" if reading.is_up else told
                            yield item
            except AuthExpired as error:
                reason, expired = str(error), True
            except (BrokerError, ConnectionClosed, InvalidHandshake, InvalidURI, OSError) as error:
                reason = lost_because(error)
            if reason != told:  # a broker that refuses for hours is told of once
                told = reason
                yield FeedDown(access.clock.now_ns(), reason, number, self._instruments)
            if expired:
                await self._new_token(token)
                continue
            if reading is not None and self._was_stable(reading, began_ns):
                wait_s = FIRST_WAIT_S
            await access.sleep(wait_s * (0.5 + self._jitter.random()))
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    @property
    def _instruments(self) -> tuple[int, ...]:
        if len(self._keys) == self._count:
            return ()
        return tuple(range(self._first, self._first + len(self._keys)))

    def _reading(self, number: int) -> Reading:
        return Reading(
            self._keys,
            first=self._first,
            number=number,
            count=self._count,
            now_ns=self._access.clock.now_ns(),
            patience_ns=self._patience_ns,
            rejected=self._access.rejected,
        )

    async def _read(self, socket: Socket, reading: Reading) -> AsyncGenerator[FeedItem]:
        """What one connection tells, until it ends."""
        clock, look_ns = self._access.clock, 0
        async with arrivals(socket, clock) as coming:
            while True:
                if frames := await self._arrived(coming):
                    for item in reading.frames(frames):
                        yield item
                else:
                    await self._answered(socket)
                    if reading.is_up:
                        yield Heartbeat(clock.now_ns())
                if clock.now_ns() < look_ns:
                    continue
                look_ns = clock.now_ns() + LOOK_NS
                for item in reading.look(clock.now_ns()):
                    yield item
                if again := reading.take_unheard():
                    await socket.send(subscription(again))

    async def _arrived(self, coming: Arrivals) -> list[Arrival]:
        """None of them: it is quiet, by market time."""
        clock, loop = self._access.clock, asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as quiet:
                cancel = clock.call_at(
                    clock.now_ns() + QUIET_NS, lambda: quiet.reschedule(loop.time())
                )
                try:
                    return await coming.take()
                finally:
                    cancel()
        except TimeoutError:
            return []

    async def _answered(self, socket: Socket) -> None:
        """A ping and its answer. Raises ConnectionLost."""
        try:
            with self._access.clock.held():
                async with asyncio.timeout(PONG_WITHIN_S):
                    await (await socket.ping())
        except TimeoutError as error:
            raise ConnectionLost(f"no answer to a ping for {PONG_WITHIN_S:.0f} s") from error

    def _was_stable(self, reading: Reading, began_ns: int) -> bool:
        """Whether the next try may come soon; a mute connection is looked at longer each time."""
        if reading.was_busy:
            self._patience_ns = PATIENCE_NS
        if reading.is_mute:
            self._patience_ns = min(2 * self._patience_ns, LONGEST_PATIENCE_NS)
        return self._access.clock.now_ns() - began_ns >= STABLE_NS

    async def _new_token(self, refused: object) -> None:
        """Until there is another token, or long enough to try this one again."""
        for _ in range(round(TOKEN_RETRY_S / TOKEN_LOOK_S)):
            await self._access.sleep(TOKEN_LOOK_S)
            if self._access.token_now() != refused:
                return


def lost_because(error: Exception) -> str:
    """Why a connection was lost, without the address: that carries a code."""
    match error:
        case InvalidStatus():
            status = error.response.status_code
            return f"the broker authorised the feed and refused the connection: HTTP {status}"
        case InvalidURI() | InvalidHandshake():
            return f"the handshake failed: {type(error).__name__}"
        case ConnectionLost() | TimeoutError():
            return str(error)
    return f"{type(error).__name__}: {error}"


def subscription(keys: Sequence[str], method: str = "sub", mode: str = MODE) -> bytes:
    """The request for `keys`; it has to be a binary frame."""
    data = {"mode": mode, "instrumentKeys": list(keys)}
    return json.dumps({"guid": "tradingd", "method": method, "data": data}).encode()
