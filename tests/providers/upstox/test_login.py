"""A login: only the answer that knows its state counts, and nothing secret is repeated."""

import asyncio

import httpx
import pytest
from pydantic import SecretStr

from core.errors import BrokerError, ConnectionLost, ProtocolViolation
from providers.upstox.login import App, brought, client, dialog_address, exchange, new_state, owner

STATE = "state-of-this-login"
APP = App("key-1", "http://127.0.0.1:8766/callback", "https://broker")
SECRET, CODE = SecretStr("planted-secret"), SecretStr("planted-code")


def test_the_dialog_is_asked_with_everything_escaped() -> None:
    assert (
        "https://broker/v2/login/authorization/dialog?response_type=code&client_id=key-1"
        "&redirect_uri=http%3A%2F%2F127.0.0.1%3A8766%2Fcallback&state=a%26b"
    ) == dialog_address(APP, "a&b")


def test_no_two_logins_have_one_state() -> None:
    assert 100 == len({new_state() for _ in range(100)})


@pytest.mark.parametrize(
    "query",
    [
        "",
        "code=abc",
        "code=abc&state=",
        "code=abc&state=guessed",
        f"code=abc&state={STATE}x",
        f"code=abc&state={STATE}&state={STATE}",
        f"error=access_denied&state={STATE[:-1]}",
        "&".join([f"state={STATE}", *(f"a{n}=1" for n in range(100))]),
    ],
)
def test_an_answer_without_the_state_says_nothing(query: str) -> None:
    told = brought(query, STATE)

    assert (None, False) == (told.code, told.is_ours)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("error=access_denied", "the broker refused it: access_denied"),
        ("error=&code=abc", "the broker refused it: no reason"),
        (
            "error=x&error_description=%1b%5b31m%3Cb%3Eno",
            "the broker refused it: ??31m?b?no",
        ),
        ("code=", "the broker's answer carries no code"),
        ("code=a&code=b", "the broker's answer carries no code"),
        ("code=a%0d%0ab", "the broker's answer carries no code"),
        ("other=1", "the broker's answer carries no code"),
    ],
)
def test_a_refusal_ends_the_login_with_its_reason(query: str, reason: str) -> None:
    told = brought(f"{query}&state={STATE}", STATE)

    assert (None, reason, True) == told


def test_the_code_does_not_show_itself() -> None:
    told = brought(f"code=planted&state={STATE}", STATE)

    assert told.code is not None
    assert "planted" == told.code.get_secret_value()
    assert "planted" not in f"{told!r} {told}"


# --- at the broker -------------------------------------------------------------------------------


async def answered(answer: httpx.Response | httpx.HTTPError) -> str:
    def broker(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, httpx.HTTPError):
            raise answer
        return answer

    async with client(APP.api, httpx.MockTransport(broker)) as asking:
        return await exchange(asking, APP, SECRET, CODE)


def problem(code: str, message: str) -> dict[str, object]:
    return {"status": "error", "errors": [{"errorCode": code, "message": message}]}


@pytest.mark.parametrize(
    ("answer", "error", "line"),
    [
        (
            httpx.Response(401, json=problem("UDAPI100016", "planted-secret is\nwrong")),
            BrokerError,
            "the broker refused the login, HTTP 401 UDAPI100016 ********** is wrong:"
            " check API key and client secret",
        ),
        (
            httpx.Response(401, json=problem("UDAPI100057", "Invalid Auth code")),
            BrokerError,
            "the broker refused the login, HTTP 401 UDAPI100057 Invalid Auth code:"
            " the code was used before, is too old, or belongs to another redirect URI",
        ),
        (
            httpx.Response(403, html="<html>1010</html>"),
            BrokerError,
            "the broker refused the login, HTTP 403",
        ),
        (
            httpx.Response(200, json={"access_token": ""}),
            ProtocolViolation,
            "the broker's answer to the login carries no token",
        ),
        (
            httpx.Response(200, text="planted-token"),
            BrokerError,
            "the broker refused the login, HTTP 200",
        ),
        (httpx.ConnectError("planted"), ConnectionLost, "https://broker: ConnectError"),
    ],
)
def test_an_exchange_that_fails_is_one_line(
    answer: httpx.Response | httpx.HTTPError, error: type[Exception], line: str
) -> None:
    with pytest.raises(BrokerError) as refused:
        asyncio.run(answered(answer))

    assert (error, line) == (type(refused.value), str(refused.value))


@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
def test_no_proxy_is_told_what_stays_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    async def asked() -> int:
        told = 0

        async def proxy(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal told
            told += 1
            writer.close()

        server = await asyncio.start_server(proxy, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv(variable, f"http://127.0.0.1:{port}")
        async with server, client("http://127.0.0.1:9") as asking:
            with pytest.raises(ConnectionLost):
                await owner(asking, SecretStr("planted-token"))
        return told

    assert 0 == asyncio.run(asked())


def test_a_token_that_the_profile_refuses_is_not_shown() -> None:
    async def asked() -> None:
        def broker(request: httpx.Request) -> httpx.Response:
            echoed = problem("UDAPI100050", request.headers["authorization"])
            return httpx.Response(401, json=echoed)

        async with client(APP.api, httpx.MockTransport(broker)) as asking:
            await owner(asking, SecretStr("planted-token"))

    with pytest.raises(BrokerError, match="UDAPI100050") as refused:
        asyncio.run(asked())
    assert "planted" not in str(refused.value)
