"""An exchange that shares its time with its reader waits for it; a broker waits for nobody."""

import asyncio

import httpx
import pytest
from websockets.asyncio.client import connect

from core.session import at_ist
from daemon.clocks import VirtualClock
from sandbox.accounts import Accounts
from sandbox.server import Sandbox
from tests.sandbox.markets import DAY, exchange_by
from tests.sandbox.test_server import AUTHORIZE, BEARER, NOON, subscription, told

SECOND_NS = 1_000_000_000
CLOSE = at_ist(DAY, "15:30")


def test_time_stands_still_until_a_reader_on_its_way_has_its_snapshot() -> None:
    async def main() -> tuple[bool, int, int]:
        clock = VirtualClock(NOON)
        sandbox = Sandbox(exchange_by(clock), Accounts("given", NOON), waits=True)
        address = await sandbox.start()
        try:
            async with httpx.AsyncClient(base_url=address, headers=BEARER) as client:
                uri = (await client.get(AUTHORIZE)).json()["data"]["authorizedRedirectUri"]
                hour = asyncio.create_task(clock.sleep_until(NOON + 3_600 * SECOND_NS))
                for _ in range(10):  # the loop is idle: all else would take its time
                    await asyncio.to_thread(lambda: None)
                passed = hour.done()
                async with connect(uri) as socket:
                    await told(socket)
                    await socket.send(subscription())
                    snapshot = await told(socket)
                    live = await told(socket)
                await asyncio.wait_for(hour, 30)
        finally:
            await sandbox.stop()
        return passed, snapshot.currentTs, live.currentTs

    passed, snapshot_ms, live_ms = asyncio.run(main())

    assert not passed
    assert NOON // 1_000_000 == snapshot_ms
    assert 0 < live_ms - snapshot_ms < 60_000


def test_a_reader_that_never_comes_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sandbox.lines.LOOK_S", 0.0)

    async def main() -> int:
        clock = VirtualClock(NOON)
        sandbox = Sandbox(exchange_by(clock), Accounts("given", NOON), waits=True)
        sandbox.sockets.authorised_uri("127.0.0.1")
        await asyncio.wait_for(clock.sleep_until(CLOSE), 30)
        return clock.now_ns()

    assert CLOSE == asyncio.run(main())
