"""What was asked for and is withheld meanwhile is never sent, however long it has waited."""

import asyncio
from dataclasses import replace

from brokers.upstox.limits import OrderLimits
from brokers.upstox.wording import PLACE
from core.orders import Order, OrderRole
from core.ports import ReportKind
from core.types import OrderId
from tests.brokers.upstox.rows import ENTRY, STOP
from tests.brokers.upstox.wire import Wire, run

OTHER = replace(ENTRY, order_id=OrderId(f"{'f' * 24}-E"))


def test_an_entry_that_waits_for_its_place_while_a_halt_comes_is_not_sent() -> None:
    async def test(wire: Wire) -> None:
        halted = False

        def withheld(order: Order) -> str:
            return "trading is HALTED" if halted and order.role is OrderRole.ENTRY else ""

        broker = wire.broker(OrderLimits(per_second=1), withheld)
        first = await broker.submit(ENTRY)
        waiting = asyncio.create_task(broker.submit(OTHER))
        await asyncio.sleep(0.5)
        halted = True
        second, stop = await waiting, await broker.submit(STOP)

        assert ReportKind.ACKNOWLEDGED is first.kind
        assert (ReportKind.REJECTED, "not sent: trading is HALTED") == (second.kind, second.reason)
        assert ReportKind.ACKNOWLEDGED is stop.kind
        sent = [body["tag"] for _, path, body in wire.sent if path == PLACE]
        assert [ENTRY.order_id, STOP.order_id] == sent

        halted = False
        assert ReportKind.ACKNOWLEDGED is (await broker.submit(OTHER)).kind  # its id is free

    run(test)
