"""The broker's account against the ledger: what is a doubt, what halts, and when."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
import structlog

from core.errors import ConnectionLost
from core.orders import Order, OrderState
from core.ports import BrokerReport, ReportKind
from core.reconciliation import STANDS_S, Ours, Theirs
from core.types import OrderId
from core.unsettled import ABSENT_S
from daemon.intake.doubts import Doubts
from daemon.orders.reconciliation import (
    BROKER,
    EVERY_S,
    UNREAD_S,
    Reconciled,
    Reconciliation,
    Surroundings,
)
from tests.both_sides import BOUGHT, ENTRY, HELD, STOP, STOP_ID, ours, stops, theirs
from tests.virtual_loop import VirtualLoop, run_virtual

K, S = ReportKind, OrderState
ELSEWHERE = theirs(holdings=(HELD._replace(quantity=4),))
POSITION = "position A: the ledger has +10, the broker +4"


class Account:
    """A broker of which only the account is asked for; each question takes a tenth of a second."""

    def __init__(self) -> None:
        self.told: Theirs | str = theirs()  # a text: why it does not answer
        self.asked_s: list[float] = []
        self.connected = asyncio.Event()
        self.during: Callable[[], None] = lambda: None

    async def account(self) -> Theirs:
        self.asked_s.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.1)
        self.during()
        if isinstance(self.told, str):
            raise ConnectionLost(self.told)
        return self.told

    async def reconnected(self) -> None:
        await self.connected.wait()
        self.connected.clear()

    async def submit(self, order: Order) -> BrokerReport:
        raise AssertionError("nothing is sent from here")

    async def modify(self, order: Order) -> BrokerReport:
        raise AssertionError("nothing is sent from here")

    async def cancel(self, order_id: str) -> BrokerReport:
        raise AssertionError("nothing is sent from here")

    async def book(self) -> Sequence[Order]:
        return []

    async def reports(self) -> AsyncIterator[BrokerReport]:
        return
        yield


class Desk:
    """Both sides and what follows from them; a report of a difference halts."""

    def __init__(self, unanswered: Collection[OrderId] = (), told: Collection[str] = ()) -> None:
        self.broker = Account()
        self.ours: Ours = ours()
        self.is_halted = False
        self.is_open = True
        self.reports: list[BrokerReport] = []
        self.alerts: list[str] = []
        self.shown: list[Reconciled] = []
        self.doubts = Doubts(["A", "B"])
        self.held = 0
        self._unanswered, self._told = unanswered, told

    def reconciliation(self) -> Reconciliation:
        return Reconciliation(
            Surroundings(
                broker=self.broker,
                ours=self._ours,
                tell=self._tell,
                doubts=self.doubts,
                now_ns=lambda: round(asyncio.get_running_loop().time() * 1e9),
                is_halted=lambda: self.is_halted,
                is_open=lambda: self.is_open,
                unanswered=self._unanswered,
                told=self._told,
                held=self._holding,
                show=self.shown.append,
                alert=self.alerts.append,
            )
        )

    @property
    def is_doubted(self) -> bool:
        return BROKER in self.doubts.open_now

    async def passes(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _ours(self) -> Ours:
        return self.ours

    def _tell(self, report: BrokerReport) -> None:
        self.reports.append(report)
        self.is_halted |= report.kind is K.DIFFERENCE

    @contextmanager
    def _holding(self) -> Iterator[None]:
        self.held += 1
        yield
        self.held -= 1


def run(
    script: Callable[[Desk], Awaitable[None]], desk: Callable[[], Desk] = Desk
) -> list[dict[str, object]]:
    """The script beside a reconciliation; what was logged."""

    async def main() -> None:
        given = desk()
        task = asyncio.create_task(given.reconciliation().run())
        await script(given)
        assert not task.done(), task.exception()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    with structlog.testing.capture_logs() as logged:
        run_virtual(VirtualLoop(seed=1), main())
    return [dict(one) for one in logged]


def test_no_entry_before_both_sides_have_agreed_once() -> None:
    async def script(desk: Desk) -> None:
        await desk.passes(0.05)
        assert desk.is_doubted
        assert not desk.shown[-1].agrees
        assert 1 == desk.held
        await desk.passes(0.1)
        assert not desk.is_doubted
        assert desk.shown[-1].agrees
        assert 0 == desk.held
        assert [] == desk.reports

    assert ["reconciliation_agreed"] == [
        one["event"] for one in run(script) if "doubt" not in str(one["event"])
    ]


def test_it_is_read_now_and_then_and_at_once_after_a_reconnect() -> None:
    async def script(desk: Desk) -> None:
        await desk.passes(EVERY_S + 10)
        assert [0.0, EVERY_S + 0.1] == desk.broker.asked_s
        desk.broker.connected.set()
        await desk.passes(1)
        assert EVERY_S + 10 == desk.broker.asked_s[-1]

    run(script)


def test_a_line_that_is_cut_again_and_again_does_not_use_up_the_brokers_windows() -> None:
    async def script(desk: Desk) -> None:
        for _ in range(60):
            desk.broker.connected.set()
            await desk.passes(1)
        assert 12 == len(desk.broker.asked_s)

    run(script)


def test_a_difference_that_stands_halts_once_and_names_both_sides() -> None:
    async def script(desk: Desk) -> None:
        await desk.passes(1)
        desk.broker.told = ELSEWHERE
        await desk.passes(EVERY_S + STANDS_S + 10)
        [report] = desk.reports
        assert (K.DIFFERENCE, "A", POSITION) == (report.kind, report.order_id, report.reason)
        assert [f"HALTED by reconciliation: {POSITION}"] == desk.alerts
        assert (POSITION,) == desk.shown[-1].found
        await desk.passes(300)
        assert [report] == desk.reports
        assert desk.is_doubted

    [error] = [one for one in run(script) if one["log_level"] == "error"]
    assert ("reconciliation_differs", "+10", "+4") == (
        error["event"],
        error["ours"],
        error["theirs"],
    )


def test_a_difference_keeps_entries_off_before_it_stands_and_no_longer_than_it_lasts() -> None:
    async def script(desk: Desk) -> None:
        await desk.passes(1)
        desk.broker.told = ELSEWHERE
        await desk.passes(EVERY_S + 3)
        assert desk.is_doubted
        assert f"broker all: {POSITION}" in desk.doubts.told()
        desk.broker.told = theirs()
        await desk.passes(10)
        assert not desk.is_doubted
        await desk.passes(120)
        assert [] == desk.reports

    run(script)


def test_a_fill_between_two_readings_is_no_difference() -> None:
    """The broker has it first, then so has the ledger."""

    async def script(desk: Desk) -> None:
        await desk.passes(1)
        for number in range(2, 8):
            more = {(STOP_ID, str(number)): BOUGHT[next(iter(BOUGHT))]}
            desk.broker.told = theirs(trades=dict(desk.ours.fills) | more)
            await desk.passes(31)
            desk.ours = ours(fills=dict(desk.ours.fills) | more)
            await desk.passes(31)
        assert [] == desk.reports

    run(script)


def test_what_happens_during_a_reading_is_judged_by_the_next_one() -> None:
    async def script(desk: Desk) -> None:
        def filled() -> None:
            desk.ours = ours(positions={}, orders=stops(replace(STOP, state=S.FILLED)))
            desk.broker.during = lambda: None

        desk.broker.during = filled
        await desk.passes(1)
        assert Reconciled() == desk.shown[-1]  # A was not looked at
        assert desk.is_doubted
        assert [0.0] == desk.broker.asked_s
        await desk.passes(5)
        assert not desk.shown[-1].agrees

    run(script)


def test_a_position_without_protection_halts_within_seconds() -> None:
    async def script(desk: Desk) -> None:
        desk.ours = ours(orders={ENTRY.order_id: ENTRY})
        desk.broker.told = theirs(orders={ENTRY.order_id: ENTRY})
        await desk.passes(2)
        [report] = desk.reports
        assert "protection A: the ledger has one exit order of +10, the broker none" == (
            report.reason
        )

    run(script)


def test_resumed_in_spite_of_a_difference_it_halts_again() -> None:
    async def script(desk: Desk) -> None:
        desk.broker.told = ELSEWHERE
        await desk.passes(60)
        desk.is_halted = False
        await desk.passes(EVERY_S + 1)
        assert [POSITION, POSITION] == [one.reason for one in desk.reports]
        desk.broker.told = theirs()
        desk.is_halted = False
        await desk.passes(120)
        assert 2 == len(desk.reports)
        assert not desk.is_doubted

    run(script)


MORE = {(STOP_ID, "9"): BOUGHT[next(iter(BOUGHT))]}
FILL = f"fill {STOP_ID} 9: the ledger has none, the broker BUY 10 A at 100.00"


@pytest.mark.parametrize("told", [(), (FILL,)])
def test_a_fill_that_will_always_differ_is_accepted_by_who_resumes(told: Sequence[str]) -> None:
    """Also by the process after the one that told it."""

    async def script(desk: Desk) -> None:
        desk.broker.told = theirs(trades=BOUGHT | MORE)
        if not told:
            await desk.passes(60)
            assert [FILL] == [one.reason for one in desk.reports]
            assert desk.is_doubted
        desk.reports.clear()
        desk.is_halted = False
        await desk.passes(120)
        assert [] == desk.reports
        assert not desk.is_doubted

    run(script, lambda: Desk(told=told))


def test_what_is_only_told_is_logged_once_whatever_its_numbers() -> None:
    async def script(desk: Desk) -> None:
        for paise in range(5):
            desk.broker.told = theirs(available_paise=paise)
            await desk.passes(90)
        assert desk.shown[-1].agrees
        assert not desk.is_doubted
        assert [] == desk.reports

    assert 1 == [one["event"] for one in run(script)].count("reconciliation_told")


def test_an_account_that_cannot_be_read_is_a_doubt_after_a_while() -> None:
    async def script(desk: Desk) -> None:
        await desk.passes(1)
        desk.broker.told = "HTTP 502"
        await desk.passes(UNREAD_S - 5)
        assert not desk.is_doubted
        await desk.passes(12)
        assert ["broker all: cannot be read: HTTP 502"] == desk.doubts.told()
        assert ("HTTP 502", False) == (desk.shown[-1].unread, desk.shown[-1].agrees)
        assert 0 == desk.held
        desk.broker.told = theirs()
        await desk.passes(6)
        assert not desk.is_doubted

    assert 1 == [one["event"] for one in run(script)].count("reconciliation_unread")


def test_a_start_that_cannot_read_the_account_says_why_and_sends_no_entry() -> None:
    async def script(desk: Desk) -> None:
        desk.broker.told = "log in"
        await desk.passes(UNREAD_S + 10)
        assert ["broker all: cannot be read: log in"] == desk.doubts.told()

    run(script)


@pytest.mark.parametrize(
    ("reconciled", "said"),
    [
        (Reconciled(), "never"),
        (Reconciled(None, (), "log in"), "never; not read since: log in"),
        (Reconciled(19_800 * 10**9), "at 11:00:00 agreed"),
        (Reconciled(0, (POSITION, FILL)), f"at 05:30:00 {POSITION} (1 of 2)"),
        (Reconciled(0, (), "HTTP 502"), "at 05:30:00 agreed; not read since: HTTP 502"),
    ],
)
def test_the_last_reading_is_told_with_its_time(reconciled: Reconciled, said: str) -> None:
    assert said == str(reconciled)


# --- orders that nobody told of ------------------------------------------------------------------


def sent(order: Order) -> Desk:
    """After a process that ended with `order` on its way."""
    desk = Desk(unanswered=(order.order_id,))
    desk.ours = ours(orders=stops(order))
    return desk


def test_a_stop_that_was_never_taken_halts_at_once_and_is_rejected_once_that_is_proven() -> None:
    async def script(desk: Desk) -> None:
        desk.broker.told = theirs(orders={ENTRY.order_id: ENTRY})
        await desk.passes(3)
        assert [K.DIFFERENCE] == [one.kind for one in desk.reports]
        await desk.passes(ABSENT_S - 5)
        assert K.REJECTED not in [one.kind for one in desk.reports]
        await desk.passes(EVERY_S)
        assert (K.REJECTED, STOP_ID) == (desk.reports[-1].kind, desk.reports[-1].order_id)

    logged = run(script, lambda: sent(replace(STOP, state=S.SUBMITTED)))
    assert "order_settled" in [one["event"] for one in logged]


def test_nothing_is_settled_while_the_market_is_closed() -> None:
    async def script(desk: Desk) -> None:
        desk.is_open = False
        desk.broker.told = theirs(orders={ENTRY.order_id: ENTRY})
        await desk.passes(ABSENT_S + 60)
        assert {K.DIFFERENCE} == {one.kind for one in desk.reports}
        desk.is_open = True
        await desk.passes(EVERY_S + 1)
        assert K.REJECTED is desk.reports[-1].kind

    run(script, lambda: sent(replace(STOP, state=S.SUBMITTED)))


def test_a_call_of_this_process_is_left_to_whoever_made_it() -> None:
    async def script(desk: Desk) -> None:
        desk.ours = ours(orders=stops(replace(STOP, state=S.MODIFYING)))
        await desk.passes(60)
        assert [] == desk.reports

    run(script)


def test_a_second_change_of_the_same_order_is_one_of_this_process() -> None:
    async def script(desk: Desk) -> None:
        desk.ours = ours()
        await desk.passes(1)
        desk.ours = ours(orders=stops(replace(STOP, state=S.MODIFYING)))
        await desk.passes(60)
        assert [] == desk.reports

    run(script, lambda: sent(replace(STOP, state=S.MODIFYING)))
