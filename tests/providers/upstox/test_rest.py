"""The broker's answers: worth something, or refused by their kind; asked within the limits."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import httpx
import pytest
import structlog

from core.errors import (
    AuthExpired,
    BrokerError,
    ConnectionLost,
    NeverSent,
    ProtocolViolation,
    TooFast,
)
from core.session import at_ist, day_text, ist_day
from providers.upstox.rest import (
    MAX_TOLD,
    REFUSED_S,
    RateWindows,
    UpstoxCandles,
    UpstoxRest,
    candle_rows,
    data_of,
    sound_candles,
)
from sandbox.accounts import Accounts
from sandbox.market.universe import INDICES, SHARES
from sandbox.server import Sandbox
from tests.sandbox.markets import DAY, WORLD, HandClock, exchange_by
from tests.virtual_loop import VirtualLoop, run_virtual

NOON = at_ist(DAY, "12:00")
KEYS = [SHARES[0].key, SHARES[1].key, INDICES[0].key]
HTML = b"<html>error code: 1010</html>"


def answer(status: str = "success", **more: object) -> bytes:
    return json.dumps({"status": status, **more}).encode()


def problem(code: str, message: str = "Not this way") -> bytes:
    return answer("error", errors=[{"errorCode": code, "message": message}])


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, problem("UDAPI100050"), AuthExpired),
        (401, problem("UDAPI100016"), AuthExpired),
        (400, problem("UDAPI100016"), AuthExpired),
        (403, problem("UDAPI100067"), AuthExpired),
        (401, problem("UDAPI100067"), AuthExpired),
        (403, problem("UDAPI100073"), AuthExpired),
        (401, HTML, AuthExpired),
        (401, b"", AuthExpired),
        (403, problem("UDAPI1154"), BrokerError),
        (423, problem("UDAPI100500"), BrokerError),
        (423, HTML, ConnectionLost),
        (403, HTML, ConnectionLost),
        (429, HTML, TooFast),
        (429, answer("error", errors=[]), TooFast),
        (502, HTML, ConnectionLost),
        (500, answer("error"), ConnectionLost),
        (400, problem("UDAPI1148"), BrokerError),
        (404, HTML, ProtocolViolation),
        (200, b"", ProtocolViolation),
        (200, b"[]", BrokerError),
        (200, answer("error"), BrokerError),
        (200, answer("error", errors=["x"]), BrokerError),
    ],
)
def test_what_is_no_answer_is_refused_by_its_kind(
    status: int, body: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error) as refused:
        data_of("/path", status, body)

    assert error is type(refused.value)
    assert f"/path: HTTP {status}" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("status", "body", "line"),
    [
        (
            401,
            problem("UDAPI100050", "Invalid token"),
            "/path: HTTP 401 UDAPI100050 Invalid token; run `tradingd login`",
        ),
        (401, HTML, "/path: HTTP 401; run `tradingd login`"),
        (
            403,
            problem("UDAPI100067", "Not allowed"),
            "/path: HTTP 403 UDAPI100067 Not allowed;"
            " the token is read-only and not for this: run `tradingd login`",
        ),
        (403, HTML, "/path: HTTP 403, and no JSON"),
        (429, problem("UDAPI10005", "Too\nmany"), "/path: HTTP 429 UDAPI10005 Too many"),
    ],
)
def test_a_refusal_is_one_line_that_says_what_to_do(status: int, body: bytes, line: str) -> None:
    with pytest.raises(BrokerError) as refused:
        data_of("/path", status, body)

    assert line == str(refused.value)


def test_a_long_answer_is_told_in_part() -> None:
    with pytest.raises(BrokerError) as refused:
        data_of("/path", 400, problem("UDAPI1148", "long " * 10_000))

    assert len(str(refused.value)) <= MAX_TOLD


@pytest.mark.parametrize(
    "row",
    [
        [],
        None,
        ["2026-08-05T11:59:00", 1, 1, 1, 1, 1],
        ["2026-08-05T11:59:00+00:00", 1, 1, 1, 1, 1],
        ["2026-08-05T25:59:00+05:30", 1, 1, 1, 1, 1],
        ["2026-08-05T11:59:30+05:30", 1, 1, 1, 1, 1],
        ["2026-08-05T11:59:00+05:30", 1, 2, 3, 1, 1],
        ["2026-08-05T11:59:00+05:30", 1, float("inf"), 1, 1, 1],
        ["2026-08-05T11:59:00+05:30", float("nan"), 1, 1, 1, 1],
        ["2026-08-05T11:59:00+05:30", 1, 1, 1, 1, -1],
        ["2026-08-05T11:59:00+05:30", "x", 1, 1, 1, 1],
    ],
)
def test_a_candle_that_cannot_be_true_is_refused(row: object) -> None:
    with pytest.raises(ProtocolViolation, match="no candle"):
        candle_rows({"candles": [row]})


def test_candles_come_in_order_each_once_whatever_the_order_told() -> None:
    def row(minute: int, close: float) -> list[object]:
        return [f"2026-08-05T11:{minute:02}:00+05:30", 1.0, 5.0, 0.5, close, 7, 0]

    bars = candle_rows({"candles": [row(30, 1.0), row(28, 2.0), row(30, 3.0)]})

    assert [2.0, 3.0] == bars["close"].tolist()
    assert [at_ist(DAY, "11:28"), at_ist(DAY, "11:30")] == bars["open_ns"].tolist()


def test_a_stretch_of_history_is_not_lost_by_one_bad_row() -> None:
    good = ["2026-08-05T11:59:00+05:30", 1.0, 5.0, 0.5, 2.0, 7, 0]
    bad = ["2026-08-05T11:58:00+05:30", 1.0, 5.0, 3.0, 2.0, 7, 0]

    bars, refused = sound_candles({"candles": [good, bad, None]})

    assert ([2.0], 2) == (bars["close"].tolist(), refused)
    with pytest.raises(ProtocolViolation, match="no candle"):
        sound_candles({"candles": [bad, None]})
    assert 0 == len(sound_candles({"candles": []})[0])


def test_requests_wait_for_the_tightest_window() -> None:
    slept: list[float] = []
    now_s = [0.0]

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))
        now_s[0] += seconds

    async def asked() -> None:
        windows = RateWindows({1: 2, 60: 3}, lambda: now_s[0], sleep)
        for _ in range(5):
            await windows.take()

    asyncio.run(asked())

    assert [1.0, 59.0] == slept  # the second of one, then the minute; the fifth fits again


# --- against the local exchange -----------------------------------------------------------------


def run(test: Callable[[UpstoxRest, HandClock], Awaitable[None]], token: str = "given") -> None:
    async def main() -> None:
        clock = HandClock(NOON)
        sandbox = Sandbox(exchange_by(clock), Accounts("given", NOON), now_s=lambda: 0.0)
        rest = UpstoxRest(lambda: token, address=await sandbox.start())
        try:
            await test(rest, clock)
        finally:
            await rest.close()
            await sandbox.stop()

    asyncio.run(main())


def test_candles_are_those_of_the_exchange() -> None:
    async def test(rest: UpstoxRest, clock: HandClock) -> None:
        candles = UpstoxCandles(rest, KEYS, clock)
        last = await candles.last_minute([1, 2])
        day = await candles.day(1)
        known = WORLD.tape(SHARES[1], DAY).candles().ended(NOON // 1_000_000)

        assert [1, 2] == last["instrument"].tolist()
        assert {1} == set(day["instrument"].tolist())
        assert known.open_ms.tolist() == (day["open_ns"] // 1_000_000).tolist()
        assert known.close.tolist() == day["close"].tolist()
        assert (last["open_ns"][0], last["volume"][0]) == (day["open_ns"][-1], day["volume"][-1])

    run(test)


def test_candles_of_another_day_are_none_of_todays() -> None:
    async def test(rest: UpstoxRest, clock: HandClock) -> None:
        candles = UpstoxCandles(rest, KEYS, HandClock(at_ist(DAY + 1, "10:00")))
        with structlog.testing.capture_logs() as logs:
            told = await candles.day(0)
        [line] = [log for log in logs if log["event"] == "candles_of_another_day"]

        assert 0 == len(told)
        assert candles.strangers == line["rows"] > 100
        assert (KEYS[0], day_text(DAY)) == (line["instrument"], line["day"])

    run(test)


def test_history_is_read_by_days() -> None:
    async def test(rest: UpstoxRest, _: HandClock) -> None:
        bars, refused = await rest.historical(KEYS[0], DAY - 2, DAY - 1)

        assert 0 == refused
        assert {DAY - 2, DAY - 1} == {ist_day(int(open_ns)) for open_ns in bars["open_ns"]}
        with pytest.raises(BrokerError, match="UDAPI100011"):
            await rest.historical("NSE_EQ|NOBODY", DAY - 2, DAY - 1)

    run(test)


def test_a_token_that_is_not_good_asks_for_a_login_and_is_not_shown() -> None:
    async def test(rest: UpstoxRest, _: HandClock) -> None:
        with pytest.raises(AuthExpired, match="tradingd login") as refused:
            await rest.feed_address()

        assert "planted-token" not in str(refused.value)

    run(test, token="planted-token")


class Gate:
    """A broker that answers everything with 401 and what it was asked with."""

    def __init__(self) -> None:
        self.bearers: list[str] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        bearer = request.headers.get("authorization", "")
        self.bearers.append(bearer)
        return httpx.Response(401, content=problem("UDAPI100050", bearer))


def test_narrower_windows_wait_or_give_up_and_take_nothing_then() -> None:
    async def main() -> None:
        now_s = asyncio.get_running_loop().time
        windows = RateWindows({1: 3, 60: 5})
        assert await windows.take({1: 1})
        assert await windows.take({1: 1}, patience_s=2.0)
        assert 1.0 == now_s()
        assert not await windows.take({60: 2}, patience_s=2.0)
        assert 1.0 == now_s()
        for _ in range(3):
            assert await windows.take()

        assert 2.0 == now_s()

    run_virtual(VirtualLoop(), main())


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (httpx.ConnectError("no route"), NeverSent),
        (httpx.ConnectTimeout("no route"), NeverSent),
        (httpx.ReadTimeout("no answer"), ConnectionLost),
        (httpx.WriteError("cut"), ConnectionLost),
    ],
)
def test_an_order_call_that_never_left_is_told_from_one_without_an_answer(
    failure: Exception, error: type[Exception]
) -> None:
    async def gate(_: httpx.Request) -> httpx.Response:
        raise failure

    async def main() -> None:
        rest = UpstoxRest(lambda: "token", transport=httpx.MockTransport(gate))
        with pytest.raises(error) as failed:
            await rest.call("POST", "/v3/order/place", body={})
        await rest.close()
        assert error is type(failed.value)

    asyncio.run(main())


def test_an_order_call_is_sent_once_with_its_body_and_its_answer_shows_no_token() -> None:
    sent: list[tuple[str, str, bytes, str]] = []

    async def gate(request: httpx.Request) -> httpx.Response:
        bearer = request.headers["authorization"]
        sent.append((request.method, str(request.url.query), request.content, bearer))
        return httpx.Response(401, content=problem("UDAPI100050", bearer))

    async def main() -> tuple[int, bytes]:
        rest = UpstoxRest(lambda: "planted", transport=httpx.MockTransport(gate))
        answer = await rest.call("PUT", "/v3/order/modify", {"order_id": "7"}, {"quantity": 1})
        await rest.close()
        return answer

    status, body = asyncio.run(main())

    assert [("PUT", "b'order_id=7'", b'{"quantity":1}', "Bearer planted")] == sent
    assert 401 == status
    assert b"planted" not in body


def test_a_token_that_was_refused_is_not_sent_again_until_it_changes() -> None:
    held = ["planted-token"]
    gate = Gate()

    async def asked() -> None:
        rest = UpstoxRest(lambda: held[0], transport=httpx.MockTransport(gate))
        for _ in range(100):
            with pytest.raises(AuthExpired, match="tradingd login") as refused:
                await rest.feed_address()
            assert "planted-token" not in str(refused.value)
        held[0] = "another-token"
        with pytest.raises(AuthExpired):
            await rest.feed_address()
        await rest.close()

    asyncio.run(asked())

    assert 2 == len(gate.bearers)


def test_a_refused_token_is_tried_again_after_a_while() -> None:
    gate = Gate()

    async def asked() -> None:
        rest = UpstoxRest(lambda: "token", transport=httpx.MockTransport(gate))
        for _ in range(3):
            with pytest.raises(AuthExpired):
                await rest.feed_address()
            await asyncio.sleep(REFUSED_S)
        await rest.close()

    run_virtual(VirtualLoop(), asked())

    assert 3 == len(gate.bearers)


def test_what_is_public_is_asked_without_a_token_where_there_is_none() -> None:
    gate = Gate()

    def token() -> str:
        raise AuthExpired("no access token: run `tradingd login`")

    async def asked() -> None:
        without = UpstoxRest(token, transport=httpx.MockTransport(gate))
        with_one = UpstoxRest(lambda: "a", transport=httpx.MockTransport(gate))
        for _ in range(100):
            for rest in (without, with_one):
                with pytest.raises(AuthExpired):
                    await rest.intraday(KEYS[0])
        with pytest.raises(AuthExpired):
            await without.feed_address()
        await without.close()
        await with_one.close()

    asyncio.run(asked())

    assert ["", "Bearer a", ""] == gate.bearers  # each once: not even that is a storm


def test_an_exchange_that_is_not_there_is_a_lost_connection() -> None:
    async def asked() -> None:
        rest = UpstoxRest(lambda: "given", address="http://127.0.0.1:9")
        try:
            await rest.feed_address()
        finally:
            await rest.close()

    with pytest.raises(ConnectionLost):
        asyncio.run(asked())
