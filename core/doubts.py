"""Reasons to doubt what the feed says, and when each begins and ends: decided here, told elsewhere.

While a doubt is open, entries in its instrument (or in all) are refused `state`; exits run. Knows
no clock: it is told what came and what time it is.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from core.jit import kernel
from core.rules.holdings import Holdings
from core.rules.merging import MAX_AHEAD_NS, OUTCOMES, REJECTED
from core.session import SECOND_NS
from core.types import NEVER_NS, Bools, Int64s, Records

STALE_FEED_NS = 5 * SECOND_NS  # without any frame
STALE_SYMBOL_NS = 15 * SECOND_NS  # without a tick of an instrument that had been busy
BUSY_TICKS = 30  # of a minute: one every two seconds
RATE_MINUTES = 5  # over which it is averaged
MAX_REJECTED = 0.01  # of an instrument's ticks of a minute
MAX_CLOCK_NS = 2 * SECOND_NS
ODD_CLOCK_NS = SECOND_NS // 2  # worth telling
MAX_CLOSE_MOVE = 0.01  # between our last close and the feed's previous close


class DoubtKind(StrEnum):
    """What is doubted. The value is its name in the ledger."""

    FEED = "feed"  # lost, or without a frame
    SYMBOL = "symbol"  # an instrument fell silent
    TICKS = "ticks"  # too many of an instrument's ticks were rejected
    CLOCK = "clock"  # ours and the exchange's differ
    LAG = "lag"  # we stood still: what we know is old until a fresh quote
    STORE = "store"  # ticks and bars are not kept
    HOURS = "hours"  # the exchange's phases and our table of sessions differ
    SPACE = "space"  # the disk is nearly full
    BROKER = "broker"  # its account and the ledger have not been found to agree
    CORPORATE_ACTION = "corporate_action"  # our history is in other prices than the feed


# These outlast their day: nothing that happens in it can end them.
LASTING = frozenset({DoubtKind.CORPORATE_ACTION})

ALL = -1  # instead of an instrument


class Doubt(NamedTuple):
    """Something that is doubted now, of one instrument (its number) or of ALL."""

    kind: DoubtKind
    instrument: int = ALL


class DoubtChange(NamedTuple):
    """An input of the day: a doubt opened or closed, between two Minutes."""

    doubt: Doubt
    is_open: bool
    reason: str


def block(holdings: Holdings, doubts: frozenset[Doubt]) -> None:
    """Have entries refused as long as these are the open doubts."""
    numbers = [doubt.instrument for doubt in doubts if doubt.instrument != ALL]
    holdings.account["doubts"] = len(doubts) - len(numbers)
    holdings.account["feed_doubted"] = Doubt(DoubtKind.FEED) in doubts
    holdings.account["clock_doubted"] = Doubt(DoubtKind.CLOCK) in doubts
    holdings.positions["blocked"] = np.bincount(
        np.array(numbers, np.int64), minlength=len(holdings.positions)
    )


class Rejections:
    """Which instruments sent too many ticks that cannot be true, Minute by Minute."""

    def __init__(self, instruments: int) -> None:
        self._before: Int64s = np.zeros((instruments, len(OUTCOMES)), np.int64)

    def minute(self, counts: Int64s) -> tuple[list[int], list[int]]:
        """(doubtful, clean) instruments since the last Minute; silence is neither.

        Args:
            counts: int64[n or more, outcomes], ticks of the day so far by what became of them.
        """
        counts = counts[: len(self._before)]
        since = counts - self._before
        self._before = counts.copy()
        total, rejected = since.sum(axis=1), since[:, REJECTED].sum(axis=1)
        doubtful = rejected > MAX_REJECTED * total
        clean = (total > 0) & ~doubtful
        return np.flatnonzero(doubtful).tolist(), np.flatnonzero(clean).tolist()


class Silence:
    """How long the feed and its busy instruments have been silent, by a clock that goes on.

    An instrument is busy if it averaged a tick every two seconds over the last RATE_MINUTES
    Minutes, as many as there were. Those of a connection before count: an instrument that was busy
    when the line was lost and is silent on the next one is not told there.
    """

    def __init__(self, instruments: int) -> None:
        self._last_ns: Int64s = np.zeros(instruments, np.int64)
        self._ticks: Int64s = np.zeros((RATE_MINUTES + 1, instruments), np.int64)  # 0: this minute
        self._minutes = 0
        self._last_frame_ns = 0
        self._least_delay_ns = NEVER_NS

    def connected(self, now_ns: int, instruments: Sequence[int] = ()) -> None:
        """The feed of these is up, none named: of all. They have their time to be told."""
        self._last_ns[list(instruments) or slice(None)] = now_ns
        self._last_frame_ns = now_ns

    def frame(self, recv_ns: int, ticks: Records) -> None:
        """Something came; `ticks` may be empty."""
        self._last_frame_ns = recv_ns
        if not len(ticks):
            return
        delay_ns = count_ticks(ticks, recv_ns, self._last_ns, self._ticks[0])
        self._least_delay_ns = min(self._least_delay_ns, delay_ns)

    def minute(self) -> int | None:
        """A minute is over: how far our clock is ahead of the exchange's; None: not told.

        The least delay of a minute's ticks: what is more than that is the way, or an old trade.
        """
        self._ticks = np.roll(self._ticks, 1, axis=0)
        self._ticks[0] = 0
        self._minutes = min(self._minutes + 1, RATE_MINUTES)
        told, self._least_delay_ns = self._least_delay_ns, NEVER_NS
        return None if told == NEVER_NS else told

    def of_feed(self, now_ns: int) -> bool:
        """Whether no frame has come for too long."""
        return now_ns - self._last_frame_ns > STALE_FEED_NS

    def of_instruments(self, now_ns: int) -> Bools:
        """bool[n]: busy instruments without a tick for too long."""
        busy = self._ticks[1:].sum(axis=0) >= BUSY_TICKS * self._minutes
        stale: Bools = busy & (self._minutes > 0) & (now_ns - self._last_ns > STALE_SYMBOL_NS)
        return stale


@kernel
def count_ticks(ticks: Records, recv_ns: int, last_ns: Int64s, counts: Int64s) -> int:
    """Count each instrument's ticks and note when it was heard; their least delay, NEVER_NS of
    none. As array operations this cost ten times as much for a frame of one tick."""
    least_ns = NEVER_NS
    for i in range(len(ticks)):
        tick = ticks[i]
        if 0 <= tick.instrument < len(last_ns):
            last_ns[tick.instrument] = recv_ns
            counts[tick.instrument] += 1
        delay_ns = tick.recv_ns - tick.exch_ns
        if tick.exch_ns > 0 and -MAX_AHEAD_NS <= delay_ns < least_ns:
            least_ns = delay_ns
    return int(least_ns)


def clock_is_doubtful(ahead_ns: int) -> bool:
    """Whether our clock and the exchange's differ too much to enter."""
    return abs(ahead_ns) > MAX_CLOCK_NS


def is_corporate_action(our_close: float, feed_close: float) -> bool:
    """Whether our last close and the previous close that the feed tells cannot be of one price;
    not if one of them is NaN."""
    return abs(feed_close / our_close - 1.0) > MAX_CLOSE_MOVE
