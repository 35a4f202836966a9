"""Which ticks come to the target of an open position, where fills are told.

A level a position, an array for all of them: one call of a kernel looks at a whole frame. Decides
nothing: the engine says what follows, and the levels are made anew from its positions.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from core.bands import NO_BAND
from core.jit import kernel
from core.rules.holdings import OPEN
from core.types import Float64s, Records, Row, record

LEVEL = record(
    [
        ("side", "i4"),  # of the position; 0: nothing is watched
        ("price", "f8"),
        ("since_ns", "i8"),  # its entry: a trade told again from before it says nothing
        ("lowest", "f8"),  # no price outside is taken for true
        ("highest", "f8"),
    ]
)


class Touched(NamedTuple):
    """A tick at a target; `ts_ns`: when it traded, or when it was told if that is not known."""

    instrument: int
    price: float
    ts_ns: int


class Targets:
    """The levels of so many instruments; none at first."""

    def __init__(self, instruments: int) -> None:
        self._levels: Records = np.zeros(instruments, LEVEL)
        self.limit_prices(np.tile(np.array(NO_BAND), (instruments, 1)))

    def limit_prices(self, bands: Float64s) -> None:
        """float64[n, 2]: lowest and highest price of each instrument (`price_bands`)."""
        self._levels["lowest"], self._levels["highest"] = bands[:, 0], bands[:, 1]

    def arm(self, positions: Records) -> None:
        """Watch the targets of what is OPEN among these rows of a book, and nothing else."""
        levels = self._levels
        levels["side"] = np.where(positions["status"] == OPEN, positions["side"], 0)
        levels["price"], levels["since_ns"] = positions["target"], positions["entry_ns"]

    def touched(self, ticks: Records) -> Iterator[Touched]:
        """The first tick at each level among these TICK rows, which is not watched any more."""
        place = 0
        while (place := next_touch(ticks, place, self._levels)) < len(ticks):
            tick = ticks[place]
            yield Touched(int(tick["instrument"]), float(tick["price"]), moment_ns(tick))
            place += 1


@kernel
def next_touch(ticks: Records, first: int, levels: Records) -> int:
    """The place of the next tick from `first` on at a level, which is then gone; or the end."""
    for place in range(first, len(ticks)):
        tick = ticks[place]
        if not 0 <= tick.instrument < len(levels):
            continue
        level = levels[tick.instrument]
        if level.side == 0 or not 0.0 < tick.price < np.inf:
            continue
        if not level.lowest <= tick.price <= level.highest:
            continue
        traded_ns = tick.exch_ns if tick.exch_ns > 0 else tick.recv_ns
        if traded_ns >= level.since_ns and level.side * (tick.price - level.price) >= 0.0:
            level.side = 0
            return place
    return len(ticks)


def moment_ns(tick: Row) -> int:
    """When it traded; where that is not told, when it came."""
    return int(tick["exch_ns"]) or int(tick["recv_ns"])
