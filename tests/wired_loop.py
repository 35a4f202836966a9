"""Virtual time with real sockets: a loop that jumps only when no line has anything to read."""

import os
import selectors
from typing import Any

from tests.virtual_loop import VirtualLoop


class WiredLoop(VirtualLoop):
    """Both ends of every line are in this process. What one has sent on loopback, the other can
    read at once; so time jumps when nothing can be read, twice in a row."""

    def __init__(self) -> None:
        super().__init__(selector=_WiredSelector)


class _WiredSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        found = super().select(0)
        if found or timeout == 0:
            return found
        os.sched_yield()  # the kernel hands loopback on by itself, unless it is out of breath
        found = super().select(0)
        if found:
            return found
        if timeout is None:
            raise RuntimeError("deadlock: nothing is scheduled")
        self._loop.now_s += max(timeout, 0.0)
        return []
