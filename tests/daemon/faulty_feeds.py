"""Feeds that die, fall silent and come back, around any feed of a known day."""

from collections.abc import AsyncIterator, Sequence

from core.ports import Clock, Feed, FeedDown, FeedItem, FeedUp, TickBatch
from core.session import at_ist
from core.types import NEVER_NS, Instrument
from daemon.plan import Plan


class DyingFeed:
    """`inner` without what it sends from one moment to another.

    Args:
        says_so: it tells that the link is lost, and that it is back; else it is only silent.
    """

    def __init__(self, inner: Feed, dies_ns: int, back_ns: int, *, says_so: bool) -> None:
        self._inner = inner
        self._dies_ns = dies_ns
        self._back_ns = back_ns
        self._says_so = says_so

    async def stream(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        dead = False
        async for item in self._inner.stream(instruments):
            was_dead, dead = dead, self._dies_ns <= item.recv_ns < self._back_ns
            if self._says_so and dead and not was_dead:
                yield FeedDown(item.recv_ns, "closed 1006")
            if self._says_so and was_dead and not dead:
                yield FeedUp(item.recv_ns)
            if not dead:
                yield item


class BadTicks:
    """`inner` with every price of one instrument negative in a stretch of time."""

    def __init__(self, inner: Feed, instrument: int, from_ns: int, to_ns: int) -> None:
        self._inner = inner
        self._instrument = instrument
        self._span_ns = (from_ns, to_ns)

    async def stream(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        from_ns, to_ns = self._span_ns
        async for item in self._inner.stream(instruments):
            if isinstance(item, TickBatch) and from_ns <= item.recv_ns < to_ns:
                item.ticks["price"][item.ticks["instrument"] == self._instrument] = -1.0
            yield item


def dying(plan: Plan, dies: str, back: str | None = None, *, says_so: bool = True) -> Plan:
    """`plan` with a feed that dies at this IST time of any day, and is back at that one."""
    source = plan.source
    healthy = source.open_feed  # type: ignore[attr-defined]

    def open_feed(day: int, clock: Clock) -> Feed:
        dies_ns = at_ist(day, dies[:5]) + round(float(dies[6:] or 0) * 1e9)
        back_ns = NEVER_NS if back is None else at_ist(day, back[:5]) + round(float(back[6:]) * 1e9)
        return DyingFeed(healthy(day, clock), dies_ns, back_ns, says_so=says_so)

    source.open_feed = open_feed  # type: ignore[attr-defined]
    return plan
