"""A call handed to the owner runs to its end, alone, whatever happens to the task that asked."""

import asyncio
import threading
from collections.abc import Coroutine
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

import pytest

from core.errors import StoreFailed
from stores import owner
from stores.ledger import SqliteLedger
from stores.owner import InlineOwner, Owner, OwnerThread
from tests.stores.ledger_events import minute

T = TypeVar("T")


@pytest.fixture(params=[InlineOwner, lambda: OwnerThread("store")], ids=["inline", "thread"])
def any_owner(request: pytest.FixtureRequest) -> Owner:
    made: Owner = request.param()
    return made


def run(work: Coroutine[None, None, T]) -> T:
    return asyncio.run(work)


def test_a_call_gives_its_result_or_its_exception(any_owner: Owner) -> None:
    def failing() -> None:
        raise StoreFailed("disk full")

    async def work() -> tuple[int, int]:
        with pytest.raises(StoreFailed, match="disk full"):
            await any_owner.run(failing)
        return await any_owner.run(divmod, 7, 4)

    assert run(work()) == (1, 3)
    any_owner.close()


def test_a_closed_owner_takes_no_calls(any_owner: Owner) -> None:
    any_owner.close()

    with pytest.raises(RuntimeError, match="after shutdown"):
        run(any_owner.run(int))


def test_calls_see_the_context_of_who_asks(any_owner: Owner) -> None:
    order_id: ContextVar[str] = ContextVar("order_id")

    async def work() -> str:
        order_id.set("abc-E")
        return await any_owner.run(order_id.get)

    assert run(work()) == "abc-E"
    any_owner.close()


def test_a_cancelled_write_is_awaited_and_not_lost(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path)
    thread = OwnerThread("ledger")
    may_go_on = threading.Event()

    def slow_append() -> int:
        may_go_on.wait()
        return ledger.append([minute(1)])

    async def work() -> bool:
        task = asyncio.create_task(thread.run(slow_append))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()  # an impatient one
        await asyncio.sleep(0)
        is_waiting = not task.done()
        may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        return is_waiting and ledger.head()[0] == 1

    assert run(work())
    thread.close()
    ledger.close()


def test_a_failed_write_is_heard_of_though_its_task_was_cancelled() -> None:
    thread = OwnerThread("ledger")
    may_go_on = threading.Event()

    def failing() -> None:
        may_go_on.wait()
        raise StoreFailed("disk full")

    async def work() -> None:
        task = asyncio.create_task(thread.run(failing))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        may_go_on.set()
        with pytest.raises(StoreFailed, match="disk full"):
            await task

    run(work())
    thread.close()


def test_calls_run_one_after_the_other_in_the_order_asked() -> None:
    thread = OwnerThread("store")
    seen: list[tuple[int, str]] = []

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(50):
                note = lambda n=number: seen.append((n, threading.current_thread().name))  # noqa: E731
                group.create_task(thread.run(note))

    run(work())
    thread.close()

    assert seen == [(number, "store_0") for number in range(50)]


def test_calls_do_not_pile_up_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "MAX_WAITING_CALLS", 2)
    thread = OwnerThread("store")
    may_go_on = threading.Event()

    async def work() -> None:
        waiting = [asyncio.create_task(thread.run(may_go_on.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(StoreFailed, match="store: 2 calls waiting"):
            await thread.run(int)
        may_go_on.set()
        await asyncio.gather(*waiting)
        assert await thread.run(int) == 0

    run(work())
    thread.close()
