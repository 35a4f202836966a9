"""An event loop whose time jumps instead of passing: tests of clocks neither sleep nor wait."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time stands still while callbacks are ready, then jumps to the next timer.

    Nothing scheduled at all is a deadlock, and raised as one.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.now_s

    def monotonic_ns(self) -> int:
        return round(self.now_s * 1e9)


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("deadlock: nothing is scheduled")
        self._loop.now_s += max(timeout, 0.0)
        return []


def run_virtual(loop: VirtualLoop, main: Coroutine[Any, Any, Any]) -> Any:
    """Run `main` to its end on `loop`, which is closed afterwards."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main)
