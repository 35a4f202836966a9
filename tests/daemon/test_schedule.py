"""The table of a day against the session table, and both ways of waiting for its moments."""

import asyncio
from collections.abc import Callable

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from core.errors import ConfigError
from core.session import (
    MINUTE_NS,
    ist_text,
    live_session,
    next_live_session,
    parse_day,
    recorded_session,
)
from core.types import SessionClass
from daemon.clocks import SystemClock, VirtualClock
from daemon.schedule import (
    TABLE,
    ClockDriver,
    Driver,
    HostDriver,
    Job,
    Moment,
    day_moments,
    session_text,
)
from tests.virtual_loop import VirtualLoop, run_virtual

CASH, AUCTION = SessionClass.CASH, SessionClass.CASH_AUCTION


def times(date: str, *classes: SessionClass) -> list[str]:
    day = parse_day(date)
    return [
        f"{one.job} {ist_text(one.when_ns)[:16]}"
        for one in day_moments([live_session(day, one) for one in classes or (CASH,)])
    ]


# --- the table -----------------------------------------------------------------------------------


def test_an_ordinary_day_begins_before_the_pre_open_and_ends_after_the_post_close() -> None:
    assert times("2026-07-27") == [
        "readiness 2026-07-27T08:30",
        "trading 2026-07-27T09:00",
        "evening 2026-07-27T16:15",
    ]


def test_the_closing_auction_of_some_shares_moves_no_job() -> None:
    """Their session closes at 15:15; the day ends with the last window anybody has."""
    assert times("2026-08-05", AUCTION) == times("2026-08-05", CASH, AUCTION)
    assert times("2026-08-05", AUCTION)[-1] == "evening 2026-08-05T16:15"


def test_a_muhurat_day_is_in_the_evening() -> None:
    assert times("2024-11-01") == [
        "readiness 2024-11-01T17:15",
        "trading 2024-11-01T17:45",
        "evening 2024-11-01T19:15",
    ]


def test_a_saturday_of_two_parts_has_one_evening_after_the_second() -> None:
    assert times("2024-03-02") == [
        "readiness 2024-03-02T08:30",
        "trading 2024-03-02T09:00",
        "evening 2024-03-02T12:45",
    ]


def test_a_day_on_which_only_one_class_trades_is_a_day() -> None:
    day = parse_day("2026-07-27")

    assert day_moments([None, live_session(day, CASH)]) == day_moments([live_session(day, CASH)])


@pytest.mark.parametrize("date", ["2026-10-02", "2026-07-25", "2026-10-20"])
def test_holidays_and_weekends_have_no_moments(date: str) -> None:
    with pytest.raises(ConfigError, match="no session"):
        times(date)


def test_over_a_long_weekend_the_next_session_is_named() -> None:
    """Friday 2026-10-02 is a holiday; so from Thursday on Monday is waited for."""
    session = next_live_session(parse_day("2026-10-01"), CASH)

    assert session_text([None, session]) == "next session 2026-10-05 09:15 IST"


def test_an_unconfirmed_day_is_refused_before_anything_is_planned() -> None:
    with pytest.raises(ConfigError, match="unconfirmed"):
        times("2026-12-07", CASH, AUCTION)


def test_a_market_that_never_closes_waits_for_nothing() -> None:
    session = recorded_session(parse_day("2026-07-25"), SessionClass.ALWAYS_OPEN)
    assert session is not None
    moments = [one.when_ns for one in day_moments([session])]

    assert moments == [session.open_ns, session.open_ns, session.close_ns]


def test_every_job_of_every_session_day_is_later_than_the_one_before_it() -> None:
    """Over the whole cover: also the night between two days is never overlapped."""
    session, last_ns, days = next_live_session(parse_day("2024-01-01"), CASH), 0, 0
    while session.day < parse_day("2026-11-06"):
        for moment in day_moments([session]):
            assert moment.when_ns > last_ns
            last_ns = moment.when_ns
        session, days = next_live_session(session.day, CASH), days + 1

    assert days > 700


# --- who waits -----------------------------------------------------------------------------------

PAST = [Moment(Job.READINESS, MINUTE_NS), Moment(Job.TRADING, 2 * MINUTE_NS)]


def on_host() -> HostDriver:
    return HostDriver(SystemClock())


def on_clock() -> ClockDriver:
    return ClockDriver(VirtualClock(0))


@pytest.mark.parametrize("driver_of", [on_host, on_clock])
def test_an_overdue_moment_is_due_at_once_and_only_once(driver_of: Callable[[], Driver]) -> None:
    async def main() -> list[Job]:
        driver, reached = driver_of(), []
        for moment in (*PAST, *PAST):
            await driver.reach(moment)
            reached.append(moment.job)
        driver.close()
        return reached

    assert asyncio.run(main()) == [one.job for one in (*PAST, *PAST)]


def test_virtual_time_skips_the_night_and_stands_at_the_moment() -> None:
    async def main() -> int:
        driver = on_clock()
        await driver.reach(Moment(Job.EVENING, 10**18))
        return driver.now_ns()

    loop = VirtualLoop()
    assert run_virtual(loop, main()) == 10**18
    assert loop.now_s == 0


def test_a_moment_to_come_is_a_job_of_the_scheduler_that_is_never_given_up() -> None:
    """misfire_grace_time None: overdue is due. Cancelled, nothing of it is left."""
    when_ns = 4_000_000_000 * 10**9  # in 2096

    async def main() -> None:
        driver = on_host()
        waiting = asyncio.create_task(driver.reach(Moment(Job.TRADING, when_ns)))
        await asyncio.sleep(0)  # it has begun to wait
        [job] = scheduler_of(driver).get_jobs()

        assert (job.id, job.misfire_grace_time, job.coalesce) == ("trading", None, True)
        assert job.next_run_time.timestamp() * 1e9 == when_ns
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert scheduler_of(driver).get_jobs() == []
        driver.close()
        driver.close()

    asyncio.run(main())


def test_a_host_that_slept_through_the_moment_notices_when_it_looks_again() -> None:
    """No timer of the loop is told of the sleep: the loop jumps, the host's clock decides."""

    class Woken(AsyncIOScheduler):
        looked = 0

        def wakeup(self) -> None:
            self.looked += 1
            if self.looked == 4:
                [job] = self.get_jobs()
                self.modify_job(job.id, next_run_time=job.next_run_time.replace(year=2020))
            super().wakeup()

    async def main() -> int:
        driver = on_host()
        driver._scheduler = Woken(timezone=driver._scheduler.timezone)
        await driver.reach(Moment(Job.TRADING, 4_000_000_000 * 10**9))
        return driver._scheduler.looked

    assert run_virtual(VirtualLoop(), main()) >= 4


def scheduler_of(driver: HostDriver) -> AsyncIOScheduler:
    return driver._scheduler


def test_the_table_has_each_job_once_in_order() -> None:
    assert [one.job for one in TABLE] == list(Job)
