"""Ticks and bars are kept before their Minute is published, and no Minute is missing or late."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import structlog

from core.errors import StoreFailed
from core.minutes import BarBuilder
from core.ports import Clock, Feed, FeedDown, FeedItem, FeedUp, MarketStatus, TickBatch
from core.rules.fees import FeeProfile
from core.session import DAY_NS, MINUTE_NS, SECOND_NS, minute_closes, recorded_session
from core.types import (
    BAR,
    MISSING,
    PARTIAL,
    TICK,
    Instrument,
    InstrumentId,
    MinuteSpan,
    Records,
    SessionClass,
)
from daemon.clocks import VirtualClock
from daemon.ingest import MAX_UNSTORED_TICKS, FeedFacts, Ingest
from daemon.intake.doubts import Doubts
from providers.live import MAX_WAITING_MINUTES, DayFrame, LiveProvider, day_frame
from providers.replay import SessionTerms
from stores.memory import MemoryMarketStore
from stores.owner import InlineOwner, Owner
from tests.market import DAY

SESSION = recorded_session(DAY, SessionClass.CASH)
assert SESSION is not None
OPEN_NS = SESSION.open_ns
GRACE_NS = 2 * SECOND_NS
INSTRUMENTS = tuple(Instrument(InstrumentId(s), s, SessionClass.CASH) for s in "AB")
TERMS = SessionTerms(
    last_entry_minutes=45, square_off_minutes=20, fee_profile=FeeProfile.UPSTOX, fee_bps=0.0
)
FRAME: DayFrame = day_frame(DAY, [SESSION], TERMS, MINUTE_NS)


def after_open(seconds: float) -> int:
    return OPEN_NS + round(seconds * SECOND_NS)


def trades(*rows: tuple[float, int, float]) -> TickBatch:
    """(seconds after the open, instrument, price) of trades that arrive with the last of them."""
    ticks: Records = np.zeros(len(rows), TICK)
    for tick, (seconds, instrument, price) in zip(ticks, rows, strict=True):
        tick.instrument, tick.price, tick.exch_ns = instrument, price, after_open(seconds)
        tick.quantity, tick.volume = 1, round(seconds) + 1
    ticks["recv_ns"] = after_open(rows[-1][0])
    return TickBatch(after_open(rows[-1][0]), ticks)


class ScriptedFeed:
    """Sends what it is told at its time, every batch in the same array; then it is silent."""

    ends = False

    def __init__(self, clock: Clock, items: Sequence[FeedItem]) -> None:
        self._clock = clock
        self._items = items

    async def stream(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        reused: Records = np.zeros(16, TICK)
        for item in self._items:
            await self._clock.sleep_until(item.recv_ns)
            if isinstance(item, TickBatch):
                shared = reused[: len(item.ticks)]
                shared[:] = item.ticks
                yield replace(item, ticks=shared)
                shared["price"] = -1.0  # whoever did not copy has this
            else:
                yield item
        if not self.ends:
            await asyncio.Event().wait()


class Published:
    """What came out: each Minute with the time at which it came and what the store then held."""

    def __init__(self) -> None:
        self.at_ns: dict[int, int] = {}
        self.spans: list[MinuteSpan] = []
        self.stored: list[bool] = []
        self.facts = FeedFacts(doubts=Doubts([one.symbol for one in INSTRUMENTS]))
        self.store = MemoryMarketStore(INSTRUMENTS)


def ingested(
    items: Sequence[FeedItem],
    *,
    minutes: int = 5,
    store: MemoryMarketStore | None = None,
    feed_of: Callable[[Clock, Sequence[FeedItem]], Feed] = ScriptedFeed,
    band_percent: float = 0.0,
    owner: Owner | None = None,
) -> Published:
    """Play `items` through ingest for the first `minutes` of the day."""
    out = Published()
    out.store = store or out.store

    async def read(live: LiveProvider, clock: Clock) -> None:
        async for span in live.spans():
            close_ns = int(span.close_ns[0])
            out.at_ns[close_ns] = clock.now_ns()
            out.spans.append(span)
            kept = out.store.bars(close_ns - MINUTE_NS, close_ns)
            out.stored.append(np.array_equal(kept, span.bars))

    async def main() -> None:
        clock, live = VirtualClock(OPEN_NS - 5 * SECOND_NS), LiveProvider()
        ingest = Ingest(
            clock=clock,
            store=out.store,
            owner=owner or InlineOwner(),
            live=live,
            frame=FRAME,
            facts=out.facts,
        )
        reader = asyncio.create_task(read(live, clock))
        closes = minute_closes(SESSION, MINUTE_NS)[:minutes].tolist()
        builder = BarBuilder([SESSION] * len(INSTRUMENTS), grace_ns=GRACE_NS)
        feed = feed_of(clock, items)
        await ingest.run_feed(
            feed, INSTRUMENTS, builder, closes, GRACE_NS, band_percent=band_percent
        )
        await reader

    asyncio.run(main())
    out.spans = out.spans[:minutes]
    return out


UP = FeedUp(OPEN_NS - 5 * SECOND_NS)
BUSY = [UP, *(trades((s, 0, 100 + s), (s, 1, 200 + s)) for s in range(1, 300, 10))]


def test_bars_are_kept_before_their_minute_is_published() -> None:
    out = ingested(BUSY)

    assert [len(span.bars) for span in out.spans] == [2] * 5
    assert out.stored[:5] == [True] * 5


def test_ticks_are_kept_as_they_were_although_the_feed_reuses_its_array() -> None:
    out = ingested(BUSY)
    kept = out.store.ticks(0, 2**62)
    sent = [item.ticks for item in BUSY if isinstance(item, TickBatch)]

    assert np.array_equal(kept, np.concatenate(sent))


def test_ticks_behind_the_last_minute_are_kept_too() -> None:
    """Everybody has traded after the last Minute's end: it is out before the grace is over."""
    last = [trades((301, 0, 1.0), (301, 1, 2.0)), trades((301.5, 0, 3.0))]
    out = ingested([*BUSY, *last])

    assert out.store.ticks(0, 2**62)["price"].tolist()[-3:] == [1.0, 2.0, 3.0]


def test_a_busy_minute_is_published_with_the_first_later_trade_of_all() -> None:
    out = ingested(BUSY)

    assert out.at_ns[after_open(60)] == after_open(61)


def test_a_silent_feed_publishes_every_minute_after_the_grace() -> None:
    out = ingested([UP])
    closes = [after_open(60 * n) for n in range(1, 6)]

    assert [int(span.close_ns[0]) for span in out.spans] == closes
    assert [out.at_ns[close] for close in closes] == [close + GRACE_NS for close in closes]
    assert all(len(span.bars) == 0 for span in out.spans)


def test_a_quiet_instrument_holds_a_minute_back_for_the_grace_only() -> None:
    out = ingested([UP, *(trades((s, 0, 100.0)) for s in range(1, 320, 5))])

    assert out.at_ns[after_open(60)] == after_open(62)
    assert [bar["instrument"] for bar in out.spans[0].bars] == [0]


def test_a_late_trade_is_merged_within_the_grace_and_never_after_it() -> None:
    early = ingested([UP, trades((10, 0, 100.0)), trades_at(61.5, (59, 0, 101.0))])
    late = ingested([UP, trades((10, 0, 100.0)), trades_at(62.5, (59, 0, 101.0))])

    assert early.spans[0].bars["close"].tolist() == [101.0]
    assert late.spans[0].bars["close"].tolist() == [100.0]


def trades_at(arrival: float, *rows: tuple[float, int, float]) -> TickBatch:
    batch = trades(*rows)
    batch.ticks["recv_ns"] = after_open(arrival)
    return replace(batch, recv_ns=after_open(arrival))


def test_a_lost_feed_is_told_and_its_minutes_come_all_the_same() -> None:
    lost = FeedDown(after_open(70), "closed 1006")
    with structlog.testing.capture_logs() as logs:
        out = ingested([UP, trades((10, 0, 100.0)), trades((65, 0, 101.0)), lost])

    assert ("feed_lost", "closed 1006", None) in [
        (log["event"], log.get("reason"), log.get("instruments")) for log in logs
    ]
    assert len(out.spans) == 5
    assert out.facts.up is False
    assert (out.spans[3].bars["quality"] == MISSING).all()
    assert len(out.spans[3].bars) == 2


def test_the_loss_of_one_connection_is_the_loss_of_its_instruments() -> None:
    down = FeedDown(after_open(70), "closed 1006", 1, (1,))
    up = FeedUp(after_open(190), 2, (1,))
    later = [trades((second, 0, 100.0)) for second in range(75, 300, 5)]
    items = [*[one for one in BUSY if one.recv_ns < down.recv_ns], down, up, *later]
    out = ingested(sorted(items, key=lambda item: item.recv_ns))
    quality = [{int(bar["instrument"]): bar["quality"] for bar in one.bars} for one in out.spans]

    assert [one.get(0) for one in quality] == [0] * 5
    assert [one.get(1) for one in quality] == [0, PARTIAL, MISSING, MISSING, None]
    assert out.facts.up is True
    assert out.facts.doubts.told() == []


def test_what_is_doubted_is_named_while_others_are_told() -> None:
    down = FeedDown(after_open(70), "closed 1006", 1, (1,))
    facts = ingested([*BUSY[:12], down]).facts

    assert facts.doubts.told() == ["feed B: closed 1006"]
    assert facts.up is True


def test_a_feed_that_never_came_up_is_doubted_with_its_first_minute() -> None:
    facts = ingested([]).facts

    assert facts.doubts.told() == ["feed all: it has not come up"]


class EndingFeed(ScriptedFeed):
    ends = True


def test_a_feed_that_ends_before_the_day_is_lost() -> None:
    """What it did not see was not quiet."""
    with structlog.testing.capture_logs() as logs:
        out = ingested([UP, trades((10, 0, 100.0)), trades((65, 0, 101.0))], feed_of=EndingFeed)

    assert any(log["event"] == "feed_lost" for log in logs)
    assert [len(span.bars) for span in out.spans] == [1, 2, 2, 2, 2]
    assert (out.spans[4].bars["quality"] == MISSING).all()


def test_a_feed_that_ends_in_the_last_minute_has_seen_the_day() -> None:
    out = ingested(BUSY, feed_of=EndingFeed)

    assert not any(span.bars["quality"].any() for span in out.spans)


def test_what_the_exchange_says_of_its_phase_is_told() -> None:
    with structlog.testing.capture_logs() as logs:
        ingested([UP, MarketStatus(OPEN_NS, "NSE_EQ", "NORMAL_OPEN")])

    assert any(log["event"] == "market_status_changed" for log in logs)


def test_the_page_is_told_frames_ticks_and_last_prices() -> None:
    facts = ingested(BUSY).facts

    assert facts.up is True
    assert facts.ticks == 2 * (len(BUSY) - 1)
    assert facts.last_frame_ns == BUSY[-1].recv_ns
    assert facts.latest.take()[1] == (200 + 291, after_open(291))


@pytest.mark.parametrize("number", [-1, 2, 99])
def test_a_trade_of_an_instrument_never_subscribed_is_counted_and_goes_nowhere(number: int) -> None:
    with structlog.testing.capture_logs() as logs:
        out = ingested([trades((1, 0, 100)), trades((2, number, 5), (3, 1, 101))], minutes=1)
    [ended] = [log for log in logs if log["event"] == "feed_day_ended"]

    assert ended["counts"] == {"merged": 2, "unknown_instrument": 1}
    assert set(out.facts.latest.take()) == {0, 1}
    assert out.store.ticks(0, 2**62)["instrument"].tolist() == [0, 1]


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf])
def test_a_price_that_is_none_is_not_shown(price: float) -> None:
    facts = ingested([trades((1, 0, 100)), trades((2, 0, price))]).facts

    assert facts.latest.take() == {0: (100.0, after_open(1))}


def test_a_price_far_from_the_previous_close_is_no_price() -> None:
    store = MemoryMarketStore(INSTRUMENTS)
    yesterday: Records = np.zeros(1, BAR)
    yesterday["open_ns"], yesterday["close"] = OPEN_NS - DAY_NS, 100.0
    store.append_bars(yesterday, "import")
    store.commit()
    far = [UP, trades((1, 0, 100.0), (2, 0, 121.0), (3, 1, 121.0))]
    out = ingested(far, store=store, band_percent=20.0)

    assert out.spans[0].bars["high"].tolist() == [100.0, 121.0]


class FailingStore(MemoryMarketStore):
    def commit(self) -> None:
        raise StoreFailed("disk full")


def test_a_store_that_fails_does_not_hold_a_minute_back() -> None:
    with structlog.testing.capture_logs() as logs:
        out = ingested(BUSY, store=FailingStore(INSTRUMENTS))

    assert [len(span.bars) for span in out.spans] == [2] * 5
    assert out.at_ns[after_open(60)] == after_open(61)
    assert any(log["event"] == "market_store_failed" for log in logs)


class CountingStore(MemoryMarketStore):
    """Notes how many ticks each commit found."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        super().__init__(instruments)
        self.commits: list[int] = []
        self._waiting = 0

    def append_ticks(self, ticks: Records) -> None:
        super().append_ticks(ticks)
        self._waiting += len(ticks)

    def commit(self) -> None:
        super().commit()
        self.commits.append(self._waiting)
        self._waiting = 0


def test_ticks_that_wait_for_their_minute_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.ingest.MAX_UNSTORED_TICKS", 4)
    store = CountingStore(INSTRUMENTS)
    ingested(BUSY, store=store)

    assert MAX_UNSTORED_TICKS > 4
    assert max(store.commits) <= 4
    assert sum(store.commits) == 2 * (len(BUSY) - 1)


@pytest.mark.parametrize(("is_live", "kept"), [(True, 1), (False, 0)])
def test_a_stop_flushes_the_open_minute_where_its_ticks_do_not_come_again(
    is_live: bool, kept: int
) -> None:
    store = MemoryMarketStore(INSTRUMENTS)

    async def main() -> None:
        clock = VirtualClock(OPEN_NS - 5 * SECOND_NS)
        ingest = Ingest(
            clock=clock,
            store=store,
            owner=InlineOwner(),
            live=LiveProvider(),
            frame=FRAME,
            facts=FeedFacts(),
            is_live=is_live,
        )
        feed = ScriptedFeed(clock, [UP, trades((10, 0, 100.0))])
        builder = BarBuilder([SESSION] * len(INSTRUMENTS), grace_ns=GRACE_NS)
        closes = minute_closes(SESSION, MINUTE_NS).tolist()
        feeding = asyncio.create_task(ingest.run_feed(feed, INSTRUMENTS, builder, closes, GRACE_NS))
        await clock.sleep_until(after_open(30))
        feeding.cancel()
        await asyncio.wait([feeding])

    asyncio.run(main())

    assert len(store.ticks(0, 2**62)) == kept


class BrokenFeed:
    async def stream(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        yield UP
        raise RuntimeError("a bug in the feed")


def test_a_feed_that_breaks_is_not_taken_for_a_silent_one() -> None:
    with pytest.raises(RuntimeError, match="a bug in the feed"):
        ingested([], feed_of=lambda clock, items: BrokenFeed())


# --- recorded bars -----------------------------------------------------------------------------


class PassingClock(VirtualClock):
    """Any moment asked for has come."""

    def __init__(self) -> None:
        super().__init__(OPEN_NS)

    async def sleep_until(self, when_ns: int) -> None:
        await asyncio.sleep(0)
        self._now_ns = when_ns


def test_recorded_minutes_come_at_their_close_and_wait_for_a_slow_reader() -> None:
    """The queue is bounded: ingest is never further ahead than it is long."""
    count = MAX_WAITING_MINUTES + 20
    closes = minute_closes(SESSION, MINUTE_NS)[:count].tolist()
    facts = FeedFacts()

    async def main() -> tuple[int, list[int], int]:
        clock, live = PassingClock(), LiveProvider()
        store = MemoryMarketStore(INSTRUMENTS)
        ingest = Ingest(
            clock=clock,
            store=store,
            owner=InlineOwner(),
            live=live,
            frame=FRAME,
            facts=facts,
        )
        feeding = asyncio.create_task(
            ingest.run_minutes([FRAME.span(close, np.zeros(0, BAR)) for close in closes])
        )
        for _ in range(10 * count):  # turns enough for all of them
            await asyncio.sleep(0)
        ahead, stood_ns = facts.minutes, clock.now_ns()
        read = [int(span.close_ns[0]) async for span in live.spans()]
        await feeding
        return ahead, read, stood_ns

    ahead, read, stood_ns = asyncio.run(main())

    assert ahead == MAX_WAITING_MINUTES + 1  # one more is in the hand of ingest
    assert stood_ns == closes[MAX_WAITING_MINUTES]
    assert read == closes
