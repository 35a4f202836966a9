"""The exchange's own candles: from trades, and longer ones from those of a minute.

Written apart from the bars of the daemon, which are checked against these.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

MINUTE_MS = 60_000
OPEN_MINUTES = 555 - 330  # 09:15 IST, from where longer candles are counted, in UTC


class Ohlc(NamedTuple):
    """One candle; `open_ms` epoch, prices rupees."""

    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: int


class Candles(NamedTuple):
    """1m candles of one day by open time, epoch ms; prices rupees."""

    open_ms: Int64s
    open: Float64s
    high: Float64s
    low: Float64s
    close: Float64s
    volume: Int64s

    def at(self, number: int) -> Ohlc:
        return Ohlc(*(column[number].item() for column in self))

    def ended(self, now_ms: int) -> "Candles":
        """Those whose minute is over."""
        over = int(np.searchsorted(self.open_ms, now_ms - MINUTE_MS, side="right"))
        return Candles(
            self.open_ms[:over],
            self.open[:over],
            self.high[:over],
            self.low[:over],
            self.close[:over],
            self.volume[:over],
        )

    def longer(self, minutes: int) -> list[Ohlc]:
        """Candles of `minutes`, counted from 09:15, stamped by the open of their period."""
        if not len(self.open_ms):
            return []
        period = (self.open_ms // MINUTE_MS - OPEN_MINUTES) // minutes
        first = np.flatnonzero(np.r_[True, period[1:] != period[:-1]])
        last = np.r_[first[1:], len(period)] - 1
        columns = (
            (period[first] * minutes + OPEN_MINUTES) * MINUTE_MS,
            self.open[first],
            np.maximum.reduceat(self.high, first),
            np.minimum.reduceat(self.low, first),
            self.close[last],
            np.add.reduceat(self.volume, first),
        )
        return [Ohlc(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def from_trades(time_ms: Int64s, price: Float64s, quantity: Int64s) -> Candles:
    """1m candles of trades in order; a minute without a trade has none."""
    if not len(time_ms):
        none = np.zeros(0)
        return Candles(np.zeros(0, np.int64), none, none, none, none, np.zeros(0, np.int64))
    minute = time_ms // MINUTE_MS
    first = np.flatnonzero(np.r_[True, minute[1:] != minute[:-1]])
    return Candles(
        open_ms=minute[first] * MINUTE_MS,
        open=price[first],
        high=np.maximum.reduceat(price, first),
        low=np.minimum.reduceat(price, first),
        close=price[np.r_[first[1:], len(price)] - 1],
        volume=np.add.reduceat(quantity, first),
    )
