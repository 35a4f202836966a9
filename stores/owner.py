"""The one thread that may touch a store, and how the event loop hands work to it.

Decides what a cancelled write means: it is waited for, because the write happens all the same and
its outcome must be known. Never runs two calls at once, never lets calls pile up without bound.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Protocol, TypeVar

from core.errors import StoreFailed

T = TypeVar("T")

MAX_WAITING_CALLS = 1_000


class Owner(Protocol):
    """Who runs the calls of a store: `OwnerThread`, or `InlineOwner` in virtual time."""

    @property
    def waiting(self) -> int:
        """Calls that are not done yet, the one under way included."""

    async def run(self, function: Callable[..., T], *args: object) -> T:
        """Run `function` to its end, whatever happens to the task that awaits it."""

    def close(self) -> None:
        """Let the calls under way finish and take no more."""


class OwnerThread:
    """A thread of its own, one call at a time, in the order asked."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self.waiting = 0

    async def run(self, function: Callable[..., T], *args: object) -> T:
        if self.waiting >= MAX_WAITING_CALLS:
            raise StoreFailed(f"{self._name}: {self.waiting} calls waiting, that is the limit")
        # Executors do not carry context variables over, and log lines need theirs.
        call = partial(copy_context().run, function, *args)
        self.waiting += 1
        try:
            return await _to_its_end(
                asyncio.get_running_loop().run_in_executor(self._executor, call)
            )
        finally:
            self.waiting -= 1

    def close(self) -> None:
        self._executor.shutdown(wait=True)


class InlineOwner:
    """The same promise without a thread: calls run at once, so virtual time cannot pass in them."""

    waiting = 0

    def __init__(self) -> None:
        self._closed = False

    async def run(self, function: Callable[..., T], *args: object) -> T:
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        return function(*args)

    def close(self) -> None:
        self._closed = True


async def _to_its_end(call: asyncio.Future[T]) -> T:
    """Await `call`; a cancellation that comes meanwhile is raised once the outcome is known.

    A failed call outranks the cancellation: a write that did not happen must be heard of.
    """
    cancelled: asyncio.CancelledError | None = None
    while not call.done():
        try:
            await asyncio.wait((call,))
        except asyncio.CancelledError as request:
            cancelled = request
    result = call.result()
    if cancelled is not None:
        raise cancelled
    return result
