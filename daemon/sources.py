"""Where a day comes from: a generated market, or recorded bars. The rest of the daemon is the same.

A source knows its instruments, the sessions of a day, the history that warms strategies up, the
clock of the day and how to feed ingest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from core.errors import ConfigError, DataError
from core.minutes import BarBuilder
from core.ports import Candles, Clock, Feed, MarketStore
from core.session import (
    DAY_NS,
    MINUTE_NS,
    SECOND_NS,
    Session,
    day_text,
    ist_day,
    live_session,
    minute_closes,
    next_live_session,
    parse_day,
    previous_live_sessions,
    recorded_session,
)
from core.types import (
    BAR,
    NEVER_NS,
    Instrument,
    Market,
    MinuteSpan,
    Records,
    SessionClass,
    minute_of,
)
from daemon.clocks import VirtualClock
from daemon.ingest import Ingest
from providers.candles import KnownCandles
from providers.dataset import DataOptions, Dataset, instruments_of, nearest, trusted
from providers.live import DayFrame
from providers.recorded import RecordedFeed, RecordedTicks, bars_of
from providers.replay import ReplayProvider, SessionTerms
from providers.synthetic import SyntheticFeed
from providers.synthetic_market import LISTED, default_instruments
from stores.owner import Owner

FIRST_GENERATED_DAY = "2026-07-27"  # a week before the closing auction shortens the session
LEAD_NS = 5 * SECOND_NS  # the clock of a paced day starts this long before the open


class Source(Protocol):
    """One kind of feed, as the daemon sees it."""

    name: str
    identity: str  # of what it plays: a state directory belongs to one
    market: Market
    instruments: tuple[Instrument, ...]
    base_ns: int
    # Whether its market goes on while nobody looks. Then a Minute may be handled late and silence
    # is a reason to doubt. A generated or recorded day waits and goes on where it was left,
    # however slow the machine is.
    is_live: bool
    # Instruments whose whole history the last `fetch_history` or `history` has made anew.
    backfilled: frozenset[int]

    async def relisted(self, now_ns: int) -> tuple[Instrument, ...]:
        """The instruments as the list of this morning has them; asked before a day is opened.

        Raises BrokerError, ConfigError."""

    def next_day(self, after_day: int) -> int:
        """The day to run when none is given; `after_day` -1: the first."""

    def sessions(self, day: int) -> list[Session | None]:
        """By session group (`classes`)."""

    async def fetch_history(
        self, day: int, store: MarketStore, owner: Owner, doubted: frozenset[int]
    ) -> None:
        """Bring into the store what `history` reads there, where somebody has to be asked.

        `doubted`: instruments whose stored history is in other prices than the market's.
        """

    def history(self, day: int, store: MarketStore) -> Iterator[MinuteSpan]:
        """Spans that warm strategies up for `day`. Called by the store's owner."""

    def clock(self, frame: DayFrame, after_ns: int) -> Clock: ...

    async def feed(self, ingest: Ingest, frame: DayFrame, clock: Clock, after_ns: int) -> None:
        """Feed the Minutes of the day that close after `after_ns`."""

    def candles(self, frame: DayFrame, clock: Clock) -> Candles | None:
        """Where bars come from that the feed has not seen whole; None: they are flagged only."""

    def told_candles(self, frame: DayFrame, clock: Clock) -> Candles | None:
        """Whose candles our bars are held against in the evening; None: there are none but ours."""

    def end_ns(self, day: int) -> int:
        """Where the data ends within `day` on a market that never closes; else NEVER_NS."""


def classes_of(instruments: Sequence[Instrument]) -> list[SessionClass]:
    """Session groups: the distinct classes, ascending."""
    return sorted({instrument.session_class for instrument in instruments})


def groups_of(instruments: Sequence[Instrument]) -> tuple[int, ...]:
    """The session group of each instrument."""
    classes = classes_of(instruments)
    return tuple(classes.index(instrument.session_class) for instrument in instruments)


def paced_clock(frame: DayFrame, after_ns: int, speed: float) -> Clock:
    """Starts just before the open, or where the day was left. Infinite `speed`: never waits."""
    start_ns = max(frame.open_ns - LEAD_NS, after_ns)
    return VirtualClock(start_ns, speed)


class SyntheticSource:
    """A generated NSE-like market; brings its own history.

    Args:
        host: days come by this clock, when they come; None: one follows another, in virtual time.
    """

    name = "synthetic"
    market = Market.NSE
    base_ns = MINUTE_NS

    def __init__(
        self,
        *,
        seed: int,
        symbols: Sequence[str],
        watch: Sequence[str] = (),
        speed: float,
        terms: SessionTerms,
        history_sessions: int,
        grace_ns: int,
        accept: frozenset[int] = frozenset(),
        host: Clock | None = None,
        band_percent: float = 0.0,
    ) -> None:
        self._band_percent = band_percent
        self.backfilled = frozenset[int]()
        self.identity = f"synthetic seed {seed}"
        self.instruments = chosen_instruments(symbols, watch)
        self._seed = seed
        self._speed = speed
        self._terms = terms
        self._history_sessions = history_sessions
        self._grace_ns = grace_ns
        self._accept = accept
        self._host = host
        self.is_live = host is not None

    async def relisted(self, now_ns: int) -> tuple[Instrument, ...]:
        return self.instruments

    def next_day(self, after_day: int) -> int:
        if self._host is not None:
            return day_to_come(after_day, self._host.now_ns(), self._accept)
        if after_day < 0:
            return parse_day(FIRST_GENERATED_DAY)
        return next_live_session(after_day, SessionClass.CASH, accept=self._accept).day

    def sessions(self, day: int) -> list[Session | None]:
        return [live_session(day, one, accept=self._accept) for one in classes_of(self.instruments)]

    async def fetch_history(
        self, day: int, store: MarketStore, owner: Owner, doubted: frozenset[int]
    ) -> None:
        """It is generated."""

    def history(self, day: int, store: MarketStore) -> Iterator[MinuteSpan]:
        """The stored bars of the sessions before `day`; generated where they are not stored."""
        wanted = previous_live_sessions(
            day, self._history_sessions, SessionClass.CASH, accept=self._accept
        )
        span = wanted[0].open_ns, live_open_ns(self.sessions(day))
        bars = store.bars(*span)
        missing = self._without_history(bars, len(wanted))
        self.backfilled = frozenset(missing)
        if missing:
            feed = SyntheticFeed(self._seed, day, VirtualClock(0), accept=self._accept)
            generated = feed.history(self.instruments, self._history_sessions)
            store.append_bars(generated[np.isin(generated["instrument"], missing)], "backfill")
            store.commit()
            bars = store.bars(*span)
        dataset = trusted(self.instruments, bars, DataOptions())
        return ReplayProvider(dataset, self._terms).day_spans()

    def _without_history(self, bars: Records, sessions: int) -> list[int]:
        """Instruments without bars of so many days: all at first, later one that is new."""
        count = len(self.instruments)
        days = np.unique(bars["open_ns"] // DAY_NS * count + bars["instrument"])
        held = np.bincount(days % count, minlength=count)
        return [number for number, days_held in enumerate(held) if days_held < sessions]

    def clock(self, frame: DayFrame, after_ns: int) -> Clock:
        return self._host or paced_clock(frame, after_ns, self._speed)

    async def feed(self, ingest: Ingest, frame: DayFrame, clock: Clock, after_ns: int) -> None:
        by_class = dict(zip(classes_of(self.instruments), self.sessions(frame.day), strict=True))
        sessions = [by_class[instrument.session_class] for instrument in self.instruments]
        await ingest.run_feed(
            self.open_feed(frame.day, clock),
            self.instruments,
            BarBuilder(sessions, grace_ns=self._grace_ns, after_ns=after_ns),
            closes_after(sessions, after_ns),
            self._grace_ns,
            band_percent=self._band_percent,
        )

    def open_feed(self, day: int, clock: Clock) -> Feed:
        return SyntheticFeed(
            self._seed,
            day,
            clock,
            speed=self._speed,
            accept=self._accept,
            beats=self.is_live,
        )

    def candles(self, frame: DayFrame, clock: Clock) -> Candles | None:
        feed = SyntheticFeed(self._seed, frame.day, clock, accept=self._accept)
        return KnownCandles(clock, lambda: feed.bars(self.instruments))

    def told_candles(self, frame: DayFrame, clock: Clock) -> Candles | None:
        return None  # they are made with the ticks

    def end_ns(self, day: int) -> int:
        return NEVER_NS


def day_to_come(after_day: int, now_ns: int, accept: frozenset[int]) -> int:
    """The first session after `after_day` that is not over yet."""
    day = max(after_day, ist_day(now_ns) - 1)
    session = next_live_session(day, SessionClass.CASH, accept=accept)
    if session.close_ns <= now_ns:
        session = next_live_session(session.day, SessionClass.CASH, accept=accept)
    return session.day


class ReplaySource:
    """Recorded bars; every earlier bar of the data warms the strategies up.

    Args:
        to_day: bars after this day are not there.
    """

    name = "replay"
    is_live = False
    backfilled: frozenset[int] = frozenset()

    def __init__(
        self, dataset: Dataset, *, speed: float, terms: SessionTerms, to_day: int | None = None
    ) -> None:
        self.identity = f"replay {dataset.data_hash}"
        self.instruments = dataset.instruments
        self.market = dataset.options.market
        self.base_ns = dataset.options.base_ns
        self._provider = ReplayProvider(dataset, terms, to_day)
        self._speed = speed

    @property
    def days(self) -> list[int]:
        return [int(day) for day in self._provider.days]

    async def relisted(self, now_ns: int) -> tuple[Instrument, ...]:
        return self.instruments

    def next_day(self, after_day: int) -> int:
        later = [day for day in self.days if day > after_day]
        if not later:
            raise DataError(f"the data holds no day after {day_text(after_day)}")
        return later[0]

    def sessions(self, day: int) -> list[Session | None]:
        return [recorded_session(day, one) for one in self._provider.classes]

    async def fetch_history(
        self, day: int, store: MarketStore, owner: Owner, doubted: frozenset[int]
    ) -> None:
        """It is in the data."""

    def history(self, day: int, store: MarketStore) -> Iterator[MinuteSpan]:
        return self._provider.day_spans(to_day=day - 1)

    def clock(self, frame: DayFrame, after_ns: int) -> Clock:
        return paced_clock(frame, after_ns, self._speed)

    async def feed(self, ingest: Ingest, frame: DayFrame, clock: Clock, after_ns: int) -> None:
        minutes = (
            minute_of(span, index)
            for span in self._provider.day_spans(frame.day, frame.day)
            for index in range(len(span.close_ns))
            if span.close_ns[index] > after_ns
        )
        await ingest.run_minutes(minutes)

    def candles(self, frame: DayFrame, clock: Clock) -> Candles | None:
        return None

    def told_candles(self, frame: DayFrame, clock: Clock) -> Candles | None:
        return None

    def end_ns(self, day: int) -> int:
        return self._provider.end_ns if day == self.days[-1] else NEVER_NS


class RecordedSource:
    """Recorded ticks of NSE days; the bars of the earlier captures warm the strategies up."""

    name = "replay"
    is_live = False
    backfilled: frozenset[int] = frozenset()
    market = Market.NSE
    base_ns = MINUTE_NS

    def __init__(
        self,
        captures: RecordedTicks,
        options: DataOptions,
        *,
        speed: float,
        terms: SessionTerms,
        grace_ns: int,
    ) -> None:
        self.identity = f"replay {captures.data_hash}"
        self.instruments = instruments_of(captures.symbols, options)
        self.days = captures.days()
        self._captures = captures
        self._speed = speed
        self._terms = terms
        self._grace_ns = grace_ns

    async def relisted(self, now_ns: int) -> tuple[Instrument, ...]:
        return self.instruments

    def next_day(self, after_day: int) -> int:
        later = [day for day in self.days if day > after_day]
        if not later:
            raise DataError(f"no ticks were captured after {day_text(after_day)}")
        return later[0]

    def sessions(self, day: int) -> list[Session | None]:
        return [recorded_session(day, one) for one in classes_of(self.instruments)]

    async def fetch_history(
        self, day: int, store: MarketStore, owner: Owner, doubted: frozenset[int]
    ) -> None:
        """It is in the captures."""

    def history(self, day: int, store: MarketStore) -> Iterator[MinuteSpan]:
        earlier = [one for one in self.days if one < day]
        built = [
            bars_of(self._captures.ticks(one), self._by_instrument(one), self._grace_ns)
            for one in earlier
        ]
        bars = np.concatenate(built) if built else np.zeros(0, BAR)
        dataset = trusted(self.instruments, bars, DataOptions())
        return ReplayProvider(dataset, self._terms).day_spans()

    def clock(self, frame: DayFrame, after_ns: int) -> Clock:
        return paced_clock(frame, after_ns, self._speed)

    async def feed(self, ingest: Ingest, frame: DayFrame, clock: Clock, after_ns: int) -> None:
        sessions = self._by_instrument(frame.day)
        await ingest.run_feed(
            self.open_feed(frame.day, clock),
            self.instruments,
            BarBuilder(sessions, grace_ns=self._grace_ns, after_ns=after_ns),
            closes_after(sessions, after_ns),
            self._grace_ns,
            to_its_end=True,
        )

    def open_feed(self, day: int, clock: Clock) -> Feed:
        return RecordedFeed(self._captures.ticks(day), clock)

    def candles(self, frame: DayFrame, clock: Clock) -> Candles | None:
        return None  # a capture holds ticks alone

    def told_candles(self, frame: DayFrame, clock: Clock) -> Candles | None:
        return None

    def end_ns(self, day: int) -> int:
        return NEVER_NS

    def _by_instrument(self, day: int) -> list[Session | None]:
        return [recorded_session(day, one.session_class) for one in self.instruments]


def closes_after(sessions: Sequence[Session | None], after_ns: int) -> list[int]:
    """Closes of the day's Minutes that are left, over all instruments."""
    held = {session for session in sessions if session is not None}
    closes = np.unique(np.concatenate([minute_closes(one, MINUTE_NS) for one in held]))
    return [int(close_ns) for close_ns in closes if close_ns > after_ns]


def chosen_instruments(symbols: Sequence[str], watch: Sequence[str] = ()) -> tuple[Instrument, ...]:
    """Generated instruments by symbol, key or both, in the order asked, those that are only watched
    behind the others; two are traded when none is named."""
    offered = default_instruments(len(LISTED))
    by_name = {
        name: one for one in offered for name in (one.symbol, one.id, f"{one.symbol}={one.id}")
    }
    unknown = [name for name in (*symbols, *watch) if name not in by_name]
    if unknown:
        names = [one.symbol for one in offered]
        raise ConfigError(
            f"unknown symbol {unknown[0]}: the synthetic feed offers {len(names)} instruments"
            f"{nearest(unknown[0], names)}"
        )
    chosen = [by_name[name] for name in symbols] or offered[:2]
    watched = [by_name[name] for name in watch]
    for number, one in enumerate(both := [*chosen, *watched]):
        if one in both[:number]:
            raise ConfigError(f"{one.symbol} ({one.id}) is named twice")
    return (*chosen, *(replace(one, is_watched=True) for one in watched))


def live_open_ns(sessions: Sequence[Session | None]) -> int:
    """When the first group opens."""
    opens = [session.open_ns for session in sessions if session is not None]
    if not opens:
        raise ConfigError("no session on that day")
    return min(opens)
