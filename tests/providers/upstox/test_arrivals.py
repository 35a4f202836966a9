"""What a socket has received is taken together, in order, and not without bound."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from core.errors import ConnectionLost
from providers.upstox.arrivals import MAX_BYTES_AHEAD, Arrivals, arrivals
from tests.virtual_loop import VirtualLoop, run_virtual


class Spring:
    """A socket that has something at once, `frames` times; then it ends, or says nothing."""

    def __init__(self, frames: int, *, size: int = 1, ends: bool = False) -> None:
        self.frames, self.size, self.ends = frames, size, ends
        self.given = 0

    async def recv(self) -> bytes | str:
        if self.given < self.frames:
            self.given += 1
            return bytes([self.given % 256]) * self.size
        if self.ends:
            raise ConnectionLost("gone")
        return await asyncio.get_running_loop().create_future()


class Ticking:
    """A clock that is a nanosecond on whenever it is asked."""

    def __init__(self) -> None:
        self.asked_ns = 0

    def now_ns(self) -> int:
        self.asked_ns += 1
        return self.asked_ns


def run(spring: Spring, test: Callable[[Arrivals], Awaitable[None]]) -> None:
    async def main() -> None:
        async with arrivals(spring, Ticking()) as coming:  # type: ignore[arg-type]
            await test(coming)
        await asyncio.sleep(0)

        assert 1 == len(asyncio.all_tasks())

    run_virtual(VirtualLoop(), main())


def test_what_has_come_is_taken_at_once_each_with_its_own_arrival() -> None:
    async def test(coming: Arrivals) -> None:
        assert [(b"\x01", 1), (b"\x02", 2), (b"\x03", 3)] == await coming.take()

    run(Spring(3), test)


def test_the_end_is_told_behind_what_came_before_it_and_again() -> None:
    async def test(coming: Arrivals) -> None:
        assert 2 == len(await coming.take())
        for _ in range(2):
            with pytest.raises(ConnectionLost, match="gone"):
                await coming.take()

    run(Spring(2, ends=True), test)


def test_it_reads_no_further_ahead_than_it_may_and_loses_nothing() -> None:
    spring = Spring(100, size=MAX_BYTES_AHEAD // 10)

    async def test(coming: Arrivals) -> None:
        seen: list[int] = []
        while len(seen) < spring.frames:
            for _ in range(50):
                await asyncio.sleep(0)
            assert spring.given - len(seen) <= 11
            seen += [frame[0] for frame, _ in await coming.take() if isinstance(frame, bytes)]

        assert list(range(1, 101)) == seen

    run(spring, test)
