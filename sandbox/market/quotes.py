"""What is known of an instrument at a moment of its day: last trade, volume, day and minute so far.

Reads a tape, decides nothing. Everything the feed and the quotes of the REST side tell comes from
here, so that the two never contradict each other unless a fault says so.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sandbox.market.candles import MINUTE_MS, Candles, Ohlc, from_trades
from sandbox.market.universe import Listing
from sandbox.market.world import Tape

LEVELS = 5


class Level(NamedTuple):
    bid_quantity: int
    bid: float
    ask_quantity: int
    ask: float


class Quote(NamedTuple):
    """One instrument at one moment. `place`: of the last trade on the tape, -1 before the first."""

    place: int
    price: float
    traded_ms: int
    last_quantity: int
    volume: int
    volume_before: int  # one trade earlier: the day's candle lags behind
    average_price: float
    day: Ohlc
    minute: Ohlc | None  # the last completed one


class Quotes:
    """Quotes of one instrument's day.

    Args:
        day_open_ms: 00:00 IST of the day.
        traded_before_ms: when it traded last before the day.
    """

    def __init__(
        self, listing: Listing, tape: Tape, day_open_ms: int, traded_before_ms: int
    ) -> None:
        self.listing = listing
        self.tape = tape
        self.candles = tape.candles()
        self._day_open_ms = day_open_ms
        self._traded_before_ms = traded_before_ms
        self._high = np.maximum.accumulate(tape.price)
        self._low = np.minimum.accumulate(tape.price)
        self._value = np.cumsum(tape.price * tape.quantity)

    def place(self, now_ms: int) -> int:
        """The last trade before `now_ms`, -1: none yet."""
        return int(np.searchsorted(self.tape.time_ms, now_ms)) - 1

    def at(self, now_ms: int) -> Quote:
        tape, place = self.tape, self.place(now_ms)
        if place < 0:
            price = tape.previous_close
            day = Ohlc(self._day_open_ms, price, price, price, price, 0)
            return Quote(-1, price, self._traded_before_ms, 0, 0, 0, price, day, None)
        price, volume = float(tape.price[place]), int(tape.volume[place])
        before = int(tape.volume[place - 1]) if place else 0
        traded_ms = int(tape.time_ms[place])
        day = Ohlc(
            self._day_open_ms,
            float(tape.price[0]),
            float(self._high[place]),
            float(self._low[place]),
            price,
            before,
        )
        return Quote(
            place=place,
            price=price,
            # An index is stamped by the second.
            traded_ms=traded_ms // 1_000 * 1_000 if self.listing.is_index else traded_ms,
            last_quantity=int(tape.last_quantity[place]),
            volume=volume,
            volume_before=before,
            average_price=round(float(self._value[place]) / volume, 2) if volume else price,
            day=day,
            minute=self.completed(now_ms),
        )

    def completed(self, now_ms: int) -> Ohlc | None:
        """The youngest minute that has ended by `now_ms` and traded."""
        last = now_ms // MINUTE_MS * MINUTE_MS - MINUTE_MS
        number = int(np.searchsorted(self.candles.open_ms, last, side="right")) - 1
        return None if number < 0 else self.candles.at(number)

    def so_far(self, now_ms: int) -> Candles:
        """1m candles of what has traded before `now_ms`, the forming one last."""
        tape, cut = self.tape, self.place(now_ms) + 1
        held = tape.continuous[:cut]
        return from_trades(
            tape.time_ms[:cut][held], tape.price[:cut][held], tape.quantity[:cut][held]
        )

    def depth(self, quote: Quote, levels: int = LEVELS) -> list[Level]:
        """The order book around the last trade; sizes change with every trade."""
        tick, mid = self.listing.tick_paise, round(quote.price * 100)
        size = _sizes(quote.place)
        return [
            Level(
                size(2 * level),
                (mid - tick * (level + 1)) / 100,
                size(2 * level + 1),
                (mid + tick * (level + 1)) / 100,
            )
            for level in range(levels)
        ]


def _sizes(place: int) -> Callable[[int], int]:
    return lambda side: 1 + (place * 7_919 + side * 104_729) % 900
