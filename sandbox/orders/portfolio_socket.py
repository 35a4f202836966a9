"""The stream of order updates: JSON in text frames, no replay, no sequence number.

Whoever is connected is told every new state as it happens in market time; who was away reads the
book. It decides nothing about orders.
"""

import asyncio
import json
from collections import deque
from contextlib import suppress

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.accounts import AREAS, Accounts, Area
from sandbox.answers import Json
from sandbox.faults import kinds
from sandbox.faults.spoilt_updates import SpoiltUpdates
from sandbox.feed.line import ABORT
from sandbox.market.world import MS_NS, SLOT_MS
from sandbox.orders.answers import order_update, position_row, update
from sandbox.orders.desk import Desk, OrderTold, Told
from sandbox.orders.gtt_rules import Gtt, gtt_row

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
        grant = self._accounts.grant(token, self._now_ns()) if kind.lower() == "bearer" else None
        if grant is None or Area.ACCOUNT not in AREAS[grant]:
            status = 401 if grant is None else 403
            await websocket.send_denial_response(Response(status_code=status))
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
        line = _Line(websocket, self._desk, types)
        await websocket.accept()
        self._open.add(websocket)
        self._desk.settle()  # what happened before belongs to nobody's stream
        self._desk.listeners.append(line.hear)
        tasks = [asyncio.create_task(one) for one in (line.look(), line.tell())]
        try:
            with suppress(WebSocketDisconnect):
                while (await websocket.receive())["type"] != "websocket.disconnect":
                    pass  # the stream takes no requests
        finally:
            self._desk.listeners.remove(line.hear)
            self._open.discard(websocket)
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError, WebSocketDisconnect):
                    await task

    def _now_ns(self) -> int:
        return self._desk.exchange.clock.now_ns()


class _Line:
    """What one connection is told."""

    def __init__(self, websocket: WebSocket, desk: Desk, types: list[str]) -> None:
        self._websocket = websocket
        self._desk = desk
        self._types = types
        self._spoilt = SpoiltUpdates(desk.exchange.faults)
        self._opened_ms = desk.exchange.now_ms()
        self._waiting: deque[tuple[int, str]] = deque()  # when it is told, and the text
        self._more = asyncio.Event()

    def hear(self, told: Told) -> None:
        """Of the desk: something has become of an order."""
        row = self._row(told)
        if row["update_type"] not in self._types:
            return
        now_ms = self._desk.floor.now_ms
        when_ms = self._spoilt.when_ms(now_ms)
        self._waiting += [(when_ms, json.dumps(one)) for one in self._spoilt.told(row, now_ms)]
        self._more.set()
        if len(self._waiting) > MAX_WAITING:
            self._websocket.scope[ABORT]()

    async def tell(self) -> None:
        """Tell what is due, as soon as it is."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting and self._waiting[0][0] <= self._desk.exchange.now_ms():
                await self._websocket.send_text(self._waiting.popleft()[1])

    async def look(self) -> None:
        """Let happen what happens, slot by slot of market time."""
        exchange = self._desk.exchange
        while True:
            self._desk.settle()
            now_ms = exchange.now_ms()
            drop_s = exchange.faults.amount(kinds.DROP_UPDATES, now_ms)
            expired_ms = exchange.faults.since_ms(kinds.EXPIRE, now_ms)
            if (drop_s is not None and now_ms >= self._opened_ms + drop_s * 1_000) or (
                expired_ms is not None and self._opened_ms < expired_ms
            ):
                self._websocket.scope[ABORT]()
            self._more.set()
            await exchange.clock.sleep_until((now_ms // SLOT_MS + 1) * SLOT_MS * MS_NS)

    def _row(self, told: Told) -> Json:
        if isinstance(told, OrderTold):
            return order_update(told.order, told.state)
        if isinstance(told, Gtt):
            return update("gtt_order", gtt_row(told))
        return update("position", position_row(told, *self._desk.price_and_close(told.listing)))
