"""Minutes as they are published: a bounded queue between ingest and trading, as a BarProvider."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.rules.dated import day_rules
from core.session import Session, closed_row, ist_day, minute_closes, session_row
from core.types import NEVER_NS, SESSION, STRATEGY_BAR, MinuteSpan, Records
from providers.replay import SessionTerms

MAX_WAITING_MINUTES = 64  # beyond it ingest waits, and ticks go on into bars


@dataclass(frozen=True, slots=True)
class DayFrame:
    """What every Minute of one day shares: sessions, charges and ticks."""

    day: int
    sessions: Records  # SESSION[1, g]
    rules: Records  # DAY_RULES[2]: of the day's date and of the next
    minutes: int  # of the union of sessions
    open_ns: int
    close_ns: int
    base_ns: int

    def span(self, close_ns: int, bars: Records) -> MinuteSpan:
        """One Minute of the day as a span. `bars`: BAR[k] in configured order of instruments."""
        return MinuteSpan(
            close_ns=np.array([close_ns], np.int64),
            day_index=np.zeros(1, np.int32),
            first_bar=np.array([0, len(bars)], np.int64),
            bars=bars,
            sessions=self.sessions,
            rules=self.rules[ist_day(close_ns - self.base_ns) - self.day :][:1],
            first_strategy_bar=np.zeros(2, np.int64),
            strategy_bars=np.zeros(0, STRATEGY_BAR),
        )


def day_frame(
    day: int,
    sessions: Sequence[Session | None],
    terms: SessionTerms,
    base_ns: int,
    end_ns: int = NEVER_NS,
) -> DayFrame:
    """The frame of `day`; `sessions` by group, None where a group has none. None after `end_ns`."""
    rows: Records = np.zeros((1, len(sessions)), SESSION)
    closes = []
    for g, session in enumerate(sessions):
        rows[0, g] = closed_row(day)
        if session is not None:
            rows[0, g] = session_row(
                session,
                last_entry_minutes=terms.last_entry_minutes,
                square_off_minutes=terms.square_off_minutes,
            )
            closes.append(minute_closes(session, base_ns))
    known = [session for session in sessions if session is not None]
    all_closes = np.unique(np.concatenate(closes)) if closes else np.zeros(0, np.int64)
    return DayFrame(
        day=day,
        sessions=rows,
        rules=day_rules([day, day + 1], profile=terms.fee_profile, fee_bps=terms.fee_bps),
        minutes=int(np.searchsorted(all_closes, end_ns, "right")),
        open_ns=min((session.open_ns for session in known), default=0),
        close_ns=min(end_ns, max((session.close_ns for session in known), default=0)),
        base_ns=base_ns,
    )


class LiveProvider:
    """Fed by ingest, read by trading; `close` ends the spans once they are read."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[MinuteSpan | None] = asyncio.Queue(MAX_WAITING_MINUTES)

    @property
    def waiting(self) -> int:
        """Minutes that were published and not taken yet."""
        return self._queue.qsize()

    async def publish(self, span: MinuteSpan) -> None:
        """Hand a Minute on; waits while too many are waiting."""
        await self._queue.put(span)

    async def close(self) -> None:
        await self._queue.put(None)

    async def spans(self) -> AsyncIterator[MinuteSpan]:
        while (span := await self._queue.get()) is not None:
            yield span
