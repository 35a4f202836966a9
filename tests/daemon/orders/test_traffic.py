"""Calls go out one beside the other and come back as one line; nothing of it dies unseen."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from core.errors import InvariantBroken
from core.events import Cancel, Effect, Modify, OrderChanged, Submit
from core.orders import Order
from core.ports import BrokerReport, OrderCall, ReportKind
from core.rules.holdings import OPEN, POSITION
from core.targets import Touched
from core.types import TICK, OrderId
from daemon.orders import traffic as traffic_module
from daemon.orders.traffic import OrderTraffic, Told
from tests.brokers.upstox.rows import ENTRY, STOP
from tests.virtual_loop import VirtualLoop, run_virtual

K = ReportKind
HUNG = replace(STOP, order_id=OrderId(f"{'e' * 24}-S"))


class Counter:
    """A broker at a counter: notes what is asked, answers at once, but for HUNG in ten seconds."""

    def __init__(self, reports: Sequence[BrokerReport] = (), ends: Exception | None = None) -> None:
        self.asked: list[tuple[OrderCall, str]] = []
        self._reports = reports
        self._ends = ends

    async def submit(self, order: Order) -> BrokerReport:
        return await self._answer(OrderCall.SUBMIT, order.order_id)

    async def modify(self, order: Order) -> BrokerReport:
        return await self._answer(OrderCall.MODIFY, order.order_id)

    async def cancel(self, order_id: str) -> BrokerReport:
        return await self._answer(OrderCall.CANCEL, order_id)

    async def book(self) -> Sequence[Order]:
        return []

    async def reports(self) -> AsyncIterator[BrokerReport]:
        for report in self._reports:
            yield report
        if self._ends is not None:
            raise self._ends
        await asyncio.Event().wait()

    async def _answer(self, call: OrderCall, order_id: str) -> BrokerReport:
        self.asked.append((call, order_id))
        if order_id == HUNG.order_id:
            await asyncio.sleep(10.0)
        return BrokerReport(K.ACKNOWLEDGED, order_id, 1, call=call)


def run(broker: Counter, test: Callable[[OrderTraffic], Awaitable[None]]) -> None:
    """With the traffic running beside the test."""

    async def main() -> None:
        traffic = OrderTraffic(broker, 2, lambda: None)  # type: ignore[arg-type]
        running = asyncio.create_task(traffic.run())
        try:
            await test(traffic)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run_virtual(VirtualLoop(), main())


def taken(traffic: OrderTraffic) -> list[Told]:
    found = []
    while (told := traffic.take()) is not None:
        found.append(told)
    return found


def test_exits_are_called_before_entries_and_what_is_no_call_is_passed_over() -> None:
    broker = Counter()

    async def test(traffic: OrderTraffic) -> None:
        effects: list[Effect] = [Submit(ENTRY), OrderChanged(ENTRY), Modify(STOP), Cancel(ENTRY)]
        traffic.send(effects)
        await asyncio.sleep(0.1)

        modify, cancel = (OrderCall.MODIFY, STOP.order_id), (OrderCall.CANCEL, ENTRY.order_id)
        assert [modify, cancel, (OrderCall.SUBMIT, ENTRY.order_id)] == broker.asked

    run(broker, test)


def test_a_call_that_hangs_holds_up_no_other() -> None:
    async def test(traffic: OrderTraffic) -> None:
        traffic.send([Submit(HUNG), Submit(STOP)])
        await asyncio.sleep(0.1)
        first = taken(traffic)
        waiting = traffic.is_idle
        await asyncio.sleep(10.0)
        second = taken(traffic)

        assert [STOP.order_id] == [one.order_id for one in first if isinstance(one, BrokerReport)]
        assert [HUNG.order_id] == [one.order_id for one in second if isinstance(one, BrokerReport)]
        assert (False, True) == (waiting, traffic.is_idle)

    run(Counter(), test)


def test_what_is_asked_before_the_traffic_runs_is_called_once_it_does() -> None:
    broker = Counter()

    async def main() -> None:
        traffic = OrderTraffic(broker, 1, lambda: None)  # type: ignore[arg-type]
        traffic.send([Submit(ENTRY)])
        running = asyncio.create_task(traffic.run())
        await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_virtual(VirtualLoop(), main())

    assert [(OrderCall.SUBMIT, ENTRY.order_id)] == broker.asked


def test_reports_and_touched_targets_come_in_the_order_in_which_they_were_told() -> None:
    report = BrokerReport(K.FILLED, STOP.order_id, 1, "", "7", 10, 99.5)

    async def test(traffic: OrderTraffic) -> None:
        positions, ticks = np.zeros(2, POSITION), np.zeros(1, TICK)
        positions["status"], positions["side"], positions["target"] = OPEN, 1, 10.0
        ticks["instrument"], ticks["price"], ticks["exch_ns"] = 1, 11.0, 5
        traffic.targets.arm(positions)
        await asyncio.sleep(0.1)
        traffic.look(ticks)
        traffic.look(ticks)

        assert [report, Touched(1, 11.0, 5)] == taken(traffic)

    run(Counter([report]), test)


@pytest.mark.parametrize("ends", [None, ValueError("a bug")])
def test_a_reader_that_ends_ends_the_traffic_loudly(ends: Exception | None) -> None:
    class Ended(Counter):
        async def reports(self) -> AsyncIterator[BrokerReport]:
            if ends is not None:
                raise ends
            for one in self._reports:
                yield one

    traffic = OrderTraffic(Ended(), 1, lambda: None)  # type: ignore[arg-type]
    with pytest.raises(InvariantBroken if ends is None else ValueError):
        run_virtual(VirtualLoop(), traffic.run())


def test_a_call_that_raises_ends_the_traffic_loudly() -> None:
    class Broken(Counter):
        async def submit(self, order: Order) -> BrokerReport:
            raise ValueError("a bug")

    async def main() -> None:
        traffic = OrderTraffic(Broken(), 1, lambda: None)  # type: ignore[arg-type]
        traffic.send([Submit(ENTRY)])
        await traffic.run()

    with pytest.raises(ValueError, match="a bug"):
        run_virtual(VirtualLoop(), main())


def test_what_nobody_takes_ends_the_traffic_before_it_fills_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(traffic_module, "MAX_WAITING", 3)
    traffic = OrderTraffic(Counter(), 1, lambda: None)  # type: ignore[arg-type]
    for _ in range(3):
        traffic.tell(Touched(0, 1.0, 1))
    with pytest.raises(InvariantBroken, match="limit 3"):
        traffic.tell(Touched(0, 1.0, 1))
