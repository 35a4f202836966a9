"""Day after day in one process: readiness, trading, evening, then idle until the next session.

Decides the order of a day's jobs and what a readiness that fails leads to; when they are due is
`schedule.py`'s part, what they do that of the daemon. Never touches a Minute.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog

from core.errors import BrokerError, ConfigError
from core.session import Session, day_text
from core.types import Command
from daemon.bootstrap import Daemon
from daemon.commands import NO_PROCESS, Asked
from daemon.consent.consent import Consent
from daemon.doctor import Check, Verdict, fail
from daemon.plan import DayOutcome
from daemon.proof.report import Report
from daemon.schedule import Driver, Job, Moment, day_moments, session_text

READINESS_USER = "readiness"  # who commands HALT, in the ledger
RELIST_ADVICE = (
    "the day goes by the list of yesterday; see 'The instrument master' in docs/runbook.md"
)
SHOW_EVERY_S = 1.0  # of real time
UNTIL_TAKEN_S = 7 * 24 * 3600.0  # nobody gives up waiting for the day to begin

Examine = Callable[[int], Iterable[Check]]
Tell = Callable[[DayOutcome | Report], None]

log = structlog.get_logger()


class Cycle:
    """The days of one process, over an open Daemon.

    Args:
        examine: every check of readiness at a moment; called on the ledger's thread.
        tell: is given each day's outcome when its trading has ended, and its report.
        days: how many to run; None: without end.
        consent: to real orders; None: there are none.
    """

    def __init__(
        self,
        daemon: Daemon,
        driver: Driver,
        *,
        examine: Examine,
        tell: Tell = lambda told: None,
        days: int | None = 1,
        consent: Consent | None = None,
    ) -> None:
        self._daemon = daemon
        self._driver = driver
        self._examine = examine
        self._tell = tell
        self._days = days
        self._consent = consent
        self._halting: asyncio.Task[object] | None = None

    async def run(self, day: int, stop: asyncio.Event) -> None:
        """From `day` on, which `Daemon.choose_day` chose, until `stop` or the last day's evening.

        Raises ConfigError where no next session is known (the session table ends, or one on the
        way is unconfirmed), DataError at the end of recorded data.
        """
        self._daemon.standing.report = self._daemon.evening.last_report()
        last = self._daemon.record
        if last.closed is not None and self._daemon.evening.was_missed(last.day):
            await self._rest(last.day, stop)  # the process was killed before it, or in it
        left = self._days
        while await self._passed(day, stop):
            left = None if left is None else left - 1
            if left == 0:
                return
            following = await self._daemon.choose_day(None)
            assert following is not None  # only a day that was named may be complete already
            # One that nobody consented to is not in the ledger, and is over all the same.
            day = following if following > day else self._daemon.plan.source.next_day(day)

    async def _passed(self, day: int, stop: asyncio.Event) -> bool:
        """The jobs of one day; False if it was left before the last was done."""
        sessions = self._daemon.plan.source.sessions(day)
        for moment in day_moments(sessions):
            if moment.when_ns > self._driver.now_ns() and moment.job is not Job.EVENING:
                self._idle(session_text(sessions), day)
            if not await self._reached(moment, stop):
                return False
            match moment.job:
                case Job.READINESS:
                    if not self._daemon.record.is_under_way:  # else the morning has been examined
                        await self._look(day)
                case Job.TRADING:
                    if not await self._consented(day, sessions, stop):
                        return not stop.is_set()  # nobody has consented to it: it is left out
                    self._idle(None, day)
                    if not await self._traded(day, stop):
                        return False
                case Job.EVENING:
                    await self._rest(day, stop)
        return not stop.is_set()

    async def _reached(self, moment: Moment, stop: asyncio.Event) -> bool:
        """Wait for `moment`; False if `stop` came first."""
        reaching = asyncio.create_task(self._driver.reach(moment), name=f"until-{moment.job}")
        stopping = asyncio.create_task(stop.wait(), name="until-stop")
        try:
            while not (reaching.done() or stopping.done()):
                waited = {reaching, stopping}
                await asyncio.wait(
                    waited, timeout=SHOW_EVERY_S, return_when=asyncio.FIRST_COMPLETED
                )
                self._daemon.source.touch()  # the time on the page moves on
            if reaching.done():
                reaching.result()
            return not stop.is_set()
        finally:
            reaching.cancel()
            stopping.cancel()
            await asyncio.gather(reaching, stopping, return_exceptions=True)

    # --- the jobs --------------------------------------------------------------------------------

    async def _look(self, day: int) -> None:
        """Readiness. What fails, and does not heal, halts the day before its first Minute: only a
        person resumes."""
        now_ns, owner = self._driver.now_ns(), self._daemon.evening.ledger_owner
        listing = await relisted(self._daemon, now_ns)
        checks = listing + await owner.run(lambda: list(self._examine(now_ns)))
        for one in checks:
            if one.verdict is Verdict.FAIL:
                log.error("readiness_failed", check=one.name, found=one.found, advice=one.advice)
            elif one.verdict is Verdict.WARN:
                log.warning("readiness_warned", check=one.name, found=one.found, advice=one.advice)
        failed = [one.name for one in checks if one.verdict is Verdict.FAIL]
        log.info("readiness_checked", day=day_text(day), checks=len(checks), failed=failed)
        self._daemon.standing.readiness = [
            str(one) for one in checks if one.verdict is not Verdict.OK
        ]
        self._daemon.source.touch()
        if any(one.verdict is Verdict.FAIL and not one.heals for one in checks):
            self.halt_first()

    async def _consented(
        self, day: int, sessions: Sequence[Session | None], stop: asyncio.Event
    ) -> bool:
        """Real orders wait for the consent to their day, as long as it lasts. One that is under way
        was consented to when this process began."""
        if self._consent is None or self._daemon.record.is_under_way:
            return True
        over_ns = max(session.close_ns for session in sessions if session is not None)
        self._idle(session_text(sessions), day)
        return await self._consent.granted(day, self._driver.now_ns, over_ns, stop)

    def halt_first(self) -> None:
        """Trading takes it before its next Minute; the ledger then has who and when."""
        halt = Asked(Command.HALT, READINESS_USER, NO_PROCESS)
        asking = self._daemon.operator.ask(halt, UNTIL_TAKEN_S)
        self._halting = asyncio.create_task(asking, name="readiness-halt")

    async def _traded(self, day: int, stop: asyncio.Event) -> bool:
        try:
            outcome = await self._daemon.play(day, stop)
        finally:
            if self._halting is not None:
                self._halting.cancel()
                await asyncio.gather(self._halting, return_exceptions=True)
                self._halting = None
        self._tell(outcome)
        return outcome.complete and not stop.is_set()

    async def _rest(self, day: int, stop: asyncio.Event) -> None:
        self._daemon.vitals.status(f"evening of {day_text(day)}")
        report = await self._daemon.evening.follow(day, stop)
        if report is not None:
            self._daemon.standing.report = report.told()
            self._tell(report)

    def _idle(self, until: str | None, day: int) -> None:
        """The process waits, and says what for; None: it does so no longer."""
        daemon = self._daemon
        if until is not None and daemon.standing.waiting_for is None:
            log.info("session_awaited", day=day_text(day), session=until)
            daemon.vitals.started(until)
        daemon.standing.waiting_for = until
        daemon.standing.now_ns = None if until is None else self._driver.now_ns
        daemon.source.touch()


async def relisted(daemon: Daemon, now_ns: int) -> list[Check]:
    """Ask for the day's instruments; the check that they cannot be had or used."""
    try:
        await daemon.relist(now_ns)
    except (BrokerError, ConfigError) as error:
        return [fail("instruments", str(error), RELIST_ADVICE)]
    return []
