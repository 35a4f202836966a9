"""What followed a signal: returns over horizons that count sessions and bars of the calendar.

Decides in which row a signal of each row is bought and in which it is sold, by the stamps alone;
never moves to the next row that happens to have a price.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from core.errors import ConfigError
from core.session import DAY_NS
from core.types import Bools, Float64s, Int64s

MOST_DAYS_CLOSED = 7  # in a row; sessions further apart have others between them that are missing
MOST_COUNT = 10_000


@dataclass(frozen=True, slots=True)
class Horizon:
    """How long a signal is held: `count` sessions, or bars within one session."""

    count: int
    in_bars: bool = False

    def __str__(self) -> str:
        return f"{self.count}b" if self.in_bars else str(self.count)


class Held(NamedTuple):
    """Rows [T] in which a signal of each row is bought and sold; -1 in both: it cannot be."""

    enter: Int64s
    leave: Int64s

    @property
    def overlap(self) -> int:
        """How many of the next rows' holding periods share time with a row's own, at most."""
        held = self.leave - self.enter
        return max(0, int(held.max(initial=0)) - 1)

    def apart(self) -> Int64s:
        """Rows whose holding periods do not overlap: each begins when the one before has ended."""
        rows, free = [], 0
        for row in np.flatnonzero(self.leave >= 0).tolist():
            if self.enter[row] >= free:
                rows.append(row)
                free = int(self.leave[row])
        return np.array(rows, np.int64)


def horizon_of(text: str) -> Horizon:
    """`5` is five sessions, `4b` four bars. Raises ConfigError."""
    found = re.fullmatch(r"(\d{1,6})(b?)", text.strip())
    if not found or not 1 <= int(found[1]) <= MOST_COUNT:
        raise ConfigError(
            f'horizon "{text}" is neither sessions (5) nor bars (4b), 1 to {MOST_COUNT} of them'
        )
    return Horizon(int(found[1]), found[2] == "b")


def held(stamps_ns: Int64s, days: Int64s, horizon: Horizon, *, overnight: bool = False) -> Held:
    """Bought in the row after the signal's, sold `horizon` later.

    - Sessions: sold in the bar of the same time of day, so many sessions later. A session without
      that bar (an evening session, an outage) sells nothing: the row is -1.
    - Bars: sold so many rows later, if signal, purchase and sale are of one session and no bar is
      missing between them; a row too close to the close is -1, it is not cut short. Where a
      session is one bar, and with `overnight`, bars count through the sessions.
    - Sessions more than MOST_DAYS_CLOSED days apart are not neighbours: nothing is held across.

    Args:
        stamps_ns: int64[T], opens of the bars, increasing. Where sessions mostly follow each other
            without a pause, the bars between two of them must be there as well.
        days: int64[T], the session of each row, days since 1970-01-01.
    """
    rows = len(days)
    first_of = np.flatnonzero(np.diff(days, prepend=days[:1] - 1))
    session = np.cumsum(np.diff(days, prepend=days[:1]) != 0)
    one_bar_each = len(first_of) == rows
    enter = np.arange(1, rows + 1)
    if horizon.in_bars or one_bar_each:
        leave = enter + horizon.count
    else:
        leave = _same_time(stamps_ns, days, days[first_of], session, horizon.count)
    found = (leave >= 0) & (leave < rows)
    left = np.where(found, leave, 0)
    broken = np.cumsum(_breaks(stamps_ns, days, with_bars=horizon.in_bars))
    found &= broken[left] == broken
    if horizon.in_bars and not (one_bar_each or overnight):
        found &= session[left] == session
    return Held(np.where(found, enter, -1), np.where(found, leave, -1))


def forward_returns(prices: Float64s, held: Held, masked: Bools | None = None) -> Float64s:
    """price when sold / price when bought - 1, in the row of the signal.

    Args:
        prices: float64[T, N], what is paid: opens, or closes. NaN: the symbol has no such bar.
        masked: bool[T, N], rows whose jump nothing explains; a return over one is left out.

    Returns: float64[T, N]; NaN where a price is missing, not positive, or the row is not held.
    """
    returns = np.full(prices.shape, np.nan)
    rows = np.flatnonzero(held.leave >= 0)
    enter, leave = held.enter[rows], held.leave[rows]
    paid = np.where(prices > 0, prices, np.nan)
    got = paid[leave] / paid[enter] - 1.0
    if masked is not None:
        jumps = np.cumsum(masked, axis=0)
        got[(jumps[leave] > jumps[enter]) | masked[enter]] = np.nan
    returns[rows] = got
    return returns


def _same_time(
    stamps_ns: Int64s, days: Int64s, calendar: Int64s, session: Int64s, count: int
) -> Int64s:
    """The row of the entry's time of day, `count` sessions after the entry's; -1 without one."""
    rows = len(days)
    enter = np.minimum(np.arange(1, rows + 1), rows - 1)
    target = session[enter] + count
    known = (target < len(calendar)) & (np.arange(rows) + 1 < rows)
    ahead_ns = (calendar[np.where(known, target, 0)] - days[enter]) * DAY_NS
    wanted_ns = stamps_ns[enter] + ahead_ns
    place = np.minimum(np.searchsorted(stamps_ns, wanted_ns), rows - 1)
    return np.where(known & (stamps_ns[place] == wanted_ns), place, -1)


def _breaks(stamps_ns: Int64s, days: Int64s, *, with_bars: bool) -> Bools:
    """[T]: before this row something is missing: sessions or, `with_bars`, a bar of its session."""
    breaks: Bools = np.diff(days, prepend=days[:1]) > MOST_DAYS_CLOSED
    inside = np.diff(days, prepend=days[:1] - 1) == 0
    if with_bars and inside.any():
        steps_ns = np.diff(stamps_ns, prepend=stamps_ns[:1])
        step_ns = steps_ns[inside].min()
        pauses_ns = steps_ns[~inside][1:]
        if len(pauses_ns) and np.median(pauses_ns) == step_ns:  # a market that never closes
            inside[1:] = True
        breaks |= inside & (steps_ns != step_ns)
    return breaks
