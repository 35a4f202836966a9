"""The stream of order updates: JSON in text frames, no replay, no sequence number.

Whoever is connected is told every new state as it happens in market time; who was away reads the
book. It decides nothing about orders.
"""

import asyncio
import json
from contextlib import suppress

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.accounts import Accounts
from sandbox.answers import Json
from sandbox.desk import Desk, OrderTold, Told
from sandbox.feed_line import ABORT
from sandbox.gtt_rules import Gtt, gtt_row
from sandbox.order_answers import order_update, position_row, update
from sandbox.world import MS_NS, SLOT_MS

DIRECT_PATH = "/v2/feed/portfolio-stream-feed"
STREAM_PATH = "/feed/portfolio"
UPDATE_TYPES = ("order", "gtt_order", "position", "holding")
MAX_WAITING = 10_000  # updates that a slow reader may be behind; then its line is cut


class PortfolioSockets:
    """Every open connection of the stream."""

    def __init__(self, desk: Desk, accounts: Accounts) -> None:
        self._desk = desk
        self._accounts = accounts
        self._open: set[WebSocket] = set()

    def cut_all(self) -> None:
        """Cut every line (a client sees 1006)."""
        for websocket in self._open:
            websocket.scope[ABORT]()

    def authorised_uri(self, host: str, update_types: str) -> str:
        """An address that lets one connection in, once."""
        code = self._accounts.socket_code(self._now_ns())
        types = update_types.replace(",", "%2C")
        return f"ws://{host}{STREAM_PATH}?requestId={code[:6]}&code={code}&update_types={types}"

    async def redirect(self, websocket: WebSocket) -> None:
        """The address that the SDK knows: a bearer is sent on to an authorised one."""
        kind, _, token = websocket.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or self._accounts.grant(token, self._now_ns()) is None:
            await websocket.send_denial_response(Response("Unauthorized", 401))
            return
        types = websocket.query_params.get("update_types", "order")
        uri = self.authorised_uri(websocket.headers.get("host", ""), types)
        await websocket.send_denial_response(Response(status_code=302, headers={"location": uri}))

    async def serve(self, websocket: WebSocket) -> None:
        """One connection, until either side ends it."""
        code = websocket.query_params.get("code", "")
        if not self._accounts.use_socket_code(code, self._now_ns()):
            await websocket.send_denial_response(Response("Forbidden", 403))
            return
        types = websocket.query_params.get("update_types", "order").split(",")
        waiting: asyncio.Queue[str] = asyncio.Queue(MAX_WAITING)

        def hear(told: Told) -> None:
            row = self._update(told)
            if row["update_type"] in types:
                try:
                    waiting.put_nowait(json.dumps(row))
                except asyncio.QueueFull:
                    websocket.scope[ABORT]()

        await websocket.accept()
        self._open.add(websocket)
        self._desk.settle()  # what happened before belongs to nobody's stream
        self._desk.listeners.add(hear)
        tasks = [asyncio.create_task(one) for one in (_send(websocket, waiting), self._look())]
        try:
            with suppress(WebSocketDisconnect):
                while (await websocket.receive())["type"] != "websocket.disconnect":
                    pass  # the stream takes no requests
        finally:
            self._desk.listeners.discard(hear)
            self._open.discard(websocket)
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError, WebSocketDisconnect):
                    await task

    async def _look(self) -> None:
        """Let happen what happens, slot by slot of market time."""
        clock = self._desk.exchange.clock
        while True:
            self._desk.settle()
            await clock.sleep_until((self._desk.exchange.now_ms() // SLOT_MS + 1) * SLOT_MS * MS_NS)

    def _update(self, told: Told) -> Json:
        if isinstance(told, OrderTold):
            return order_update(told.order, told.state)
        if isinstance(told, Gtt):
            return update("gtt_order", gtt_row(told))
        return update("position", position_row(told, *self._desk.price_and_close(told.listing)))

    def _now_ns(self) -> int:
        return self._desk.exchange.clock.now_ns()


async def _send(websocket: WebSocket, waiting: asyncio.Queue[str]) -> None:
    while True:
        await websocket.send_text(await waiting.get())
