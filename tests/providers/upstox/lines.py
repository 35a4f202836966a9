"""A line to the feed without a network: sockets that say what a test wants, in virtual time."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from core.ports import FeedItem
from core.session import at_ist
from core.types import Instrument, InstrumentId, SessionClass
from daemon.clocks import SystemClock
from providers.upstox.feed import STANDARD, Allowance, UpstoxFeed
from sandbox.feed.messages import FeedResponse
from tests.sandbox.markets import DAY
from tests.virtual_loop import VirtualLoop, run_virtual

NOON_NS = at_ist(DAY, "12:00")
KEYS = ("NSE_EQ|A", "NSE_EQ|B", "NSE_EQ|C")
INSTRUMENTS = [Instrument(InstrumentId(key), key[-1], SessionClass.CASH) for key in KEYS]


class LoopClock(SystemClock):
    """Market time that starts at noon and goes with the loop."""

    def __init__(self) -> None:
        super().__init__(lambda: NOON_NS + round(asyncio.get_running_loop().time() * 1e9))


class FakeSocket:
    """One connection: whatever is put is received; what was sent is kept."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.asked: list[list[str]] = []
        self.answers_pings = True
        self.is_closed = False
        self._said: asyncio.Queue[bytes | str | Exception] = asyncio.Queue()

    def say(self, *frames: bytes | str | Exception) -> None:
        for frame in frames:
            self._said.put_nowait(frame)

    async def send(self, message: bytes) -> None:
        self.asked.append(json.loads(message)["data"]["instrumentKeys"])

    async def recv(self) -> bytes | str:
        said = await self._said.get()
        if isinstance(said, Exception):
            raise said
        return said

    async def ping(self) -> asyncio.Future[float]:
        pong = asyncio.get_running_loop().create_future()
        if self.answers_pings:
            pong.set_result(0.0)
        return pong


Serve = Callable[[FakeSocket], Coroutine[Any, Any, None] | None]


class Bench:
    """A feed whose connections are served by `serve`, and what came of it.

    Args:
        serve: told of each connection when it is open; what it returns runs as long as that is.
        address: instead of one that always authorises.
    """

    def __init__(
        self,
        serve: Serve,
        *,
        address: Callable[[], str] = lambda: "ws://feed?code=SECRET",
        token: Callable[[], object] = lambda: "token",
        allowance: Allowance = STANDARD,
    ) -> None:
        self.serve = serve
        self.authorised_at_s: list[float] = []
        self.sockets: list[FakeSocket] = []
        self.items: list[tuple[float, FeedItem]] = []
        self._address = address
        self.feed = UpstoxFeed(
            self._authorise,
            LoopClock(),
            token=token,
            allowance=allowance,
            dial=self._dial,
        )

    async def _authorise(self) -> str:
        self.authorised_at_s.append(asyncio.get_running_loop().time())
        return self._address()

    @asynccontextmanager
    async def _dial(self, address: str) -> AsyncIterator[FakeSocket]:
        socket = FakeSocket(len(self.sockets))
        self.sockets.append(socket)
        served = self.serve(socket)
        serving = None if served is None else asyncio.create_task(served)
        try:
            yield socket
        finally:
            socket.is_closed = True
            if serving is not None:
                serving.cancel()

    def run(self, seconds: float, instruments: list[Instrument] = INSTRUMENTS) -> "Bench":
        async def main() -> None:
            async def read() -> None:
                async for item in self.feed.stream(instruments):
                    self.items.append((asyncio.get_running_loop().time(), item))

            reading = asyncio.create_task(read())
            await asyncio.sleep(seconds)
            reading.cancel()
            await asyncio.wait([reading])
            if not reading.cancelled():
                reading.result()

        run_virtual(VirtualLoop(), main())
        return self

    def of(self, kind: type[FeedItem]) -> list[Any]:
        return [item for _, item in self.items if isinstance(item, kind)]


def _now_ms() -> int:
    return LoopClock().now_ns() // 1_000_000


def market(status: str = "NORMAL_OPEN") -> bytes:
    response = FeedResponse(type="market_info", currentTs=_now_ms())
    response.marketInfo.segmentStatus["NSE_EQ"] = status
    return bytes(response.SerializeToString())


def last_minute(key: str) -> bytes:
    """The completed minute before this one, without a trade."""
    now_ms = _now_ms()
    response = FeedResponse(type="live_feed", currentTs=now_ms)
    ohlc = response.feeds[key].fullFeed.marketFF.marketOHLC.ohlc
    values = {"open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "vol": 5}
    ohlc.add(interval="I1", ts=now_ms - now_ms % 60_000 - 60_000, **values)
    return bytes(response.SerializeToString())


def trade(*keys: str, depth_only: bool = False) -> bytes:
    """A trade of each at this moment."""
    now_ms = _now_ms()
    response = FeedResponse(type="live_feed", currentTs=now_ms)
    for key in keys:
        told = response.feeds[key].fullFeed.marketFF
        told.marketLevel.bidAskQuote.add(bidQ=10, bidP=99.9, askQ=12, askP=100.1)
        if not depth_only:
            told.ltpc.ltp, told.ltpc.ltt, told.ltpc.ltq, told.ltpc.cp = 100.0, now_ms, 1, 99.0
            told.vtt = now_ms % 1_000_000
    return bytes(response.SerializeToString())


def opened(*keys: str) -> Serve:
    """Market status and a snapshot, then silence."""

    def serve(socket: FakeSocket) -> None:
        socket.say(market(), trade(*(keys or KEYS)))

    return serve


def lively(
    socket: FakeSocket, every_s: float = 0.25, status: str = "NORMAL_OPEN"
) -> Coroutine[Any, Any, None]:
    """Market status, a snapshot, then trades without end."""
    socket.say(market(status), trade(*KEYS))

    async def trades() -> None:
        while True:
            await asyncio.sleep(every_s)
            socket.say(trade(KEYS[0]))

    return trades()
