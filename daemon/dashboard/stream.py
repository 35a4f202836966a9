"""Server-sent events: the snapshot to every page that is opened, then the rows that changed.

At most four events a second and eight clients; a slower client misses versions, never order. Of
2,400 rows few change in a second: only these are written out, and once for all who need the same.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from itertools import zip_longest
from typing import Any

from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from daemon.dashboard.source import Source

MAX_CLIENTS = 8
MIN_INTERVAL_S = 0.25
HEARTBEAT_S = 10.0
RETRY_MS = 2_000  # how soon a browser comes back after a lost connection
MOMENTS = ("updated_ns", "updated")  # of a row: when it was asked for, which is no change

HEARTBEAT = b": alive\n\n"


class Streams:
    """The ASGI endpoint of `/api/stream`, and the one who ends them all."""

    def __init__(self, source: Source) -> None:
        self.clients = 0
        self._source = source
        self._closing = asyncio.Event()
        self._version = -1  # what follows is of this version
        self._snapshot: dict[str, Any] = {}
        self._rows: list[dict[str, Any]] = []
        self._changed_at: list[int] = []  # for each row, the version that changed it
        self._written: dict[int, bytes] = {}  # by the version that a client has

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
        """The stream of one client: all rows at once, then what changed, else a heartbeat."""
        yield b"retry: %d\n\n" % RETRY_MS
        sent = -1
        while not self._closing.is_set():
            if self._source.version > sent:
                sent, event = self.event_since(sent)
                yield event
                await self._closed_within(MIN_INTERVAL_S)
            elif not await self._changed(sent):
                yield HEARTBEAT

    def event_since(self, sent: int) -> tuple[int, bytes]:
        """The present version, and the event that leads there from version `sent`; -1: from none.

        "whole": the rows are all there are. Else rows that are not told are as they were.
        """
        if self._source.version != self._version:
            self._look()
        if sent not in self._written:
            rows = [
                row
                for row, changed_at in zip(self._rows, self._changed_at, strict=True)
                if changed_at > sent
            ]
            told = self._snapshot | {"whole": sent < 0, "data": rows}
            body = json.dumps(told, separators=(",", ":"), allow_nan=False)
            self._written[sent] = f"id: {self._version}\ndata: {body}\n\n".encode()
        return self._version, self._written[sent]

    def _look(self) -> None:
        """Take the source's present version, and mark the rows that differ from the one before."""
        self._version = self._source.version
        self._snapshot = self._source.snapshot()
        rows = self._snapshot["data"]
        for row in rows:
            for name in MOMENTS:
                row.pop(name, None)
        self._changed_at = [
            changed_at if row == before else self._version
            for row, before, changed_at in zip_longest(rows, self._rows, self._changed_at)
        ]
        self._rows = rows
        self._written = {}

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
