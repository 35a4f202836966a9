"""The broker's account, read again and again and held against the ledger (ADR 0035).

Decides when it is read and what a comparison leads to: a doubt, a halt, or what the broker's book
proves of orders that nobody told of. What is told goes the way of every report; nothing is
corrected, sent or cancelled from here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

import structlog

from core.doubts import Doubt, DoubtKind
from core.errors import BrokerError
from core.ports import BrokerReport, RealBroker, ReportKind
from core.reconciliation import ASKED, Difference, Ours, Standing, Theirs, differences, in_flight
from core.session import ist_text
from core.types import OrderId
from core.unsettled import Sights, proven
from daemon.intake.doubts import Doubts

EVERY_S = 30.0
SOON_S, AGAIN_S = 1.0, 5.0  # after a reading with something new in it; while it is not yet clear
UNREAD_S = 60.0  # without a reading: entries are off
BROKER = Doubt(DoubtKind.BROKER)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How the last reading came out, for the page and /health.

    `at_ns`: when both sides could last be compared; `found`: what differs; `unread`: why it could
    not be read since.
    """

    at_ns: int | None = None
    found: tuple[str, ...] = ()
    unread: str = ""

    @property
    def agrees(self) -> bool:
        return self.at_ns is not None and not self.found and not self.unread

    def __str__(self) -> str:
        """As a person reads it; the first difference stands for all."""
        return self._told(self.found[0] if self.found else "")

    @property
    def brief(self) -> str:
        """Without numbers, for whoever may ask without being known."""
        return self._told(f"{self.found[0].partition(':')[0]} differs" if self.found else "")

    def _told(self, first: str) -> str:
        said = f"{first} (1 of {len(self.found)})" if self.found else "agreed"
        when = "never" if self.at_ns is None else f"at {ist_text(self.at_ns)[11:19]} {said}"
        return f"{when}; not read since: {self.unread}" if self.unread else when


def loop_time_s() -> float:
    return asyncio.get_running_loop().time()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a reconciliation is wired with.

    Args:
        tell: takes a report as if the broker had told it.
        is_halted: whether an operator has to resume before an entry is sent.
        is_open: whether the market is, so that an exit can be sent.
        unanswered: orders whose calls were made by a process before this one.
        told: reasons of the DIFFERENCE reports that the ledger holds of the day.
        held: time that waits for its readers stands still meanwhile.
        show, alert: take how it stands, and what a person must look at.
        now_s: real time.
    """

    broker: RealBroker
    ours: Callable[[], Awaitable[Ours]]
    tell: Callable[[BrokerReport], None]
    doubts: Doubts
    now_ns: Callable[[], int]
    is_halted: Callable[[], bool]
    is_open: Callable[[], bool]
    unanswered: Collection[OrderId]
    told: Collection[str]
    held: Callable[[], AbstractContextManager[None]]
    show: Callable[[Reconciled], None]
    alert: Callable[[str], None]
    now_s: Callable[[], float] = loop_time_s


class Reconciliation:
    """Of one day of one book, by real time. Until both sides have agreed once no entry is sent."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._standing, self._sights = Standing(), Sights()
        self._unanswered = frozenset(around.unanswered)
        self._told = set(around.told)  # differences, by what was said of them
        self._read_s: float | None = None  # the last reading, or else the first attempt
        self.last = Reconciled()
        around.show(self.last)
        around.doubts.open(BROKER, "not yet compared with the ledger")

    async def run(self) -> None:
        """Without end; also when the broker's stream of updates is connected anew, but of a line
        that is cut again and again no more than every AGAIN_S."""
        while True:
            wait_s = await self.look()
            least_s = min(wait_s, AGAIN_S)
            await asyncio.sleep(least_s)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._around.broker.reconnected(), wait_s - least_s)

    async def look(self) -> float:
        """Read, compare, and say what follows; how many seconds until the next time."""
        around = self._around
        with around.held():
            before = await around.ours()
            try:
                theirs = await around.broker.account()
            except BrokerError as error:
                self._unread(str(error))
                return AGAIN_S
            after = await around.ours()
            self._read_s = self._around.now_s()
            return self._compare(before, after, theirs)

    def _compare(self, before: Ours, after: Ours, theirs: Theirs) -> float:
        now_s = self._around.now_s()
        asked = {order.order_id for order in after.orders.values() if order.state in ASKED}
        self._unanswered &= asked
        moving = in_flight(before, after, self._unanswered)
        found = differences(after, theirs, moving)
        stood = self._standing.read(found, now_s)
        open_ones = [one for one in found if one.halts and not self._is_accepted(one)]
        if open_ones or not moving:  # else it says nothing of what moves
            self._show(Reconciled(self._around.now_ns(), tuple(map(str, open_ones))))
        for one in stood:
            self._differs(one)
        self._settle(after, theirs, moving)
        if self._standing.is_new(now_s):
            return SOON_S
        unclear = [one for one in open_ones if one not in stood]
        if open_ones:
            self._open_doubt(str(open_ones[0]))
        elif not moving:
            self._around.doubts.close(BROKER)
        return AGAIN_S if moving or unclear else EVERY_S

    def _open_doubt(self, reason: str) -> None:
        self._around.doubts.open(BROKER, reason)
        self._around.doubts.explain({BROKER}, reason)  # it may have been open for another one

    def _is_accepted(self, one: Difference) -> bool:
        """It lies in the past, was said, and an operator has resumed."""
        return one.is_past and str(one) in self._told and not self._around.is_halted()

    def _differs(self, one: Difference) -> None:
        """It stands: said once, and once more whenever an operator has resumed in spite of it."""
        text = str(one) if one.halts else f"{one.matter} {one.name}"  # whose numbers go on changing
        is_said = text in self._told
        self._told.add(text)
        if not one.halts:
            if not is_said:
                log.warning(
                    "reconciliation_told",
                    matter=one.matter.value,
                    name=one.name,
                    ours=one.ours,
                    theirs=one.theirs,
                )
            return
        if is_said and (self._is_accepted(one) or self._around.is_halted()):
            return
        log.error(
            "reconciliation_differs",
            matter=one.matter.value,
            name=one.name,
            ours=one.ours,
            theirs=one.theirs,
        )
        self._around.alert(f"HALTED by reconciliation: {text}")
        now_ns = self._around.now_ns()
        self._around.tell(BrokerReport(ReportKind.DIFFERENCE, one.name, now_ns, text))

    def _settle(self, ours: Ours, theirs: Theirs, moving: Collection[str]) -> None:
        """Tell what the book proves of orders that nobody told of."""
        sights = {
            sight: for_s
            for sight, for_s in self._sights.read(ours, theirs, self._around.now_s()).items()
            if sight.order.instrument not in moving
        }
        if not self._around.is_open():
            return
        for report in proven(sights, ours, theirs, self._around.now_ns()):
            log.warning(
                "order_settled",
                order_id=report.order_id,
                kind=report.kind.value,
                reason=report.reason,
            )
            self._around.tell(report)

    def _unread(self, reason: str) -> None:
        now_s = self._around.now_s()
        if self._read_s is None:
            self._read_s = now_s
        if self.last.unread != reason:
            log.warning("reconciliation_unread", reason=reason)
        self._show(Reconciled(self.last.at_ns, self.last.found, reason))
        if now_s - self._read_s >= UNREAD_S:
            self._open_doubt(f"cannot be read: {reason}")

    def _show(self, now: Reconciled) -> None:
        if now.agrees and not self.last.agrees:
            log.info("reconciliation_agreed")
        self.last = now
        self._around.show(now)
