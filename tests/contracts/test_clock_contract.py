"""What every Clock promises, asked of all."""

import asyncio
from collections.abc import Callable

import pytest

from core.ports import Clock
from daemon.clocks import SystemClock, VirtualClock
from tests.virtual_loop import VirtualLoop, run_virtual

SECOND_NS = 1_000_000_000
START_NS = 1_785_000_000 * SECOND_NS

MAKERS: dict[str, Callable[[VirtualLoop], Clock]] = {
    "system": lambda loop: SystemClock(lambda: START_NS + loop.monotonic_ns()),
    "virtual": lambda loop: VirtualClock(START_NS),
    "paced": lambda loop: VirtualClock(START_NS, 60.0, loop.monotonic_ns),
}


@pytest.fixture
def loop() -> VirtualLoop:
    return VirtualLoop()


@pytest.fixture(params=MAKERS)
def clock(request: pytest.FixtureRequest, loop: VirtualLoop) -> Clock:
    return MAKERS[request.param](loop)


def test_sleep_ends_at_its_moment_and_not_before(loop: VirtualLoop, clock: Clock) -> None:
    async def main() -> int:
        await clock.sleep_until(START_NS + 90 * SECOND_NS)
        return clock.now_ns()

    now_ns = run_virtual(loop, main())

    assert now_ns == pytest.approx(START_NS + 90 * SECOND_NS, abs=SECOND_NS / 1000)
    assert now_ns >= START_NS + 90 * SECOND_NS


def test_a_moment_that_has_passed_returns_without_moving_time(
    loop: VirtualLoop, clock: Clock
) -> None:
    async def main() -> int:
        await clock.sleep_until(START_NS - SECOND_NS)
        return clock.now_ns()

    assert run_virtual(loop, main()) == START_NS


def test_a_sleep_gives_the_other_tasks_their_turn(loop: VirtualLoop, clock: Clock) -> None:
    turns: list[str] = []

    async def other() -> None:
        turns.append("other")

    async def main() -> None:
        task = asyncio.create_task(other())
        await clock.sleep_until(START_NS)
        turns.append("main")
        await task

    run_virtual(loop, main())

    assert turns == ["other", "main"]


def test_sleepers_wake_in_order_of_time(loop: VirtualLoop, clock: Clock) -> None:
    woken: list[int] = []

    async def sleeper(seconds: int) -> None:
        await clock.sleep_until(START_NS + seconds * SECOND_NS)
        woken.append(seconds)

    async def main() -> None:
        await asyncio.gather(*(sleeper(seconds) for seconds in (30, 10, 40, 20)))

    run_virtual(loop, main())

    assert woken == [10, 20, 30, 40]


def test_call_at_calls_once_and_not_before_its_moment(loop: VirtualLoop, clock: Clock) -> None:
    called_ns: list[int] = []

    async def main() -> None:
        clock.call_at(START_NS + 5 * SECOND_NS, lambda: called_ns.append(clock.now_ns()))
        await clock.sleep_until(START_NS + 4 * SECOND_NS)
        assert called_ns == []
        await clock.sleep_until(START_NS + 60 * SECOND_NS)

    run_virtual(loop, main())

    assert len(called_ns) == 1
    assert START_NS + 5 * SECOND_NS <= called_ns[0] < START_NS + 6 * SECOND_NS


def test_a_cancelled_call_is_never_made(loop: VirtualLoop, clock: Clock) -> None:
    called: list[str] = []

    async def main() -> None:
        cancel = clock.call_at(START_NS + SECOND_NS, lambda: called.append("cancelled"))
        clock.call_at(START_NS + SECOND_NS, lambda: called.append("kept"))
        cancel()
        cancel()
        await clock.sleep_until(START_NS + 60 * SECOND_NS)

    run_virtual(loop, main())

    assert called == ["kept"]


def test_a_call_for_the_past_is_made_soon_but_not_at_once(loop: VirtualLoop, clock: Clock) -> None:
    called: list[bool] = []

    async def main() -> None:
        clock.call_at(START_NS - SECOND_NS, lambda: called.append(True))
        assert called == []
        await clock.sleep_until(START_NS)
        await asyncio.sleep(0)

    run_virtual(loop, main())

    assert called == [True]


def test_a_cancelled_sleeper_leaves_the_others_asleep(loop: VirtualLoop, clock: Clock) -> None:
    async def main() -> int:
        task = asyncio.create_task(clock.sleep_until(START_NS + SECOND_NS))
        await asyncio.sleep(0)
        task.cancel()
        await clock.sleep_until(START_NS + 10 * SECOND_NS)
        assert task.cancelled()
        return clock.now_ns()

    assert run_virtual(loop, main()) >= START_NS + 10 * SECOND_NS


def test_whoever_holds_time_gets_an_answer_before_the_next_moment_comes(
    loop: VirtualLoop, clock: Clock
) -> None:
    """Time that goes on by itself does not wait; the holder is not kept from going on."""

    async def main() -> int:
        sleeper = asyncio.create_task(clock.sleep_until(START_NS + SECOND_NS))
        with clock.held():
            await asyncio.sleep(0)
        await sleeper
        return clock.now_ns()

    assert run_virtual(loop, main()) >= START_NS + SECOND_NS
