"""A process that does not get on is ended; one that does, or that slept, is not."""

import sys
from types import FrameType, FunctionType

import structlog

from daemon.pulse.watchdog import (
    CHECK_EVERY_S,
    PATIENCE_S,
    STALLED_AFTER_S,
    STOP_WITHIN_S,
    Watchdog,
)

STALLED = round(STALLED_AFTER_S / CHECK_EVERY_S)
STOPPED = round(STOP_WITHIN_S / CHECK_EVERY_S)


def standing_in(module: str) -> FrameType | None:
    """A frame of a function of `module`, called by this one."""

    def here() -> FrameType:
        return sys._getframe()

    return FunctionType(here.__code__, {"__name__": module, "sys": sys})()


class Watched:
    """A watchdog whose checks are called by the test, and the codes it would have left with."""

    def __init__(self, *, module: str = "daemon.trading", started: bool = True) -> None:
        self.codes: list[int] = []
        self.dog = Watchdog(self.codes.append, lambda: standing_in(module))
        if started:
            self.dog.started()

    def silent(self, checks: int) -> None:
        for _ in range(checks):
            self.dog.check()


def test_ten_seconds_without_a_beat_end_the_process_with_70() -> None:
    watched = Watched()
    with structlog.testing.capture_logs() as logs:
        watched.silent(STALLED - 1)
        assert [] == watched.codes
        watched.silent(1)

    assert [70] == watched.codes
    [told] = logs
    assert ("loop_stalled", "error") == (told["event"], told["log_level"])
    assert any(frame.startswith("test_watchdog.py:") for frame in told["where"])


def test_every_beat_gives_ten_more_seconds() -> None:
    watched = Watched()
    for _ in range(5):
        watched.silent(STALLED - 1)
        watched.dog.beat()

    assert [] == watched.codes


def test_compiling_a_kernel_may_take_longer_but_not_for_ever() -> None:
    watched = Watched(module="llvmlite.binding.ffi")
    watched.silent(round(PATIENCE_S / CHECK_EVERY_S) - 1)
    assert [] == watched.codes
    watched.silent(1)

    assert [70] == watched.codes


def test_a_start_may_take_longer_but_not_for_ever() -> None:
    watched = Watched(started=False)
    watched.silent(round(PATIENCE_S / CHECK_EVERY_S) - 1)
    assert [] == watched.codes
    watched.silent(1)

    assert [70] == watched.codes


def test_a_stop_that_drags_is_cut_short_and_is_still_a_stop_in_order() -> None:
    """Whatever the ledger has acknowledged is on the disk."""
    watched = Watched(module="numba.core.codegen")
    watched.dog.stop_asked()
    with structlog.testing.capture_logs() as logs:
        for _ in range(STOPPED):
            watched.dog.beat()
            watched.dog.check()

    assert [0] == watched.codes
    assert ["stop_cut_short"] == [log["event"] for log in logs]


def test_it_ends_with_what_it_watches() -> None:
    watched = Watched()
    watched.dog.start()
    watched.dog.close()

    assert [] == watched.codes
