"""A broker's wire without a network: answers as a test scripts them, a stream that it speaks on."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx

from brokers.upstox.broker import UpstoxBroker
from brokers.upstox.limits import OrderLimits
from brokers.upstox.wording import BOOK, CANCEL, MODIFY, PLACE, TRADES
from core.orders import Order
from core.ports import BrokerReport
from providers.upstox.rest import UpstoxRest
from tests.brokers.upstox.rows import KEY, NOW_NS, PLACED, failure, success
from tests.virtual_loop import VirtualLoop, run_virtual

AUTHORIZE = "/v2/feed/portfolio-stream-feed/authorize"
Answer = tuple[int, bytes] | Exception | None  # None: never


HTML = b"<html>error code: 1010</html>"
LOST: list[Answer] = [
    None,
    httpx.ReadError("gone"),
    httpx.RemoteProtocolError("gone"),
    (500, failure("UDAPI100500", "Something went wrong")),
    (502, HTML),
    (403, HTML),
    (200, b""),
    (200, success({})),
]


class Wire:
    """What the broker would answer now; `sent` are the order calls and when they were made."""

    def __init__(self) -> None:
        self.orders: list[Any] = []
        self.trades: list[Any] = []
        self.answers: dict[str, Answer] = {
            PLACE: (200, PLACED),
            MODIFY: (200, success({"order_id": "260805025000002"})),
            CANCEL: (200, success({"order_id": "260805025000002"})),
        }
        self.sent: list[tuple[float, str, dict[str, Any]]] = []
        self.looks_s: list[float] = []
        self.connections: list[asyncio.Queue[str | Exception]] = []
        self.on_place: Callable[[], None] = lambda: None

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path in (PLACE, MODIFY, CANCEL):
            body = json.loads(request.content or b"{}") | dict(request.url.params)
            self.sent.append((now_s(), path, body))
            if path == PLACE:
                self.on_place()
        if path == BOOK:
            self.looks_s.append(now_s())
        books = {BOOK: self.orders, TRADES: self.trades}
        told: dict[str, Answer] = {path: (200, success(rows)) for path, rows in books.items()}
        told[AUTHORIZE] = (200, success({"authorized_redirect_uri": "wss://stream?code=secret"}))
        answer = (told | self.answers)[path]
        if answer is None:
            await asyncio.sleep(10.0)
            raise httpx.ReadTimeout("no answer", request=request)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer[0], content=answer[1])

    @asynccontextmanager
    async def dial(self, _: str) -> AsyncIterator[AsyncIterator[str]]:
        line: asyncio.Queue[str | Exception] = asyncio.Queue()
        self.connections.append(line)
        yield frames(line)

    def tell(self, row: Any) -> None:
        """An update on the newest connection."""
        told = row if isinstance(row, str) else json.dumps({"update_type": "order"} | row)
        self.connections[-1].put_nowait(told)

    def broker(
        self, limits: OrderLimits | None = None, withheld: Callable[[Order], str] = lambda _: ""
    ) -> UpstoxBroker:
        rest = UpstoxRest(lambda: "token", transport=httpx.MockTransport(self))
        keys = {"RELIANCE": KEY}
        return UpstoxBroker(
            rest, rest, keys, lambda: NOW_NS, limits=limits, withheld=withheld, dial=self.dial
        )


class Reader:
    """Reads the reports of a broker for as long as the block lasts."""

    def __init__(self, broker: UpstoxBroker) -> None:
        self.heard: list[BrokerReport] = []
        self._broker = broker

    async def __aenter__(self) -> "Reader":
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):  # and nothing else: it never ends by itself
            await self._task

    async def _read(self) -> None:
        reports = self._broker.reports()
        try:
            async for report in reports:
                self.heard.append(report)
        finally:
            await reports.aclose()


async def frames(line: asyncio.Queue[str | Exception]) -> AsyncIterator[str]:
    while True:
        frame = await line.get()
        if isinstance(frame, Exception):
            raise frame
        yield frame


def now_s() -> float:
    return asyncio.get_running_loop().time()


def run(test: Callable[[Wire], Awaitable[None]]) -> None:
    run_virtual(VirtualLoop(seed=1), _main(test))


async def _main(test: Callable[[Wire], Awaitable[None]]) -> None:
    await test(Wire())
