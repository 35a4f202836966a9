"""Days in one process: their jobs in order, what a failed readiness does, and every stop."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import structlog

from core.errors import ConfigError, DataError, StoreFailed
from core.ports import EventKind
from core.session import MINUTE_NS, day_text, parse_day
from core.types import Instrument
from daemon.bootstrap import Daemon
from daemon.clocks import VirtualClock
from daemon.cycle import Cycle
from daemon.doctor import Check, Verdict, examine, fail, ok, warn
from daemon.lock import StateLock
from daemon.plan import DayOutcome, Plan
from daemon.proof.certificate import certificate_path
from daemon.proof.reasons import Cause
from daemon.proof.report import Report
from daemon.schedule import ClockDriver, Driver, Job, Moment
from stores.market import DuckMarketStore
from stores.owner import InlineOwner
from tests.daemon.days import play, recorded, replay_plan, rows, synthetic_plan, told
from tests.datasets import LIVELY, WEEK, dataset_of, generated, request_on
from tests.market import at

JOBS = ("readiness_checked", "day_complete", "day_reported")
QUARTER_NS = 15 * MINUTE_NS
SOUND = [ok("disk", "enough"), warn("backups", "none", "wait")]
BAD = [*SOUND, fail("disk", "3 MB free", "make room")]
HEALS = [*SOUND, Check(Verdict.FAIL, "token", "no access token", heals=True)]


def week() -> Plan:
    """Five days of 25 Minutes each."""
    bars = generated("week", seed=2, kept=1.0).bars
    kept = bars[bars["open_ns"] % QUARTER_NS == 0]
    return replay_plan(request_on(dataset_of(kept, base_ns=QUARTER_NS), *LIVELY, "timeframe=15m"))


def on_clock() -> Driver:
    return ClockDriver(VirtualClock(0))


class Process:
    """One process: what it told, logged, and where it stood when it ended."""

    def __init__(self) -> None:
        self.outcomes: list[DayOutcome] = []
        self.reports: list[Report] = []
        self.examined_ns: list[int] = []
        self.logs: list[str] = []
        self.shown: dict[str, object] = {}
        self.stop = asyncio.Event()

    def run(
        self,
        directory: Path,
        *,
        first: int | None = None,
        days: int | None = 1,
        checks: Iterable[Check] = SOUND,
        driver_of: Callable[[], Driver] = on_clock,
        plan: Plan | None = None,
    ) -> "Process":
        async def main() -> None:
            daemon = Daemon(
                plan or week(),
                directory,
                ledger_owner=InlineOwner(),
                store_owner=InlineOwner(),
                open_store=DuckMarketStore,
            )
            cycle = Cycle(
                daemon,
                driver_of(),
                examine=looked,
                tell=self.told,
                days=days,
            )
            with StateLock(directory):
                try:
                    await daemon.open()
                    day = await daemon.choose_day(first)
                    assert day is not None
                    daemon.prepare(day)
                    await cycle.run(day, self.stop)
                    self.shown = daemon.snapshot()["daemon"]  # type: ignore[assignment]
                finally:
                    await daemon.close()

        def looked(now_ns: int) -> Iterable[Check]:
            self.examined_ns.append(now_ns)
            return checks

        with structlog.testing.capture_logs() as logs:
            try:
                asyncio.run(main())
            finally:
                self.logs = [str(log["event"]) for log in logs]
        return self

    def told(self, one: DayOutcome | Report) -> None:
        if isinstance(one, Report):
            self.reports.append(one)
        else:
            self.outcomes.append(one)

    @property
    def jobs(self) -> list[str]:
        return [name for name in self.logs if name in JOBS]


# --- days ----------------------------------------------------------------------------------------


def test_days_follow_one_another_each_with_its_jobs_in_order(tmp_path: Path) -> None:
    process = Process().run(tmp_path, days=3)

    assert process.jobs == [*JOBS] * 3
    assert [one.day for one in process.outcomes] == WEEK[:3]
    assert [one.day for one in process.reports] == WEEK[:3]
    assert process.shown["report"] == process.reports[-1].lines()


def test_days_in_one_process_are_those_of_a_process_each(tmp_path: Path) -> None:
    Process().run(tmp_path / "one", days=3)
    for _ in range(3):
        Process().run(tmp_path / "many")

    assert told(tmp_path / "one") == told(tmp_path / "many")


def test_a_cycle_without_end_goes_on_to_the_last_day_there_is(tmp_path: Path) -> None:
    process = Process()
    with pytest.raises(DataError, match="no day after"):
        process.run(tmp_path, first=WEEK[2], days=None)

    assert [one.day for one in process.outcomes] == WEEK[2:]
    assert process.jobs == [*JOBS] * len(WEEK[2:])


def test_the_report_of_the_last_day_is_shown_by_the_next_process(tmp_path: Path) -> None:
    first = Process().run(tmp_path, first=WEEK[1])
    second = Process()
    second.run(tmp_path, driver_of=lambda: Waiting(second, Job.READINESS))

    assert second.shown["report"] == first.reports[0].lines()


# --- a day that comes when it comes ---------------------------------------------------------------

MUHURAT = parse_day("2024-11-01")  # 18:00-19:00


def by_the_clock(directory: Path, starts: str) -> tuple[Process, VirtualClock]:
    """A process that is started at `starts` on the day of a Muhurat evening, on a live feed."""
    clock = VirtualClock(at(starts, MUHURAT))
    plan = synthetic_plan(*LIVELY, host=clock)
    process = Process().run(
        directory, first=MUHURAT, plan=plan, driver_of=lambda: ClockDriver(clock)
    )
    return process, clock


def test_a_live_day_waits_for_its_moments(tmp_path: Path) -> None:
    process, clock = by_the_clock(tmp_path, "12:00")

    assert process.logs.index("session_awaited") < process.logs.index("readiness_checked")
    assert process.examined_ns == [at("17:15", MUHURAT)]
    assert process.jobs == list(JOBS)
    assert (process.outcomes[0].minutes, process.outcomes[0].complete) == (60, True)
    assert process.reports[0].found == ()
    assert process.reports[0].paper.signals > 0
    assert clock.now_ns() == at("19:15", MUHURAT)


def test_a_process_started_in_the_middle_of_a_live_day_does_at_once_what_is_overdue(
    tmp_path: Path,
) -> None:
    process, _ = by_the_clock(tmp_path, "18:30")
    [report] = process.reports

    assert process.examined_ns == [at("18:30", MUHURAT)]
    assert process.outcomes[0].complete
    assert report.given.told()["late_minutes"] == 29  # 18:01 to 18:29
    assert "bars_repaired" in process.logs
    assert [one.cause for one in report.found] == [Cause.LATE, Cause.FOLLOWS]


# --- readiness -----------------------------------------------------------------------------------


def test_a_readiness_that_fails_halts_before_the_first_minute(tmp_path: Path) -> None:
    process = Process().run(tmp_path, first=WEEK[1], checks=BAD)
    inputs = recorded(tmp_path, [EventKind.COMMAND, EventKind.MINUTE])

    assert inputs[0].payload == {"command": "halt", "user": "readiness", "pid": 0}
    assert [one.kind for one in inputs].count(EventKind.COMMAND) == 1
    assert {row["refusal"] for row in rows(tmp_path, "signals") if row["status"] != "SUPPRESSED"}
    assert not any(row["status"] == "ACTED" for row in rows(tmp_path, "signals"))
    assert process.shown["readiness"] == [str(one) for one in BAD[1:]]
    assert "readiness_failed" in process.logs
    assert process.outcomes[0].complete


def test_instruments_that_are_not_in_the_mornings_list_halt_the_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = week()

    async def gone(now_ns: int) -> tuple[Instrument, ...]:
        raise ConfigError("A is not in the instrument master")

    monkeypatch.setattr(plan.source, "relisted", gone)
    process = Process().run(tmp_path, plan=plan)

    [told] = [one for one in process.shown["readiness"] if "instruments" in one]  # type: ignore[attr-defined]
    assert "A is not in the instrument master" in told
    assert [] == rows(tmp_path, "trades")
    assert recorded(tmp_path, [EventKind.COMMAND])


def test_what_heals_by_itself_is_told_and_halts_nothing(tmp_path: Path) -> None:
    process = Process().run(tmp_path, first=WEEK[1], checks=HEALS)

    assert [] == recorded(tmp_path, [EventKind.COMMAND])
    assert any(row["status"] == "ACTED" for row in rows(tmp_path, "signals"))
    assert process.shown["readiness"] == [str(one) for one in HEALS[1:]]
    assert "readiness_failed" in process.logs


def test_a_red_certificate_of_yesterday_halts_today(tmp_path: Path) -> None:
    Process().run(tmp_path, first=WEEK[1])
    path = certificate_path(tmp_path, WEEK[1])
    path.write_text(path.read_text().replace('"green"', '"red"'))
    checks = [*examine(tmp_path, at("08:30", WEEK[2]))]
    Process().run(tmp_path, checks=checks)

    assert [one.name for one in checks if one.verdict is Verdict.FAIL] == ["certificate"]
    assert not any(row["status"] == "ACTED" for row in rows(tmp_path, "signals", WEEK[2]))


def test_a_halted_morning_holds_over_days_until_an_operator_resumes(tmp_path: Path) -> None:
    Process().run(tmp_path, first=WEEK[1], checks=BAD)
    Process().run(tmp_path)

    assert len(rows(tmp_path, "signals", WEEK[2])) > 0
    assert rows(tmp_path, "orders") == []


def test_a_warning_is_shown_and_stops_nothing(tmp_path: Path) -> None:
    process = Process().run(tmp_path, first=WEEK[1])

    assert "readiness_warned" in process.logs
    assert process.shown["readiness"] == [str(SOUND[1])]
    assert recorded(tmp_path, [EventKind.COMMAND]) == []
    assert rows(tmp_path, "orders") != []


def test_a_day_under_way_is_not_examined_again(tmp_path: Path) -> None:
    """A restart must be back at once, and the start itself has verified the ledger."""

    def fail(number: int) -> None:
        if number == 10:
            raise StoreFailed("disk full")

    with pytest.raises(StoreFailed):
        play(week(), tmp_path, WEEK[1], after_append=fail)
    process = Process().run(tmp_path, checks=BAD)

    assert process.jobs == list(JOBS[1:])
    assert recorded(tmp_path, [EventKind.COMMAND]) == []


# --- stops ---------------------------------------------------------------------------------------


class Waiting:
    """Reaches what comes before `held`, and that never: it stops the process instead."""

    def __init__(self, process: Process, held: Job) -> None:
        self._process = process
        self._held = held

    def now_ns(self) -> int:
        return 1_234_567_890_000_000_000

    async def reach(self, moment: Moment) -> None:
        if moment.job is self._held:
            self._process.stop.set()
            await asyncio.get_running_loop().create_future()

    def close(self) -> None:
        """Nothing is held."""


@pytest.mark.parametrize(("held", "done"), [(Job.READINESS, 0), (Job.TRADING, 1), (Job.EVENING, 2)])
def test_a_stop_while_waiting_ends_at_once(tmp_path: Path, held: Job, done: int) -> None:
    process = Process()
    process.run(tmp_path, first=WEEK[1], days=None, driver_of=lambda: Waiting(process, held))

    assert process.jobs == list(JOBS[:done])


def test_while_it_waits_the_page_says_for_what_and_what_time_it_is(tmp_path: Path) -> None:
    process = Process()
    process.run(tmp_path, first=WEEK[1], driver_of=lambda: Waiting(process, Job.TRADING))

    assert process.shown["waiting_for"] == f"next session {day_text(WEEK[1])} 09:15 IST"
    assert str(process.shown["market_time"]).startswith("2009-02-14T05:01:30")


def test_an_evening_that_was_missed_is_made_up_for_before_the_next_day(tmp_path: Path) -> None:
    killed = Process()
    killed.run(tmp_path, first=WEEK[1], driver_of=lambda: Waiting(killed, Job.EVENING))
    process = Process().run(tmp_path)

    assert [one.day for one in process.outcomes] == [WEEK[2]]
    assert process.jobs == ["day_reported", *JOBS]
    assert Process().run(tmp_path).jobs == list(JOBS)  # and only once
