"""The stream of order updates: every state as it happens, to whoever is connected then."""

import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from core.session import at_ist
from sandbox.accounts import Grant
from tests.sandbox.markets import DAY
from tests.sandbox.order_serving import BEARER, Served, limit, run

DIRECT = "/v2/feed/portfolio-stream-feed"
FILLED = (100, 101.0, 50)


async def uri(here: Served, **asked: str) -> str:
    told = await here.ask("GET", f"{DIRECT}/authorize", **asked)
    assert told["authorized_redirect_uri"] == told["authorizedRedirectUri"]
    return str(told["authorizedRedirectUri"])


async def told(socket: ClientConnection, count: int) -> list[dict[str, Any]]:
    frames = [await socket.recv() for _ in range(count)]
    assert all(isinstance(frame, str) for frame in frames)
    return [json.loads(frame) for frame in frames]


def test_every_state_of_an_order_is_told_in_order() -> None:
    async def test(here: Served) -> None:
        async with connect(await uri(here)) as socket:
            order_id = await here.place(tag="T-E")
            first = await told(socket, 3)
            here.at(1_000)
            later = await told(socket, 2)

        assert [
            "put order req received",
            "validation pending",
            "open pending",
            "open",
            "complete",
        ] == [one["status"] for one in first + later]
        assert {("order", order_id, "SANDBX", "T-E")} == {
            (one["update_type"], one["order_id"], one["user_id"], one["tag"])
            for one in first + later
        }
        assert first[0]["instrument_key"] == first[0]["instrument_token"]

    run(test, FILLED)


def test_positions_are_told_to_who_asks_for_them() -> None:
    async def test(here: Served) -> None:
        async with connect(await uri(here, update_types="position")) as socket:
            await here.place()
            here.at(1_000)
            [held] = await told(socket, 1)

        assert ("position", 10, 101.0) == (
            held["update_type"],
            held["quantity"],
            held["average_price"],
        )

    run(test, FILLED)


def test_nothing_is_told_twice_or_later() -> None:
    async def test(here: Served) -> None:
        await here.place(tag="before")
        here.at(1_000)
        async with connect(await uri(here)) as socket:
            await here.place(tag="after", **limit(90.0))
            [first] = await told(socket, 1)

        assert "after" == first["tag"]

    run(test, FILLED)


def test_the_direct_address_sends_a_bearer_on_with_what_it_asked_for() -> None:
    async def test(here: Served) -> None:
        direct = str(here.client.base_url).replace("http", "ws") + DIRECT
        asked = f"{direct}?update_types=order%2Cposition"
        async with connect(asked, additional_headers=BEARER) as socket:
            await here.place()
            here.at(1_000)
            types = [one["update_type"] for one in await told(socket, 6)]
        with pytest.raises(InvalidStatus) as refused:
            await connect(direct)

        assert 5 * ["order"] + ["position"] == types
        assert 401 == refused.value.response.status_code

    run(test, FILLED)


def test_an_address_is_good_once_and_types_are_known() -> None:
    async def test(here: Served) -> None:
        once = await uri(here)
        async with connect(once):
            pass
        with pytest.raises(InvalidStatus) as refused:
            await connect(once)

        assert 403 == refused.value.response.status_code
        assert (400, "UDAPI100036") == await here.ask(
            "GET", f"{DIRECT}/authorize", update_types="gossip"
        )

    run(test)


def test_a_line_that_is_cut_ends_without_a_word() -> None:
    async def test(here: Served) -> None:
        async with connect(await uri(here)) as socket:
            here.sandbox.orders.sockets.cut_all()
            with pytest.raises(ConnectionClosedError) as closed:
                await socket.recv()

        assert closed.value.rcvd is None

    run(test)


def test_a_token_that_reads_the_book_alone_has_no_stream() -> None:
    async def test(here: Served) -> None:
        token = here.accounts.issue(Grant.EXTENDED, at_ist(DAY, "12:00"))
        direct = str(here.client.base_url).replace("http", "ws") + DIRECT
        with pytest.raises(InvalidStatus) as refused:
            await connect(direct, additional_headers={"authorization": f"Bearer {token}"})

        assert 403 == refused.value.response.status_code

    run(test)


def test_the_end_of_the_token_by_a_fault_ends_the_stream() -> None:
    async def test(here: Served) -> None:
        async with connect(await uri(here)) as socket:
            here.at(60_000)
            with pytest.raises(ConnectionClosedError):
                await socket.recv()

    run(test, faults=["expire@12:01"])
