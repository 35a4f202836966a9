"""Ten generated days in one process: nothing grows, nothing is left open, and a kill over the night
costs nothing."""

import asyncio
import gc
import json
import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from core.session import SECOND_NS, parse_day
from daemon.bootstrap import Daemon
from daemon.clocks import VirtualClock
from daemon.cycle import Cycle
from daemon.doctor import Verdict, examine
from daemon.lock import StateLock
from daemon.plan import DayOutcome
from daemon.proof.certificate import GREEN, certificate_path
from daemon.proof.report import Report
from daemon.schedule import ClockDriver, Job, Moment
from tests.daemon.days import synthetic_plan
from tests.datasets import LIVELY

DAYS = 10
SETTLED = 3  # days until the libraries have the threads and files that they want
WARM = 5  # days until their caches are full
FIRST_NS = parse_day("2026-07-27") * 86_400 * SECOND_NS
MAX_GROWTH = 1.05  # reliability.md 2.3, soak A


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a process that leaks has more of every day."""

    resident_bytes: int
    tasks: int
    threads: int
    handles: int

    @classmethod
    def now(cls) -> "Vitals":
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            resident_bytes=pages * os.sysconf("SC_PAGE_SIZE"),
            tasks=len(asyncio.all_tasks()),
            threads=threading.active_count(),
            handles=len(os.listdir("/proc/self/fd")),
        )


class KilledOverNight(ClockDriver):
    """Virtual time; what a kill leaves on disk is copied when the last night has come."""

    def __init__(self, directory: Path, copy: Path, stop: asyncio.Event) -> None:
        super().__init__(VirtualClock(FIRST_NS))
        self._paths = directory, copy
        self._stop = stop
        self._nights = 0

    async def reach(self, moment: Moment) -> None:
        self._nights += moment.job is Job.READINESS
        if self._nights > DAYS:
            shutil.copytree(*self._paths)
            self._stop.set()
        await super().reach(moment)


class Process:
    """Days by the real threads and stores, measured after every evening."""

    def __init__(self) -> None:
        self.vitals: list[Vitals] = []
        self.outcomes: list[DayOutcome] = []
        self.reports: list[Report] = []

    def told(self, one: DayOutcome | Report) -> None:
        if isinstance(one, DayOutcome):
            self.outcomes.append(one)
        else:
            self.reports.append(one)
            self.vitals.append(Vitals.now())

    async def run(self, directory: Path, copy: Path | None, days: int) -> None:
        stop = asyncio.Event()
        plan = synthetic_plan(*LIVELY)
        daemon = Daemon(plan, directory)
        driver = (
            ClockDriver(VirtualClock(FIRST_NS))
            if copy is None
            else KilledOverNight(directory, copy, stop)
        )
        cycle = Cycle(
            daemon,
            driver,
            examine=lambda now_ns: examine(directory, now_ns),
            tell=self.told,
            days=days,
        )
        with StateLock(directory):
            try:
                await daemon.open()
                day = await daemon.choose_day(None)
                assert day is not None
                daemon.prepare(day)
                await cycle.run(day, stop)
            finally:
                await daemon.close()


def verdict_of(directory: Path, day: int) -> object:
    return json.loads(certificate_path(directory, day).read_bytes())["verdict"]


@pytest.mark.slow
def test_ten_days_in_one_process_leave_it_as_it_was_and_a_kill_over_night_costs_nothing(
    tmp_path: Path,
) -> None:
    process, directory, copy = Process(), tmp_path / "var", tmp_path / "killed"
    before = os.umask(0o077)  # as `run` does
    try:
        with structlog.testing.capture_logs() as logs:
            asyncio.run(process.run(directory, copy, DAYS + 1))
    finally:
        os.umask(before)
    warm, last = process.vitals[WARM - 1], process.vitals[-1]

    assert [log for log in logs if log["log_level"] in ("warning", "error")] == []
    assert len(process.outcomes) == len(process.reports) == DAYS
    assert all(one.complete for one in process.outcomes)
    assert sum(one.trades for one in process.outcomes) > DAYS
    assert [verdict_of(directory, one.day) for one in process.outcomes] == [GREEN] * DAYS
    assert [one.unexplained for one in process.reports] == [[]] * DAYS
    assert last.resident_bytes < warm.resident_bytes * MAX_GROWTH, process.vitals
    assert {(one.tasks, one.threads, one.handles) for one in process.vitals[SETTLED - 1 :]} == {
        (last.tasks, last.threads, last.handles)
    }, process.vitals

    eleventh = Process()
    with structlog.testing.capture_logs():
        asyncio.run(eleventh.run(copy, None, 1))

    assert [one.complete for one in eleventh.outcomes] == [True]
    assert eleventh.outcomes[0].day == parse_day("2026-08-10")
    assert verdict_of(copy, eleventh.outcomes[0].day) == GREEN
    found = [one for one in examine(copy, FIRST_NS) if one.verdict is Verdict.FAIL]
    assert found == []
