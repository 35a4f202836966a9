"""Raw rows of all sources as one set: order, duplicates, and their place in the day's sessions.

It decides which row comes first, which duplicates agree, and which rows are bars of a session. It
asks no calendar: a recorded day has the session of its date (market.md 2, cli.md 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.errors import DataError
from core.session import MINUTE_NS, days_of, recorded_session
from core.types import BAR, MAX_PARTS, Int32s, Int64s, Records, SessionClass
from providers.raw_bars import PRICES, RawBars

VALUES = (*PRICES, "volume")
SPAN_ROWS = 1 << 17  # rows placed at a time: keeps what is in between in the cache
NO_PART = -1
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class BarRows:
    """All rows in reading order, as columns. An `order` is an array of row numbers into them."""

    sources: Sequence[RawBars]
    first_row: Int64s  # of each source
    symbol_count: int
    instrument: Int32s
    minute: Int64s  # the stamp, minutes since 1970
    values: dict[str, NDArray[Any]]

    @classmethod
    def of(cls, sources: Sequence[RawBars], symbols: Sequence[str]) -> Self:
        """Raises DataError at the first stamp that is not a whole minute, the finest grid."""
        number = pl.Enum(symbols)
        return cls(
            sources=sources,
            first_row=np.cumsum([0, *(len(source) for source in sources)])[:-1],
            symbol_count=len(symbols),
            instrument=_joined(
                [
                    source.symbol.cast(number).to_physical().to_numpy().astype(np.int32)
                    for source in sources
                ]
            ),
            minute=_joined([_whole_minutes(source) for source in sources]),
            values={
                name: _joined([getattr(source, name) for source in sources]) for name in VALUES
            },
        )

    def __len__(self) -> int:
        return len(self.minute)

    def in_time(self) -> tuple[Int64s, int]:
        """The order by (stamp, instrument) without duplicates, and how many were dropped.

        Raises:
            DataError: rows of one instrument and stamp disagree; names the first of the files.
        """
        key = self.minute * self.symbol_count + self.instrument
        order = np.argsort(key, kind="stable")
        key = key[order]
        again = np.zeros(len(key), bool)
        again[1:] = key[1:] == key[:-1]
        self._require_agreement(order, np.flatnonzero(again))
        return order[~again], int(again.sum())

    def _require_agreement(self, order: Int64s, copies: Int64s) -> None:
        row, before = order[copies], order[copies - 1]
        differs = np.zeros(len(copies), bool)
        for value in self.values.values():
            differs |= value[row] != value[before]
        if differs.any():
            first = int(np.argmin(np.where(differs, row, len(self))))
            raise DataError(
                f"{self.where(row[first])}: {self._values(row[first])} disagrees with "
                f"{self.where(before[first])}: {self._values(before[first])}"
            )

    def count_unsorted(self) -> int:
        """Rows stamped earlier than the row of the same instrument before them."""
        by_instrument = np.argsort(self.instrument.astype(np.uint16), kind="stable")
        instrument, minute = self.instrument[by_instrument], self.minute[by_instrument]
        return int(((np.diff(minute) < 0) & (np.diff(instrument) == 0)).sum())

    def bars(self, order: Int64s, open_minute: Int64s) -> Records:
        """BAR rows of `order`, sorted by (open_ns, instrument)."""
        # End labels of several session classes can have one open: then labels do not order opens.
        key = open_minute * self.symbol_count + self.instrument[order]
        if (np.diff(key) < 0).any():
            by_open = np.argsort(key, kind="stable")
            order, open_minute = order[by_open], open_minute[by_open]
        bars = np.zeros(len(order), BAR)
        bars["instrument"] = self.instrument[order]
        bars["open_ns"] = open_minute * MINUTE_NS
        for name in VALUES:
            bars[name] = self.values[name][order]
        return bars

    def where(self, row: int) -> str:
        source, index = self._source(row)
        return source.where(index)

    def _values(self, row: int) -> str:
        source, index = self._source(row)
        return source.values(index)

    def _source(self, row: int) -> tuple[RawBars, int]:
        number = int(np.searchsorted(self.first_row, row, side="right")) - 1
        return self.sources[number], int(row - self.first_row[number])


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _whole_minutes(source: RawBars) -> Int64s:
    minute, rest = np.divmod(source.stamp_ns, MINUTE_NS)
    if rest.any():
        index = int(np.argmax(rest != 0))
        raise DataError(
            f"{source.where(index)}: stamp {np.datetime64(int(source.stamp_ns[index]), 'ns')} UTC "
            "is not a whole minute, so off the base grid"
        )
    return minute


# --- the place in the session ------------------------------------------------------------------


class Placed(NamedTuple):
    """What became of the rows of one order."""

    open_minute: Int64s  # minutes since 1970; outside the session a minute of the row's bar
    inside: Bools  # in a session of the instrument's class
    days: int  # with bars inside
    no_session_days: int  # with rows, without a session
    expected_bars: int  # of the sessions of days on which the instrument has bars


def place(
    rows: BarRows,
    order: Int64s,
    classes: Sequence[SessionClass],
    *,
    base_minutes: int,
    end_labelled: bool,
) -> Placed:
    """Find the bar of its session that each row of `order` is.

    Bars are anchored at the open of each part. An end label belongs to the bar before it, so it
    may equal the part's close, which also ends a short last bar.

    Args:
        order: increasing stamps, none twice for one instrument.
        classes: of each instrument.

    Raises:
        DataError: a stamp inside a part is off the grid anchored there; names the first of the
            files. Outside all parts there is no anchor, so nothing to be off from.
    """
    label, instrument = rows.minute[order], rows.instrument[order]
    inner = label - 1 if end_labelled else label  # a minute that the bar holds
    parts = _Parts.of(inner, sorted(set(classes)))
    group_of = np.array([parts.classes.index(kind) for kind in classes])
    open_minute = inner.copy()
    inside, off_grid = np.zeros(len(order), bool), np.zeros(len(order), bool)
    for start in range(0, len(order), SPAN_ROWS):
        span = slice(start, start + SPAN_ROWS)
        group, day_row = group_of[instrument[span]], parts.day_row[span]
        for number in range(MAX_PARTS):
            opens = parts.open[group, day_row, number]
            closes = parts.close[group, day_row, number]
            within = (opens <= inner[span]) & (inner[span] < closes)
            off = within & ((label[span] - opens) % base_minutes != 0)
            off_grid[span] |= off & (label[span] != closes) if end_labelled else off
            bar_open = opens + (inner[span] - opens) // base_minutes * base_minutes
            np.copyto(open_minute[span], bar_open, where=within)
            inside[span] |= within
    if off_grid.any():
        raise DataError(
            f"{rows.where(int(order[off_grid].min()))}: off the grid of {base_minutes}-minute bars "
            "anchored at the open of its session part"
        )
    traded = np.zeros((len(parts.days), len(classes)), bool)
    traded[parts.day_row[inside], instrument[inside]] = True
    return Placed(
        open_minute=open_minute,
        inside=inside,
        days=int(traded.any(axis=1).sum()),
        no_session_days=int((parts.open[:, :, 0] == NO_PART).all(axis=0).sum()),
        expected_bars=int(parts.bars(base_minutes)[group_of].T[traded].sum()),
    )


class _Parts(NamedTuple):
    """Session parts of the days that have rows, in minutes since 1970; NO_PART where none is."""

    classes: Sequence[SessionClass]
    days: Int64s
    day_row: Int64s  # per row of the order, its place in `days`
    open: Int64s  # [class, day, part]
    close: Int64s

    @classmethod
    def of(cls, minute: Int64s, classes: Sequence[SessionClass]) -> Self:
        """`minute` is non-decreasing; the classes share one kind of day (IST or UTC dates)."""
        day = days_of(minute * MINUTE_NS, classes[0])
        starts = np.diff(day, prepend=day[:1] - 1) != 0
        days = day[starts]
        bounds = np.full((2, len(classes), len(days), MAX_PARTS), NO_PART, np.int64)
        for group, session_class in enumerate(classes):
            for row, one_day in enumerate(days.tolist()):
                session = recorded_session(one_day, session_class)
                for number, part in enumerate(session.parts if session else ()):
                    bounds[:, group, row, number] = part[0] // MINUTE_NS, part[1] // MINUTE_NS
        return cls(classes, days, np.cumsum(starts) - 1, bounds[0], bounds[1])

    def bars(self, base_minutes: int) -> Int64s:
        """How many bars a whole session has: [class, day]; a short last bar counts."""
        whole: Int64s = -((self.open - self.close) // base_minutes)
        counts: Int64s = whole.sum(axis=2)
        return counts
