"""A day over Upstox's protocol: from the broker, or from a local exchange, by the same code.

Decides what is asked of the broker and when. Whose time a day goes by is its Venue's matter; knows
no sandbox, and never takes a day for another because the broker answers slowly.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from core.minutes import BarBuilder
from core.ports import Candles, Clock, Feed, MarketStore
from core.session import (
    MINUTE_NS,
    Session,
    day_span_ns,
    live_session,
    previous_live_sessions,
)
from core.types import NEVER_NS, Instrument, Market, MinuteSpan, SessionClass
from daemon.ingest import Ingest
from daemon.sources import classes_of, closes_after, day_to_come
from daemon.upstox.warm_up import WarmUp
from providers.dataset import DataOptions, trusted
from providers.live import DayFrame
from providers.replay import ReplayProvider, SessionTerms
from providers.upstox.feed import STANDARD, Allowance, UpstoxFeed
from providers.upstox.rest import UpstoxCandles, UpstoxRest
from stores.owner import Owner

Relist = Callable[[int], Awaitable[tuple[Instrument, ...]]]  # Morning.instruments


class Venue(Protocol):
    """Which exchange it is that is talked to, and whose time a day of it goes by."""

    name: str
    identity: str
    is_live: bool  # as of a Source

    def now_ns(self) -> int:
        """The exchange's time."""

    def next_day(self, after_day: int) -> int:
        """As of a Source."""

    def dawn(self, day: int) -> None:
        """`day` is the running one from now on; its market has not opened."""

    def clock(self, frame: DayFrame, after_ns: int) -> Clock: ...

    async def pause(self, seconds: float, clock: Clock) -> None:
        """Between two tries of the feed."""

    def held(self) -> AbstractContextManager[None]:
        """Its time stands still while an answer is on its way, if it waits for its readers."""

    def now_s(self) -> float:
        """Seconds by which requests are counted and orders looked for; `sleep` goes by them."""

    async def sleep(self, seconds: float) -> None: ...


class HostVenue:
    """An exchange that goes on while nobody looks: the broker's, or one in another process.

    Args:
        clock: the exchange's time; `speed`: how much faster than the host's it passes.
    """

    name = "upstox"
    is_live = True

    def __init__(
        self, identity: str, clock: Clock, *, speed: float = 1.0, accept: frozenset[int]
    ) -> None:
        self.identity = identity
        self._clock = clock
        self._speed = speed
        self._accept = accept

    def now_ns(self) -> int:
        return self._clock.now_ns()

    def next_day(self, after_day: int) -> int:
        return day_to_come(after_day, self._clock.now_ns(), self._accept)

    def dawn(self, day: int) -> None:
        """It comes by itself."""

    def clock(self, frame: DayFrame, after_ns: int) -> Clock:
        return self._clock

    async def pause(self, seconds: float, clock: Clock) -> None:
        await asyncio.sleep(seconds / self._speed)

    def held(self) -> AbstractContextManager[None]:
        return nullcontext()

    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class UpstoxSource:
    """Ticks by the market feed, history and repairs by the candles of the REST side.

    Args:
        directory: of state, where the warm-up remembers what it need not ask again; None: nowhere.
        relist: asks for the instruments of a morning; None: they are always `instruments`.
    """

    market = Market.NSE
    base_ns = MINUTE_NS

    def __init__(
        self,
        venue: Venue,
        rest: UpstoxRest,
        instruments: Sequence[Instrument],
        *,
        terms: SessionTerms,
        history_sessions: int,
        grace_ns: int,
        accept: frozenset[int] = frozenset(),
        band_percent: float = 0.0,
        directory: Path | None = None,
        relist: Relist | None = None,
        allowance: Allowance = STANDARD,
    ) -> None:
        allowance.shares(len(instruments))  # too many are a mistake of the configuration
        self._allowance = allowance
        self._relist = relist
        self.name = venue.name
        self.identity = venue.identity
        self.is_live = venue.is_live
        self.instruments = tuple(instruments)
        self.backfilled = frozenset[int]()
        self._venue = venue
        self._rest = rest
        self._warm_up = WarmUp(rest, directory, accept)
        self._terms = terms
        self._history_sessions = history_sessions
        self._grace_ns = grace_ns
        self._accept = accept
        self._band_percent = band_percent

    async def relisted(self, now_ns: int) -> tuple[Instrument, ...]:
        return self.instruments if self._relist is None else await self._relist(now_ns)

    def next_day(self, after_day: int) -> int:
        return self._venue.next_day(after_day)

    def sessions(self, day: int) -> list[Session | None]:
        return [live_session(day, one, accept=self._accept) for one in classes_of(self.instruments)]

    # --- history -------------------------------------------------------------------------------

    async def fetch_history(
        self, day: int, store: MarketStore, owner: Owner, doubted: frozenset[int]
    ) -> None:
        self._venue.dawn(day)
        wanted = [one.day for one in self._sessions_before(day)]
        self.backfilled = await self._warm_up.fetch(self.instruments, wanted, store, owner, doubted)

    def history(self, day: int, store: MarketStore) -> Iterator[MinuteSpan]:
        bars = store.bars(*_span_ns([one.day for one in self._sessions_before(day)]))
        dataset = trusted(self.instruments, bars, DataOptions())
        return ReplayProvider(dataset, self._terms).day_spans()

    def _sessions_before(self, day: int) -> list[Session]:
        count = self._history_sessions
        return previous_live_sessions(day, count, SessionClass.CASH, accept=self._accept)

    # --- the day -------------------------------------------------------------------------------

    def clock(self, frame: DayFrame, after_ns: int) -> Clock:
        self._venue.dawn(frame.day)
        return self._venue.clock(frame, after_ns)

    async def feed(self, ingest: Ingest, frame: DayFrame, clock: Clock, after_ns: int) -> None:
        by_class = dict(zip(classes_of(self.instruments), self.sessions(frame.day), strict=True))
        sessions = [by_class[instrument.session_class] for instrument in self.instruments]
        await ingest.run_feed(
            self.open_feed(clock),
            self.instruments,
            BarBuilder(sessions, grace_ns=self._grace_ns, after_ns=after_ns),
            closes_after(sessions, after_ns),
            self._grace_ns,
            band_percent=self._band_percent,
        )

    def open_feed(self, clock: Clock) -> Feed:
        async def address() -> str:
            with clock.held():  # time that waits for its readers does so while they ask the way
                return await self._rest.feed_address()

        async def pause(seconds: float) -> None:
            await self._venue.pause(seconds, clock)

        return UpstoxFeed(
            address, clock, token=self._rest.token, allowance=self._allowance, sleep=pause
        )

    def candles(self, frame: DayFrame, clock: Clock) -> Candles | None:
        return UpstoxCandles(self._rest, [one.id for one in self.instruments], clock)

    def told_candles(self, frame: DayFrame, clock: Clock) -> Candles | None:
        return self.candles(frame, clock)

    def end_ns(self, day: int) -> int:
        return NEVER_NS


def _span_ns(days: Sequence[int]) -> tuple[int, int]:
    """From the first midnight to the last."""
    first_ns, _ = day_span_ns(days[0], SessionClass.CASH)
    return first_ns, day_span_ns(days[-1], SessionClass.CASH)[1]
