"""Server-sent events: every change of the snapshot to every page that is open.

At most four events a second and eight clients; a slower client misses versions, never order.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator

from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from daemon.dashboard.source import Source

MAX_CLIENTS = 8
MIN_INTERVAL_S = 0.25
HEARTBEAT_S = 10.0
RETRY_MS = 2_000  # how soon a browser comes back after a lost connection

HEARTBEAT = b": alive\n\n"


class Streams:
    """The ASGI endpoint of `/api/stream`, and the one who ends them all."""

    def __init__(self, source: Source) -> None:
        self.clients = 0
        self._source = source
        self._closing = asyncio.Event()
        self._frame = (-1, b"")  # the last event written out, for all clients

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.clients >= MAX_CLIENTS or self._closing.is_set():
            error = f"{self.clients} streams are open, {MAX_CLIENTS} are allowed"
            refused = JSONResponse({"success": False, "error": error}, 503, {"Retry-After": "15"})
            await refused(scope, receive, send)
            return
        self.clients += 1
        try:
            async with contextlib.aclosing(self.events()) as events:
                response = StreamingResponse(events, media_type="text/event-stream")
                await response(scope, receive, send)
        finally:
            self.clients -= 1

    def close(self) -> None:
        """End every stream at its next breath; new ones are refused."""
        self._closing.set()

    async def events(self) -> AsyncGenerator[bytes, None]:
        """The stream of one client: the snapshot at once, then each change, else a heartbeat."""
        yield b"retry: %d\n\n" % RETRY_MS
        sent = -1
        while not self._closing.is_set():
            if self._source.version > sent:
                sent, event = self._event()
                yield event
                await self._closed_within(MIN_INTERVAL_S)
            elif not await self._changed(sent):
                yield HEARTBEAT

    def _event(self) -> tuple[int, bytes]:
        """The present version as an event, written out once for all clients."""
        version = self._source.version
        if version != self._frame[0]:
            body = json.dumps(self._source.snapshot(), separators=(",", ":"), allow_nan=False)
            self._frame = (version, f"id: {version}\ndata: {body}\n\n".encode())
        return self._frame

    async def _changed(self, sent: int) -> bool:
        """Wait for a change or for the end; False after a heartbeat's time without either."""
        waits = {
            asyncio.ensure_future(self._source.changed(sent)),
            asyncio.ensure_future(self._closing.wait()),
        }
        try:
            done, _ = await asyncio.wait(
                waits, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED
            )
            for wait in done:
                wait.result()
        finally:
            for wait in waits:
                wait.cancel()
        return bool(done)

    async def _closed_within(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)
