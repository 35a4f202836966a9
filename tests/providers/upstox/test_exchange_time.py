"""An exchange with a time of its own: told by the feed, whose first frame comes unasked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from core.errors import BrokerError, ConnectionLost, ProtocolViolation
from providers.upstox.exchange_time import exchange_now_ns
from providers.upstox.line import Dial
from sandbox.accounts import Accounts
from sandbox.server import Sandbox
from tests.providers.upstox.lines import FakeSocket
from tests.sandbox.markets import HandClock, exchange_by
from tests.sandbox.test_server import NOON


def test_it_is_the_time_of_the_first_frame() -> None:
    async def main() -> int:
        sandbox = Sandbox(exchange_by(HandClock(NOON)), Accounts("given", NOON))
        host = (await sandbox.start()).removeprefix("http://")

        async def address() -> str:
            return sandbox.sockets.authorised_uri(host)

        try:
            return await exchange_now_ns(address)
        finally:
            await sandbox.stop()

    assert NOON == asyncio.run(main())


def telling(frame: bytes | str | Exception) -> Dial:
    """A connection that says one thing."""

    @asynccontextmanager
    async def dialled() -> AsyncIterator[FakeSocket]:
        if isinstance(frame, Exception):
            raise frame
        socket = FakeSocket(0)
        socket.say(frame)
        yield socket

    def dial(address: str) -> AbstractAsyncContextManager[FakeSocket]:
        return dialled()

    return dial


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (OSError("nobody there"), ConnectionLost),
        ("failed", ProtocolViolation),
        (b"\xff\xff", ProtocolViolation),
        (b"", ProtocolViolation),
    ],
)
def test_what_tells_no_time_is_an_error_of_the_broker(
    frame: bytes | str | Exception, error: type[BrokerError]
) -> None:
    async def address() -> str:
        return "ws://127.0.0.1:1"

    with pytest.raises(error):
        asyncio.run(exchange_now_ns(address, telling(frame)))
