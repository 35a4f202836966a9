"""The doors of the market feed: who may open a connection, and which are open.

Decides admission only; what is said on a connection is `line.py`.
"""

import asyncio
from contextlib import suppress

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.accounts import AREAS, Accounts, Area
from sandbox.faults import kinds
from sandbox.faults.schedule import MS_NS
from sandbox.feed.line import ABORT, FeedLine
from sandbox.feed.subscriber import Subscriber
from sandbox.lines import Patience
from sandbox.market.exchange import Exchange

FEED_PATH = "/feed/market-data"
NOWHERE = "127.0.0.1:1"  # nobody listens on the port of tcpmux


class FeedSockets:
    """Every open connection of the market feed.

    Args:
        patience: of the exchange with readers on their way; None: it has none.
    """

    def __init__(
        self, exchange: Exchange, accounts: Accounts, patience: Patience | None = None
    ) -> None:
        self._exchange = exchange
        self._accounts = accounts
        self._patience = patience
        self._open: set[WebSocket] = set()
        self._left: Subscriber | None = None  # of the connection that ended last
        self._connections = 0
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
        now_ms = self._exchange.now_ms()
        code = self._accounts.socket_code(now_ms * MS_NS)
        if self._patience is not None:
            self._patience.expect(code)
        if self._exchange.faults.on(kinds.ASTRAY, now_ms):
            host = NOWHERE
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
            await _forbid(websocket)
            return
        try:
            if await self._let_in(websocket, code):
                await self._converse(websocket, code)
        finally:
            self._met(code)

    def _met(self, code: str) -> None:
        if self._patience is not None:
            self._patience.met(code)

    async def _converse(self, websocket: WebSocket, code: str) -> None:
        await websocket.accept()
        self._open.add(websocket)
        self._none_open.clear()
        line = FeedLine(
            websocket,
            self._exchange,
            self._connections,
            self._left,
            answered=lambda: self._met(code),
        )
        self._connections += 1
        telling = asyncio.create_task(line.tell())
        try:
            with suppress(WebSocketDisconnect):
                await line.obey()
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError, WebSocketDisconnect):
                await telling
            self._left = line.subscriber
            self._open.discard(websocket)
            if not self._open:
                self._none_open.set()

    async def _let_in(self, websocket: WebSocket, code: str) -> bool:
        """Whether the handshake may be finished; if not, it has been dealt with."""
        faults, now_ms = self._exchange.faults, self._exchange.now_ms()
        most = faults.amount(kinds.CONNECTIONS, now_ms)
        if faults.on(kinds.REFUSE, now_ms):
            websocket.scope[ABORT]()
            return False
        if faults.on(kinds.HANG, now_ms):
            await _gone(websocket)
            return False
        if (
            faults.on(kinds.FORBID, now_ms)
            or faults.take(kinds.FORBID_FIRST, now_ms)
            or (most is not None and len(self._open) >= most)
        ):
            await _forbid(websocket)
            return False
        if (late_s := faults.amount(kinds.SLOW_HANDSHAKE, now_ms)) is not None:
            self._met(code)  # market time passes meanwhile
            await self._exchange.clock.sleep_until((now_ms + round(late_s * 1e3)) * MS_NS)
        return True


async def _forbid(websocket: WebSocket) -> None:
    await websocket.send_denial_response(Response("Forbidden", 403))


async def _gone(websocket: WebSocket) -> None:
    """Until whoever knocked has gone away."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
