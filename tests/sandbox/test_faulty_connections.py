"""Faults of connections and of what is subscribed, seen by a client on a socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidMessage, InvalidStatus

from core.session import at_ist
from sandbox.market.universe import SHARES
from tests.sandbox.markets import DAY
from tests.sandbox.serving import (
    AUTHORIZE,
    BEARER,
    NOON,
    RELIANCE,
    SECOND_NS,
    Served,
    run,
    subscription,
    told,
)

TCS = SHARES[1].key


@asynccontextmanager
async def subscribed(here: Served, *keys: str) -> AsyncIterator[ClientConnection]:
    """A connection that has been told of the market and of what it asked for."""
    async with connect(await here.uri(), max_queue=None) as socket:  # pongs are read in any case
        await told(socket)
        await socket.send(subscription("full", *keys))
        await told(socket)
        yield socket


async def told_by_now(socket: ClientConnection) -> list[Any]:
    """The frames that came before a ping is answered."""
    await (await socket.ping())
    frames = []
    while True:
        frame = asyncio.ensure_future(told(socket))
        await asyncio.sleep(0)  # what is there is had at once
        if not frame.done():
            frame.cancel()
            await asyncio.gather(frame, return_exceptions=True)
            return frames
        frames.append(frame.result())


async def refused(here: Served) -> int:
    """The status that a handshake is refused with."""
    with pytest.raises(InvalidStatus) as error:
        await connect(await here.uri())
    return error.value.response.status_code


async def end_of(socket: ClientConnection) -> int:
    """The code that the connection is closed with; 1006: it was cut."""
    with suppress(ConnectionClosedError):
        async for _ in socket:
            pass
    return socket.close_code or 0


@pytest.mark.parametrize(
    ("fault", "code"), [("drop=20", 1006), ("close=1001", 1001), ("close=1011", 1011)]
)
def test_a_connection_ends_by_its_age(fault: str, code: int) -> None:
    async def test(here: Served) -> None:
        async with subscribed(here) as socket:
            here.clock.move(NOON + 61 * SECOND_NS)
            assert code == await end_of(socket)
        async with subscribed(here):
            pass  # and the next one is let in

    run(test, faults=[fault])


def test_a_cut_on_schedule_comes_at_its_time_and_once() -> None:
    async def test(here: Served) -> None:
        async with subscribed(here) as socket:
            here.clock.move(NOON + 299 * SECOND_NS)
            assert await told_by_now(socket)
            here.clock.move(NOON + 301 * SECOND_NS)
            assert 1006 == await end_of(socket)
        async with subscribed(here) as socket:
            here.clock.move(NOON + 500 * SECOND_NS)
            await told(socket)
            await (await socket.ping())

    run(test, faults=["drop=250@12:05-12:06"])


def test_a_connection_is_cut_before_it_is_answered() -> None:
    async def test(here: Served) -> None:
        with pytest.raises(InvalidMessage):
            await connect(await here.uri())

    run(test, faults=["refuse"])


@pytest.mark.parametrize("fault", ["hang", "slow-handshake=3"])
def test_a_handshake_waits(fault: str) -> None:
    async def test(here: Served) -> None:
        opening = asyncio.ensure_future(_opened(await here.uri()))
        for _ in range(3):
            await here.client.get(AUTHORIZE, headers=BEARER)
        waited = not opening.done()
        here.clock.move(NOON + 3 * SECOND_NS)
        if fault == "hang":
            await here.client.get(AUTHORIZE, headers=BEARER)
            assert not opening.done()
            opening.cancel()
        else:
            await (await opening).close()

        assert waited

    run(test, faults=[fault])


async def _opened(uri: str) -> ClientConnection:
    return await connect(uri)


def test_a_frozen_connection_answers_nothing() -> None:
    async def test(here: Served) -> None:
        async with connect(await here.uri(), ping_interval=None) as socket:
            pong = await socket.ping()
            for _ in range(3):
                await here.client.get(AUTHORIZE, headers=BEARER)
            assert not pong.done()
            socket.transport.abort()

    run(test, faults=["freeze"])


def test_a_mute_connection_answers_pings_and_tells_nothing_until_it_is_over() -> None:
    async def test(here: Served) -> None:
        async with connect(await here.uri(), max_queue=None) as socket:
            await socket.send(subscription())
            here.clock.move(NOON + 50 * SECOND_NS)
            assert not await told_by_now(socket)
            here.clock.move(NOON + 62 * SECOND_NS)
            first, live = await told(socket), await told(socket)

        assert [2, 1] == [first.type, live.type]

    run(test, faults=["mute@12:00-12:01"])


def test_a_quiet_market_has_no_trade_in_feed_quotes_and_candles() -> None:
    async def test(here: Served) -> None:
        key = RELIANCE.replace("|", "%7C")
        async with subscribed(here) as socket:
            here.clock.move(NOON + 170 * SECOND_NS)
            assert not await told_by_now(socket)
            here.clock.move(NOON + 300 * SECOND_NS)
            loud = await told_by_now(socket)
        path = f"/v3/historical-candle/intraday/{key}/minutes/1"
        times = [row[0][11:16] for row in (await here.client.get(path)).json()["data"]["candles"]]

        assert all(one.currentTs > (NOON + 180 * SECOND_NS) // 1_000_000 for one in loud)
        assert ["12:04", "12:03", "11:59"] == times[:3]

    run(test, faults=["quiet@12:00-12:03"])


def test_a_handshake_is_forbidden_although_authorised() -> None:
    async def test(here: Served) -> None:
        statuses = [await refused(here)]
        here.clock.move(NOON + 61 * SECOND_NS)
        async with subscribed(here):
            pass

        assert [403] == statuses

    run(test, faults=["forbid@12:00-12:01"])


def test_so_many_handshakes_are_forbidden_and_the_next_is_let_in() -> None:
    async def test(here: Served) -> None:
        statuses = [await refused(here) for _ in range(3)]
        async with subscribed(here):
            pass

        assert [403] * 3 == statuses

    run(test, faults=["forbid-first=3"])


def test_one_connection_too_many_is_forbidden() -> None:
    async def test(here: Served) -> None:
        async with subscribed(here):
            status = await refused(here)

        assert 403 == status

    run(test, faults=["connections=1"])


def test_an_authorised_address_may_lead_nowhere() -> None:
    async def test(here: Served) -> None:
        with pytest.raises(OSError):  # noqa: PT011 - whatever a closed port is to this machine
            await connect(await here.uri())

    run(test, faults=["astray"])


def test_all_is_told_late() -> None:
    async def test(here: Served) -> None:
        async with subscribed(here) as socket:
            here.clock.move(NOON + 29 * SECOND_NS)
            assert not await told_by_now(socket)
            here.clock.move(NOON + 60 * SECOND_NS)
            late = await told(socket)

        assert late.currentTs < (NOON + 5 * SECOND_NS) // 1_000_000

    run(test, faults=["lag=30"])


@pytest.mark.parametrize("fault", ["ignore=TCS", f"ignore={TCS}", "ignore"])
def test_some_keys_of_a_subscription_are_ignored(fault: str) -> None:
    async def test(here: Served) -> None:
        async with connect(await here.uri()) as socket:
            await told(socket)
            await socket.send(subscription("full", RELIANCE, TCS))
            snapshot = await told(socket)

        assert [RELIANCE] == list(snapshot.feeds)

    run(test, faults=[fault])


def test_too_many_keys_are_refused_by_text() -> None:
    async def test(here: Served) -> None:
        async with connect(await here.uri()) as socket:
            await told(socket)
            await socket.send(subscription("full", RELIANCE, TCS))
            text = await socket.recv()
            await socket.send(subscription("full", RELIANCE))
            snapshot = await told(socket)

        assert isinstance(text, str)
        assert ("failed", "sub") == (json.loads(text)["status"], json.loads(text)["method"])
        assert [RELIANCE] == list(snapshot.feeds)

    run(test, faults=["failed=1"])


@pytest.mark.parametrize("of", ["NSE_EQ", "RELIANCE"])
def test_nothing_is_told_of_a_segment_or_symbol_that_is_out(of: str) -> None:
    async def test(here: Served) -> None:
        async with subscribed(here, RELIANCE, "NSE_INDEX|Nifty 50") as socket:
            here.clock.move(NOON + 59 * SECOND_NS)
            during = {key for one in await told_by_now(socket) for key in one.feeds}
            here.clock.move(NOON + 70 * SECOND_NS)
            while RELIANCE not in (await told(socket)).feeds:
                pass

        assert {"NSE_INDEX|Nifty 50"} == during

    run(test, faults=[f"outage={of}@12:00-12:01"])


def test_the_market_may_say_that_it_is_closed_and_open_again() -> None:
    async def test(here: Served) -> None:
        async with connect(await here.uri()) as socket:
            first = await told(socket)
            here.clock.move(NOON + 60 * SECOND_NS)
            second = await told(socket)

        statuses = [one.marketInfo.segmentStatus["NSE_EQ"] for one in (first, second)]
        assert [3, 2] == statuses

    run(test, faults=["halt@12:00-12:01"])


def test_a_snapshot_comes_again_and_again() -> None:
    async def test(here: Served) -> None:
        async with connect(await here.uri()) as socket:
            await told(socket)
            await socket.send(subscription())
            snapshots = [await told(socket) for _ in range(3)]

        assert [0, 0, 0] == [one.type for one in snapshots]

    run(test, faults=["repeat-snapshot=3"])


def test_a_frame_tells_the_last_of_what_traded_since_the_one_before() -> None:
    async def test(here: Served) -> None:
        async with subscribed(here) as socket:
            here.clock.move(NOON + 50 * SECOND_NS)
            frames = await told_by_now(socket)

        assert len(frames) > 5
        assert {0} == {one.currentTs % 5_000 for one in frames}

    run(test, faults=["conflate=5"])


def test_the_connection_before_still_sends_its_own_frames_late() -> None:
    async def test(here: Served) -> None:
        async with subscribed(here, TCS):
            pass
        await here.sandbox.sockets.all_closed()
        async with subscribed(here, RELIANCE) as socket:
            here.clock.move(NOON + 25 * SECOND_NS)
            both = await told_by_now(socket)
        of_old = [one for one in both if TCS in one.feeds]

        assert of_old
        assert any(RELIANCE in one.feeds for one in both)
        assert max(one.currentTs for one in both) > max(one.currentTs for one in of_old)

    run(test, faults=["ghost=30"])


def test_tokens_end_and_the_next_one_is_taken() -> None:
    async def test(here: Served) -> None:
        next_bearer = {"authorization": "Bearer next"}
        async with subscribed(here) as socket:
            early = await here.client.get(AUTHORIZE, headers=next_bearer)
            here.clock.move(NOON + 61 * SECOND_NS)
            assert 1006 == await end_of(socket)
        old = await here.client.get(AUTHORIZE, headers=BEARER)
        new = await here.client.get(AUTHORIZE, headers=next_bearer)

        assert [401, 401, 200] == [one.status_code for one in (early, old, new)]

    run(test, faults=["expire=next@12:01"])


def test_a_new_login_is_good_after_tokens_have_ended() -> None:
    async def test(here: Served) -> None:
        here.clock.move(at_ist(DAY, "12:02"))
        redirect = "http://127.0.0.1:5000/back"
        asked = {"client_id": "sandbox-app", "redirect_uri": redirect, "response_type": "code"}
        dialog = await here.client.get("/v2/login/authorization/dialog", params=asked)
        form = {
            "code": dialog.headers["location"].partition("code=")[2],
            "client_id": "sandbox-app",
            "client_secret": "sandbox-secret",
            "redirect_uri": redirect,
            "grant_type": "authorization_code",
        }
        made = (await here.client.post("/v2/login/authorization/token", data=form)).json()
        bearer = {"authorization": f"Bearer {made['access_token']}"}

        assert 401 == (await here.client.get(AUTHORIZE, headers=BEARER)).status_code
        assert 200 == (await here.client.get(AUTHORIZE, headers=bearer)).status_code

    run(test, faults=["expire@12:01"])
