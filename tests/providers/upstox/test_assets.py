"""The broker's files of instruments over HTTP: whole, unchanged, or an error of its kind."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from core.errors import ConnectionLost, ProtocolViolation
from providers.upstox import assets
from providers.upstox.assets import INTRADAY, MASTER, UpstoxAssets
from providers.upstox.instruments import Master
from sandbox.accounts import Accounts
from sandbox.server import Sandbox
from tests.sandbox.markets import exchange_at

T = TypeVar("T")


def asked(question: Callable[[UpstoxAssets], Awaitable[T]]) -> T:
    """The answer of a local exchange."""

    async def ask() -> T:
        exchange = exchange_at("08:00")
        sandbox = Sandbox(exchange, Accounts("token", exchange.clock.now_ns()))
        files = UpstoxAssets(await sandbox.start())
        try:
            return await question(files)
        finally:
            await files.close()
            await sandbox.stop()

    return asyncio.run(ask())


def test_a_file_comes_once_and_then_only_when_it_has_changed() -> None:
    async def twice(files: UpstoxAssets) -> tuple[object, object]:
        first = await files.fetch(MASTER)
        assert first is not None
        intraday = await files.fetch(INTRADAY)
        assert intraday is not None
        symbol = Master.of(first.packed, intraday.packed).resolve(["TCS"]).listed[0].symbol
        return symbol, await files.fetch(MASTER, first.tag)

    assert ("TCS", None) == asked(twice)


def test_a_file_that_is_not_there_is_a_lost_connection() -> None:
    async def other(files: UpstoxAssets) -> object:
        return await files.fetch("NOPE")

    with pytest.raises(ConnectionLost, match=r"NOPE\.json\.gz: HTTP 404"):
        asked(other)


def test_no_more_is_read_than_a_list_can_be_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "MAX_PACKED_BYTES", 100)

    async def fetch(files: UpstoxAssets) -> object:
        return await files.fetch(MASTER)

    with pytest.raises(ProtocolViolation, match="over 100 bytes"):
        asked(fetch)


def test_a_host_that_is_not_there_is_a_lost_connection() -> None:
    async def fetch() -> None:
        files = UpstoxAssets("http://127.0.0.1:1")
        try:
            await files.fetch(MASTER)
        finally:
            await files.close()

    with pytest.raises(ConnectionLost, match="ConnectError"):
        asyncio.run(fetch())
