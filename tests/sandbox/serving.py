"""A sandbox on a port of its own, a client of it, and the frames that it sends."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection

from core.session import at_ist
from sandbox.accounts import Accounts
from sandbox.faults.schedule import Faults, fault_of
from sandbox.feed.messages import FeedResponse
from sandbox.market.universe import SHARES
from sandbox.server import Sandbox
from tests.sandbox.markets import DAY, HandClock, exchange_by

RELIANCE = SHARES[0].key
NOON = at_ist(DAY, "12:00")
BEARER = {"authorization": "Bearer given"}
AUTHORIZE = "/v3/feed/market-data-feed/authorize"
SECOND_NS = 1_000_000_000


class Served:
    """A running sandbox, a client of it, and its clock."""

    def __init__(self, client: httpx.AsyncClient, clock: HandClock, sandbox: Sandbox) -> None:
        self.client = client
        self.clock = clock
        self.sandbox = sandbox

    async def uri(self) -> str:
        told = (await self.client.get(AUTHORIZE, headers=BEARER)).json()["data"]
        assert told["authorized_redirect_uri"] == told["authorizedRedirectUri"]
        return str(told["authorizedRedirectUri"])


@asynccontextmanager
async def served(from_ns: int, *faults: str) -> AsyncIterator[Served]:
    clock, seconds = HandClock(from_ns), iter(range(1_000_000))
    asked = Faults([fault_of(text) for text in faults], seed=1)
    # Fifty requests a second are never reached: each has a second of its own.
    sandbox = Sandbox(
        exchange_by(clock, faults=asked),
        Accounts("given", NOON, asked),
        now_s=lambda: float(next(seconds)),
    )
    address = await sandbox.start()
    try:
        async with httpx.AsyncClient(base_url=address) as client:
            yield Served(client, clock, sandbox)
    finally:
        await sandbox.stop()


def run(
    test: Callable[[Served], Awaitable[None]], from_ns: int = NOON, faults: Sequence[str] = ()
) -> None:
    async def main() -> None:
        async with served(from_ns, *faults) as here:
            await asyncio.wait_for(test(here), 30)

    asyncio.run(main())


async def told(socket: ClientConnection) -> Any:
    frame = await socket.recv()
    assert isinstance(frame, bytes)
    return FeedResponse.FromString(frame)


def subscription(mode: str = "full", *keys: str) -> bytes:
    data = {"mode": mode, "instrumentKeys": keys or [RELIANCE]}
    return json.dumps({"guid": "g", "method": "sub", "data": data}).encode()
