"""The feed's side of one WebSocket: market info first, then what the subscriber asks for.

Frames are sent at the edges of slots in market time; nothing is skipped, so a client that reads
late is told late and misses nothing.
"""

import asyncio
from contextlib import suppress

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.accounts import AREAS, Accounts, Area
from sandbox.exchange import Exchange, Phases
from sandbox.feed import Subscriber, market_info
from sandbox.world import MS_NS, SLOT_MS

FEED_PATH = "/feed/market-data"
MAX_REQUEST_BYTES = 1 << 20
ABORT = "sandbox.abort"  # in the scope: cuts the line without a closing handshake


class FeedSockets:
    """Every open connection of the market feed."""

    def __init__(self, exchange: Exchange, accounts: Accounts) -> None:
        self._exchange = exchange
        self._accounts = accounts
        self._open: set[WebSocket] = set()
        self._none_open = asyncio.Event()
        self._none_open.set()

    def cut_all(self) -> None:
        """Cut every line (a client sees 1006)."""
        for websocket in self._open:
            websocket.scope[ABORT]()

    async def all_closed(self) -> None:
        """Until no connection is left."""
        await self._none_open.wait()

    def authorised_uri(self, host: str) -> str:
        """An address that lets one connection in, once."""
        code = self._accounts.socket_code(self._exchange.clock.now_ns())
        return f"ws://{host}{FEED_PATH}?requestId={code[:6]}&code={code}"

    async def redirect(self, websocket: WebSocket) -> None:
        """The address that the SDK knows: a bearer is sent on to an authorised one."""
        kind, _, token = websocket.headers.get("authorization", "").partition(" ")
        now_ns = self._exchange.clock.now_ns()
        grant = self._accounts.grant(token, now_ns) if kind.lower() == "bearer" else None
        if grant is None or Area.MARKET not in AREAS[grant]:
            status = 401 if grant is None else 403
            await websocket.send_denial_response(Response(status_code=status))
            return
        uri = self.authorised_uri(websocket.headers.get("host", ""))
        await websocket.send_denial_response(Response(status_code=302, headers={"location": uri}))

    async def serve(self, websocket: WebSocket) -> None:
        """One connection, until either side ends it."""
        code = websocket.query_params.get("code", "")
        if not self._accounts.use_socket_code(code, self._exchange.clock.now_ns()):
            await websocket.send_denial_response(Response("Forbidden", 403))
            return
        await websocket.accept()
        self._open.add(websocket)
        self._none_open.clear()
        subscriber = Subscriber(self._exchange.quotes)
        telling = asyncio.create_task(self._tell(websocket, subscriber))
        try:
            with suppress(WebSocketDisconnect):
                await self._obey(websocket, subscriber)
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError, WebSocketDisconnect):
                await telling
            self._open.discard(websocket)
            if not self._open:
                self._none_open.set()

    async def _obey(self, websocket: WebSocket, subscriber: Subscriber) -> None:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            asked = message.get("bytes")  # a text frame is not honoured
            if asked and len(asked) <= MAX_REQUEST_BYTES:
                snapshot = subscriber.request(asked, self._exchange.now_ms())
                if snapshot is not None:
                    await websocket.send_bytes(snapshot)

    async def _tell(self, websocket: WebSocket, subscriber: Subscriber) -> None:
        exchange = self._exchange
        told: Phases | None = None
        next_ms = exchange.now_ms() // SLOT_MS * SLOT_MS
        while True:
            phases = exchange.phases_at(next_ms)
            if phases != told:
                told = phases
                await websocket.send_bytes(market_info(next_ms, *phases))
            frame = subscriber.increment(next_ms)
            if frame is not None:
                await websocket.send_bytes(frame)
            next_ms += SLOT_MS
            await exchange.clock.sleep_until(next_ms * MS_NS)
