"""When the order book is read: soon and often after a call, and now and then all day.

The stream of updates is the fast way to the same facts; this is the one that can be trusted.
"""

import asyncio
from collections.abc import Awaitable, Callable

AFTER_CALL_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
EVERY_S = 30.0
WITHOUT_STREAM_S = 5.0
LEAST_S = 0.5  # between two of them: what is due within that of one is done by it


class Looks:
    """Says when.

    Args:
        now_s: of a clock that never jumps; `sleep` goes by the same.
    """

    def __init__(
        self, now_s: Callable[[], float], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._now_s = now_s
        self._sleep = sleep
        self._due: list[float] = []
        self._last_s = float("-inf")
        self._changed = asyncio.Event()
        self.every_s = EVERY_S

    def after_call(self) -> None:
        """A call is made, or something is amiss: its effect is looked for."""
        now_s = self._now_s()
        self._plan(*(now_s + after_s for after_s in AFTER_CALL_S))

    def after_connection(self) -> None:
        """What came before it stands in the book, and not at once where that is old: an order of a
        process before this one may be held without a stop."""
        self.now()
        now_s = self._now_s()
        self._plan(*(now_s + after_s for after_s in AFTER_CALL_S[:-1]))

    def now(self) -> None:
        """As soon as may be."""
        self._plan(max(self._now_s(), self._last_s + LEAST_S))

    def _plan(self, *due_s: float) -> None:
        self._due = sorted({*self._due, *due_s})
        self._changed.set()

    async def next(self) -> None:
        """Until one is due."""
        while (wait_s := self._next_s() - self._now_s()) > 0:
            self._changed.clear()
            waits = [
                asyncio.ensure_future(self._sleep(wait_s)),
                asyncio.ensure_future(self._changed.wait()),
            ]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
                await asyncio.gather(*waits, return_exceptions=True)
        self._last_s = self._now_s()
        self._due = [due_s for due_s in self._due if due_s > self._last_s + LEAST_S]

    def _next_s(self) -> float:
        return min([*self._due, self._last_s + self.every_s])
