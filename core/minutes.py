"""Ticks become 1m bars, and bars become Minutes: the rules of market.md 3, written once.

Decides to which minute a tick belongs, what it adds to the bar, and when a Minute is complete. It
never reads a clock (the caller says what time it is) and never alters what it has handed on.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from core.rules.merging import OUTCOMES, PROGRESS, add_ticks, close_bars
from core.session import MINUTE_NS, SECOND_NS, Session, day_span_ns, minute_closes
from core.types import BAR, MISSING, NEVER_NS, PARTIAL, Bools, Float64s, Int64s, Records

GRACE_NS = 2 * SECOND_NS  # a minute waits this long for late ticks (market.md 3)


class ClosedMinute(NamedTuple):
    """A finished Minute: BAR rows in configured order of instruments, none where none traded."""

    close_ns: int
    bars: Records


class BarBuilder:
    """The 1m bars of one day, built from its ticks and handed on as Minutes.

    The first volume of an instrument: if the feed is up since before the open, the day's volume
    before the first bar is that of the last pre-open trade, else 0. After a (re)connect inside the
    session it is unknown until the feed repeats a trade of an earlier minute (the snapshot most
    feeds send first); without one the bar counts from the first tick seen and is PARTIAL.

    Args:
        sessions: one per instrument, in configured order; None has no session and no bar today.
        after_ns: Minutes that end at or before it were handed on in an earlier life.
    """

    def __init__(
        self, sessions: Sequence[Session | None], *, grace_ns: int = GRACE_NS, after_ns: int = 0
    ) -> None:
        self.grace_ns = grace_ns
        self.after_ns = after_ns
        self._progress = _new_progress(sessions, after_ns)
        self._closes = _all_closes(sessions, after_ns)
        self._gap = np.zeros(len(self._closes), np.bool_)
        self._taken = 0  # Minutes handed on
        self._closed = np.zeros(max(64, 2 * len(sessions)), BAR)  # bars of unfinished Minutes
        self._closed_count = 0
        self._counts = np.zeros((len(sessions) + 1, len(OUTCOMES)), np.int64)
        self._up_since_ns: Int64s = np.full(len(sessions), NEVER_NS)  # NEVER_NS: it is down
        self._complete_count = 0
        self._moved = True  # an instrument closed a minute since `_complete_count` was set

    def limit_prices(self, bands: Float64s) -> None:
        """Ticks outside their instrument's band are rejected from now on.

        Args:
            bands: float64[n, 2], lowest and highest price of the day; 0 and inf: none.
        """
        self._progress["band_low"], self._progress["band_high"] = bands.T

    def know_ticks(self, ticks_paise: Sequence[int]) -> None:
        """Prices that are no multiple of their instrument's tick are rejected from now on.

        Args:
            ticks_paise: one per instrument; 0: not known.
        """
        self._progress["tick_paise"] = ticks_paise

    def feed_up(self, now_ns: int, instruments: Sequence[int] = ()) -> None:
        """These instruments, none named: all, are told from `now_ns` on: what traded since their
        last tick was not seen."""
        chosen = list(instruments) or slice(None)
        self._up_since_ns[chosen] = now_ns
        self._progress["unbroken"][chosen] = now_ns <= self._progress["part_open_ns"][chosen, 0]

    def feed_down(self, instruments: Sequence[int] = ()) -> None:
        """These, none named: all, are not told: their bars of Minutes closed from now on are in
        doubt until they are again."""
        self._up_since_ns[list(instruments) or slice(None)] = NEVER_NS

    def add(self, ticks: Records) -> None:
        """Merge TICK rows, in order of arrival. Bad ones are counted, never fatal."""
        done = 0
        while done < len(ticks):
            self._make_room(1)
            rest = ticks[done:] if done else ticks
            used, self._closed_count, moved = add_ticks(
                rest, self._progress, self._closed, self._closed_count, self._counts
            )
            done += used
            self._moved |= moved

    def close_through(self, now_ns: int, *, gap: bool = False) -> None:
        """Close every minute that ended `grace_ns` ago or earlier, for all instruments.

        Args:
            gap: trades of the Minutes that this call completes may have been missed; instruments
                without a bar get a MISSING row. So it is also for those whose feed is down, and
                for a Minute that began before it was up.
        """
        self._close(now_ns - self.grace_ns, gap=gap)

    def end_session(self, *, gap: bool = False) -> None:
        """Close what is left of the day: the exchange, or the end of the feed, says it is over."""
        self._close(NEVER_NS, gap=gap)

    def take_minutes(self) -> list[ClosedMinute]:
        """The Minutes completed since the last call: every one of the day, in order, each once."""
        complete = self._complete()
        if complete == self._taken:
            return []
        bars = self._closed[: self._closed_count]
        minute = np.searchsorted(self._closes, bars["open_ns"], side="right")
        order = np.lexsort((bars["instrument"], minute))
        bars, minute = bars[order], minute[order]
        edges = np.searchsorted(minute, np.arange(self._taken, complete + 1))
        taken = [
            self._finished(index, bars[edges[i] : edges[i + 1]])
            for i, index in enumerate(range(self._taken, complete))
        ]
        waiting = bars[edges[-1] :]
        self._closed[: len(waiting)] = waiting
        self._closed_count = len(waiting)
        self._taken = complete
        return taken

    @property
    def minutes_left(self) -> int:
        """Minutes of the day not handed on yet."""
        return len(self._closes) - self._taken

    def in_session(self, now_ns: int) -> Bools:
        """bool[n]: instruments that trade continuously at this moment."""
        opens, closes = self._progress["part_open_ns"], self._progress["part_close_ns"]
        inside: Bools = np.logical_or.reduce((opens <= now_ns) & (now_ns < closes), axis=1)
        return inside

    @property
    def counts(self) -> dict[str, int]:
        """Ticks so far by what became of them (`OUTCOMES`)."""
        return dict(zip(OUTCOMES, self._counts.sum(axis=0).tolist(), strict=True))

    @property
    def counts_by_instrument(self) -> Int64s:
        """As `counts`: int64[n + 1, outcomes], the last row for unknown instruments."""
        return self._counts

    @property
    def summed_instruments(self) -> list[int]:
        """Instruments whose volume is the sum of last quantities, for want of a day's volume."""
        return np.flatnonzero(self._progress["summed"]).tolist()

    def _close(self, edge_ns: int, *, gap: bool) -> None:
        if self._taken == len(self._closes) or edge_ns < self._closes[self._taken]:
            return
        before = self._complete()
        self._make_room(len(self._progress))
        self._closed_count = close_bars(self._progress, edge_ns, self._closed, self._closed_count)
        self._moved = True
        self._gap[before : self._complete()] |= gap

    def _complete(self) -> int:
        """How many Minutes are closed for every instrument."""
        if self._moved:
            through_ns = self._progress["closed_ns"].min(initial=NEVER_NS)
            self._complete_count = int(np.searchsorted(self._closes, through_ns, side="right"))
            self._moved = False
        return self._complete_count

    def _finished(self, index: int, bars: Records) -> ClosedMinute:
        close_ns = int(self._closes[index])
        open_ns = close_ns - MINUTE_NS
        cut = open_ns < self._up_since_ns  # it began before the feed of these was up
        if cut.any():
            bars["quality"] |= np.where(cut[bars["instrument"]], PARTIAL, 0)
        if self._gap[index] or cut.any():
            unseen = np.flatnonzero((cut | self._gap[index]) & self.in_session(open_ns))
            bars = self._with_missing(bars, open_ns, unseen)
        return ClosedMinute(close_ns, bars)

    def _with_missing(self, bars: Records, open_ns: int, unseen: Int64s) -> Records:
        """`bars` and a MISSING row for each of `unseen` that has none."""
        absent = np.setdiff1d(unseen, bars["instrument"])
        missing = np.zeros(len(absent), BAR)
        missing["instrument"] = absent
        missing["quality"] = MISSING
        missing["open_ns"] = open_ns
        for price in ("open", "high", "low", "close"):
            missing[price] = np.nan
        both = np.concatenate([bars, missing]).view(BAR)
        return both[np.argsort(both["instrument"], kind="stable")]

    def _make_room(self, rows: int) -> None:
        """Room for closed bars; bounded by the instruments times the Minutes not yet taken."""
        if self._closed_count + rows > len(self._closed):
            grown = np.zeros(2 * (self._closed_count + rows), BAR)
            grown[: self._closed_count] = self._closed[: self._closed_count]
            self._closed = grown


def _new_progress(sessions: Sequence[Session | None], after_ns: int) -> Records:
    progress = np.zeros(len(sessions), PROGRESS)
    progress["last_volume"] = -1
    progress["band_high"] = np.inf
    progress["closed_ns"] = NEVER_NS
    for row, session in zip(progress, sessions, strict=True):
        if session is None:
            continue
        day_ns = day_span_ns(session.day, session.session_class)
        row["day_open_ns"], row["day_close_ns"] = day_ns
        for part, (open_ns, close_ns) in enumerate(session.parts):
            row["part_open_ns"][part], row["part_close_ns"][part] = open_ns, close_ns
        if after_ns < session.close_ns:
            row["closed_ns"] = max(after_ns, session.open_ns)
    return progress


def _all_closes(sessions: Sequence[Session | None], after_ns: int) -> Int64s:
    """Ends of all minutes in which at least one instrument is in session."""
    closes = [minute_closes(session, MINUTE_NS) for session in set(sessions) if session is not None]
    together = np.unique(np.concatenate(closes)) if closes else np.zeros(0, np.int64)
    return together[together > after_ns]
