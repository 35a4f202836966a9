"""Market time as orders see it: what is due, and the trades of the tape, in the order they happen.

Everything between two questions is made up for at the second, moment by moment, so what comes of
orders never depends on how often anybody asked.
"""

import heapq
from collections.abc import Callable
from itertools import count
from typing import Protocol

import numpy as np

from core.session import DAY_NS, day_span_ns, ist_day
from core.types import SessionClass
from sandbox.market.exchange import Exchange
from sandbox.market.universe import Listing
from sandbox.market.world import MS_NS
from sandbox.orders.matching import Tick

NEVER_MS = 1 << 62
DAY_MS = DAY_NS // MS_NS
REFERENCE_MS = 15 * 60_000  # of the closing auction's reference price


class Trader(Protocol):
    """Who acts on the floor."""

    def day_began(self) -> None:
        """The floor stands at the first moment of `floor.day`."""

    def traded(self, listing: Listing, tick: Tick) -> None:
        """A watched instrument traded."""


class Floor:
    """Runs up to the exchange's clock whenever it is asked to; never ahead of it."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.now_ms = exchange.now_ms()
        self.day = exchange.day
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = count()
        self._lines: dict[str, _Line] = {}
        self._watched: dict[str, _Line] = {}

    def at(self, when_ms: int, action: Callable[[], None]) -> None:
        """Have `action` happen at a moment to come; of one moment in the order they were set."""
        heapq.heappush(self._due, (when_ms, next(self._numbers), action))

    def watch(self, listing: Listing) -> None:
        """Hear of the trades of `listing` from now on."""
        if listing.key not in self._watched:
            line = self._line(listing)
            line.stand_at(self.now_ms)
            self._watched[listing.key] = line

    def unwatch(self, key: str) -> None:
        self._watched.pop(key, None)

    def last_paise(self, listing: Listing) -> int:
        """The price of the last trade before now."""
        return self._line(listing).last_paise(self.now_ms)

    def average_paise(self, listing: Listing, until_ms: int) -> int:
        """By volume, of the 15 minutes before `until_ms`; the last price where nothing traded."""
        return self._line(listing).average_paise(until_ms - REFERENCE_MS, until_ms)

    def midnight_ms(self) -> int:
        """When its day began."""
        return day_span_ns(self.day, SessionClass.CASH)[0] // MS_NS

    def run(self, trader: Trader) -> None:
        """Let everything happen that has happened by the exchange's clock.

        A trade of this very millisecond has not happened yet: the feed does not tell it either.
        """
        to_ms = self.exchange.now_ms()
        to_day = ist_day(to_ms * MS_NS)
        if to_day < self.day:  # its exchange was opened for a later day, and plays an earlier one
            self.day, self.now_ms, self._due = to_day, to_ms, []
            self._lines, self._watched = {}, {}
            trader.day_began()
        while self.day < to_day:
            self._run_day(trader, self.midnight_ms() + DAY_MS)
            self.day += 1
            self._lines, self._watched = {}, {}
            trader.day_began()
        self._run_day(trader, to_ms)

    def _run_day(self, trader: Trader, to_ms: int) -> None:
        while True:
            due_ms = self._due[0][0] if self._due else NEVER_MS
            line = min(self._watched.values(), key=lambda one: one.next_ms, default=None)
            tick_ms = NEVER_MS if line is None else line.next_ms
            if due_ms <= tick_ms:  # an order that arrives meets what trades from that moment on
                if due_ms > to_ms:
                    break
                self.now_ms = due_ms
                heapq.heappop(self._due)[2]()
            else:
                if line is None or tick_ms >= to_ms:
                    break
                self.now_ms = tick_ms
                trader.traded(line.listing, line.take())
        self.now_ms = max(self.now_ms, to_ms)

    def _line(self, listing: Listing) -> "_Line":
        if listing.key not in self._lines:
            self._lines[listing.key] = _Line(self.exchange, listing, self.day)
        return self._lines[listing.key]


class _Line:
    """The tape of one instrument's day, and the next trade of it."""

    def __init__(self, exchange: Exchange, listing: Listing, day: int) -> None:
        tape = exchange.tape(listing, day)
        self.listing = listing
        self.next_ms = NEVER_MS
        self._tape = tape
        self._paise = np.rint(tape.price * 100.0).astype(np.int64)
        self._before_paise = round(tape.previous_close * 100)
        self._place = len(tape.time_ms)

    def stand_at(self, now_ms: int) -> None:
        self._place = int(np.searchsorted(self._tape.time_ms, now_ms))
        self._look()

    def last_paise(self, now_ms: int) -> int:
        place = int(np.searchsorted(self._tape.time_ms, now_ms))
        return int(self._paise[place - 1]) if place else self._before_paise

    def average_paise(self, from_ms: int, until_ms: int) -> int:
        first, last = np.searchsorted(self._tape.time_ms, (from_ms, until_ms))
        quantity = self._tape.quantity[first:last]
        if not quantity.sum():
            return self.last_paise(until_ms)
        return round(float((self._paise[first:last] * quantity).sum() / quantity.sum()))

    def take(self) -> Tick:
        place, tape = self._place, self._tape
        self._place += 1
        self._look()
        return Tick(
            int(tape.time_ms[place]),
            int(self._paise[place]),
            int(tape.quantity[place]),
            is_print=not tape.continuous[place],
        )

    def _look(self) -> None:
        times = self._tape.time_ms
        self.next_ms = int(times[self._place]) if self._place < len(times) else NEVER_MS
