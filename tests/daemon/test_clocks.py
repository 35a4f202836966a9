"""What each clock promises beyond the contract."""

import asyncio

import pytest

from daemon.clocks import MAX_NAP_S, SystemClock, VirtualClock
from tests.virtual_loop import VirtualLoop, run_virtual

SECOND_NS = 1_000_000_000
START_NS = 1_785_000_000 * SECOND_NS


def test_a_system_clock_set_back_makes_sleepers_and_calls_wait_longer() -> None:
    loop = VirtualLoop()
    offset_ns = [0]
    clock = SystemClock(lambda: START_NS + offset_ns[0] + loop.monotonic_ns())
    called_s: list[float] = []

    async def main() -> None:
        clock.call_at(START_NS + 10 * SECOND_NS, lambda: called_s.append(loop.now_s))
        loop.call_later(5.0, offset_ns.__setitem__, 0, -100 * SECOND_NS)
        await clock.sleep_until(START_NS + 10 * SECOND_NS)

    run_virtual(loop, main())

    assert loop.now_s == pytest.approx(110.0)
    assert called_s == [pytest.approx(110.0)]


def test_a_system_clock_set_forward_wakes_a_long_sleeper_within_one_nap() -> None:
    loop = VirtualLoop()
    offset_ns = [0]
    clock = SystemClock(lambda: START_NS + offset_ns[0] + loop.monotonic_ns())

    async def main() -> None:
        loop.call_later(5.0, offset_ns.__setitem__, 0, 3_600 * SECOND_NS)
        await clock.sleep_until(START_NS + 3_600 * SECOND_NS)

    run_virtual(loop, main())

    assert loop.now_s <= 5.0 + MAX_NAP_S


def test_virtual_time_passes_on_an_ordinary_loop() -> None:
    clock = VirtualClock(START_NS)

    asyncio.run(clock.sleep_until(START_NS + 3_600 * SECOND_NS))

    assert clock.now_ns() == START_NS + 3_600 * SECOND_NS


def test_virtual_time_waits_for_a_task_however_many_awaits_it_takes() -> None:
    """A consumer many loop passes behind still sees the moment at which it was woken."""
    clock = VirtualClock(START_NS)
    seen_ns: list[int] = []

    async def consumer(queue: asyncio.Queue[int]) -> None:
        for _ in range(3):
            await queue.get()
            for _ in range(50):
                await asyncio.sleep(0)
            seen_ns.append(clock.now_ns())

    async def main() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue()
        task = asyncio.create_task(consumer(queue))
        for i in range(1, 4):
            await clock.sleep_until(START_NS + i * SECOND_NS)
            queue.put_nowait(i)
        await task

    asyncio.run(main())

    assert seen_ns == [START_NS + i * SECOND_NS for i in (1, 2, 3)]


def test_virtual_calls_of_one_moment_come_in_the_order_asked_for_before_a_later_sleeper() -> None:
    clock = VirtualClock(START_NS)
    order: list[str] = []

    async def main() -> None:
        clock.call_at(START_NS + 2, lambda: order.append("second"))
        clock.call_at(START_NS + 1, lambda: order.append("first"))
        clock.call_at(START_NS + 2, lambda: order.append("third"))
        await clock.sleep_until(START_NS + 3)
        order.append("sleeper")

    asyncio.run(main())

    assert order == ["first", "second", "third", "sleeper"]


def test_virtual_time_stands_still_while_nobody_sleeps() -> None:
    clock = VirtualClock(START_NS)
    called: list[bool] = []

    async def main() -> None:
        clock.call_at(START_NS + 1, lambda: called.append(True))
        for _ in range(100):
            await asyncio.sleep(0)

    asyncio.run(main())

    assert clock.now_ns() == START_NS
    assert called == []


def test_a_paced_clock_keeps_the_order_of_moments_on_a_host_that_stood_still() -> None:
    """A reader that owes two moments gets both before a later one of somebody else."""
    loop = VirtualLoop()
    seen: list[str] = []

    async def main() -> None:
        clock = VirtualClock(START_NS, 600.0, loop.monotonic_ns)

        async def reader() -> None:
            for second in (50, 55, 60):
                await clock.sleep_until(START_NS + second * SECOND_NS)
                seen.append(f"frame {second}")

        async def timer() -> None:
            await clock.sleep_until(START_NS + 62 * SECOND_NS)
            seen.append("minute closed")

        tasks = [asyncio.create_task(one) for one in (reader(), timer())]
        await asyncio.sleep(0)
        loop.now_s += 3600.0  # the host slept
        await asyncio.gather(*tasks)

    run_virtual(loop, main())

    assert seen == ["frame 50", "frame 55", "frame 60", "minute closed"]


def test_a_paced_clock_that_is_not_asked_does_not_move() -> None:
    loop = VirtualLoop()

    async def main() -> int:
        clock = VirtualClock(START_NS, 600.0, loop.monotonic_ns)
        await asyncio.sleep(60.0)
        return clock.now_ns()

    assert run_virtual(loop, main()) == START_NS


def test_a_paced_sleeper_that_comes_later_but_wakes_earlier_is_not_overslept() -> None:
    loop = VirtualLoop()
    woken: list[tuple[int, float]] = []

    async def main() -> None:
        clock = VirtualClock(START_NS, 10.0, loop.monotonic_ns)

        async def sleeper(seconds: int) -> None:
            await clock.sleep_until(START_NS + seconds * SECOND_NS)
            woken.append((seconds, round(loop.now_s, 3)))

        long = asyncio.create_task(sleeper(100))
        await asyncio.sleep(1.0)
        short = asyncio.create_task(sleeper(20))
        await asyncio.gather(long, short)

    run_virtual(loop, main())

    assert woken == [(20, 2.0), (100, 10.0)]


def test_the_clock_of_a_day_that_is_over_comes_to_rest() -> None:
    """Days follow one another on one loop: an old clock must not wait for the new one forever."""

    async def main() -> int:
        for day in range(3):
            clock = VirtualClock(START_NS + day)
            await clock.sleep_until(START_NS + SECOND_NS)
        return clock.now_ns()

    assert asyncio.run(asyncio.wait_for(main(), 10.0)) == START_NS + SECOND_NS


def test_a_clock_that_follows_another_goes_by_the_quickest_answer() -> None:
    """The slower ones are older by the time they are here."""
    told = iter([START_NS + 1, START_NS + 2 * SECOND_NS, START_NS + 3])
    slow = iter([True, False, True])

    async def ask() -> int:
        if next(slow):
            await asyncio.to_thread(sum, range(300_000))
        return next(told)

    clock = asyncio.run(SystemClock.following(ask, 1.0))

    assert 0 <= clock.now_ns() - (START_NS + 2 * SECOND_NS) < 60 * SECOND_NS
