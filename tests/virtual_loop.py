"""An event loop whose time jumps instead of passing: tests of clocks neither sleep nor wait."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time stands still while callbacks are ready, then jumps to the next timer.

    Nothing scheduled at all is a deadlock, and raised as one.

    Args:
        seed: with one, callbacks that are ready together run in an order drawn from it. asyncio
            promises first come, first served; code that leans on it across tasks hides a race.
        selector: that jumps; None: one that looks at no file.
    """

    def __init__(
        self,
        seed: int | None = None,
        selector: "Callable[[VirtualLoop], selectors.BaseSelector] | None" = None,
    ) -> None:
        self.now_s = 0.0
        self._order = None if seed is None else np.random.default_rng(seed)
        super().__init__((selector or _JumpingSelector)(self))

    def time(self) -> float:
        return self.now_s

    def monotonic_ns(self) -> int:
        return round(self.now_s * 1e9)

    def _run_once(self) -> None:
        """One turn of asyncio's loop, the only place where all that is ready can be seen."""
        ready: Any = self._ready  # type: ignore[attr-defined]
        if self._order is not None and len(ready) > 1:
            waiting = list(ready)
            ready.clear()
            ready.extend(waiting[number] for number in self._order.permutation(len(waiting)))
        super()._run_once()  # type: ignore[misc]


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
