"""Between the trading task and a broker whose fills are told: calls go out, what is told comes in.

Decides in which order calls are made. Never waits for one where another could be made, never makes
one twice, and decides nothing about what is told: the trading task takes that, one by one.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import cast

from core.errors import InvariantBroken
from core.events import Cancel, Effect, Modify, Submit
from core.orders import OrderRole
from core.ports import BrokerReport, RealBroker
from core.targets import Targets, Touched
from core.types import Records
from daemon.orders.calls import Call, called

MAX_WAITING = 100_000  # of what is told, or asked for: far more than a day has

Told = BrokerReport | Touched


class OrderTraffic:
    """One book's calls, and all that its broker and the ticks at its targets say.

    Each call is a task of its own: one that hangs for ten seconds holds up no exit of another
    order. Of one order there is never more than one call on its way, for the engine waits for the
    answer before it asks for more.

    Args:
        instruments: how many there are.
        stir: wakes whoever takes what is told.
    """

    def __init__(self, broker: RealBroker, instruments: int, stir: Callable[[], None]) -> None:
        self.broker = broker
        self.targets = Targets(instruments)
        self._stir = stir
        self._told: deque[Told] = deque()
        self._asked: deque[Call] = deque()
        self._any_asked = asyncio.Event()
        self._on_their_way = 0

    # --- the trading task's side -----------------------------------------------------------------

    def send(self, effects: Iterable[Effect]) -> None:
        """Have the calls among these made, which the ledger holds: exits before entries."""
        calls = [one for one in effects if isinstance(one, Submit | Modify | Cancel)]
        self._asked += sorted(calls, key=_is_entry)
        _limit(len(self._asked))
        if calls:
            self._any_asked.set()

    def take(self) -> Told | None:
        """What was told next, in the order in which it came."""
        return self._told.popleft() if self._told else None

    @property
    def is_idle(self) -> bool:
        """No call waits or is on its way, and all that was told has been taken."""
        return not (self._asked or self._on_their_way or self._told)

    # --- the world's side ------------------------------------------------------------------------

    def tell(self, told: Told) -> None:
        """For the trading task to take."""
        self._told.append(told)
        _limit(len(self._told))
        self._stir()

    def look(self, ticks: Records) -> None:
        """Of the feed, TICK rows: those at a target are told."""
        for touched in self.targets.touched(ticks):
            self.tell(touched)

    async def run(self) -> None:
        """Make calls and hear reports until cancelled; whatever fails in it ends it."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hear(), name="order-reports")
                while True:
                    await self._any_asked.wait()
                    self._any_asked.clear()
                    while self._asked:
                        call = self._asked.popleft()
                        self._on_their_way += 1
                        group.create_task(self._make(call), name=f"call-{call.order.order_id}")
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _make(self, call: Call) -> None:
        answer = await called(self.broker, call)
        self._on_their_way -= 1
        self.tell(answer)

    async def _hear(self) -> None:
        reports = cast("AsyncGenerator[BrokerReport]", self.broker.reports())
        async with aclosing(reports):
            async for report in reports:
                self.tell(report)
        raise InvariantBroken("the broker's reports have ended")


def _is_entry(call: Call) -> bool:
    return isinstance(call, Submit) and call.order.role is OrderRole.ENTRY


def _limit(waiting: int) -> None:
    if waiting > MAX_WAITING:
        raise InvariantBroken(f"{waiting} order calls or reports wait, limit {MAX_WAITING}")
