"""A sandbox on its port in a market written by hand, asked as a client asks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from core.session import at_ist
from sandbox.accounts import Accounts
from sandbox.market.exchange import Exchange, hours
from sandbox.market.universe import SHARES
from sandbox.market.world import MS_NS
from sandbox.server import Sandbox
from tests.sandbox.markets import DAY, HandClock
from tests.sandbox.order_market import NOON_MS, SHARE, Burst, WrittenWorld, faults_of

BEARER = {"authorization": "Bearer given"}


class Served:
    """A running sandbox at 12:00, its clock, and what is asked of it."""

    def __init__(
        self, client: httpx.AsyncClient, clock: HandClock, sandbox: Sandbox, accounts: Accounts
    ) -> None:
        self.client = client
        self.sandbox = sandbox
        self.accounts = accounts
        self._clock = clock

    def at(self, ms: int) -> None:
        """It is `ms` after 12:00."""
        self._clock.move((NOON_MS + ms) * MS_NS)

    async def ask(self, method: str, path: str, body: object = None, **asked: str) -> Any:
        """The data of an answer; of a refusal status and code."""
        answer = await self.client.request(method, path, json=body, params=asked, headers=BEARER)
        told = answer.json()
        if told["status"] == "error":
            return answer.status_code, told["errors"][0]["errorCode"]
        return told["data"]

    async def place(self, **asked: object) -> Any:
        told = await self.ask("POST", "/v3/order/place", order(**asked))
        return told["order_ids"][0] if isinstance(told, dict) else told


def order(**asked: object) -> dict[str, object]:
    """The body of a place call: a market order for ten shares, but for what is `asked`."""
    return {
        "quantity": 10,
        "product": "I",
        "validity": "DAY",
        "price": 0,
        "instrument_token": SHARE.key,
        "order_type": "MARKET",
        "transaction_type": "BUY",
        "disclosed_quantity": 0,
        "trigger_price": 0,
        "is_amo": False,
    } | asked


def limit(price: float, **asked: object) -> dict[str, object]:
    return {"order_type": "LIMIT", "price": price} | asked


@asynccontextmanager
async def served(
    *bursts: Burst, seconds: Callable[[], float], faults: Sequence[str] = ()
) -> AsyncIterator[Served]:
    clock = HandClock(NOON_MS * MS_NS)
    world = WrittenWorld(bursts, 100.0, ())
    exchange = Exchange(SHARES, world, hours, clock, faults_of(faults))
    accounts = Accounts("given", at_ist(DAY, "12:00"))
    sandbox = Sandbox(exchange, accounts, now_s=seconds)
    address = await sandbox.start()
    try:
        # Certificates take longer to load than a test takes to run, and loopback has none.
        async with httpx.AsyncClient(base_url=address, verify=False) as client:
            yield Served(client, clock, sandbox, accounts)
    finally:
        await sandbox.stop()


def run(
    test: Callable[[Served], Awaitable[None]],
    *bursts: Burst,
    seconds: Callable[[], float] | None = None,
    faults: Sequence[str] = (),
) -> None:
    """Every call is made in a second of its own, unless `seconds` says when."""
    own = iter(range(1_000_000))

    async def main() -> None:
        by = seconds or (lambda: float(next(own)))
        async with served(*bursts, seconds=by, faults=faults) as here:
            await asyncio.wait_for(test(here), 30)

    asyncio.run(main())
