"""When the order book is read: after a call by its schedule, else now and then."""

import asyncio

from brokers.upstox.looks import AFTER_CALL_S, EVERY_S, LEAST_S, WITHOUT_STREAM_S, Looks
from tests.virtual_loop import VirtualLoop, run_virtual


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def times(looks: Looks, count: int) -> list[float]:
    found = []
    for _ in range(count):
        await looks.next()
        found.append(now_s())
    return found


def test_a_call_is_looked_after_soon_and_often_and_then_every_half_minute() -> None:
    async def main() -> None:
        looks = Looks(now_s, asyncio.sleep)
        assert [0.0] == await times(looks, 1)  # at the start
        looks.after_call()

        assert [*AFTER_CALL_S, 60.0, 90.0] == await times(looks, 8)
        assert EVERY_S == 30.0

    run_virtual(VirtualLoop(), main())


def test_a_call_made_while_waiting_is_not_waited_for() -> None:
    async def main() -> None:
        looks = Looks(now_s, asyncio.sleep)
        await looks.next()
        asyncio.get_running_loop().call_later(10.0, looks.after_call)
        asyncio.get_running_loop().call_later(20.2, looks.now)

        assert [11.0, 12.0, 14.0, 18.0, 20.2, 26.0, 40.0] == await times(looks, 7)

    run_virtual(VirtualLoop(), main())


def test_a_flood_of_updates_is_one_look_in_so_long() -> None:
    async def main() -> None:
        looks = Looks(now_s, asyncio.sleep)
        await looks.next()
        for _ in range(100):
            looks.now()
        assert [LEAST_S] == await times(looks, 1)
        looks.now()

        assert [2 * LEAST_S] == await times(looks, 1)

    run_virtual(VirtualLoop(), main())


def test_without_the_stream_the_book_is_read_more_often() -> None:
    async def main() -> None:
        looks = Looks(now_s, asyncio.sleep)
        await looks.next()
        looks.every_s = WITHOUT_STREAM_S

        assert [5.0, 10.0] == await times(looks, 2)

    run_virtual(VirtualLoop(), main())
