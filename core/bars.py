"""Strategy bars out of 1m bars: the one place that knows where a 15m, 1h or 1d bar begins and ends.

Bins are anchored at the open of each session part, labelled by their open and emitted once, in the
Minute that ends them; an empty bin makes no bar and nothing is forward-filled (market.md 4).
"""

from collections.abc import Sequence

import numpy as np

from core.jit import kernel
from core.types import (
    MISSING,
    NEVER_NS,
    PARTIAL,
    STRATEGY_BAR,
    Int64s,
    MinuteSpan,
    Records,
    Row,
    record,
)

DAY_NS = 86_400_000_000_000

# An open bin of one (timeframe, instrument). end_ns 0: no bin is open.
BIN = record(
    [
        ("day", "i4"),
        ("gap", "i4"),
        ("minutes_seen", "i4"),
        ("minutes_expected", "i4"),
        ("open_ns", "i8"),
        ("end_ns", "i8"),
        ("open", "f8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close", "f8"),
        ("volume", "i8"),
    ]
)


class Resampler:
    """Adds complete strategy bars of several timeframes to spans of 1m bars.

    Its whole state is `bins`, so a snapshot of them restarts it in the middle of a period.
    `timeframes_ns` are kept longest first: in a Minute the longer bar is seen first.
    """

    def __init__(self, timeframes_ns: Sequence[int], base_ns: int, groups: Sequence[int]) -> None:
        self.timeframes_ns = np.array(sorted(set(timeframes_ns), reverse=True), np.int64)
        self.base_ns = base_ns
        self.groups = np.array(groups, np.int64)
        self.bins: Records = np.zeros((len(self.timeframes_ns), len(groups)), BIN)

    def timeframe_number(self, timeframe_ns: int) -> int:
        """The number a timeframe has in `STRATEGY_BAR.timeframe`."""
        return int(np.flatnonzero(self.timeframes_ns == timeframe_ns)[0])

    def resample(self, span: MinuteSpan) -> MinuteSpan:
        """`span` with the strategy bars that close in it."""
        room = len(self.timeframes_ns) * (len(span.bars) + len(self.groups))
        bars: Records = np.empty(room, STRATEGY_BAR)
        first = np.empty(len(span.close_ns) + 1, np.int64)
        count = fill_bins(
            span, self.timeframes_ns, self.base_ns, self.groups, self.bins, bars, first
        )
        return span._replace(first_strategy_bar=first, strategy_bars=bars[:count])


@kernel
def fill_bins(
    span: MinuteSpan,
    timeframes_ns: Int64s,
    base_ns: int,
    groups: Int64s,
    bins: Records,
    out: Records,
    first: Int64s,
) -> int:
    """Run the bins over a span; writes `out` and `first`, returns the number of bars emitted."""
    count = 0
    next_end = earliest_end(bins)
    for minute in range(len(span.close_ns)):
        first[minute] = count
        for b in range(span.first_bar[minute], span.first_bar[minute + 1]):
            bar = span.bars[b]
            for t in range(len(timeframes_ns)):
                bin_ = bins[t, bar.instrument]
                if bin_.end_ns == 0:
                    session = span.sessions[span.day_index[minute], groups[bar.instrument]]
                    open_bin(bin_, bar.open_ns, session, timeframes_ns[t], base_ns)
                    next_end = min(next_end, bin_.end_ns)
                add_bar(bin_, bar)
        if span.close_ns[minute] >= next_end:
            count = emit(span.close_ns[minute], minute, bins, out, count)
            next_end = earliest_end(bins)
    first[len(span.close_ns)] = count
    return count


@kernel
def open_bin(bin_: Row, open_ns: int, session: Row, timeframe_ns: int, base_ns: int) -> None:
    """Open the bin that contains `open_ns`; only a day's bar spans the parts of a session."""
    bin_.day = session.day
    bin_.gap = 0
    bin_.minutes_seen = 0
    bin_.volume = 0
    if timeframe_ns >= DAY_NS:
        bin_.open_ns = session.part_open_ns[0]
        bin_.end_ns = session.part_close_ns[session.parts - 1]
        total = 0
        for part in range(session.parts):
            total += session.part_close_ns[part] - session.part_open_ns[part]
        bin_.minutes_expected = -(-total // base_ns)
        return
    part = 0
    while open_ns >= session.part_close_ns[part]:
        part += 1
    anchor_ns = session.part_open_ns[part]
    bin_.open_ns = anchor_ns + (open_ns - anchor_ns) // timeframe_ns * timeframe_ns
    bin_.end_ns = min(bin_.open_ns + timeframe_ns, session.part_close_ns[part])
    bin_.minutes_expected = -(-(bin_.end_ns - bin_.open_ns) // base_ns)


@kernel
def add_bar(bin_: Row, bar: Row) -> None:
    """open = first, high = max, low = min, close = last, volume = sum; a bar that was not seen
    whole (MISSING, PARTIAL) marks a gap."""
    if bar.quality & (MISSING | PARTIAL):
        bin_.gap += 1
    if bar.quality & MISSING:
        return
    if bin_.minutes_seen == 0:
        bin_.open = bar.open
        bin_.high = bar.high
        bin_.low = bar.low
    else:
        bin_.high = max(bin_.high, bar.high)
        bin_.low = min(bin_.low, bar.low)
    bin_.close = bar.close
    bin_.volume += bar.volume
    bin_.minutes_seen += 1


@kernel
def emit(close_ns: int, minute: int, bins: Records, out: Records, count: int) -> int:
    """Move every bin that ends by `close_ns` to `out`, longer timeframes first."""
    for t in range(bins.shape[0]):
        for i in range(bins.shape[1]):
            bin_ = bins[t, i]
            if bin_.end_ns == 0 or bin_.end_ns > close_ns:
                continue
            if bin_.minutes_seen > 0:
                bar = out[count]
                bar.instrument = i
                bar.timeframe = t
                bar.minute = minute
                bar.day = bin_.day
                bar.open_ns = bin_.open_ns
                bar.close_ns = bin_.end_ns
                bar.open = bin_.open
                bar.high = bin_.high
                bar.low = bin_.low
                bar.close = bin_.close
                bar.volume = bin_.volume
                bar.minutes_seen = bin_.minutes_seen
                bar.minutes_expected = bin_.minutes_expected
                bar.gap = bin_.gap
                count += 1
            bin_.end_ns = 0
    return count


@kernel
def earliest_end(bins: Records) -> int:
    """When the next open bin ends; NEVER_NS when none is open."""
    end_ns = NEVER_NS
    for t in range(bins.shape[0]):
        for i in range(bins.shape[1]):
            if 0 < bins[t, i].end_ns < end_ns:
                end_ns = bins[t, i].end_ns
    return end_ns
