"""A line that is lost or refused: what it says, and when it tries again."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus, InvalidURI
from websockets.http11 import Response

from core.errors import AuthExpired, BrokerError, ConnectionLost
from core.ports import FeedDown, FeedUp, Heartbeat
from core.session import SECOND_NS
from providers.upstox.line import LONGEST_WAIT_S, TOKEN_LOOK_S, TOKEN_RETRY_S
from providers.upstox.reading import FIRST_FRAME_NS
from tests.providers.upstox.lines import (
    KEYS,
    Bench,
    FakeSocket,
    lively,
    market,
    trade,
)

HOUR_S = 3_600.0
LOGIN_S = HOUR_S + 130.0  # between two tries of a token that is refused
FIRST_FRAME_S = FIRST_FRAME_NS / SECOND_NS


def refusal(status: int) -> InvalidStatus:
    return InvalidStatus(Response(status, "", Headers()))


def silent(socket: FakeSocket) -> None:
    """101, and not a word."""


def test_a_handshake_refused_for_hours_is_told_once_and_never_given_up() -> None:
    def serve(socket: FakeSocket) -> Coroutine[Any, Any, None] | None:
        if asyncio.get_running_loop().time() < 3 * HOUR_S:
            raise refusal(403)
        return lively(socket)

    bench = Bench(serve).run(3 * HOUR_S + 120)
    tries = [at_s for at_s in bench.authorised_at_s if at_s < 3 * HOUR_S]

    assert ["the broker authorised the feed and refused the connection: HTTP 403"] == [
        down.reason for down in bench.of(FeedDown)
    ]
    assert 1 == len(bench.of(FeedUp))
    assert 3 * HOUR_S / (1.5 * LONGEST_WAIT_S) < len(tries) < 3 * HOUR_S / (0.5 * LONGEST_WAIT_S)


def test_every_connection_has_an_address_of_its_own() -> None:
    def serve(socket: FakeSocket) -> None:
        socket.say(market(), trade(*KEYS), ConnectionLost("cut"))

    bench = Bench(serve).run(300)

    assert len(bench.sockets) == len(bench.authorised_at_s) > 10
    assert list(range(len(bench.sockets))) == [one.number for one in bench.sockets]


@pytest.mark.parametrize("error", [InvalidURI("wss://feed?code=SECRET", "astray"), refusal(302)])
def test_no_reason_tells_the_code_of_an_address(error: Exception) -> None:
    def serve(socket: FakeSocket) -> None:
        raise error

    [down] = Bench(serve).run(60).of(FeedDown)

    assert "SECRET" not in down.reason


def test_an_expired_token_is_not_hammered_and_a_new_one_is_used_at_once() -> None:
    tokens = ["old"]

    def address() -> str:
        if tokens[-1] == "old":
            raise AuthExpired("run `tradingd login`")
        return "ws://feed"

    async def log_in() -> None:
        await asyncio.sleep(LOGIN_S)
        tokens.append("new")

    def serve(socket: FakeSocket) -> Coroutine[Any, Any, None]:
        return lively(socket)

    class Login(Bench):
        async def _authorise(self) -> str:
            if not self.authorised_at_s:
                self.logging_in = asyncio.create_task(log_in())
            return await super()._authorise()

    bench = Login(serve, address=address, token=lambda: tokens[-1]).run(LOGIN_S + 60)
    asked, [used_s] = bench.authorised_at_s[:-1], bench.authorised_at_s[-1:]

    assert 1 == len(bench.of(FeedDown)) == len(bench.of(FeedUp))
    assert len(asked) <= 1 + LOGIN_S / TOKEN_RETRY_S
    assert LOGIN_S <= used_s <= LOGIN_S + TOKEN_LOOK_S


def test_a_connection_that_never_says_a_word_is_lost() -> None:
    bench = Bench(silent).run(FIRST_FRAME_S + 5)

    assert [] == bench.of(FeedUp) + bench.of(Heartbeat)
    assert ["it has said nothing for 10 s"] == [one.reason for one in bench.of(FeedDown)]
    assert 2 == len(bench.sockets)
    assert bench.sockets[0].is_closed


def test_waits_begin_anew_after_a_stable_minute_and_not_before() -> None:
    def dropping(after_s: float) -> Bench:
        def serve(socket: FakeSocket) -> Coroutine[Any, Any, None]:
            async def told() -> None:
                trades = asyncio.create_task(lively(socket))
                await asyncio.sleep(after_s)
                trades.cancel()
                socket.say(ConnectionLost("cut"))

            return told()

        return Bench(serve).run(20 * 90)

    stable, shaky = dropping(90), dropping(30)
    gaps = [
        b - a - 90 for a, b in zip(stable.authorised_at_s, stable.authorised_at_s[1:], strict=False)
    ]
    shaky_gaps = [
        b - a - 30 for a, b in zip(shaky.authorised_at_s, shaky.authorised_at_s[1:], strict=False)
    ]

    assert max(gaps) < 1
    assert max(shaky_gaps) > LONGEST_WAIT_S / 2


def test_an_answer_that_is_none_is_a_lost_feed_like_any_other() -> None:
    def address() -> str:
        raise BrokerError("HTTP 423")

    [down] = Bench(silent, address=address).run(120).of(FeedDown)

    assert "BrokerError: HTTP 423" == down.reason
