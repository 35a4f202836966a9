"""The beat of the process: the loop's lag, the watchdogs' food, and the signals that end it.

Feeds a watchdog only when the loop turned and trading got on: a timer alone would vouch for a
process that does nothing. Measures always, warns seldom, decides nothing about trading.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

import structlog

from daemon.pulse.vitals import Vitals
from daemon.pulse.watchdog import Watchdog

BEAT_EVERY_S = 0.05
LAG_WARNED_S = 0.25  # reliability.md 2.3
STOOD_STILL_S = 1.0  # then no entry before a fresh quote
WARN_EVERY_S = 10.0
AT_ONCE = 128 + signal.SIGINT  # as a shell tells it

log = structlog.get_logger()


class Heart:
    """Beats until cancelled; `beat` is one beat, with the lag it came with."""

    def __init__(self, vitals: Vitals, watchdog: Watchdog) -> None:
        self._vitals = vitals
        self._watchdog = watchdog
        waits_s = vitals.notifier.watchdog_s
        self._tell_every_s = None if waits_s is None else waits_s / 3
        self._untold_s = 0.0
        self._unwarned_s = WARN_EVERY_S

    async def run(self) -> None:
        while True:
            asleep_s = time.perf_counter()
            await asyncio.sleep(BEAT_EVERY_S)
            self.beat(max(0.0, time.perf_counter() - asleep_s - BEAT_EVERY_S))

    def beat(self, lag_s: float) -> None:
        self._vitals.lag_s = lag_s
        self._vitals.meters.loop_lag.add(lag_s)
        if lag_s > STOOD_STILL_S:
            self._vitals.lagged(lag_s)
        self._untold_s += BEAT_EVERY_S + lag_s
        self._unwarned_s += BEAT_EVERY_S + lag_s
        if lag_s > LAG_WARNED_S and self._unwarned_s >= WARN_EVERY_S:
            self._unwarned_s = 0.0
            log.warning("loop_lagged", lag_ms=round(lag_s * 1_000))
        if self._vitals.ready:
            self._watchdog.started()
        if not self._vitals.got_on():
            return
        self._watchdog.beat()
        if self._tell_every_s is not None and self._untold_s >= self._tell_every_s:
            self._untold_s = 0.0
            self._vitals.notifier.tell("WATCHDOG=1")


@asynccontextmanager
async def attended(vitals: Vitals, watchdog: Watchdog) -> AsyncIterator[asyncio.Event]:
    """Whatever runs inside has a heart and a watchdog.

    The first SIGTERM or SIGINT sets the event it yields, and what runs inside has to end; the
    second ends the process at once.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def begin() -> None:
        vitals.stop()
        stop.set()

    def asked() -> None:
        if watchdog.stopping:
            os._exit(AT_ONCE)
        watchdog.stop_asked()
        loop.call_soon_threadsafe(begin)

    heart = asyncio.create_task(Heart(vitals, watchdog).run(), name="heart")
    watchdog.start()
    try:
        with _on_signals(asked):
            yield stop
    finally:
        vitals.stop()
        heart.cancel()
        watchdog.close()
        vitals.notifier.close()


@contextmanager
def _on_signals(asked: Callable[[], None]) -> Iterator[None]:
    """Handlers of Python's own kind: they are also called while a kernel is being compiled on the
    loop, when the loop's would have to wait."""

    def handle(number: int, frame: FrameType | None) -> None:
        asked()

    before = {one: signal.signal(one, handle) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
