"""Recorded bars as Minutes: days of a Dataset turned into spans, every minute of the session there.

Decides nothing about trading; the session of a day is asked of `core.session`, its charges and
ticks of `core.rules.dated`.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import numpy as np

from core.rules.dated import day_rules
from core.rules.fees import FeeProfile
from core.session import (
    IST_OFFSET_NS,
    closed_row,
    days_of,
    minute_closes,
    recorded_session,
    session_row,
)
from core.types import (
    NEVER_NS,
    SESSION,
    STRATEGY_BAR,
    Int64s,
    MinuteSpan,
    Records,
    SessionClass,
)
from providers.dataset import Dataset

BARS_PER_SPAN = 400_000  # bounds the memory of one span, not its results


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTerms:
    """What the timeline needs of the risk settings."""

    last_entry_minutes: int
    square_off_minutes: int
    fee_profile: FeeProfile
    fee_bps: float


class ReplayProvider:
    """Serves a Dataset as spans of whole days, in order, each day once.

    Days without any bar have no Minutes (nothing could happen in them); on a 24x7 market every
    day from the first bar to the last has them, and the last Minute is that of the last bar.

    Args:
        to_day: bars of later days are not there.
    """

    def __init__(self, dataset: Dataset, terms: SessionTerms, to_day: int | None = None) -> None:
        self.dataset = dataset
        self.terms = terms
        classes = sorted({instrument.session_class for instrument in dataset.instruments})
        self.classes: tuple[SessionClass, ...] = tuple(classes)
        self.groups = [classes.index(i.session_class) for i in dataset.instruments]
        self.always_open = SessionClass.ALWAYS_OPEN in classes
        bar_days = days_of(dataset.bars["open_ns"], classes[0])
        kept = len(bar_days) if to_day is None else int(np.searchsorted(bar_days, to_day, "right"))
        self._bars, bar_days = dataset.bars[:kept], bar_days[:kept]
        found, first = np.unique(bar_days, return_index=True)
        if self.always_open and len(found):
            found = np.arange(found[0], found[-1] + 1)
            first = np.searchsorted(bar_days, found)
        self.days: Int64s = found.astype(np.int64)
        self._first = np.append(first, len(self._bars))
        # The last Minute of a market that never closes is that of the last bar.
        self.end_ns = NEVER_NS
        if self.always_open and len(self._bars):
            self.end_ns = int(self._bars["open_ns"][-1]) + dataset.options.base_ns

    def day_spans(
        self, from_day: int | None = None, to_day: int | None = None
    ) -> Iterator[MinuteSpan]:
        """Spans of whole days within [from_day, to_day], several days to a span."""
        inside = np.ones(len(self.days), bool)
        if from_day is not None:
            inside &= self.days >= from_day
        if to_day is not None:
            inside &= self.days <= to_day
        wanted = np.flatnonzero(inside)
        start = 0
        while start < len(wanted):
            stop = start + 1
            begin = self._first[wanted[start]]
            while stop < len(wanted) and self._first[wanted[stop] + 1] - begin <= BARS_PER_SPAN:
                stop += 1
            yield self._span(wanted[start:stop])
            start = stop

    async def spans(self) -> AsyncIterator[MinuteSpan]:
        """`day_spans` over the whole dataset (the BarProvider seam)."""
        for span in self.day_spans():
            yield span

    def _span(self, rows: Int64s) -> MinuteSpan:
        days = self.days[rows].tolist()
        base_ns = self.dataset.options.base_ns
        bars = self._bars[self._first[rows[0]] : self._first[rows[-1] + 1]]
        sessions: Records = np.zeros((len(days), len(self.classes)), SESSION)
        closes: list[list[Int64s]] = [[] for _ in self.classes]
        for d, day in enumerate(days):
            for g, session_class in enumerate(self.classes):
                session = recorded_session(day, session_class)
                if session is None:
                    sessions[d, g] = closed_row(day)
                    continue
                closes[g].append(minute_closes(session, base_ns))
                sessions[d, g] = session_row(
                    session,
                    last_entry_minutes=self.terms.last_entry_minutes,
                    square_off_minutes=self.terms.square_off_minutes,
                )
        group_closes = [np.concatenate(c) if c else np.zeros(0, np.int64) for c in closes]
        close_ns = group_closes[0]
        if len(group_closes) > 1:
            close_ns = np.unique(np.concatenate(group_closes))
        close_ns = close_ns[close_ns <= self.end_ns]
        open_ns = close_ns - base_ns if self.always_open else close_ns - 1
        row_ends = sessions["part_close_ns"].max(axis=(1, 2))
        if self.always_open:
            sessions, row_ends, days = by_indian_date(sessions)
        bars, first_bar = self._placed(bars, close_ns, group_closes)
        return MinuteSpan(
            close_ns=close_ns,
            day_index=np.searchsorted(row_ends, open_ns, "right").astype(np.int32),
            first_bar=first_bar,
            bars=bars,
            sessions=sessions,
            rules=day_rules(days, profile=self.terms.fee_profile, fee_bps=self.terms.fee_bps),
            first_strategy_bar=np.zeros(len(close_ns) + 1, np.int64),
            strategy_bars=np.zeros(0, STRATEGY_BAR),
        )

    def _placed(
        self, bars: Records, close_ns: Int64s, group_closes: list[Int64s]
    ) -> tuple[Records, Int64s]:
        """Bars in order of (Minute, instrument), and where each Minute's bars begin.

        A bar closes at its own session's first close after its open: exact, because every bar is
        on the base grid of its session. Sessions that end apart may reorder bars.
        """
        if len(group_closes) == 1:
            minute = np.searchsorted(close_ns, bars["open_ns"], "right")
        else:
            minute = np.zeros(len(bars), np.int64)
            group = np.array(self.groups)[bars["instrument"]]
            for g, closes in enumerate(group_closes):
                mine = np.flatnonzero(group == g)
                own = closes[np.searchsorted(closes, bars["open_ns"][mine], "right")]
                minute[mine] = np.searchsorted(close_ns, own)
            if np.any(np.diff(minute) < 0):
                order = np.lexsort((bars["instrument"], minute))
                bars, minute = bars[order], minute[order]
        first_bar = np.searchsorted(minute, np.arange(len(close_ns) + 1)).astype(np.int64)
        return bars, first_bar


def by_indian_date(sessions: Records) -> tuple[Records, Int64s, list[int]]:
    """UTC days cut at 18:30, where the Indian date changes and with it the charges in force.

    Returns (sessions, end of each row, Indian date of each row), two rows a day.
    """
    ends = np.repeat(sessions["part_close_ns"][:, 0, 0], 2)
    ends[::2] -= IST_OFFSET_NS
    dates = np.repeat(sessions["day"][:, 0], 2)
    dates[1::2] += 1
    return np.repeat(sessions, 2, axis=0), ends, dates.tolist()
