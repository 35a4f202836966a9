"""Faults of the portfolio stream: mute, cut, late, twice, out of order."""

import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from sandbox.faults.spoilt_updates import SpoiltUpdates
from tests.sandbox.order_market import faults_of
from tests.sandbox.order_serving import Served, limit, run

FILLED = (100, 101.0, 50)
PLACED = ["put order req received", "validation pending", "open pending"]


async def opened(here: Served) -> str:
    told = await here.ask("GET", "/v2/feed/portfolio-stream-feed/authorize")
    return str(told["authorized_redirect_uri"])


async def statuses(socket: ClientConnection, count: int) -> list[Any]:
    return [json.loads(await socket.recv())["status"] for _ in range(count)]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("lost-ack", [*PLACED, "complete"]),
        ("ack-after-fill", [*PLACED, "complete", "open"]),
        ("double-updates", [one for one in [*PLACED, "open", "complete"] for _ in range(2)]),
    ],
)
def test_updates_may_be_lost_out_of_order_or_twice(fault: str, expected: list[str]) -> None:
    async def test(here: Served) -> None:
        async with connect(await opened(here)) as socket:
            await here.place()
            here.at(1_000)

            assert expected == await statuses(socket, len(expected))

    run(test, FILLED, faults=[fault])


def test_the_stream_may_be_mute_while_the_book_knows() -> None:
    """F3."""

    async def test(here: Served) -> None:
        async with connect(await opened(here)) as socket:
            order_id = await here.place()
            here.at(60_000)
            details = await here.ask("GET", "/v2/order/details", order_id=order_id)
            await here.place(**limit(90.0))
            first = await statuses(socket, 1)

        assert "complete" == details["status"]
        assert ["put order req received"] == first  # of the second order

    run(test, FILLED, faults=["mute-updates@12:00-12:01"])


def test_updates_may_be_late() -> None:
    async def test(here: Served) -> None:
        async with connect(await opened(here)) as socket:
            await here.place(**limit(90.0))
            here.at(10_000)

            assert PLACED == await statuses(socket, 3)

    run(test, faults=["late-updates=10"])
    assert 11_000 == SpoiltUpdates(faults_of(["late-updates=10"])).when_ms(1_000)


def test_the_stream_may_be_cut_again_and_again() -> None:
    async def test(here: Served) -> None:
        for start in (0, 60_000):
            async with connect(await opened(here)) as socket:
                here.at(start + 60_000)
                with pytest.raises(ConnectionClosedError) as closed:
                    await socket.recv()

            assert closed.value.rcvd is None

    run(test, faults=["drop-updates=60"])
