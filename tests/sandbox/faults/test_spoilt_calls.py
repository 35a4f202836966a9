"""Faults between an order call and its answer: what the desk took, and what the caller was told."""

import asyncio

import httpx
import pytest

from tests.sandbox.order_serving import BEARER, Served, limit, order, run

PLACE = "/v3/order/place"
FAR = order(tag="T-E", **limit(90.0))


async def tags(here: Served) -> list[str]:
    return [row["tag"] for row in await here.ask("GET", "/v2/order/retrieve-all")]


async def unanswered(here: Served) -> None:
    with pytest.raises(httpx.ReadTimeout):
        await here.client.post(PLACE, json=FAR, headers=BEARER, timeout=0.2)


def test_an_order_may_be_taken_and_never_answered() -> None:
    """F15: found by its tag, and not to be sent again."""

    async def test(here: Served) -> None:
        await unanswered(here)
        assert ["T-E"] == await tags(here)
        await here.place(tag="next", **limit(90.0))
        assert ["T-E", "next"] == await tags(here)

    run(test, faults=["unanswered=1"])


def test_an_order_call_may_be_answered_late() -> None:
    async def test(here: Served) -> None:
        answer = asyncio.create_task(here.client.post(PLACE, json=FAR, headers=BEARER))
        while not await tags(here):
            pass
        assert not answer.done()
        here.at(10_000)

        assert 200 == (await answer).status_code

    run(test, faults=["late-answer=10"])


@pytest.mark.parametrize(
    ("word", "status", "start", "taken"),
    [
        ("500", 500, '{"status":"error"', False),
        ("taken-500", 500, '{"status":"error"', True),
        ("taken-html", 502, "<!DOCTYPE html>", True),
        ("taken-empty", 200, "", True),
        ("taken-wrong-id", 200, '{"status":"success","data":{"order_ids":["990101', True),
    ],
)
def test_an_answer_may_say_nothing_of_what_was_taken(
    word: str, status: int, start: str, *, taken: bool
) -> None:
    async def test(here: Served) -> None:
        answer = await here.client.post(PLACE, json=FAR, headers=BEARER)

        assert (status, start) == (answer.status_code, answer.text[: len(start)])
        assert (["T-E"] if taken else []) == await tags(here)

    run(test, faults=[f"order-answer={word}"])


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("order-401", (401, "UDAPI100050")), ("order-429", (429, "UDAPI10005"))],
)
def test_the_host_of_orders_may_refuse_while_all_else_works(
    fault: str, expected: tuple[int, str]
) -> None:
    """F5."""

    async def test(here: Served) -> None:
        placed = await here.place()
        cancelled = await here.ask("DELETE", "/v3/order/cancel", order_id="1")

        assert expected == placed == cancelled
        assert [] == await tags(here)

    run(test, faults=[fault])


def test_the_host_of_orders_may_be_a_black_hole_until_it_is_over() -> None:
    """F6."""

    async def test(here: Served) -> None:
        await unanswered(here)
        assert [] == await tags(here)
        here.at(60_000)
        await here.place(tag="later", **limit(90.0))

        assert ["later"] == await tags(here)

    run(test, faults=["black-hole@12:00-12:01"])


@pytest.mark.parametrize(("fault", "status"), [("html=403", 403), ("throttle", 429)])
def test_faults_of_every_question_are_those_of_orders_too(fault: str, status: int) -> None:
    async def test(here: Served) -> None:
        answer = await here.client.post(PLACE, json=FAR, headers=BEARER)
        here.at(60_000)

        assert status == answer.status_code
        assert [] == await tags(here)

    run(test, faults=[f"{fault}@12:00-12:01"])


def test_the_book_may_be_stale() -> None:
    async def test(here: Served) -> None:
        here.at(10)
        order_id = await here.place(tag="T-E")
        unknown = await here.ask("GET", "/v2/order/details", order_id=order_id)
        here.at(31_000)
        details = await here.ask("GET", "/v2/order/details", order_id=order_id)
        history = await here.ask("GET", "/v2/order/history", order_id=order_id)
        trades = await here.ask("GET", "/v2/order/trades/get-trades-for-day")

        assert (400, "UDAPI100010") == unknown
        assert ("open", "open", []) == (details["status"], history[-1]["status"], trades)
        here.at(60_000)
        assert "complete" == (await here.ask("GET", "/v2/order/retrieve-all"))[0]["status"]

    run(test, (2_000, 101.0, 50), faults=["stale-book=30@12:00-12:01"])
