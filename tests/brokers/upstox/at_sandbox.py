"""The broker at a sandbox on its port, in a market written by hand and a time that a test moves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import httpx

from brokers.upstox.broker import UpstoxBroker
from core.ports import BrokerReport, ReportKind
from core.session import SECOND_NS
from providers.upstox.rest import RateWindows, UpstoxRest
from sandbox.accounts import Accounts
from sandbox.market.exchange import Exchange, hours
from sandbox.market.universe import SHARES
from sandbox.market.world import MS_NS
from sandbox.server import Sandbox
from tests.sandbox.markets import HandClock
from tests.sandbox.order_market import NOON_MS, SHARE, Burst, WrittenWorld, faults_of

NOON_NS = NOON_MS * MS_NS
UNANSWERED = ("unanswered", "late-answer", "black-hole")
PATIENT_S, IMPATIENT_S = 10.0, 0.5  # of real time; the second where an answer is known not to come
KEYS = {listing.symbol: listing.key for listing in SHARES} | {"RELIANCE": SHARE.key}


class HandTime:
    """Market time, and the broker's: both stand still until a test lets them pass."""

    def __init__(self) -> None:
        self.clock = HandClock(NOON_NS)

    def now_s(self) -> float:
        return (self.clock.now_ns() - NOON_NS) / SECOND_NS

    async def sleep(self, seconds: float) -> None:
        await self.clock.sleep_until(self.clock.now_ns() + round(seconds * SECOND_NS))


class Link(httpx.AsyncBaseTransport):
    """Loopback, without certificates; `idle`: every request has its answer."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self.idle = asyncio.Event()
        self.idle.set()
        self._waiting = 0
        self._inner = httpx.AsyncHTTPTransport(verify=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        kinds = ("connect", "read", "write", "pool")
        request.extensions["timeout"] = dict.fromkeys(kinds, self._patience_s)
        self._waiting += 1
        self.idle.clear()
        try:
            return await self._inner.handle_async_request(request)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self.idle.set()

    async def aclose(self) -> None:
        await self._inner.aclose()


class Here:
    """A broker, its sandbox, and what the broker reports."""

    def __init__(self, time: HandTime, sandbox: Sandbox, address: str, patience_s: float) -> None:
        self.time = time
        self.sandbox = sandbox
        self._address = address
        self._link = Link(patience_s)

    key = SHARE.key

    def rest(self) -> UpstoxRest:
        time = self.time
        return UpstoxRest(
            lambda: "given",
            address=self._address,
            windows=RateWindows(now_s=time.now_s, sleep=time.sleep),
            transport=self._link,
        )

    def broker(self) -> UpstoxBroker:
        """One more process of the same account."""
        time, rest = self.time, self.rest()
        return UpstoxBroker(rest, rest, KEYS, time.clock.now_ns, now_s=time.now_s, sleep=time.sleep)

    async def close(self) -> None:
        await self._link.aclose()

    async def passes(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Time passes by half a second, and whatever that causes happens."""
        for _ in range(round(seconds * 2)):
            if until():
                return
            self.time.clock.move(self.time.clock.now_ns() + SECOND_NS // 2)
            await self._settled()

    async def _settled(self) -> None:
        """What is sent over loopback is there at once: it only wants its turns of the loop."""
        for _ in range(2):
            for _ in range(15):
                await asyncio.sleep(0)
            await self._link.idle.wait()

    def tags(self) -> list[str | None]:
        """Of all orders that the sandbox has."""
        return [order.terms.tag for order in self.sandbox.orders.desk.orders.values()]

    def trades(self) -> list[tuple[str | None, str, int]]:
        """Tag, id and quantity of all that traded there."""
        desk = self.sandbox.orders.desk
        return [(one.order.terms.tag, one.trade_id, one.quantity) for one in desk.trades]


@asynccontextmanager
async def at_sandbox(*bursts: Burst, faults: Sequence[str] = ()) -> AsyncIterator[Here]:
    time = HandTime()
    exchange = Exchange(
        SHARES, WrittenWorld(bursts, 100.0, ()), hours, time.clock, faults_of(faults)
    )
    seconds = iter(range(1_000_000))  # each call to the sandbox in a second of its own
    accounts = Accounts("given", NOON_NS, token_ends=False)
    sandbox = Sandbox(exchange, accounts, now_s=lambda: float(next(seconds)))
    hastes = any(fault.startswith(UNANSWERED) for fault in faults)
    here = Here(time, sandbox, await sandbox.start(), IMPATIENT_S if hastes else PATIENT_S)
    try:
        yield here
    finally:
        await here.close()
        await sandbox.stop()


def run(
    test: Callable[[Here], Awaitable[None]], *bursts: Burst, faults: Sequence[str] = ()
) -> None:
    async def main() -> None:
        async with at_sandbox(*bursts, faults=faults) as here:
            await asyncio.wait_for(test(here), 30)

    asyncio.run(main())


def fills(reports: Sequence[BrokerReport]) -> list[tuple[str, str, int]]:
    found = [one for one in reports if one.kind is ReportKind.FILLED]
    return [(one.order_id, one.fill_id, one.quantity) for one in found]
