"""The loop of virtual time: what the tests that run on it rely upon."""

import asyncio

import pytest

from tests.virtual_loop import VirtualLoop, run_virtual


async def said_by(names: str) -> str:
    """Tasks that are all ready at one instant, in the order in which they ran."""
    said: list[str] = []

    async def say(name: str) -> None:
        said.append(name)

    await asyncio.gather(*map(say, names))
    return "".join(said)


def test_time_jumps_to_the_next_timer() -> None:
    loop = VirtualLoop()
    run_virtual(loop, asyncio.sleep(3_600.0))

    assert loop.now_s == pytest.approx(3_600.0)


def test_nothing_scheduled_is_a_deadlock_and_said_so() -> None:
    async def wait_for_ever() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="deadlock"):
        run_virtual(VirtualLoop(), wait_for_ever())


def test_without_a_seed_what_is_ready_runs_in_the_order_it_came() -> None:
    assert run_virtual(VirtualLoop(), said_by("abcdef")) == "abcdef"


def test_with_a_seed_it_runs_in_an_order_of_that_seed() -> None:
    orders = [run_virtual(VirtualLoop(seed), said_by("abcdef")) for seed in range(5)]

    assert len(set(orders)) > 1
    assert orders == [run_virtual(VirtualLoop(seed), said_by("abcdef")) for seed in range(5)]
