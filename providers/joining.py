"""How a feed that plays a known day joins it: with a snapshot, as brokers' feeds do.

Frames that arrived before the clock's present moment are not sent again; the last trade of each
instrument among them is. Paces what follows on the clock.
"""

import math
from collections.abc import AsyncIterator, Iterator

import numpy as np

from core.ports import Clock, FeedDown, FeedItem, FeedUp, MarketStatus, TickBatch
from core.rules.merging import MAX_AHEAD_NS
from core.types import TICK, Records, Row


async def joined(
    items: Iterator[FeedItem], clock: Clock, instruments: int
) -> AsyncIterator[FeedItem]:
    """`items` in order of time from the clock's present moment on, each at its moment."""
    started_ns = clock.now_ns()
    missed = Snapshot(started_ns, instruments)
    for item in items:
        if item.recv_ns <= started_ns:
            missed.add(item)
            continue
        for known in missed.take():
            yield known
        await clock.sleep_until(item.recv_ns)
        yield item
    for known in missed.take():
        yield known


class Snapshot:
    """What a feed tells first when it joins a running day: that it is up, status, last trades."""

    def __init__(self, now_ns: int, count: int) -> None:
        self._now_ns = now_ns
        self._last: Records = np.zeros(count, TICK)
        self._statuses: dict[str, MarketStatus] = {}
        self._up: FeedUp | None = None

    def add(self, item: FeedItem) -> None:
        if isinstance(item, TickBatch):
            for tick in item.ticks:  # by time of trade: connections may lag each other
                last = self._last[tick["instrument"]]
                if tick["exch_ns"] >= last["exch_ns"] and could_follow(tick, last):
                    self._last[tick["instrument"]] = tick
        elif isinstance(item, MarketStatus):
            self._statuses[item.segment] = MarketStatus(self._now_ns, item.segment, item.status)
        elif isinstance(item, FeedUp):
            self._up = FeedUp(self._now_ns, item.connection)
        elif isinstance(item, FeedDown):
            self._up = None

    def take(self) -> list[FeedItem]:
        """The items, once."""
        items: list[FeedItem] = [] if self._up is None else [self._up]
        items += self._statuses.values()
        known = self._last[self._last["exch_ns"] > 0]
        if len(known):
            known["recv_ns"] = self._now_ns
            items.append(TickBatch(self._now_ns, known))
        self._statuses = {}
        self._up = None
        self._last = self._last[:0]
        return items


def could_follow(tick: Row, last: Row) -> bool:
    """Whether `tick` is a trade behind `last`; a feed that has just joined would start from it.

    What every bar builder refuses (core/rules/merging.py) would otherwise make the bars after a
    restart differ from those of a day without one.
    """
    falls = 0 <= tick["volume"] < last["volume"]
    ahead = tick["exch_ns"] - tick["recv_ns"] > MAX_AHEAD_NS
    return bool(0.0 < tick["price"] < math.inf and tick["quantity"] != 0 and not (falls or ahead))
