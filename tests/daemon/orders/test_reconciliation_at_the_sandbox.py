"""A night between two processes: what the exchange kept, against what we wrote down."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import pytest

from core.orders import OrderState
from core.ports import BrokerReport, ReportKind
from core.reconciliation import Ours
from core.session import DAY_NS
from daemon.intake.doubts import Doubts
from daemon.orders.reconciliation import BROKER, Reconciliation, Surroundings
from tests.brokers.upstox.at_sandbox import NOON_NS, Here, run
from tests.brokers.upstox.rows import ENTRY, STOP

K = ReportKind
MORNING = [(1_000 * second, 100.1, 50) for second in range(1, 30)]
SQUARED_OFF_MS = 3 * 3_600_000  # the broker closes what is intraday in the last quarter of an hour
AFTERNOON = [(SQUARED_OFF_MS + 60_000 * minute, 100.2, 500) for minute in range(20)]
WORKED = replace(STOP, state=OrderState.OPEN, created_ns=NOON_NS, updated_ns=NOON_NS)
HELD = Ours(
    symbols=("RELIANCE",),
    orders={STOP.order_id: WORKED},
    fills={},  # of today
    positions={"RELIANCE": 10},
)


@dataclass
class NextDay:
    """A process of the day after, over what the ledger kept."""

    here: Here
    ours: Ours
    is_open: bool = True
    reports: list[BrokerReport] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.doubts = Doubts(["RELIANCE"])
        self._reconciliation = Reconciliation(
            Surroundings(
                broker=self.here.broker(),
                ours=self._ours,
                tell=self.reports.append,
                doubts=self.doubts,
                now_ns=self.here.time.clock.now_ns,
                is_halted=lambda: any(one.kind is K.DIFFERENCE for one in self.reports),
                is_open=lambda: self.is_open,
                unanswered=(),
                told=(),
                held=nullcontext,
                show=lambda reconciled: None,
                alert=lambda text: None,
                now_s=self.here.time.now_s,
            )
        )

    async def _ours(self) -> Ours:
        return self.ours

    async def looks(self, times: int) -> list[tuple[ReportKind, str]]:
        """Read so often, ten seconds apart; what was told."""
        for _ in range(times):
            await self._reconciliation.look()
            await self.here.passes(10)
        return [(one.kind, one.reason) for one in self.reports]


async def after_the_night(here: Here) -> None:
    """Bought and protected, then killed; it is the next day, before noon."""
    broker = here.broker()
    await here.passes(1)
    await broker.submit(ENTRY)
    await here.passes(3)
    await broker.submit(STOP)
    await here.passes(3)
    here.time.clock.move(NOON_NS + DAY_NS - 3_600 * 10**9)


@pytest.mark.parametrize("is_open", [True, False])
def test_a_position_that_lasted_the_night_is_halted_or_on_its_way_out(is_open: bool) -> None:
    async def test(here: Here) -> None:
        await after_the_night(here)
        day = NextDay(here, HELD, is_open)
        if is_open:  # what then follows is a market exit (test_told_engine.py)
            ended = (K.CANCELLED, "it was good for an earlier day")
            assert [ended] == await day.looks(1)
            assert STOP.order_id == day.reports[0].order_id
            return
        bare = "protection RELIANCE: the ledger has one exit order of +10, the broker none"
        assert (K.DIFFERENCE, bare) in await day.looks(2)
        assert BROKER in day.doubts.open_now

    run(test, *MORNING)


def test_a_position_that_the_broker_closed_over_night_halts_and_nothing_is_sold() -> None:
    async def test(here: Here) -> None:
        await after_the_night(here)
        told = await NextDay(here, HELD).looks(12)

        lost = "position RELIANCE: the ledger has +10, the broker +0"
        assert (K.DIFFERENCE, lost) in told
        assert {K.DIFFERENCE} == {kind for kind, _ in told}

    run(test, *MORNING, *AFTERNOON)


def test_a_ledger_of_other_symbols_has_nothing_to_do_with_what_is_held_elsewhere() -> None:
    async def test(here: Here) -> None:
        await after_the_night(here)
        others = Ours(symbols=("TCS",), orders={}, fills={}, positions={})
        day = NextDay(here, others)

        assert [] == await day.looks(8)
        assert BROKER not in day.doubts.open_now

    run(test, *MORNING)


def named(told: Sequence[tuple[ReportKind, str]]) -> list[str]:
    return [reason for kind, reason in told if kind is K.DIFFERENCE]


def test_a_ledger_that_knows_nothing_of_a_days_orders_halts() -> None:
    """Another state directory on the same account and day."""

    async def test(here: Here) -> None:
        broker = here.broker()
        await here.passes(1)
        await broker.submit(ENTRY)
        await here.passes(3)
        await broker.submit(STOP)
        await here.passes(3)
        empty = Ours(symbols=("RELIANCE",), orders={}, fills={}, positions={})
        found = named(await NextDay(here, empty).looks(6))

        assert "position RELIANCE: the ledger has +0, the broker +10" in found
        assert any(one.startswith(f"order {STOP.order_id}: the ledger has none") for one in found)
        assert any(one.startswith(f"fill {ENTRY.order_id}") for one in found)

    run(test, *MORNING)
