"""A connection that says too little, too late or nothing that makes sense: what is told of it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from core.errors import ConnectionLost
from core.ports import FeedDown, FeedUp, Heartbeat, LastMinutes, PreviousCloses, TickBatch
from core.session import SECOND_NS
from providers.upstox.reading import MUTE_NS, PATIENCE_NS, SNAPSHOT_NS
from tests.providers.upstox.lines import (
    KEYS,
    Bench,
    FakeSocket,
    last_minute,
    lively,
    market,
    opened,
    trade,
)

HOUR_S = 3_600.0
MUTE_S, PATIENCE_S, SNAPSHOT_S = (ns / SECOND_NS for ns in (MUTE_NS, PATIENCE_NS, SNAPSHOT_NS))


def test_a_quiet_market_with_pings_alone_is_alive_all_night() -> None:
    def serve(socket: FakeSocket) -> None:
        socket.say(market("NORMAL_CLOSE"), trade(*KEYS))

    bench = Bench(serve).run(8 * HOUR_S)

    assert 1 == len(bench.sockets)
    assert [] == bench.of(FeedDown)
    assert 2 >= max(b - a for (a, _), (b, _) in zip(bench.items, bench.items[1:], strict=False))


def test_a_connection_that_answers_no_ping_is_lost_within_seven_seconds() -> None:
    def serve(socket: FakeSocket) -> None:
        socket.answers_pings = False
        socket.say(market(), trade(*KEYS))

    bench = Bench(serve).run(7.5)

    assert ["no answer to a ping for 5 s"] == [one.reason for one in bench.of(FeedDown)]
    assert [] == bench.of(Heartbeat)


def test_a_busy_connection_that_falls_mute_is_stale_then_left() -> None:
    def serve(socket: FakeSocket) -> Coroutine[Any, Any, None] | None:
        if socket.number:
            return lively(socket)

        async def falls_mute() -> None:
            trades = asyncio.create_task(lively(socket))
            await asyncio.sleep(60)
            trades.cancel()

        return falls_mute()

    bench = Bench(serve).run(90)
    told = [
        (round(at_s), item) for at_s, item in bench.items if isinstance(item, (FeedUp, FeedDown))
    ]

    assert [FeedUp, FeedDown, FeedDown, FeedUp] == [type(item) for _, item in told]
    assert 64 <= told[1][0] <= 67
    assert 60 + MUTE_S <= told[2][0] <= 60 + MUTE_S + 3
    assert 1 == told[3][1].connection


def test_a_connection_is_not_mute_for_a_silence_that_its_market_is_used_to() -> None:
    """A frame in two seconds: five without one are nothing, forty are."""

    def serve(socket: FakeSocket) -> Coroutine[Any, Any, None]:
        async def told() -> None:
            socket.say(market(), trade(*KEYS))
            trades = asyncio.create_task(lively(socket, every_s=1.9))
            await asyncio.sleep(120)
            trades.cancel()
            await asyncio.sleep(30)
            await lively(socket, every_s=1.9)

        return told()

    bench = Bench(serve).run(300)

    assert [] == bench.of(FeedDown)
    assert 1 == len(bench.sockets)


def test_a_busy_connection_that_was_stale_goes_on_where_it_speaks_again() -> None:
    def serve(socket: FakeSocket) -> Coroutine[Any, Any, None]:
        async def pauses() -> None:
            trades = asyncio.create_task(lively(socket))
            await asyncio.sleep(30)
            trades.cancel()
            await asyncio.sleep(10)
            await lively(socket)

        return pauses()

    bench = Bench(serve).run(60)

    assert 1 == len(bench.sockets)
    assert 1 == len(bench.of(FeedDown))
    assert 2 == len(bench.of(FeedUp))


def test_a_mute_connection_that_was_never_busy_is_no_storm_of_new_ones() -> None:
    bench = Bench(opened()).run(4 * HOUR_S)
    gaps = [b - a for a, b in zip(bench.authorised_at_s, bench.authorised_at_s[1:], strict=False)]

    assert gaps[0] >= PATIENCE_S
    assert len(gaps) < 4 + 4 * HOUR_S / 900
    assert sorted(gaps[:4]) == gaps[:4]


def test_keys_that_no_snapshot_tells_are_asked_for_once_more_and_doubted() -> None:
    bench = Bench(opened(KEYS[0], KEYS[2])).run(30)
    down_s = [at_s for at_s, item in bench.items if isinstance(item, FeedDown)]

    assert [["NSE_EQ|A", "NSE_EQ|B", "NSE_EQ|C"], ["NSE_EQ|B"]] == bench.sockets[0].asked
    assert [((1,), "no snapshot within 5 s")] == [
        (one.instruments, one.reason) for one in bench.of(FeedDown)
    ]
    assert SNAPSHOT_S <= down_s[0] <= SNAPSHOT_S + 3


def test_a_key_that_is_told_in_the_end_is_up_again() -> None:
    def serve(socket: FakeSocket) -> Coroutine[Any, Any, None]:
        socket.say(market(), trade(KEYS[0], KEYS[2]))

        async def told_late() -> None:
            await asyncio.sleep(20)
            socket.say(trade(KEYS[1]))

        return told_late()

    bench = Bench(serve).run(30)

    assert [(), (1,)] == [one.instruments for one in bench.of(FeedUp)]
    assert [1] == bench.of(TickBatch)[-1].ticks["instrument"].tolist()


def test_keys_that_the_broker_refuses_by_name_are_doubted_and_the_others_go_on() -> None:
    def serve(socket: FakeSocket) -> Coroutine[Any, Any, None]:
        socket.say(market(), '{"status":"failed","method":"sub","error":"over limit: NSE_EQ|B"}')

        async def others() -> None:
            while True:
                socket.say(trade(KEYS[0], KEYS[2]))
                await asyncio.sleep(1)

        return others()

    bench = Bench(serve).run(30)

    assert [((1,), "the broker refuses it")] == [
        (one.instruments, one.reason) for one in bench.of(FeedDown)
    ]
    assert 25 < len(bench.of(TickBatch))
    assert 1 == len(bench.sockets)


def test_a_key_that_is_refused_after_it_was_told_is_away_until_it_is_told_again() -> None:
    def serve(socket: FakeSocket) -> Coroutine[Any, Any, None]:
        async def told() -> None:
            socket.say(market(), trade(*KEYS), '{"status":"failed","error":"NSE_EQ|B"}')
            for _ in range(10):
                await asyncio.sleep(1)
                socket.say(trade(KEYS[0]))
            socket.say(trade(KEYS[1]))

        return told()

    bench = Bench(serve).run(20)
    [(up_s, up)] = [(at_s, item) for at_s, item in bench.items if isinstance(item, FeedUp)][1:]

    assert (1,) == up.instruments
    assert 10 <= up_s


def test_a_market_that_opens_was_lawfully_quiet_until_then() -> None:
    def serve(socket: FakeSocket) -> Coroutine[Any, Any, None]:
        async def told() -> None:
            trades = asyncio.create_task(lively(socket, status="PRE_OPEN_START"))
            await asyncio.sleep(20)
            trades.cancel()
            socket.say(market("PRE_OPEN_END"))
            await asyncio.sleep(300)
            socket.say(market("NORMAL_OPEN"))
            await asyncio.sleep(3)
            await lively(socket)

        return told()

    bench = Bench(serve).run(400)

    assert [] == bench.of(FeedDown)
    assert 1 == len(bench.sockets)


def test_texts_without_end_fill_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    def serve(socket: FakeSocket) -> None:
        socket.say(market(), trade(*KEYS), *(["{}"] * 500))

    Bench(serve).run(5)

    assert 0 < capsys.readouterr().out.count("feed_said_text") < 10


def test_depth_alone_is_data_and_no_tick() -> None:
    def serve(socket: FakeSocket) -> Coroutine[Any, Any, None]:
        socket.say(market(), trade(*KEYS))

        async def depth() -> None:
            while True:
                await asyncio.sleep(1)
                socket.say(trade(*KEYS, depth_only=True))

        return depth()

    bench = Bench(serve).run(120)

    assert 1 == len(bench.of(TickBatch)) == len(bench.sockets)
    assert 100 < len(bench.of(Heartbeat))


def test_ticks_that_have_come_meanwhile_are_one_batch_in_order() -> None:
    first, second, third = KEYS

    def serve(socket: FakeSocket) -> None:
        depth = trade(first, depth_only=True)
        socket.say(market(), trade(*KEYS), trade(third), trade(first), depth, trade(second))

    bench = Bench(serve).run(1)
    batches = [one.ticks for one in bench.of(TickBatch)]

    assert [2, 0] == batches[0]["instrument"][3:].tolist()  # behind the snapshot
    assert [1] == batches[1]["instrument"].tolist()
    assert [[0, 1, 2, 3, 4], [5]] == [one["seq"].tolist() for one in batches]
    kinds = [type(item) for _, item in bench.items]
    assert [TickBatch, Heartbeat, TickBatch] == kinds[-3:]


def test_frames_that_are_none_end_a_connection() -> None:
    def serve(socket: FakeSocket) -> None:
        socket.say(market(), trade(*KEYS), *([b"\xff\xff"] * 20))

    bench = Bench(serve).run(0.2)

    assert [
        "a frame could not be read: not a message of the feed",
        "ProtocolViolation: 20 frames were none: not a message of the feed",
    ] == [one.reason for one in bench.of(FeedDown)]
    assert 20 == bench.feed.rejected["garbage"]


def test_a_frame_that_is_none_is_a_gap_until_the_next_one() -> None:
    def serve(socket: FakeSocket) -> None:
        socket.say(market(), trade(*KEYS), b"\xff\xff", b"\xff\xff", trade(*KEYS))

    bench = Bench(serve).run(0.2)
    told = [type(item) for _, item in bench.items]

    assert [FeedUp, TickBatch, FeedDown, FeedUp, TickBatch] == [
        kind for kind in told if kind in (FeedUp, FeedDown, TickBatch)
    ]


def test_what_an_old_connection_still_sends_never_counts() -> None:
    def serve(socket: FakeSocket) -> Coroutine[Any, Any, None] | None:
        if socket.number == 0:
            socket.say(market(), trade(*KEYS), ConnectionLost("cut"))
            return None
        return lively(socket)

    class Haunted(Bench):
        async def _authorise(self) -> str:
            for old in self.sockets:
                old.say(*[trade(*KEYS)] * 5)
            return await super()._authorise()

    bench = Haunted(serve).run(10)
    by_connection = [int(one.ticks["connection"][0]) for one in bench.of(TickBatch)]

    assert 1 == by_connection.count(0)
    assert 30 < by_connection.count(1)


def test_previous_closes_are_told_once_with_the_first_trade_of_the_day() -> None:
    bench = Bench(lively).run(10)
    [closes] = bench.of(PreviousCloses)

    assert [99.0, 99.0, 99.0] == closes.closes.tolist()


def test_completed_minutes_are_told_once_with_or_without_a_trade() -> None:
    def serve(socket: FakeSocket) -> None:
        socket.say(market(), trade(*KEYS), last_minute(KEYS[2]), last_minute(KEYS[2]))

    [told] = Bench(serve).run(1).of(LastMinutes)

    assert [(2, 10.0, 12.0, 9.0, 11.0, 5)] == [
        tuple(one[name] for name in ("instrument", "open", "high", "low", "close", "volume"))
        for one in told.candles
    ]
