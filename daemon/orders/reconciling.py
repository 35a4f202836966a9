"""Wires the reconciliation of a day and runs it beside its orders. Decides nothing."""

import asyncio
from collections.abc import Iterable, Sequence

from core.ports import Clock, EventKind, LedgerEvent, ReportKind
from core.reconciliation import ASKED
from core.types import TradingState
from daemon.floor import Floor
from daemon.intake.doubts import Doubts
from daemon.orders.guard import guard
from daemon.orders.our_side import LedgerSide
from daemon.orders.reconciliation import Reconciled, Reconciliation, Surroundings
from daemon.orders.traffic import OrderTraffic
from daemon.plan import Standing
from daemon.pulse.vitals import Vitals
from providers.live import DayFrame


def reconciliation_of(
    traffic: OrderTraffic,
    floor: Floor,
    ours: LedgerSide,
    clock: Clock,
    frame: DayFrame,
    doubts: Doubts,
    standing: Standing,
    vitals: Vitals,
    steps: Iterable[Sequence[LedgerEvent]],
) -> Reconciliation:
    """That of the main book, before the day is traded.

    Args:
        steps: what the ledger holds of the day.
    """

    def show(reconciled: Reconciled) -> None:
        standing.reconciled = reconciled

    orders = floor.main.engine.orders.values()
    return Reconciliation(
        Surroundings(
            broker=traffic.broker,
            ours=ours,
            tell=traffic.tell,
            doubts=doubts,
            now_ns=clock.now_ns,
            is_halted=lambda: floor.main.state is TradingState.HALTED,
            is_open=lambda: frame.open_ns <= clock.now_ns() < frame.close_ns,
            unanswered=[order.order_id for order in orders if order.state in ASKED],
            told=[str(one.payload["reason"]) for step in steps for one in step if _differs(one)],
            held=clock.held,
            show=show,
            alert=vitals.status,
        )
    )


def _differs(event: LedgerEvent) -> bool:
    if event.kind is not EventKind.BROKER_REPORT:
        return False
    return event.payload["kind"] == ReportKind.DIFFERENCE.value


async def run_orders(
    traffic: OrderTraffic, reconciliation: Reconciliation | None, floor: Floor, clock: Clock
) -> None:
    """Both and the guard until cancelled; whatever fails in one of them ends all."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(traffic.run(), name="order-traffic")
            group.create_task(guard(floor, clock.now_ns, traffic.tell), name="order-guard")
            if reconciliation is not None:
                group.create_task(reconciliation.run(), name="reconciliation")
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
