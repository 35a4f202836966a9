"""The broker's history: the requests that fetch missing days, and what their answers are worth.

What it says of a day that is over is taken as final. Today is never among it, and an answer without
rows is an answer: nothing traded, or the share was not listed yet. Decides nothing about where bars
are kept.
"""

import asyncio
import random
from calendar import monthrange
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple, Protocol

import numpy as np

from core.errors import BrokerError, ConnectionLost, ProtocolViolation, TooFast
from core.session import MINUTE_NS, Session, days_of, parse_day, past_session
from core.types import Bools, Instrument, Int64s, Records, SessionClass
from providers.upstox.rest import WINDOWS

FIRST_DAY = parse_day("2022-01-01")  # of minutes (upstox.md 3.6)
AT_ONCE = 8  # requests under way: the limits bind, not the way there and back
MAX_TRIES = 6  # of one request: some 30 s of a line that is away
MAX_TRIES_TOO_FAST = 60  # another program may have used up our half hour
MAX_WAIT_S = 60.0
_EPOCH = date(1970, 1, 1).toordinal()

Sleep = Callable[[float], Awaitable[None]]
Waits = Callable[[BrokerError, float], None]


class Chunk(NamedTuple):
    """One request: `days` of one instrument, all within a month; there may be others between."""

    instrument: int
    from_day: int
    to_day: int
    days: tuple[int, ...]


class Fetched(NamedTuple):
    """What the broker knows of the days of a chunk; rows are BAR, in order of time."""

    chunk: Chunk
    bars: Records  # of the sessions of those days
    outside: Records  # of those days and of days without a session: kept, not traded
    refused: int  # rows that cannot be true
    strays: int  # rows of days outside the span that was asked for

    @property
    def quiet(self) -> tuple[int, ...]:
        """Days without a bar."""
        traded = set(_days(self.bars).tolist())
        return tuple(day for day in self.chunk.days if day not in traded)


class Historical(Protocol):
    """1m candles of a key over days that are over, and how many rows could not be true
    (`UpstoxRest`)."""

    async def historical(self, key: str, from_day: int, to_day: int) -> tuple[Records, int]: ...


# --- what is asked -------------------------------------------------------------------------------


def sessions_between(
    from_day: int,
    to_day: int,
    session_class: SessionClass,
    accept: frozenset[int] = frozenset(),
) -> dict[int, Session]:
    """The sessions of which the broker can have minutes, by day. Raises ConfigError behind the
    session table's cover."""
    days = range(max(from_day, FIRST_DAY), to_day + 1)
    found = ((day, past_session(day, session_class, accept=accept)) for day in days)
    return {day: session for day, session in found if session is not None}


def chunks(wanted: Mapping[int, Iterable[int]]) -> list[Chunk]:
    """Requests for the wanted days of each instrument, by first day, then instrument.

    A request ends a day before the day of the next month that has the date of its first: a month
    by every reading of the cap.
    """
    found = []
    for instrument, days in wanted.items():
        taken: list[int] = []
        for day in sorted(days):
            if taken and day > _month_later(taken[0]) - 1:
                found.append(Chunk(instrument, taken[0], taken[-1], tuple(taken)))
                taken = []
            taken.append(day)
        if taken:
            found.append(Chunk(instrument, taken[0], taken[-1], tuple(taken)))
    return sorted(found, key=lambda one: (one.from_day, one.instrument))


def least_s(requests: int, windows: Mapping[int, int] = WINDOWS) -> int:
    """Seconds that the limits alone make of so many requests: full windows, longest first."""
    seconds = 0
    for window_s in sorted(windows, reverse=True):
        full = max(requests - 1, 0) // windows[window_s]
        seconds += full * window_s
        requests -= full * windows[window_s]
    return seconds


def _month_later(day: int) -> int:
    first = date.fromordinal(day + _EPOCH)
    year, month = divmod(first.year * 12 + first.month, 12)
    last = monthrange(year, month + 1)[1]
    return date(year, month + 1, min(first.day, last)).toordinal() - _EPOCH


# --- what is answered ----------------------------------------------------------------------------


class UpstoxHistory:
    """Asks for chunks and judges the answers.

    Args:
        instruments: by their numbers; `id` is the key.
        waits: told why a request is tried again, and in how many seconds.
        seed: of the jitter: requests turned away together do not come back together.
    """

    def __init__(
        self,
        rest: Historical,
        instruments: Sequence[Instrument],
        *,
        accept: frozenset[int] = frozenset(),
        waits: Waits = lambda error, seconds: None,
        sleep: Sleep = asyncio.sleep,
        seed: int = 0,
    ) -> None:
        self._rest = rest
        self._instruments = instruments
        self._accept = accept
        self._waits = waits
        self._sleep = sleep
        self._jitter = random.Random(seed)
        self.retried = 0

    async def each(self, asked: Sequence[Chunk]) -> AsyncGenerator[Fetched, None]:
        """The answers in the order asked. Raises BrokerError where trying again is no use."""
        under_way: deque[asyncio.Task[Fetched]] = deque()
        try:
            for chunk in asked:
                under_way.append(asyncio.create_task(self.fetch(chunk)))
                if len(under_way) == AT_ONCE:
                    yield await under_way.popleft()
            while under_way:
                yield await under_way.popleft()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def fetch(self, chunk: Chunk) -> Fetched:
        """One chunk. Raises BrokerError."""
        bars, refused = await self._told(chunk)
        bars["instrument"] = chunk.instrument
        days = _days(bars)
        asked = (days >= chunk.from_day) & (days <= chunk.to_day)
        inside, outside = np.zeros(len(bars), np.bool_), np.zeros(len(bars), np.bool_)
        session_class = self._instruments[chunk.instrument].session_class
        for day in np.unique(days[asked]).tolist():
            session = past_session(day, session_class, accept=self._accept)
            if session is not None and day not in chunk.days:
                continue  # held already
            own = days == day
            traded = own & in_session(bars, session)
            inside |= traded
            outside |= own & ~traded
        return Fetched(chunk, bars[inside], bars[outside], refused, int((~asked).sum()))

    async def _told(self, chunk: Chunk) -> tuple[Records, int]:
        key, tried = self._instruments[chunk.instrument].id, 0
        while True:
            try:
                return await self._rest.historical(key, chunk.from_day, chunk.to_day)
            except (ConnectionLost, ProtocolViolation) as error:
                tried += 1
                if tried >= (MAX_TRIES_TOO_FAST if isinstance(error, TooFast) else MAX_TRIES):
                    raise
                self.retried += 1
                seconds = min(MAX_WAIT_S, 2.0 ** (tried - 1)) * (0.5 + self._jitter.random())
                self._waits(error, seconds)
                await self._sleep(seconds)


def in_session(bars: Records, session: Session | None) -> Bools:
    """bool[n]: which bars lie in one of its parts."""
    inside = np.zeros(len(bars), np.bool_)
    for open_ns, close_ns in session.parts if session is not None else ():
        inside |= (bars["open_ns"] >= open_ns) & (bars["open_ns"] <= close_ns - MINUTE_NS)
    return inside


def _days(bars: Records) -> Int64s:
    return days_of(bars["open_ns"], SessionClass.CASH)
