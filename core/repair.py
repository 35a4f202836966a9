"""What the broker's candles are asked for after the feed was away, and what they replace.

Decides which bars of a closed Minute are in doubt, in which order candles are asked for within how
many requests, and when a candle may stand in for a bar. Knows no clock and no broker, and never
touches a bar that the feed has seen whole.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from core.minutes import ClosedMinute
from core.session import MINUTE_NS
from core.types import BAR, MISSING, PARTIAL, REPAIRED, Bools, Records

MAX_KEYS = 500  # instruments of one request for last minutes: the broker's limit
MAX_REQUESTS = 40  # of one stretch of Minutes; every minute of half an hour stays below 2,000


class AskLastMinute(NamedTuple):
    """The last completed minute of these instruments, at most MAX_KEYS."""

    instruments: tuple[int, ...]


class AskDay(NamedTuple):
    """The completed minutes of one instrument's day so far."""

    instrument: int


Ask = AskLastMinute | AskDay


class Given(NamedTuple):
    """What candles say of one Minute: an input of the day, like its ticks."""

    candles: Records  # BAR rows, quality REPAIRED, in configured order of instruments
    quiet: tuple[int, ...]  # nothing traded in it: a later minute has a candle and it has none

    @property
    def holds(self) -> bool:
        """Whether anything is known."""
        return len(self.candles) > 0 or len(self.quiet) > 0


NOTHING = Given(np.zeros(0, BAR), ())


class Repair:
    """One stretch of Minutes whose bars are in doubt, from the first question to the last answer.

    Args:
        first: instruments to be asked for before the others: those with positions.
    """

    def __init__(self, minutes: Sequence[ClosedMinute], first: Iterable[int] = ()) -> None:
        self._minutes = list(minutes)
        self._first = frozenset(first)
        self._doubtful = {
            (int(bar["open_ns"]), int(bar["instrument"])): int(bar["quality"])
            for minute in minutes
            for bar in minute.bars[in_doubt(minute.bars)]
        }
        self._candles: dict[tuple[int, int], Records] = {}
        self._quiet: set[tuple[int, int]] = set()
        self._round = self._new_round()
        self.requests_left = MAX_REQUESTS

    @property
    def is_done(self) -> bool:
        return not self._doubtful

    def next_ask(self) -> Ask | None:
        """The next question of this round; None: the round is over, or nothing is to be asked."""
        while self._round and self.requests_left and self._doubtful:
            ask = self._round.pop(0)
            wanted = {instrument for _, instrument in self._doubtful}
            if isinstance(ask, AskLastMinute) or ask.instrument in wanted:
                self.requests_left -= 1
                return ask
        return None

    def begin_round(self) -> bool:
        """Ask again for what is still in doubt; False: all is known, or no request is left."""
        self._round = self._new_round()
        return bool(self._round and self.requests_left)

    def take(self, ask: Ask, candles: Records) -> None:
        """An answer: BAR rows of completed minutes. Others than those in doubt are left alone."""
        for candle in candles[sound(candles)]:
            key = int(candle["open_ns"]), int(candle["instrument"])
            if key in self._doubtful:
                self._candles[key] = candle
                del self._doubtful[key]
        if isinstance(ask, AskDay):
            self._take_quiet(ask.instrument, candles)

    def _take_quiet(self, instrument: int, candles: Records) -> None:
        """A minute without a candle that is followed by one with: nothing traded in it."""
        told = set(candles["open_ns"][candles["instrument"] == instrument].tolist())
        last_ns = max(told, default=0)
        quiet = {
            (open_ns, number)
            for (open_ns, number), quality in self._doubtful.items()
            if number == instrument and open_ns < last_ns and quality & MISSING
        }
        quiet -= {(open_ns, instrument) for open_ns in told}  # it traded: the candle is no good
        self._quiet |= quiet  # of a PARTIAL bar we have seen a trade: it stays in doubt
        for key in quiet:
            del self._doubtful[key]

    def given(self, minute: ClosedMinute) -> Given:
        """What is known of one Minute of the stretch."""
        open_ns = minute.close_ns - MINUTE_NS
        rows = [self._candles[key] for key in sorted(self._candles) if key[0] == open_ns]
        candles = np.array(rows, BAR).view(BAR) if rows else NOTHING.candles
        quiet = tuple(sorted(number for opened, number in self._quiet if opened == open_ns))
        return Given(candles, quiet)

    def _new_round(self) -> list[Ask]:
        """Last minutes of all that lack one, then days of all; instruments of `first` lead."""
        if not self._doubtful:
            return []
        last_ns = max(open_ns for open_ns, _ in self._doubtful)
        lacking = self._ordered(number for opened, number in self._doubtful if opened == last_ns)
        asks: list[Ask] = [
            AskLastMinute(tuple(lacking[i : i + MAX_KEYS]))
            for i in range(0, len(lacking), MAX_KEYS)
        ]
        return asks + [AskDay(number) for number in self._ordered(n for _, n in self._doubtful)]

    def _ordered(self, instruments: Iterable[int]) -> list[int]:
        return sorted(set(instruments), key=lambda number: (number not in self._first, number))


def in_doubt(bars: Records) -> Bools:
    """bool[n]: bars that candles may replace."""
    doubtful: Bools = (bars["quality"] & (MISSING | PARTIAL)) > 0
    return doubtful


def repaired(bars: Records, given: Given) -> Records:
    """The bars of a Minute with what candles said of those in doubt, in configured order."""
    if not given.holds:
        return bars
    candles = given.candles.copy()
    candles["quality"] = REPAIRED
    known = np.concatenate([candles["instrument"], np.array(given.quiet, np.int32)])
    rest = bars[~np.isin(bars["instrument"], known)]
    both = np.concatenate([rest, candles]).view(BAR)
    return both[np.argsort(both["instrument"], kind="stable")]


def sound(candles: Records) -> Bools:
    """bool[n]: candles that can be true; brokers' replies are not always."""
    opened, high, low, close = (candles[name] for name in ("open", "high", "low", "close"))
    possible: Bools = (high < np.inf) & (low > 0) & (candles["volume"] >= 0)
    possible &= (high >= np.maximum(opened, close)) & (low <= np.minimum(opened, close))
    return possible
