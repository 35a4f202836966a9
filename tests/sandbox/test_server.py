"""The exchange on its port: who is let in, what is said first, and that it ends cleanly."""

import asyncio
import gzip
import json

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from core.errors import ConfigError
from core.session import at_ist
from sandbox.accounts import CLIENT_ID, CLIENT_SECRET, Accounts
from sandbox.server import Sandbox
from tests.sandbox.markets import DAY, HandClock, exchange_by
from tests.sandbox.serving import (
    AUTHORIZE,
    BEARER,
    NOON,
    RELIANCE,
    SECOND_NS,
    Served,
    run,
    subscription,
    told,
)


def test_market_info_comes_first_then_the_snapshot_then_what_trades() -> None:
    async def test(here: Served) -> None:
        async with connect(await here.uri()) as socket:
            first = await told(socket)
            await socket.send(subscription())
            snapshot = await told(socket)
            here.clock.move(NOON + 30 * SECOND_NS)
            live = await told(socket)

        assert [2, 0, 1] == [first.type, snapshot.type, live.type]
        assert 2 == first.marketInfo.segmentStatus["NSE_EQ"]
        assert [RELIANCE] == list(live.feeds)

    run(test)


def test_a_change_of_phase_is_told_unasked() -> None:
    async def test(here: Served) -> None:
        async with connect(await here.uri()) as socket:
            await told(socket)
            here.clock.move(at_ist(DAY, "15:16"))
            while not (info := await told(socket)).marketInfo.casMarketStatus:
                pass

        assert "CTS_CLOSE" == info.marketInfo.casMarketStatus["NSE_EQ"].status

    run(test, at_ist(DAY, "15:14"))


def test_an_authorised_address_is_good_once() -> None:
    async def test(here: Served) -> None:
        uri = await here.uri()
        async with connect(uri) as socket:
            await told(socket)
        with pytest.raises(InvalidStatus) as refused:
            await connect(uri)

        assert 403 == refused.value.response.status_code

    run(test)


def test_a_bearer_is_redirected_and_nobody_else() -> None:
    async def test(here: Served) -> None:
        direct = str(here.client.base_url).replace("http", "ws") + "/v3/feed/market-data-feed"
        async with connect(direct, additional_headers=BEARER) as socket:
            first = await told(socket)
        with pytest.raises(InvalidStatus) as refused:
            await connect(direct)

        assert 2 == first.type
        assert 401 == refused.value.response.status_code

    run(test)


def test_text_and_nonsense_are_passed_over() -> None:
    async def test(here: Served) -> None:
        async with connect(await here.uri()) as socket:
            await told(socket)
            await socket.send(subscription().decode())
            await socket.send(b"\xff\x00")
            await socket.send(subscription("ltpc"))
            snapshot = await told(socket)

        assert [RELIANCE] == list(snapshot.feeds)

    run(test)


def test_connections_leave_nothing_behind() -> None:
    async def test(here: Served) -> None:
        before = len(asyncio.all_tasks())
        for _ in range(50):
            async with connect(await here.uri(), ping_interval=None) as socket:
                await told(socket)
        await here.sandbox.sockets.all_closed()

        assert len(asyncio.all_tasks()) <= before + 1  # the client keeps a connection of its own

    run(test)


@pytest.mark.parametrize(
    "path",
    [
        "/v2/user/profile",
        "/v3/user/get-funds-and-margin",
        "/v2/user/get-funds-and-margin",
        "/v3/market-quote/ltp?instrument_key=" + RELIANCE,
        "/v3/market-quote/quotes?instrument_key=" + RELIANCE,
        "/v3/market-quote/ohlc?interval=1d&instrument_key=" + RELIANCE,
        "/v2/market/status/NSE",
        f"/v2/charges/brokerage?instrument_token={RELIANCE}&quantity=1&price=1&transaction_type=BUY",
        AUTHORIZE,
    ],
)
def test_what_is_private_needs_a_token_that_is_still_good(path: str) -> None:
    async def test(here: Served) -> None:
        good = await here.client.get(path, headers=BEARER)
        missing = await here.client.get(path)
        here.clock.move(at_ist(DAY + 1, "03:30"))
        late = await here.client.get(path, headers=BEARER)

        assert [200, 401, 401] == [good.status_code, missing.status_code, late.status_code]
        problem = late.json()["errors"][0]
        assert "UDAPI100050" == problem["error_code"] == problem["errorCode"]

    run(test)


def test_candles_and_calendar_need_none() -> None:
    async def test(here: Served) -> None:
        key = RELIANCE.replace("|", "%7C")
        for path in (
            f"/v3/historical-candle/{key}/minutes/1/2026-08-04/2026-08-04",
            f"/v3/historical-candle/{key}/minutes/1/2026-08-04",
            f"/v3/historical-candle/intraday/{key}/minutes/1",
            "/v2/market/holidays",
            "/v2/market/holidays/2026-10-02",
            "/v2/market/timings/2026-08-05",
        ):
            answer = await here.client.get(path)
            assert ("success", 200) == (answer.json()["status"], answer.status_code), path

    run(test)


def test_login_by_the_dialog_gives_a_token() -> None:
    async def test(here: Served) -> None:
        redirect = "http://127.0.0.1:5000/back"
        asked = {"client_id": CLIENT_ID, "redirect_uri": redirect, "response_type": "code"}
        dialog = await here.client.get(
            "/v2/login/authorization/dialog", params=asked | {"state": "s"}
        )
        location = httpx.URL(dialog.headers["location"])
        form = {
            "code": location.params["code"],
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uri": redirect,
            "grant_type": "authorization_code",
        }
        made = await here.client.post("/v2/login/authorization/token", data=form)
        again = await here.client.post("/v2/login/authorization/token", data=form)
        bearer = {"authorization": f"Bearer {made.json()['access_token']}"}
        profile = await here.client.get("/v2/user/profile", headers=bearer)
        await here.client.delete("/v2/logout", headers=bearer)
        after = await here.client.get("/v2/user/profile", headers=bearer)

        assert (302, "s") == (dialog.status_code, location.params["state"])
        assert [200, 401] == [made.status_code, again.status_code]
        assert [200, 401] == [profile.status_code, after.status_code]

    run(test)


def test_the_master_is_a_gzipped_file_that_is_not_sent_twice() -> None:
    async def test(here: Served) -> None:
        path = "/market-quote/instruments/exchange/NSE.json.gz"
        first = await here.client.get(path)
        again = await here.client.get(path, headers={"if-none-match": first.headers["etag"]})
        rows = json.loads(gzip.decompress(first.content))

        assert RELIANCE in {row["instrument_key"] for row in rows}
        assert (304, b"") == (again.status_code, again.content)
        assert 404 == (await here.client.get(path.replace("NSE", "NYSE"))).status_code

    run(test)


def test_the_fifty_first_request_of_a_second_is_refused_without_advice() -> None:
    async def main() -> None:
        sandbox = Sandbox(exchange_by(HandClock(NOON)), Accounts(None, NOON), now_s=lambda: 7.0)
        async with httpx.AsyncClient(base_url=await sandbox.start()) as client:
            answers = [await client.get("/v2/market/holidays/2026-10-02") for _ in range(51)]
        await sandbox.stop()

        assert [200] * 50 + [429] == [one.status_code for one in answers]
        assert "UDAPI10005" == answers[-1].json()["errors"][0]["errorCode"]
        assert "retry-after" not in answers[-1].headers

    asyncio.run(main())


def test_what_is_not_served_says_so_in_the_brokers_words() -> None:
    async def test(here: Served) -> None:
        answer = await here.client.get("/v2/nothing")

        assert (404, "UDAPI100060") == (
            answer.status_code,
            answer.json()["errors"][0]["error_code"],
        )

    run(test)


def test_a_taken_port_is_one_clear_error() -> None:
    async def test(here: Served) -> None:
        port = here.client.base_url.port
        assert port is not None
        with pytest.raises(ConfigError, match=f"port {port}"):
            await Sandbox(exchange_by(here.clock), Accounts(None, NOON), port=port).start()

    run(test)
