"""Where a simulated day takes hold of the daemon: its stores, their owners, exchange and feed.

Each is the real one, or one of those that pass the same contracts, with a say of the life it is in.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from brokers.paper import PaperBroker
from core.minutes import GRACE_NS, BarBuilder
from core.orders import Order
from core.ports import BrokerReport, Candles, Clock, EventKind, LedgerEvent, MarketStore
from core.session import MINUTE_NS, Session
from core.types import (
    NEVER_NS,
    Instrument,
    Market,
    MinuteSpan,
    Records,
)
from daemon.clocks import VirtualClock
from daemon.ingest import Ingest
from daemon.sources import LEAD_NS, closes_after
from providers.dataset import DataOptions, trusted
from providers.live import DayFrame
from providers.replay import ReplayProvider, SessionTerms
from stores.ledger import SqliteLedger
from stores.market import DuckMarketStore
from stores.memory import MemoryMarketStore
from stores.owner import Owner
from stores.views import RowOrder
from tests.faults.disk import Disk, FaultyFiles
from tests.faults.scenario import FIRST_DAY, INSTRUMENTS, NO_DAY, SPEED, session_on
from tests.faults.tape import TapeFeed, bars_of, trades_of

if TYPE_CHECKING:
    from tests.faults.world import Life

T = TypeVar("T")


class KeptStore(MemoryMarketStore):
    """In memory, and kept over a kill as far as it was committed."""

    def __init__(self, life: "Life") -> None:
        super().__init__(INSTRUMENTS)
        shelf = life.world.shelf
        self._life = life
        self._ticks, self._bars, self._decided = shelf.ticks, shelf.bars, shelf.decided

    def append_bars(self, bars: Records, source: str) -> None:
        self._life.bars_in_hand(bars)
        super().append_bars(bars, source)

    def commit(self) -> None:
        if not self._life.dead:
            self._life.store_commits()
            super().commit()
            shelf = self._life.world.shelf
            shelf.ticks, shelf.bars, shelf.decided = self._ticks, self._bars, self._decided


class FailingDuckStore(DuckMarketStore):
    """The real one, on a disk that may refuse."""

    def __init__(self, life: "Life", path: Path, instruments: Sequence[Instrument]) -> None:
        self._life = life
        super().__init__(path, instruments)

    def append_bars(self, bars: Records, source: str) -> None:
        self._life.bars_in_hand(bars)
        super().append_bars(bars, source)

    def commit(self) -> None:
        self._life.store_commits()
        super().commit()


class Exchange(PaperBroker):
    """Takes orders as the paper broker does; its tape outlives the daemon."""

    def __init__(self, life: "Life", now_ns: Callable[[], int]) -> None:
        super().__init__(now_ns)
        self._life = life

    async def submit(self, order: Order) -> BrokerReport:
        if not self._life.dead:
            self._life.world.submitted.append((order.order_id, self._life.head))
        return await super().submit(order)


class SimulatedOwner:
    """Runs a store's calls in virtual time, one by one, each after a delay drawn from the seed.

    Without `random` they run at once, in their turn.
    """

    waiting = 0

    def __init__(self, random: np.random.Generator | None = None) -> None:
        self._random = random
        self._free_at_s = 0.0

    async def run(self, function: Callable[..., T], *args: object) -> T:
        loop = asyncio.get_running_loop()
        call: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            try:
                call.set_result(function(*args))
            except BaseException as error:  # noqa: BLE001 - a kill, too, is the caller's to see
                call.set_exception(error)

        if self._random is None:
            loop.call_soon(work)
        else:
            self._free_at_s = max(self._free_at_s, loop.time()) + _delay_s(self._random)
            loop.call_at(self._free_at_s, work)
        self.waiting += 1
        cancelled: asyncio.CancelledError | None = None
        while not call.done():
            try:
                await asyncio.wait((call,))
            except asyncio.CancelledError as request:
                cancelled = request
        self.waiting -= 1
        result = call.result()
        if cancelled is not None:
            raise cancelled
        return result

    def close(self) -> None:
        """Nothing runs on by itself."""


def _delay_s(random: np.random.Generator) -> float:
    """Mostly a few ms; now and then as long as a disk that is about to fail."""
    return float(random.uniform(0.0, 0.005) if random.random() < 0.995 else random.uniform(0.05, 5))


class TapeSource:
    """The simulated market as the daemon sees it (daemon.sources.Source)."""

    name = "simulated"
    market = Market.NSE
    base_ns = MINUTE_NS
    is_live = False
    backfilled: frozenset[int] = frozenset()
    instruments = INSTRUMENTS

    def __init__(self, life: "Life", terms: SessionTerms) -> None:
        self.identity = f"simulated seed {life.world.scenario.seed}"
        self._life = life
        self._terms = terms

    async def relisted(self, now_ns: int) -> tuple[Instrument, ...]:
        return self.instruments

    def next_day(self, after_day: int) -> int:
        later = [day for day in self._life.world.scenario.days if day > after_day]
        return min(later, default=NO_DAY)

    def sessions(self, day: int) -> list[Session | None]:
        return [session_on(day)]

    async def fetch_history(
        self, day: int, store: MarketStore, owner: Owner, doubted: frozenset[int]
    ) -> None:
        """It is made, not asked for."""

    def history(self, day: int, store: MarketStore) -> Iterator[MinuteSpan]:
        """One earlier day of the same market, which no fault has touched."""
        before = session_on(FIRST_DAY - 2)
        random = np.random.default_rng(self._life.world.scenario.seed)
        bars = bars_of(trades_of(random, before, len(INSTRUMENTS)))
        return ReplayProvider(trusted(INSTRUMENTS, bars, DataOptions()), self._terms).day_spans()

    def clock(self, frame: DayFrame, after_ns: int) -> Clock:
        start_ns = max(frame.open_ns - LEAD_NS, after_ns)
        clock = VirtualClock(start_ns, SPEED, self._life.loop.monotonic_ns)
        self._life.clock = clock
        return clock

    async def feed(self, ingest: Ingest, frame: DayFrame, clock: Clock, after_ns: int) -> None:
        sessions: list[Session | None] = [session_on(frame.day)] * len(INSTRUMENTS)
        await ingest.run_feed(
            TapeFeed(self._life.world.scenario.tapes[frame.day], clock, self._life.delivered),
            INSTRUMENTS,
            BarBuilder(sessions, after_ns=after_ns),
            closes_after(sessions, after_ns),
            GRACE_NS,
        )

    def candles(self, frame: DayFrame, clock: Clock) -> Candles | None:
        return None

    def told_candles(self, frame: DayFrame, clock: Clock) -> Candles | None:
        return None

    def end_ns(self, day: int) -> int:
        return NEVER_NS


class WatchedLedger(SqliteLedger):
    """The real ledger on a simulated disk; says what it has acknowledged."""

    def __init__(self, life: "Life", directory: Path, order: RowOrder, disk: Disk) -> None:
        self._life = life
        super().__init__(directory, order, files=FaultyFiles(disk), connect=disk.connect)

    def append(self, events: Sequence[LedgerEvent]) -> int:
        head = super().append(events)
        self._life.acknowledge(self.head(), sum(one.kind is EventKind.MINUTE for one in events))
        return head
