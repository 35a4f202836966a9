"""Looks four times a second whether each position has its exit order, and halts where one lacks it.

By the ledger's own side, so that it needs no answer of a broker that is silent. Decides nothing
itself (`core/protection.py`); what is told is an input as any report of a broker.
"""

import asyncio
from collections.abc import Callable

from core.ports import BrokerReport, ReportKind
from core.protection import Exposure
from core.types import TradingState
from daemon.floor import Floor

LOOK_S = 0.25


async def guard(
    floor: Floor, now_ns: Callable[[], int], tell: Callable[[BrokerReport], None]
) -> None:
    """Watch the main book until cancelled."""
    exposure, loop = Exposure(floor.symbols), asyncio.get_running_loop()
    while True:
        engine = floor.main.engine
        late = exposure.look(engine.holdings.positions, engine.orders.values(), loop.time())
        for one in late:
            if floor.main.state is not TradingState.HALTED:
                tell(BrokerReport(ReportKind.DIFFERENCE, one.name, now_ns(), str(one)))
        await asyncio.sleep(LOOK_S)
