"""What a day asks of the clock: one table of jobs around its session, and who waits for them.

Decides when, never what: `cycle.py` does the jobs, one after the other. Slow control jobs only; no
bar and no order ever waits for this.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from core.errors import ConfigError
from core.ports import Clock
from core.session import MINUTE_NS, Session, SessionKind, ist_text

LOOK_AGAIN_S = 30.0  # the host may have slept, or its clock been set: a timer would not notice


class Job(StrEnum):
    """What a day consists of, in order."""

    READINESS = "readiness"
    TRADING = "trading"
    EVENING = "evening"


class Anchor(StrEnum):
    """What a job is timed by: the first open of the day, or the end of its last known window."""

    OPEN = "open"
    END = "end"


@dataclass(frozen=True, slots=True)
class Timing:
    job: Job
    anchor: Anchor
    offset_ns: int


# A person has half an hour to act on what readiness finds before strategies are warmed up and the
# feed is opened, in the middle of the pre-open. The evening waits for the last prints of the day.
TABLE = (
    Timing(Job.READINESS, Anchor.OPEN, -45 * MINUTE_NS),
    Timing(Job.TRADING, Anchor.OPEN, -15 * MINUTE_NS),
    Timing(Job.EVENING, Anchor.END, 15 * MINUTE_NS),
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A job of one day, and when it is due."""

    job: Job
    when_ns: int


def day_moments(sessions: Sequence[Session | None]) -> list[Moment]:
    """The day's jobs in order. A market that never closes has no night: nothing waits in it.

    Args:
        sessions: of the day, by session group; None where a group is not traded.

    Raises:
        ConfigError: no group is traded.
    """
    held = [session for session in sessions if session is not None]
    if not held:
        raise ConfigError("no session on that day")
    windows = [window for session in held for window in session.phases]
    at_ns = {
        Anchor.OPEN: min(session.open_ns for session in held),
        Anchor.END: max(window.close_ns for window in windows),
    }
    around = not any(session.kind is SessionKind.ALWAYS_OPEN for session in held)
    return [Moment(one.job, at_ns[one.anchor] + around * one.offset_ns) for one in TABLE]


def session_text(sessions: Sequence[Session | None]) -> str:
    """What is waited for, as a person reads it: `next session 2026-11-20 09:15 IST`."""
    open_ns = min(session.open_ns for session in sessions if session is not None)
    return f"next session {ist_text(open_ns)[:16].replace('T', ' ')} IST"


# --- who waits -----------------------------------------------------------------------------------


class Driver(Protocol):
    """Waits for the moments of the table, one at a time. May be cancelled while it waits."""

    def now_ns(self) -> int: ...

    async def reach(self, moment: Moment) -> None: ...

    def close(self) -> None: ...


class ClockDriver:
    """On the Clock seam, for days that are generated or recorded: virtual time skips the nights."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now_ns(self) -> int:
        return self._clock.now_ns()

    async def reach(self, moment: Moment) -> None:
        await self._clock.sleep_until(moment.when_ns)

    def close(self) -> None:
        """Nothing is held."""


class HostDriver:
    """On the host's clock, by apscheduler, for days that come when they come.

    A job that is overdue, also by hours, is due at once; one that was missed several times is due
    once.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # In UTC: the host's time zone is never read.
        self._scheduler = AsyncIOScheduler(timezone=UTC)

    def now_ns(self) -> int:
        return self._clock.now_ns()

    async def reach(self, moment: Moment) -> None:
        if not self._scheduler.running:
            self._scheduler.start()
        due = asyncio.Event()

        async def is_due() -> None:  # a plain function would be called on another thread
            due.set()

        self._scheduler.add_job(
            is_due,
            "date",
            run_date=datetime(1970, 1, 1, tzinfo=UTC)
            + timedelta(microseconds=moment.when_ns // 1_000),
            id=moment.job,
            misfire_grace_time=None,
            coalesce=True,
        )
        try:
            while not due.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(due.wait(), LOOK_AGAIN_S)
                self._scheduler.wakeup()
        finally:
            with suppress(JobLookupError):  # it has been done
                self._scheduler.remove_job(moment.job)

    def close(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
