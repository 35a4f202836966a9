"""The frames of one socket as they arrive, so that what has come meanwhile is taken together.

Reads ahead by so many bytes and no more: behind them the library's queue fills, then the network's,
and the broker waits. A frame's arrival is stamped here, however late it is looked at.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import NamedTuple, Protocol

from core.ports import Clock

MAX_BYTES_AHEAD = 1 << 18  # some 4 ms of decoding, in which the event loop stands still


class Arrival(NamedTuple):
    """One frame, and when it was received."""

    frame: bytes | str
    recv_ns: int


class Receiver(Protocol):
    """The half of a socket that is read."""

    async def recv(self) -> bytes | str: ...


class Arrivals:
    """Of one socket, in order, until it ends."""

    def __init__(self, socket: Receiver, clock: Clock) -> None:
        self._socket = socket
        self._clock = clock
        self._waiting: list[Arrival] = []
        self._bytes = 0
        self._has_news, self._has_room = asyncio.Event(), asyncio.Event()
        self._receiving = asyncio.create_task(self._receive())
        self._receiving.add_done_callback(lambda _: self._has_news.set())

    async def take(self) -> list[Arrival]:
        """All that have come since the last call, at least one. Raises what has ended the socket,
        once everything that came before is taken."""
        await self._has_news.wait()
        if not self._waiting:
            self._receiving.result()
        taken, self._waiting, self._bytes = self._waiting, [], 0
        if not self._receiving.done():
            self._has_news.clear()
        self._has_room.set()
        return taken

    async def close(self) -> None:
        self._receiving.cancel()
        await asyncio.gather(self._receiving, return_exceptions=True)

    async def _receive(self) -> None:
        while True:
            frame = await self._socket.recv()
            self._waiting.append(Arrival(frame, self._clock.now_ns()))
            self._bytes += len(frame)
            self._has_news.set()
            if self._bytes >= MAX_BYTES_AHEAD:
                self._has_room.clear()
                await self._has_room.wait()


@asynccontextmanager
async def arrivals(socket: Receiver, clock: Clock) -> AsyncGenerator[Arrivals]:
    """What comes through `socket` while the block runs."""
    coming = Arrivals(socket, clock)
    try:
        yield coming
    finally:
        await coming.close()
