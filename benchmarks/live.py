"""The whole market, live: 2,400 instruments that trade once a second, as a Source of the daemon.

The market of `data.py`, a day of it as ticks. Every instrument ticks in every second: more than the
exchange has on average, as a feed has it at the open.
"""

from collections.abc import AsyncIterator, Iterator, Sequence

import numpy as np

from backtest.run import session_terms
from benchmarks import data
from benchmarks.w8 import SETTINGS, STRATEGY, day_span
from core.minutes import BarBuilder
from core.ports import Candles, Clock, FeedItem, FeedUp, MarketStore, TickBatch
from core.session import MINUTE_NS, SECOND_NS, Session, minute_closes, recorded_session
from core.types import (
    NEVER_NS,
    TICK,
    Instrument,
    InstrumentId,
    Market,
    MinuteSpan,
    Records,
    SessionClass,
)
from daemon.clocks import VirtualClock
from daemon.ingest import Ingest
from daemon.plan import Plan
from providers.live import DayFrame
from stores.owner import Owner
from strategies.settings import RiskSettings

WARM_DAYS = 2
GRACE_NS = 2 * SECOND_NS
RISK = RiskSettings().for_market(Market.NSE)


class TickedDay:
    """A generated day as ticks, one of each instrument in every second."""

    def __init__(self, instruments: int) -> None:
        self.instruments = instruments
        days = list(data.day_prices(data.Size(instruments, WARM_DAYS + 1)))
        self.history, (self.day, self.prices) = days[:-1], days[-1]
        self._opens = data.opens_of(self.day)
        volume = self.prices.volume
        self._before = np.vstack([np.zeros((1, instruments), np.int64), np.cumsum(volume, axis=0)])

    def second(self, minute: int, second: int) -> Records:
        """TICK rows of one second: open, low, high and close for a quarter of the minute each."""
        name = ("open", "low", "high", "close")[second // 15]
        ticks: Records = np.zeros(self.instruments, TICK)
        ticks["instrument"] = np.arange(self.instruments)
        ticks["exch_ns"] = ticks["recv_ns"] = self._opens[minute] + second * SECOND_NS
        ticks["price"] = data.rupees(getattr(self.prices, name)[minute])
        ticks["quantity"] = 1
        traded = self.prices.volume[minute] * (second + 1) // 60
        ticks["volume"] = self._before[minute] + traded
        return ticks


class TickFeed:
    """The seconds of a day from `first_ns` on, in frames of so many ticks, in the clock's time."""

    def __init__(self, day: TickedDay, clock: Clock, per_frame: int) -> None:
        self._day = day
        self._clock = clock
        self._per_frame = per_frame

    async def stream(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        yield FeedUp(self._clock.now_ns())
        opens = data.opens_of(self._day.day)
        for minute, open_ns in enumerate(opens.tolist()):
            for second in range(60):
                begins_ns = open_ns + second * SECOND_NS
                if begins_ns < self._clock.now_ns():
                    continue
                ticks = self._day.second(minute, second)
                frames = np.array_split(ticks, -(-len(ticks) // self._per_frame))
                for number, frame in enumerate(frames):
                    await self._clock.sleep_until(begins_ns + number * SECOND_NS // len(frames))
                    yield TickBatch(self._clock.now_ns(), frame)


class WholeMarket:
    """The Source of one such day, entered `begins_ns` after its open at the pace of the host."""

    name = "synthetic"
    identity = "benchmark"
    market = Market.NSE
    base_ns = MINUTE_NS
    is_live = False
    backfilled: frozenset[int] = frozenset()

    def __init__(self, day: TickedDay, begins_ns: int, per_frame: int) -> None:
        self.instruments = tuple(
            Instrument(InstrumentId(name), name, SessionClass.CASH)
            for name in data.Size(day.instruments).names
        )
        self._day = day
        self._begins_ns = begins_ns
        self._per_frame = per_frame

    async def relisted(self, now_ns: int) -> tuple[Instrument, ...]:
        return self.instruments

    def next_day(self, after_day: int) -> int:
        return self._day.day

    def sessions(self, day: int) -> list[Session | None]:
        return [recorded_session(day, SessionClass.CASH)]

    async def fetch_history(
        self, day: int, store: MarketStore, owner: Owner, doubted: frozenset[int]
    ) -> None:
        """It is made, not asked for."""

    def history(self, day: int, store: MarketStore) -> Iterator[MinuteSpan]:
        for earlier, prices in self._day.history:
            yield day_span(earlier, prices, RISK)

    def clock(self, frame: DayFrame, after_ns: int) -> Clock:
        return VirtualClock(frame.open_ns + self._begins_ns, speed=1.0)

    def candles(self, frame: DayFrame, clock: Clock) -> Candles | None:
        return None

    def told_candles(self, frame: DayFrame, clock: Clock) -> Candles | None:
        return None

    async def feed(self, ingest: Ingest, frame: DayFrame, clock: Clock, after_ns: int) -> None:
        [session] = self.sessions(frame.day)
        sessions = [session] * len(self.instruments)
        await ingest.run_feed(
            TickFeed(self._day, clock, self._per_frame),
            self.instruments,
            BarBuilder(sessions, grace_ns=GRACE_NS, after_ns=after_ns),
            minute_closes(session, MINUTE_NS).tolist() if session else [],
            GRACE_NS,
        )

    def end_ns(self, day: int) -> int:
        return NEVER_NS


def plan_of(source: WholeMarket) -> Plan:
    """One strategy over all instruments, the default limits."""
    return Plan(
        mode="paper",
        source=source,
        strategies=((STRATEGY, STRATEGY, SETTINGS),),
        risk=RISK,
        terms=session_terms(RISK),
    )
