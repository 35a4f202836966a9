"""The feed of a generated day: no network, no files, the same ticks for the same seed.

Decides when frames arrive; what trades is `synthetic_market.py`'s part. Never raises for time: a
feed that starts late begins with a snapshot of the last trades, as brokers' feeds do.
"""

import heapq
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from core.bands import last_closes
from core.ports import Clock, FeedItem, FeedUp, Heartbeat, MarketStatus, PreviousCloses, TickBatch
from core.session import SECOND_NS, Phase, Session, live_session, previous_live_sessions
from core.types import BAR, Instrument, Records
from providers.joining import joined
from providers.synthetic_market import InstrumentDay, SyntheticMarket

# Market time of one frame. Each divides a minute, so that no frame spans two.
FRAMES_NS = (SECOND_NS // 4, SECOND_NS // 2, SECOND_NS, 2 * SECOND_NS, 5 * SECOND_NS)
MAX_FRAMES_PER_SECOND = 100  # of real time

STATUS = {  # the exchange's names for the begin and end of a phase
    Phase.PRE_OPEN: ("PRE_OPEN_START", "PRE_OPEN_END"),
    Phase.CONTINUOUS: ("NORMAL_OPEN", "NORMAL_CLOSE"),
    Phase.CLOSING_AUCTION: ("CLOSING_START", "CLOSING_END"),
    Phase.POST_CLOSE: ("CLOSING_START", "CLOSING_END"),
}


class SyntheticFeed:
    """One generated day as a Feed; ends after the day's last frame.

    Args:
        day: date of the session, days since 1970-01-01.
        clock: paces the frames. Frames before its present moment are not sent again.
        speed: of the clock, to size the frames; infinite for virtual time.
        accept: unconfirmed session days to generate all the same.
        beats: send a heartbeat every second, as live feeds do.
    """

    def __init__(
        self,
        seed: int,
        day: int,
        clock: Clock,
        *,
        speed: float = 1.0,
        accept: frozenset[int] = frozenset(),
        beats: bool = False,
    ) -> None:
        self._beats = beats
        self._seed = seed
        self._day = day
        self._clock = clock
        self._accept = accept
        self._frame_ns = frame_ns(speed)

    async def stream(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        yield FeedUp(self._clock.now_ns())
        yield PreviousCloses(
            self._clock.now_ns(), last_closes(self.history(instruments, 1), len(instruments))
        )
        items = self._items(instruments)
        async for item in joined(items, self._clock, len(instruments)):
            yield item

    def history(self, instruments: Sequence[Instrument], days: int = 60) -> Records:
        """BAR rows of the `days` sessions before the day, by time, then instrument number.

        They are what the feed's ticks of those days add up to, bit for bit.
        """
        return self._generated(
            instruments,
            lambda one: previous_live_sessions(
                self._day, days, one.session_class, accept=self._accept
            ),
        )

    def bars(self, instruments: Sequence[Instrument]) -> Records:
        """As `history`, of the day itself."""
        return self._generated(
            instruments,
            lambda one: [live_session(self._day, one.session_class, accept=self._accept)],
        )

    def _generated(
        self,
        instruments: Sequence[Instrument],
        sessions_of: Callable[[Instrument], Sequence[Session | None]],
    ) -> Records:
        bars = [
            InstrumentDay(self._seed, number, instrument, session).bars()
            for number, instrument in enumerate(instruments)
            for session in sessions_of(instrument)
            if session is not None
        ]
        together = np.concatenate(bars) if bars else np.zeros(0, BAR)
        return together[np.lexsort((together["instrument"], together["open_ns"]))].view(BAR)

    def _items(self, instruments: Sequence[Instrument]) -> Iterator[FeedItem]:
        """Frames and statuses in order of time; of one moment the frame comes first."""
        sessions = [
            live_session(self._day, instrument.session_class, accept=self._accept)
            for instrument in instruments
        ]
        market = SyntheticMarket(self._seed, instruments, sessions)
        frames: Iterator[FeedItem] = self._frames(market)
        statuses: Iterator[FeedItem] = iter(_statuses(instruments, sessions))
        beats = iter(_heartbeats(sessions) if self._beats else ())
        return heapq.merge(frames, statuses, beats, key=lambda item: item.recv_ns)

    def _frames(self, market: SyntheticMarket) -> Iterator[TickBatch]:
        """The market cut into frames; a frame arrives when its stretch of time is over."""
        for ticks in market.minutes():
            recv_ns = (ticks["exch_ns"] // self._frame_ns + 1) * self._frame_ns
            ticks["recv_ns"] = recv_ns
            edges = np.flatnonzero(np.diff(recv_ns, prepend=-1, append=-1)).tolist()
            for first, end in pairwise(edges):
                yield TickBatch(int(recv_ns[first]), ticks[first:end])


def frame_ns(speed: float) -> int:
    """The shortest frame that keeps the wake-ups per real second within bounds."""
    for span_ns in FRAMES_NS:
        if speed * SECOND_NS <= span_ns * MAX_FRAMES_PER_SECOND:
            return span_ns
    return FRAMES_NS[-1]


def _heartbeats(sessions: Sequence[Session | None]) -> Iterator[Heartbeat]:
    held = [session for session in sessions if session is not None]
    first_ns = min((session.open_ns for session in held), default=0)
    last_ns = max((session.close_ns for session in held), default=0)
    return (Heartbeat(now_ns) for now_ns in range(first_ns, last_ns, SECOND_NS))


def _statuses(
    instruments: Sequence[Instrument], sessions: Sequence[Session | None]
) -> list[MarketStatus]:
    """Phases of each segment: those of its session that closes last."""
    last: dict[str, Session] = {}
    for instrument, session in zip(instruments, sessions, strict=True):
        segment = instrument.id.partition("|")[0]
        if session and (segment not in last or session.close_ns > last[segment].close_ns):
            last[segment] = session
    statuses = []
    for segment, session in last.items():
        for window in session.phases:
            begin, end = STATUS[window.phase]
            statuses.append(MarketStatus(window.open_ns, segment, begin))
            statuses.append(MarketStatus(window.close_ns, segment, end))
    return sorted(statuses, key=lambda status: status.recv_ns)
