"""A broker's history as a function, a keep in memory, and the runs of a backfill between them."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from core.session import MINUTE_NS, day_span_ns, past_session
from core.types import BAR, Instrument, InstrumentId, Records, SessionClass
from daemon.upstox.backfill import Backfill, Filled
from daemon.upstox.backfill_memory import BackfillMemory
from daemon.upstox.backfilled_store import StoreKeep
from providers.upstox.history import UpstoxHistory
from stores.memory import MemoryMarketStore
from stores.owner import InlineOwner

CASH = SessionClass.CASH
SHARES = tuple(Instrument(InstrumentId(f"NSE_EQ|INX00000{n}"), f"S{n}", CASH) for n in range(3))


def day_bars(
    number: int, day: int, price: float = 100.0, minutes: Iterable[int] = (0, 1)
) -> Records:
    """Some minutes of a day, counted from its open, each a paisa dearer."""
    session = past_session(day, CASH)
    chosen = list(minutes)
    bars = np.zeros(len(chosen), BAR)
    assert session is not None
    bars["instrument"] = number
    bars["open_ns"] = session.open_ns + np.array(chosen, np.int64) * MINUTE_NS
    for name in ("open", "high", "low", "close"):
        bars[name] = price + np.array(chosen) / 100
    bars["volume"] = 10
    return bars


class Known:
    """A broker who knows `bars(number, day)`, remembers what it was asked, and may die of it.

    Args:
        dies_at: the request, counted from 1, in which the process is gone.
    """

    def __init__(
        self, bars: Callable[[int, int], Records] = day_bars, dies_at: int | None = None
    ) -> None:
        self._bars = bars
        self._dies_at = dies_at
        self.asked: list[tuple[str, int, int]] = []

    async def historical(self, key: str, from_day: int, to_day: int) -> tuple[Records, int]:
        if len(self.asked) + 1 == self._dies_at:
            raise MemoryError("killed")
        number = [one.id for one in SHARES].index(InstrumentId(key))
        self.asked.append((SHARES[number].symbol, from_day, to_day))
        days = [day for day in range(from_day, to_day + 1) if past_session(day, CASH)]
        return np.concatenate([np.zeros(0, BAR), *(self._bars(number, d) for d in days)]), 0


class Place:
    """A state directory: a store and a memory, of which every run is a new process."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.store = MemoryMarketStore(SHARES)

    def fill(self, broker: Known, from_day: int, to_day: int, anew: Iterable[int] = ()) -> Filled:
        async def main() -> Filled:
            backfill = Backfill(
                UpstoxHistory(broker, SHARES),
                StoreKeep(self.store, InlineOwner()),
                BackfillMemory(self.directory),
                SHARES,
                from_day=from_day,
                to_day=to_day,
            )
            return await backfill.fill(anew)

        return asyncio.run(main())

    def bars(self, number: int, day: int) -> Records:
        return self.store.bars(*day_span_ns(day, CASH), number)
