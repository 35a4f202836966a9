"""Ends a process that does not get on: no beat of its heart for too long, or a stop that drags.

A thread of its own, because what it guards against is a loop that stands still. It counts its own
wake-ups instead of reading a clock: a process that was suspended did not stall. It decides nothing
about trading: to be ended here is to be killed, and every start can follow a kill.
"""

import os
import sys
import threading
import traceback
from collections.abc import Callable

import structlog

from core.errors import TradingdError
from core.jit import is_compiling

STALLED_AFTER_S = 10.0  # reliability.md 2.3
COMPILING_S = 180.0  # while a kernel is compiled: on the loop, and once for each state of the code
STOP_WITHIN_S = 4.5  # design.md 7 allows 5 s from SIGTERM to the exit
CHECK_EVERY_S = 0.25
LAST_WORDS_S = 1.0  # a log that nobody reads must not hold the exit back
FRAMES_TOLD = 6

log = structlog.get_logger()


class Watchdog:
    """Watches from `start` to `close`; `beat` says that loop and tasks got on.

    Args:
        leave: ends the process at once; a test hands in something gentler.
    """

    def __init__(
        self,
        leave: Callable[[int], object] = os._exit,
        compiling: Callable[[], bool] = is_compiling,
    ) -> None:
        self._leave = leave
        self._compiling = compiling
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._watched = threading.main_thread().ident
        self._beaten = False
        self._silent_checks = 0
        self.stopping = False
        self._stop_checks = 0

    def start(self) -> None:
        """Watch the loop of the main thread."""
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def beat(self) -> None:
        """From the loop, whenever it turned and the tasks got on."""
        self._beaten = True

    def stop_asked(self) -> None:
        """From a signal handler: the process has STOP_WITHIN_S left."""
        self.stopping = True

    def check(self) -> None:
        """What the thread does every CHECK_EVERY_S."""
        self._silent_checks = 0 if self._beaten else self._silent_checks + 1
        self._beaten = False
        self._stop_checks += self.stopping
        patience_s = COMPILING_S if self._compiling() else STALLED_AFTER_S
        if self._stop_checks * CHECK_EVERY_S >= STOP_WITHIN_S:
            self._end(0)
        elif self._silent_checks * CHECK_EVERY_S >= patience_s:
            self._end(TradingdError.exit_code)

    def _watch(self) -> None:
        while not self._closed.wait(CHECK_EVERY_S):
            self.check()

    def _end(self, code: int) -> None:
        """Say where the main thread stands, then leave without asking anybody."""
        telling = threading.Thread(target=self._tell, args=(code,), daemon=True)
        telling.start()
        telling.join(LAST_WORDS_S)
        self._leave(code)

    def _tell(self, code: int) -> None:
        frame = sys._current_frames().get(self._watched or 0)
        stack = traceback.extract_stack(frame)[-FRAMES_TOLD:] if frame else []
        where = [f"{os.path.basename(one.filename)}:{one.lineno} {one.name}" for one in stack]
        if code:
            log.error("loop_stalled", where=where)
        else:
            log.warning("stop_cut_short", where=where)
