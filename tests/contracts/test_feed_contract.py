"""What every Feed of one day promises, asked of each with a virtual clock."""

import asyncio
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from core.minutes import BarBuilder
from core.ports import Clock, Feed, FeedItem, FeedUp, MarketStatus, TickBatch
from core.session import at_ist, live_session, parse_day
from core.types import TICK, Instrument, Records
from daemon.clocks import VirtualClock
from providers.synthetic import SyntheticFeed
from providers.synthetic_market import default_instruments

DAY = parse_day("2026-08-05")
INSTRUMENTS = default_instruments(3)

FEEDS: dict[str, Callable[[Clock], Feed]] = {
    "synthetic": lambda clock: SyntheticFeed(7, DAY, clock, speed=math.inf),
}
FeedMaker = Callable[[Clock], Feed]


@pytest.fixture(params=FEEDS)
def feed_of(request: pytest.FixtureRequest) -> FeedMaker:
    return FEEDS[request.param]


def played(
    feed_of: FeedMaker, *, start: str = "08:59", instruments: Sequence[Instrument] = INSTRUMENTS
) -> list[tuple[int, FeedItem]]:
    """All items with the time at which they came; the ticks copied, for a feed may reuse them."""
    clock = VirtualClock(at_ist(DAY, start))
    items: list[tuple[int, FeedItem]] = []

    async def play() -> None:
        async for item in feed_of(clock).stream(instruments):
            if isinstance(item, TickBatch):
                item = TickBatch(item.recv_ns, item.ticks.copy())
            items.append((clock.now_ns(), item))

    asyncio.run(play())
    return items


def all_ticks(items: list[tuple[int, FeedItem]]) -> Records:
    batches = [item.ticks for _, item in items if isinstance(item, TickBatch)]
    return np.concatenate([np.zeros(0, TICK), *batches])


def test_the_first_item_says_that_the_feed_is_up(feed_of: FeedMaker) -> None:
    _, first = played(feed_of)[0]

    assert isinstance(first, FeedUp)


def test_items_come_in_order_of_time_and_never_before_it(feed_of: FeedMaker) -> None:
    items = played(feed_of)
    received = [item.recv_ns for _, item in items]

    assert received == sorted(received)
    assert all(item.recv_ns <= now_ns for now_ns, item in items)


def test_a_batch_is_never_empty_and_its_ticks_bear_its_time(feed_of: FeedMaker) -> None:
    batches = [item for _, item in played(feed_of) if isinstance(item, TickBatch)]

    assert batches
    assert all(len(batch.ticks) > 0 for batch in batches)
    assert all((batch.ticks["recv_ns"] == batch.recv_ns).all() for batch in batches)


def test_ticks_are_plausible_and_in_order_of_arrival(feed_of: FeedMaker) -> None:
    ticks = all_ticks(played(feed_of))

    assert set(ticks["instrument"].tolist()) == set(range(len(INSTRUMENTS)))
    assert (np.diff(ticks["seq"]) > 0).all()
    assert (ticks["exch_ns"] <= ticks["recv_ns"]).all()
    assert (ticks["price"] > 0).all()
    assert (ticks["quantity"] != 0).all()


def test_the_volume_of_the_day_never_falls(feed_of: FeedMaker) -> None:
    ticks = all_ticks(played(feed_of))

    for number in range(len(INSTRUMENTS)):
        own = ticks[ticks["instrument"] == number]
        assert (np.diff(own["volume"]) >= 0).all()
        assert (np.diff(own["exch_ns"]) >= 0).all()


def test_the_exchange_opens_before_the_first_bar_and_closes_after_the_last(
    feed_of: FeedMaker,
) -> None:
    session = live_session(DAY, INSTRUMENTS[0].session_class)
    assert session is not None
    statuses = {
        item.status: item.recv_ns for _, item in played(feed_of) if isinstance(item, MarketStatus)
    }

    assert statuses["NORMAL_OPEN"] == session.open_ns
    assert statuses["NORMAL_CLOSE"] == session.close_ns


@pytest.mark.parametrize("start", ["08:59", "09:14", "11:30"])
def test_the_builder_refuses_no_tick_of_it(feed_of: FeedMaker, start: str) -> None:
    sessions = [live_session(DAY, instrument.session_class) for instrument in INSTRUMENTS]
    builder = BarBuilder(sessions, after_ns=at_ist(DAY, start))
    for _, item in played(feed_of, start=start):
        if isinstance(item, FeedUp):
            builder.feed_up(item.recv_ns)
        elif isinstance(item, TickBatch):
            builder.add(item.ticks)
            builder.close_through(item.recv_ns)
    refused = {
        reason: count
        for reason, count in builder.counts.items()
        if count and reason not in ("merged", "outside_session", "late_ticks")
    }

    assert refused == {}
    assert builder.counts["late_ticks"] <= len(INSTRUMENTS)  # the snapshot of a late start


def test_a_feed_of_no_instruments_ends(feed_of: FeedMaker) -> None:
    assert len(all_ticks(played(feed_of, instruments=[]))) == 0
