"""One connection after another, each said to be new; no reason told twice in a row."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise

from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosedError

from brokers.upstox.stream import LONGEST_WAIT_S, STABLE_S, UpdateStream
from core.errors import AuthExpired
from tests.virtual_loop import VirtualLoop, run_virtual


class Broker:
    """Refuses so often, then each connection tells one update and is cut."""

    def __init__(self, refusals: int, lasts_s: float = 0.0) -> None:
        self.refusals = refusals
        self.lasts_s = lasts_s
        self.asked_s: list[float] = []

    async def address(self) -> str:
        self.asked_s.append(asyncio.get_running_loop().time())
        if len(self.asked_s) <= self.refusals:
            raise AuthExpired("the token is over")
        return f"wss://stream?code={len(self.asked_s)}"

    @asynccontextmanager
    async def dial(self, address: str) -> AsyncIterator[AsyncIterator[str]]:
        yield self._frames(address)

    async def _frames(self, address: str) -> AsyncIterator[str]:
        if not self.lasts_s:
            yield address
        await asyncio.sleep(self.lasts_s)
        raise ConnectionClosedError(None, None)


async def frames(broker: Broker, count: int) -> list[str | bytes | None]:
    stream = UpdateStream(broker.address, dial=broker.dial)
    found: list[str | bytes | None] = []
    async with aclosing(stream.frames()) as told:
        while len(found) < count:
            found.append(await anext(told))
    return found


def test_every_connection_has_an_address_of_its_own_and_begins_by_saying_that_it_is_new() -> None:
    told = run_virtual(VirtualLoop(), frames(Broker(0), 4))

    assert [None, "wss://stream?code=1", None, "wss://stream?code=2"] == told


def test_a_connection_that_lasted_is_followed_by_the_next_one_soon() -> None:
    broker = Broker(0, lasts_s=STABLE_S + 1.0)
    run_virtual(VirtualLoop(), frames(broker, 20))

    gaps_s = [b - a for a, b in pairwise(broker.asked_s)]
    assert max(gaps_s) < STABLE_S + 2.0


def test_a_broker_that_refuses_is_asked_again_less_and_less_often_and_told_of_once() -> None:
    broker = Broker(refusals=20)
    with capture_logs() as logs:
        run_virtual(VirtualLoop(), frames(broker, 2))

    waits_s = [b - a for a, b in pairwise(broker.asked_s)]
    assert waits_s[0] < 1.0
    assert LONGEST_WAIT_S / 2 <= waits_s[-1] <= LONGEST_WAIT_S * 1.5
    assert [("order_stream_lost", "AuthExpired: the token is over")] == [
        (one["event"], one["reason"]) for one in logs if "reason" in one
    ]
