"""Time as the shells see it: the system's, or virtual time, which may be paced.

The only module that reads a clock. Nothing here decides anything: rules are told what time it is.
"""

import asyncio
import heapq
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import count

SECOND_NS = 1_000_000_000
ASKED_TIMES = 3
MAX_NAP_S = 30.0  # a longer wait looks at the clock in between: it may have been set


class SystemClock:
    """Wall-clock time of the host, or time that runs on by itself at another speed.

    Args:
        speed: how many seconds pass in one of the host's, as `time_ns` tells them.
    """

    def __init__(self, time_ns: Callable[[], int] = time.time_ns, speed: float = 1.0) -> None:
        self._time_ns = time_ns
        self._speed = speed

    @property
    def is_hosts(self) -> bool:
        """Whether it is the wall clock of this machine."""
        return self._time_ns is time.time_ns

    @classmethod
    def scaled(cls, start_ns: int, speed: float, at_ns: int | None = None) -> "SystemClock":
        """`start_ns` was at `at_ns` of the host's monotonic time; None: it is now."""
        origin_ns = time.monotonic_ns() if at_ns is None else at_ns
        return cls(lambda: start_ns + int((time.monotonic_ns() - origin_ns) * speed), speed)

    @classmethod
    async def following(cls, ask: Callable[[], Awaitable[int]], speed: float) -> "SystemClock":
        """Somebody else's time, who is asked what it is; the quickest answer is nearest to it."""
        answers = []
        for _ in range(ASKED_TIMES):
            asked_ns = time.monotonic_ns()
            told_ns = await ask()
            at_ns = time.monotonic_ns()
            answers.append((at_ns - asked_ns, told_ns, at_ns))
        _, told_ns, at_ns = min(answers)
        return cls.scaled(told_ns, speed, at_ns)

    def now_ns(self) -> int:
        return self._time_ns()

    async def sleep_until(self, when_ns: int) -> None:
        await asyncio.sleep(0)  # also a moment that has passed gives the others their turn
        while True:
            left_ns = when_ns - self.now_ns()
            if left_ns <= 0:
                return
            await asyncio.sleep(min(left_ns / SECOND_NS / self._speed, MAX_NAP_S))

    def call_at(self, when_ns: int, function: Callable[[], None]) -> Callable[[], None]:
        """As the Protocol; a timer that fires early (the clock was set) is set again."""
        loop = asyncio.get_running_loop()
        handle: asyncio.Handle

        def look() -> None:
            nonlocal handle
            left_ns = when_ns - self.now_ns()
            if left_ns > 0:
                left_s = left_ns / SECOND_NS / self._speed
                handle = loop.call_later(min(left_s, MAX_NAP_S), look)
            else:
                function()

        handle = loop.call_soon(look)
        return lambda: handle.cancel()

    def held(self) -> AbstractContextManager[None]:
        return nullcontext()


class VirtualClock:
    """Time that jumps: a day runs as fast as it can be computed, and always the same way.

    With a finite `speed` (market seconds per real second) it does not jump before that moment has
    come by the host's monotonic time. A slow host then makes it late, never different: under a
    clock that runs on by itself a moment's delay at 600x closes a minute before its ticks are read.

    The rule: time moves while, and only while, somebody awaits `sleep_until`, and only once no
    other callback of the loop is ready to run. It then jumps to the earliest moment waited for;
    equal moments come in the order in which they were asked for, one at a time. `call_at` rides
    along and moves nothing by itself. One such clock per loop. Work in threads is not seen, so
    whoever awaits it holds the clock: else another sleeper's moment would come first, and what
    happens would depend on how fast a disk is. Periodic chores use `call_at`.
    """

    def __init__(
        self,
        start_ns: int,
        speed: float = math.inf,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._now_ns = self._start_ns = start_ns
        self._speed = speed
        self._monotonic_ns = monotonic_ns
        self._origin_ns = monotonic_ns()
        self._timer: asyncio.TimerHandle | None = None
        self._moments: list[tuple[int, int]] = []  # heap of (when_ns, number)
        self._calls: dict[int, Callable[[], None]] = {}  # by number; a cancelled one is gone
        self._numbers = count()
        self._sleepers = 0
        self._holders = 0
        self._turning = False

    def now_ns(self) -> int:
        return self._now_ns

    async def sleep_until(self, when_ns: int) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        cancel = self.call_at(when_ns, lambda: woken.set_result(None))
        self._sleepers += 1
        self._turn_soon()
        try:
            await woken
        finally:
            self._sleepers -= 1
            cancel()

    def call_at(self, when_ns: int, function: Callable[[], None]) -> Callable[[], None]:
        number = next(self._numbers)
        self._calls[number] = function
        heapq.heappush(self._moments, (when_ns, number))
        if when_ns <= self._now_ns:
            self._turn_soon()

        def cancel() -> None:
            self._calls.pop(number, None)

        return cancel

    @contextmanager
    def held(self) -> Iterator[None]:
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1
            self._turn_soon()

    def _turn_soon(self) -> None:
        if not self._turning:
            self._turning = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """Fire the next moment, or come back after everybody who is ready has run."""
        self._turning = False
        while self._moments and self._moments[0][1] not in self._calls:
            heapq.heappop(self._moments)
        if not self._moments:
            return
        when_ns, number = self._moments[0]
        if when_ns > self._now_ns and (self._sleepers == 0 or self._holders > 0):
            return
        if _others_are_ready():  # asked last: the clock of a day that is over must come to rest
            self._turn_soon()
            return
        if (early_s := self._early_s(when_ns)) > 0:
            self._come_back_in(early_s)
            return
        heapq.heappop(self._moments)
        self._now_ns = max(self._now_ns, when_ns)
        self._turn_soon()
        self._calls.pop(number)()

    def _early_s(self, when_ns: int) -> float:
        """Real seconds until `when_ns` may come."""
        passed_ns = self._monotonic_ns() - self._origin_ns
        return ((when_ns - self._start_ns) / self._speed - passed_ns) / SECOND_NS

    def _come_back_in(self, seconds: float) -> None:
        """One timer only: an earlier moment may have been asked for since it was set."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._turn_soon)


def _others_are_ready() -> bool:
    """Whether the running loop holds callbacks that could run now.

    asyncio has no public question for this; its loops keep them in `_ready` (3.4 to 3.14). The
    rejected way, a fixed number of `sleep(0)`, makes the outcome depend on how many awaits a
    task happens to pass through.
    """
    return bool(getattr(asyncio.get_running_loop(), "_ready"))  # noqa: B009
