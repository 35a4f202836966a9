"""The guard halts what stands unprotected, says it again to whoever resumes, and else is silent."""

import asyncio

from core.ports import BrokerReport, ReportKind
from core.types import Command
from daemon.floor import floor_of
from daemon.orders.guard import guard
from tests.daemon.days import synthetic_plan
from tests.virtual_loop import VirtualLoop, run_virtual


def test_a_position_without_an_exit_order_is_told_until_the_account_is_halted() -> None:
    told: list[BrokerReport] = []

    async def main() -> None:
        floor = floor_of(synthetic_plan())
        watching = asyncio.create_task(guard(floor, lambda: 7, told.append))
        row = floor.main.engine.holdings.positions[0]
        await asyncio.sleep(10.0)
        assert [] == told
        row.status, row.side, row.quantity = 2, -1, 10
        await asyncio.sleep(2.5)
        assert [] == told
        await asyncio.sleep(1.0)
        assert [(ReportKind.DIFFERENCE, "RELIANCE", 7)] == [
            (one.kind, one.order_id, one.ts_ns) for one in told
        ]
        floor.obey(Command.HALT, "operator", 1)
        await asyncio.sleep(10.0)
        assert 1 == len(told)
        floor.obey(Command.RESUME, "operator", 1)
        await asyncio.sleep(3.5)
        assert 2 == len(told)
        watching.cancel()

    run_virtual(VirtualLoop(), main())
