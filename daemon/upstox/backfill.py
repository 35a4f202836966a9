"""Fills a keep with the broker's history: only what is missing, a day whole or not at all.

What is kept says what is missing, so a run that was killed goes on where it stood. The last day
kept is asked again: what the broker then says is final, and if its prices are others by a factor,
the whole history of that instrument is made anew. Never asks for today.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from core.doubts import is_corporate_action
from core.session import days_of, ist_text, past_session
from core.types import Bools, Instrument, Int64s, Records, SessionClass
from daemon.upstox.backfill_memory import BackfillMemory
from providers.upstox.history import (
    FIRST_DAY,
    Chunk,
    Fetched,
    UpstoxHistory,
    chunks,
    in_session,
    sessions_between,
)

BELIEVE_EVERY = 50  # requests between two writes of the memory
PRICES = ("open", "high", "low", "close")
PAISA_TOLERANCE = 1e-6

Advance = Callable[[int], None]


class Held(NamedTuple):
    """Days of one instrument that hold bars: from anywhere, and from the broker's history."""

    days: set[int]
    final: set[int]


class Keep(Protocol):
    """Where bars are kept; instruments by number."""

    async def held(self) -> list[Held]: ...

    async def bars(self, instrument: int, from_day: int, to_day: int) -> Records:
        """BAR rows with a price, by time."""

    async def keep(self, fetched: Fetched, anew: Sequence[int]) -> None:
        """Put its bars in place of those held of the same minutes; all of a day or nothing.

        `anew`: of which of its days the other minutes go, because they are in other prices. What is
        kept is durable after `flush` at the latest.
        """

    async def flush(self) -> None: ...


@dataclass(slots=True, kw_only=True)
class Filled:
    """What a run found; bars are those of sessions."""

    requests: int = 0
    bars: int = 0
    days: int = 0  # with bars, of one instrument each
    quiet_days: int = 0  # without a bar
    missing: int = 0  # minutes of the days with bars
    outside: int = 0  # rows not in the session
    refused: int = 0  # rows that cannot be true
    strays: int = 0  # rows of days that were not asked
    off_tick: int = 0  # bars with a price that is not whole paise
    compared: int = 0  # days that held bars already
    differing: int = 0  # minutes of those that we have otherwise
    only_ours: int = 0
    only_theirs: int = 0
    first_difference: str = ""
    renewed: dict[int, float] = field(default_factory=dict)  # factor of prices, by instrument
    anew: frozenset[int] = frozenset()  # instruments with nothing older than this run


class Backfill:
    """One span of days for some instruments: `plan`, `take` what is planned, `renewals`, `end`."""

    def __init__(
        self,
        history: UpstoxHistory,
        keep: Keep,
        memory: BackfillMemory,
        instruments: Sequence[Instrument],
        *,
        from_day: int,
        to_day: int,
        accept: frozenset[int] = frozenset(),
    ) -> None:
        self._history = history
        self._keep = keep
        self._memory = memory
        self._instruments = instruments
        self._accept = accept
        self._expected = [
            set(sessions_between(from_day, to_day, one.session_class, accept))
            for one in instruments
        ]
        self._held: list[Held] = []
        self._renewing: set[int] = set()
        self._pending: set[int] = set()  # renewed, and not planned yet
        self._to_day = to_day
        self._asked: dict[int, set[int]] = defaultdict(set)
        self._told: dict[int, set[int]] = defaultdict(set)  # of those, days with rows
        self._quiet: dict[int, set[int]] = defaultdict(set)  # not believed yet
        self._horizon = -1  # the last day of which the broker's history is known to tell
        self.left = 0  # of the requests planned last
        self.filled = Filled()

    async def fill(self, anew: Iterable[int] = ()) -> Filled:
        """All of it, from the plan to the end. Raises BrokerError, StoreFailed, ConfigError."""
        asked = await self.plan(anew)
        while asked:
            await self.take(asked)
            asked = self.renewals()
        return self.end()

    async def plan(self, anew: Iterable[int] = ()) -> list[Chunk]:
        """What is to be asked; `anew`: instruments whose whole history is doubted."""
        self._held = await self._keep.held()
        self._horizon = max((max(one.final) for one in self._held if one.final), default=-1)
        wanted = {}
        for number, one in enumerate(self._instruments):
            final, expected = self._held[number].final, self._expected[number]
            if number in anew or one.id in self._memory.renewing:
                self._renewing.add(number)
                wanted[number] = self._whole(number)
            else:
                again = {max(final)} if final else set()
                wanted[number] = expected - final - self._memory.quiet(one.id) | again
        return chunks(wanted)

    @property
    def is_needed(self) -> bool:
        """Whether days were without any bar, or are in other prices than their neighbours; else
        the plan only compares."""
        lacking = (
            expected - self._held[number].days - self._memory.quiet(self._instruments[number].id)
            for number, expected in enumerate(self._expected)
        )
        return any(lacking) or bool(self._renewing)

    async def take(self, asked: Sequence[Chunk], advance: Advance = lambda count: None) -> None:
        """Ask for it, judge and keep it. Raises BrokerError, StoreFailed."""
        self._memory.renew(self._instruments[number].id for number in self._renewing)
        self.left = len(asked)
        try:
            async with aclosing(self._history.each(asked)) as answers:
                async for one in answers:
                    await self._take(one)
                    self.left -= 1
                    advance(1)
        finally:
            await self._keep.flush()  # what has come is kept, however this ends
            self._believe()
        await asyncio.sleep(0)  # where an interrupt in the middle of the writing is heard

    def renewals(self) -> list[Chunk]:
        """The rest of the history of instruments whose prices turned out to be others."""
        pending, self._pending = self._pending, set()
        return chunks({number: self._whole(number) - self._asked[number] for number in pending})

    def end(self) -> Filled:
        """Everything asked for is kept. A history is anew if no day of it was left untold."""
        anew = {n for n in self._renewing if self._held_until_now(n) <= self._told[n]}
        self._memory.renewed(self._instruments[number].id for number in anew)
        fresh = {n for n, days in self._told.items() if days and not self._held[n].final}
        self.filled.anew = frozenset(fresh | anew)
        return self.filled

    def _whole(self, number: int) -> set[int]:
        """All days of an instrument: those that are wanted, and those that are held."""
        return self._expected[number] | self._held_until_now(number)

    def _held_until_now(self, number: int) -> set[int]:
        """Not of the running day, of which the store may hold some minutes."""
        held = self._held[number]
        return held.final | {day for day in held.days if FIRST_DAY <= day <= self._to_day}

    # --- an answer -------------------------------------------------------------------------------

    async def _take(self, one: Fetched) -> None:
        number = one.chunk.instrument
        held = self._held[number]
        again = [day for day in one.chunk.days if day in held.days and day not in one.quiet]
        if again and number not in self._renewing:
            await self._compare(one, again)
        await self._keep.keep(one, again if number in self._renewing else ())
        self._asked[number].update(one.chunk.days)
        self._told[number].update(_days(np.concatenate([one.bars, one.outside])).tolist())
        self._count(one)
        self._quiet[number].update(set(one.quiet) - held.days)
        if len(one.bars):
            self._horizon = max(self._horizon, int(_days(one.bars[-1:])[0]))
        if self.filled.requests % BELIEVE_EVERY == 0:
            self._believe()

    async def _compare(self, one: Fetched, again: Sequence[int]) -> None:
        """Ours against theirs, which are final; prices apart by a factor are another history."""
        number, filled = one.chunk.instrument, self.filled
        session_class = self._instruments[number].session_class
        ours = await self._keep.bars(number, again[0], again[-1])
        sessions = [past_session(day, session_class, accept=self._accept) for day in again]
        inside = np.zeros(len(ours), np.bool_)
        for session in sessions:
            inside |= in_session(ours, session)
        ours, theirs = ours[inside], one.bars[np.isin(_days(one.bars), again)]
        _, left, right = np.intersect1d(ours["open_ns"], theirs["open_ns"], return_indices=True)
        a, b = ours[left], theirs[right]
        differs = np.zeros(len(a), np.bool_)
        for name in (*PRICES, "volume"):
            differs |= a[name] != b[name]
        filled.compared += len(again)
        filled.differing += int(differs.sum())
        filled.only_ours += len(ours) - len(a)
        filled.only_theirs += len(theirs) - len(b)
        if differs.any() and not filled.first_difference:
            filled.first_difference = self._named(number, a[differs][0], b[differs][0])
        if len(a):
            our, their = (float(np.median(bars["close"])) for bars in (a, b))
            if is_corporate_action(our, their):
                filled.renewed[number] = their / our
                self._renewing.add(number)
                self._pending.add(number)
                self._memory.renew([self._instruments[number].id])  # before anything is replaced

    def _named(self, number: int, ours: np.void, theirs: np.void) -> str:
        told = ", ".join(
            f"{name} {ours[name]:.10g} is {theirs[name]:.10g}"
            for name in (*PRICES, "volume")
            if ours[name] != theirs[name]
        )
        return f"{self._instruments[number].symbol} {ist_text(int(ours['open_ns']))}: {told}"

    def _count(self, one: Fetched) -> None:
        filled = self.filled
        session_class = self._instruments[one.chunk.instrument].session_class
        traded = set(one.chunk.days) - set(one.quiet)
        sessions = [past_session(day, session_class, accept=self._accept) for day in traded]
        filled.requests += 1
        filled.bars += len(one.bars)
        filled.days += len(traded)
        filled.quiet_days += len(one.quiet)
        filled.missing += sum(held.minutes for held in sessions if held) - len(one.bars)
        filled.outside += len(one.outside)
        filled.refused += one.refused
        filled.strays += one.strays
        filled.off_tick += int(off_tick(one.bars).sum())

    def _believe(self) -> None:
        """Days without a trade are believed once the broker tells of a later one: its history may
        not have come that far yet, a day after."""
        believed: dict[str, set[int]] = {
            self._instruments[number].id: {day for day in days if day < self._horizon}
            for number, days in self._quiet.items()
        }
        self._memory.add_quiet(believed)


def off_tick(bars: Records) -> Bools:
    """bool[n]: bars with a price that is not whole paise."""
    off = np.zeros(len(bars), np.bool_)
    for name in PRICES:
        paise = bars[name] * 100.0
        off |= np.abs(paise - np.rint(paise)) > PAISA_TOLERANCE
    return off


def _days(bars: Records) -> Int64s:
    return days_of(bars["open_ns"], SessionClass.CASH)
