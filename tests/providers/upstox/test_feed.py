"""The market feed over a real socket: it connects, comes back, and misses nothing it was told."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from core.errors import ConfigError, ConnectionLost
from core.minutes import BarBuilder
from core.ports import FeedDown, FeedItem, FeedUp, MarketStatus, TickBatch
from core.session import at_ist
from core.types import Instrument, InstrumentId, SessionClass
from providers.upstox.feed import STANDARD, Allowance, UpstoxFeed
from providers.upstox.line import LONGEST_WAIT_S, TOKEN_LOOK_S
from providers.upstox.rest import UpstoxRest
from sandbox.accounts import Accounts
from sandbox.market.exchange import hours
from sandbox.market.universe import INDICES, SHARES
from sandbox.server import Sandbox
from tests.providers.upstox.lines import Bench, FakeSocket, market, trade
from tests.sandbox.markets import DAY, WORLD, HandClock, exchange_by

OPEN, NOON = at_ist(DAY, "09:15"), at_ist(DAY, "12:00")
LISTED = (SHARES[2], INDICES[0])
INSTRUMENTS = [
    Instrument(InstrumentId(one.key), one.symbol, SessionClass.CASH_AUCTION) for one in LISTED
]
SECOND_NS = 1_000_000_000


class EnoughError(Exception):
    """A feed that never gives up has napped often enough."""


class Line:
    """A sandbox, a feed of it, and the naps it wanted to take."""

    def __init__(self, sandbox: Sandbox, host: str, rest: UpstoxRest, clock: HandClock) -> None:
        self.sandbox, self.host, self.rest, self.clock = sandbox, host, rest, clock
        self.naps: list[float] = []
        self.most_naps = 10_000
        self.feed = UpstoxFeed(rest.feed_address, clock, seed=1, sleep=self.nap)
        self.items: AsyncGenerator[FeedItem] = self.feed.stream(INSTRUMENTS)

    async def nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        await asyncio.sleep(0)
        if len(self.naps) == self.most_naps:
            raise EnoughError

    async def address(self) -> str:
        """Authorised without a request, which the broker would count."""
        return self.sandbox.sockets.authorised_uri(self.host)

    async def until(self, kind: type[FeedItem]) -> FeedItem:
        async for item in self.items:
            if isinstance(item, kind):
                return item
        raise AssertionError("the feed has ended")


def run(test: Callable[[Line], Awaitable[None]], from_ns: int, token: str = "given") -> None:
    async def main() -> None:
        clock = HandClock(from_ns)
        sandbox = Sandbox(exchange_by(clock, LISTED), Accounts("given", NOON), now_s=lambda: 0.0)
        address = await sandbox.start()
        rest = UpstoxRest(lambda: token, address=address)
        line = Line(sandbox, address.partition("//")[2], rest, clock)
        try:
            await asyncio.wait_for(test(line), 60)
        finally:
            await line.items.aclose()
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


def test_a_token_that_is_not_good_is_told_and_waited_for() -> None:
    async def test(line: Line) -> None:
        lost = await line.until(FeedDown)
        line.most_naps = 30
        with pytest.raises(EnoughError):
            await anext(line.items)

        assert isinstance(lost, FeedDown)
        assert "tradingd login" in lost.reason
        assert {TOKEN_LOOK_S} == set(line.naps)

    run(test, NOON, token="expired")


def test_tries_come_further_and_further_apart_and_not_at_the_same_moments() -> None:
    async def refused() -> str:
        raise ConnectionLost("refused")

    async def naps(seed: int) -> list[float]:
        taken: list[float] = []

        async def nap(seconds: float) -> None:
            taken.append(seconds)
            if len(taken) == 10:
                raise EnoughError

        stream = UpstoxFeed(refused, HandClock(NOON), seed=seed, sleep=nap).stream(INSTRUMENTS)
        assert isinstance(await anext(stream), FeedDown)
        with pytest.raises(EnoughError):
            await anext(stream)
        return taken

    first, second = asyncio.run(naps(1)), asyncio.run(naps(2))

    assert first != second
    assert first[-1] > 10 * first[0]
    assert max(first + second) <= 1.5 * LONGEST_WAIT_S


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


# --- several connections -------------------------------------------------------------------------


def test_instruments_are_spread_over_as_few_connections_as_can_be() -> None:
    assert [range(2_000)] == STANDARD.shares(2_000)
    assert [range(1_000), range(1_000, 2_001)] == STANDARD.shares(2_001)
    assert 5 == len(Allowance(connections=5).shares(10_000))
    assert [] == STANDARD.shares(0)


@pytest.mark.parametrize(
    ("allowance", "limit"), [(STANDARD, 4_000), (Allowance(connections=5), 10_000)]
)
def test_more_instruments_than_all_connections_hold_are_refused(
    allowance: Allowance, limit: int
) -> None:
    with pytest.raises(ConfigError, match=f"{limit + 1} instruments over {limit}"):
        allowance.shares(limit + 1)


def test_two_connections_are_one_stream_and_name_what_they_carry() -> None:
    async def test(line: Line) -> None:
        feed = UpstoxFeed(
            line.rest.feed_address, line.clock, allowance=Allowance(keys=1, connections=2)
        )
        line.items = feed.stream(INSTRUMENTS)
        ups: dict[int, tuple[int, ...]] = {}
        told: dict[int, set[int]] = {}
        while len(ups) < 2 or len(told) < 2:
            item = await anext(line.items)
            if isinstance(item, FeedUp):
                ups[item.connection] = item.instruments
            elif isinstance(item, TickBatch):
                told[int(item.ticks["connection"][0])] = set(item.ticks["instrument"].tolist())

        assert {0: (0,), 1: (1,)} == ups
        assert {0: {0}, 1: {1}} == told

    run(test, NOON)


def test_one_lost_connection_does_not_touch_the_other() -> None:
    def serve(socket: FakeSocket) -> Coroutine[Any, Any, None]:
        async def told() -> None:
            socket.say(market())
            while True:
                socket.say(trade(*socket.asked[0]))
                await asyncio.sleep(0.25)

        if socket.number == 0:
            socket.say(ConnectionLost("cut"))
        return told()

    bench = Bench(serve, allowance=Allowance(keys=2, connections=2)).run(10)
    [down] = bench.of(FeedDown)

    assert (0, (0,)) == (down.connection, down.instruments)
    assert {(0,), (1, 2)} == {up.instruments for up in bench.of(FeedUp)}
    assert 3 == len(bench.sockets)


def test_one_connection_too_many_is_refused_and_the_others_go_on() -> None:
    def serve(socket: FakeSocket) -> Coroutine[Any, Any, None]:
        if socket.number:
            raise InvalidStatus(Response(403, "", Headers()))

        async def told() -> None:
            socket.say(market())
            while True:
                socket.say(trade(*socket.asked[0]))
                await asyncio.sleep(0.25)

        return told()

    bench = Bench(serve, allowance=Allowance(keys=2, connections=2)).run(120)
    [down] = bench.of(FeedDown)

    assert ((1, 2), True) == (down.instruments, "HTTP 403" in down.reason)
    assert [(0,)] == [up.instruments for up in bench.of(FeedUp)]
    assert {0} == {int(one.ticks["instrument"][0]) for one in bench.of(TickBatch)}
    assert 400 < len(bench.of(TickBatch))


# --- what is left behind -------------------------------------------------------------------------


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc/self/fd here")
@pytest.mark.parametrize("connections", [1, 2])
def test_200_reconnects_leave_no_descriptor_and_no_task(connections: int) -> None:
    async def test(line: Line) -> None:
        feed = UpstoxFeed(
            line.address,
            line.clock,
            sleep=line.nap,
            allowance=Allowance(keys=2 // connections, connections=connections),
        )
        line.items = feed.stream(INSTRUMENTS)
        seen = []
        for _ in range(200 // connections):
            for _ in range(connections):
                await line.until(TickBatch)
            line.sandbox.sockets.cut_all()
            for _ in range(connections):
                await line.until(FeedDown)
            seen.append((len(asyncio.all_tasks()), descriptors()))
        tasks, files = zip(*seen, strict=True)

        assert 200 - connections <= len(line.naps) <= 200
        assert max(tasks[-20:]) <= max(tasks[:20])
        assert max(files[-20:]) <= max(files[:20])

    run(test, NOON)
