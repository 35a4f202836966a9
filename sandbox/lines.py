"""One line to a reader: it can be cut without a word, and waited for until it has been read.

Decides nothing about what is sent. Waiting is for an exchange that shares its time with its reader:
a broker waits for nobody.
"""

import asyncio
from contextlib import ExitStack
from itertools import count
from typing import Any, cast

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from sandbox.feed.line import ABORT, DEAFEN
from sandbox.market.exchange import Exchange

# Seconds of real time that a reader is waited for. Of those in which the loop runs: while it stands
# still nobody can read.
READ_WITHIN_LOOKS, LOOK_S = 10, 1.0


class Patience:
    """Market time stands still for what is on its way to a reader.

    A reader that has been given an address is on its way until its first request is answered: it
    misses nothing before.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._expected: dict[str, ExitStack] = {}

    def expect(self, code: str) -> None:
        """The reader that comes with `code`, if it comes soon."""
        held = self._expected[code] = ExitStack()
        held.enter_context(self.exchange.clock.held())
        self._look(code, READ_WITHIN_LOOKS)

    def _look(self, code: str, looks_left: int) -> None:
        if looks_left == 0:
            self.met(code)
        elif code in self._expected:
            asyncio.get_running_loop().call_later(LOOK_S, self._look, code, looks_left - 1)

    def met(self, code: str) -> None:
        """It is here and has been answered, or is gone."""
        held = self._expected.pop(code, None)
        if held is not None:
            held.close()


class Line(WebSocketsSansIOProtocol):
    """The server's side of a WebSocket.

    Args:
        patience: of the exchange; None: it has none, what is sent is sent.
    """

    def __init__(self, *args: Any, patience: Patience | None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._patience = patience
        self._asked: dict[bytes, asyncio.Future[None]] = {}  # by what a ping carries
        self._numbers = count()

    async def run_asgi(self) -> None:
        scope = cast("dict[str, object]", self.scope)
        scope[ABORT], scope[DEAFEN] = self.transport.abort, self.transport.pause_reading
        await super().run_asgi()

    async def send(self, message: ASGISendEvent) -> None:
        if self._patience is None or message["type"] != "websocket.send":
            await super().send(message)
            return
        with self._patience.exchange.clock.held():
            await super().send(message)
            await self._all_read()

    async def _all_read(self) -> None:
        """A pong comes after everything before its ping has been taken from the line."""
        if self.disconnected or self.close_sent:
            return
        name = b"read %d" % next(self._numbers)
        answered = self._asked[name] = self.loop.create_future()
        self.conn.send_ping(name)
        self.transport.write(b"".join(self.conn.data_to_send()))
        for _ in range(READ_WITHIN_LOOKS):
            await asyncio.wait({answered}, timeout=LOOK_S)
            if answered.done():
                break
        self._asked.pop(name, None)

    def handle_pong(self, event: Frame) -> None:
        answered = self._asked.get(bytes(event.data))
        if answered is not None and not answered.done():
            answered.set_result(None)
        super().handle_pong(event)

    def connection_lost(self, exc: Exception | None) -> None:
        for answered in self._asked.values():
            if not answered.done():
                answered.set_result(None)
        super().connection_lost(exc)
