"""The market feed over a real socket: it connects, comes back, and misses nothing it was told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import numpy as np
import pytest

from core.errors import ConnectionLost
from core.minutes import BarBuilder
from core.ports import FeedDown, FeedItem, FeedUp, MarketStatus, TickBatch
from core.session import at_ist
from core.types import Instrument, InstrumentId, SessionClass
from providers.upstox.feed import LONGEST_WAIT_S, UpstoxFeed
from providers.upstox.rest import UpstoxRest
from sandbox.accounts import Accounts
from sandbox.exchange import hours
from sandbox.server import Sandbox
from sandbox.universe import INDICES, SHARES
from tests.sandbox.markets import DAY, WORLD, HandClock, exchange_by

OPEN, NOON = at_ist(DAY, "09:15"), at_ist(DAY, "12:00")
LISTED = (SHARES[2], INDICES[0])
INSTRUMENTS = [
    Instrument(InstrumentId(one.key), one.symbol, SessionClass.CASH_AUCTION) for one in LISTED
]
SECOND_NS = 1_000_000_000


class Line:
    """A sandbox, a feed of it, and the naps it wanted to take."""

    def __init__(self, sandbox: Sandbox, rest: UpstoxRest, clock: HandClock) -> None:
        self.sandbox, self.rest, self.clock = sandbox, rest, clock
        self.naps: list[float] = []
        self.feed = UpstoxFeed(rest.feed_address, clock, seed=1, sleep=self._nap)
        self.items: AsyncIterator[FeedItem] = self.feed.stream(INSTRUMENTS)

    async def _nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        await asyncio.sleep(0)

    async def until(self, kind: type[FeedItem]) -> FeedItem:
        async for item in self.items:
            if isinstance(item, kind):
                return item
        raise AssertionError("the feed has ended")


def run(test: Callable[[Line], Awaitable[None]], from_ns: int, token: str = "given") -> None:
    async def main() -> None:
        clock = HandClock(from_ns)
        sandbox = Sandbox(exchange_by(clock, LISTED), Accounts("given", NOON), now_s=lambda: 0.0)
        rest = UpstoxRest(lambda: token, address=await sandbox.start())
        line = Line(sandbox, rest, clock)
        try:
            await asyncio.wait_for(test(line), 60)
        finally:
            await line.items.aclose()  # type: ignore[attr-defined]
            await rest.close()
            await sandbox.stop()

    asyncio.run(main())


def test_it_is_up_then_tells_the_market_and_the_snapshot() -> None:
    async def test(line: Line) -> None:
        first = await anext(line.items)
        status = await line.until(MarketStatus)
        batch = await line.until(TickBatch)

        assert isinstance(first, FeedUp)
        assert isinstance(status, MarketStatus)
        assert isinstance(batch, TickBatch)
        assert NOON == batch.recv_ns
        assert [0, 1] == sorted(batch.ticks["instrument"].tolist())

    run(test, NOON)


def test_half_an_hour_of_it_makes_the_candles_of_the_exchange() -> None:
    async def test(line: Line) -> None:
        builder = BarBuilder([hours(one, DAY) for one in LISTED])
        builder.feed_up(OPEN - 60 * SECOND_NS)
        snapshot = await line.until(TickBatch)  # it knows what the pre-open traded
        assert isinstance(snapshot, TickBatch)
        builder.add(snapshot.ticks)
        for step in range(1, 30 * 12 + 2):
            line.clock.move(OPEN + 5 * step * SECOND_NS)
            last_ns = 0
            while last_ns < line.clock.now_ns() - 5 * SECOND_NS:
                item = await anext(line.items)
                if isinstance(item, TickBatch):
                    builder.add(item.ticks)
                    last_ns = int(item.ticks["exch_ns"].max())
        builder.end_session()
        bars = np.concatenate([minute.bars for minute in builder.take_minutes()])
        for number, listing in enumerate(LISTED):
            known = WORLD.tape(listing, DAY).candles()
            own = bars[bars["instrument"] == number][:30]
            for name in ("open", "high", "low", "close", "volume"):
                assert getattr(known, name)[:30].tolist() == own[name].tolist(), name

    run(test, OPEN - SECOND_NS)


def test_a_cut_line_is_told_and_comes_back_by_another_address() -> None:
    async def test(line: Line) -> None:
        await line.until(TickBatch)
        line.sandbox.sockets.cut_all()
        lost = await line.until(FeedDown)
        back = await line.until(FeedUp)
        again = await line.until(TickBatch)

        assert isinstance(lost, FeedDown)
        assert isinstance(back, FeedUp)
        assert isinstance(again, TickBatch)
        assert (0, 1) == (lost.connection, back.connection)
        assert {1} == set(again.ticks["connection"].tolist())
        assert 1 == len(line.naps)

    run(test, NOON)


def test_a_token_that_is_not_good_is_no_storm_of_tries() -> None:
    async def test(line: Line) -> None:
        lost = [await line.until(FeedDown) for _ in range(3)]

        assert all(isinstance(one, FeedDown) and "tradingd login" in one.reason for one in lost)
        assert all(nap >= LONGEST_WAIT_S / 2 for nap in line.naps)

    run(test, NOON, token="expired")


def test_tries_come_further_and_further_apart_and_not_at_the_same_moments() -> None:
    async def refused() -> str:
        raise ConnectionLost("refused")

    async def naps(seed: int) -> list[float]:
        taken: list[float] = []

        async def nap(seconds: float) -> None:
            taken.append(seconds)

        feed = UpstoxFeed(refused, HandClock(NOON), seed=seed, sleep=nap)
        downs = 0
        async for item in feed.stream(INSTRUMENTS):
            downs += isinstance(item, FeedDown)
            if downs == 10:
                break
        return taken

    first, second = asyncio.run(naps(1)), asyncio.run(naps(2))

    assert first != second
    assert first[-1] > 10 * first[0]
    assert max(first + second) <= 1.5 * LONGEST_WAIT_S


@pytest.mark.parametrize("count", [30])
def test_many_reconnects_leave_no_task_behind(count: int) -> None:
    async def test(line: Line) -> None:
        await line.until(TickBatch)
        before = len(asyncio.all_tasks())
        for _ in range(count):
            line.sandbox.sockets.cut_all()
            await line.until(FeedUp)
            await line.until(TickBatch)
        await asyncio.sleep(0)

        assert len(asyncio.all_tasks()) <= before + 2

    run(test, NOON)


def test_what_made_no_sense_is_counted_over_all_connections() -> None:
    async def test(line: Line) -> None:
        stranger = replace(INSTRUMENTS[0], id=InstrumentId("NSE_EQ|NOBODY"))
        line.items = line.feed.stream([INSTRUMENTS[1], stranger])
        await line.until(TickBatch)
        before = line.feed.rejected
        line.sandbox.sockets.cut_all()
        await line.until(TickBatch)

        assert line.feed.rejected is before
        assert {"garbage", "unknown_key", "bad_time"} <= before.keys()
        assert 0 == sum(before.values())

    run(test, NOON)
