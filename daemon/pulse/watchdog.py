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
from types import FrameType

import structlog

from core.errors import TradingdError

STALLED_AFTER_S = 10.0  # reliability.md 2.3
# For a start-up, which may run the recorded part of a day again, and while a kernel is compiled. A
# shorter one would end every start at the same place.
PATIENCE_S = 180.0
COMPILERS = ("numba", "llvmlite")
STOP_WITHIN_S = 4.5  # design.md 7 allows 5 s from SIGTERM to the exit
CHECK_EVERY_S = 0.25
LAST_WORDS_S = 1.0  # a log that nobody reads must not hold the exit back
FRAMES_TOLD = 6

log = structlog.get_logger()


def main_frame() -> FrameType | None:
    """Where the main thread, which runs the loop, stands."""
    return sys._current_frames().get(threading.main_thread().ident or 0)


class Watchdog:
    """Watches from `start` to `close`; `beat` says that loop and tasks got on.

    Args:
        leave: ends the process at once; a test hands in something gentler.
        standing: the innermost frame of the main thread.
    """

    def __init__(
        self,
        leave: Callable[[int], object] = os._exit,
        standing: Callable[[], FrameType | None] = main_frame,
    ) -> None:
        self._leave = leave
        self._standing = standing
        self._started = False
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
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

    def started(self) -> None:
        """The start-up path is through: from now on nothing takes long."""
        self._started = True

    def stop_asked(self) -> None:
        """From a signal handler: the process has STOP_WITHIN_S left."""
        self.stopping = True

    def check(self) -> None:
        """What the thread does every CHECK_EVERY_S."""
        self._silent_checks = 0 if self._beaten else self._silent_checks + 1
        self._beaten = False
        self._stop_checks += self.stopping
        silent_s = self._silent_checks * CHECK_EVERY_S
        if self._stop_checks * CHECK_EVERY_S >= STOP_WITHIN_S:
            self._end(0)
        elif silent_s >= PATIENCE_S or (silent_s >= STALLED_AFTER_S and not self._may_take_long()):
            self._end(TradingdError.exit_code)

    def _may_take_long(self) -> bool:
        """Whether the process starts, or its main thread stands inside the compiler of kernels."""
        if not self._started:
            return True
        frame = self._standing()
        while frame is not None:
            if str(frame.f_globals.get("__name__")).partition(".")[0] in COMPILERS:
                return True
            frame = frame.f_back
        return False

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
        frame = self._standing()
        stack = traceback.extract_stack(frame)[-FRAMES_TOLD:] if frame else []
        where = [f"{os.path.basename(one.filename)}:{one.lineno} {one.name}" for one in stack]
        if code:
            log.error("loop_stalled", where=where)
        else:
            log.warning("stop_cut_short", where=where)
