"""What the page may change: only by whoever knows the token, and as an operator's command."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from pydantic import SecretStr
from starlette.routing import Route
from starlette.types import Message
from structlog.testing import capture_logs

from core.types import Command, TradingState
from daemon.commands import MAX_WAITING_COMMANDS, Asked, NotObeyed, Obeyed, Operator
from daemon.dashboard.app import SECURITY_HEADERS, Dashboard, create_app
from daemon.dashboard.command_routes import COMMAND_PATH
from daemon.dashboard.guard import BODY_WAIT_S, MAX_BODY_BYTES, TELL_EVERY_S, TOKEN_HEADER
from tests.daemon.scanned import SECRET, new_source, run
from tests.daemon.test_day_routes import Told
from tests.virtual_loop import VirtualLoop, run_virtual

HOSTS = frozenset({"localhost"})
JSON = {"content-type": "application/json"}
KNOWN = {**JSON, TOKEN_HEADER: SECRET}
HALT = json.dumps({"command": "halt"}).encode()
CHANGING = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def new_app(operator: Operator | None = None, *, open_reads: bool = True) -> Dashboard:
    return create_app(
        new_source(),
        Told(),
        operator or Operator(),
        allowed_hosts=HOSTS,
        token=SecretStr(SECRET),
        open_reads=open_reads,
    )


def asking(app: Dashboard) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


def post(body: bytes = HALT, headers: dict[str, str] = KNOWN) -> httpx.Response:
    """The answer to a command that nobody is there to obey."""

    async def ask() -> httpx.Response:
        async with asking(new_app()) as client:
            return await client.post(COMMAND_PATH, content=body, headers=headers)

    return run(ask())


async def got(path: str) -> int:
    async with asking(new_app()) as client:
        return (await client.get(path, headers=KNOWN)).status_code


def paths_of(app: Dashboard) -> list[str]:
    """One address for every route that there is."""
    routes = app.app.routes
    assert all(isinstance(route, Route) for route in routes)
    return [
        route.path.replace("{instrument}", "INFY").replace("{name}", "page.js")
        for route in routes
        if isinstance(route, Route)
    ]


# --- who may ---------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [{}, {TOKEN_HEADER: ""}, {TOKEN_HEADER: SECRET[:-1]}])
def test_no_route_changes_anything_without_the_token(told: dict[str, str]) -> None:
    async def main() -> set[tuple[int, str]]:
        app = new_app()
        async with asking(app) as client:
            answers = [
                await client.request(method, path, content=HALT, headers=JSON | told)
                for path in [*paths_of(app), "/nothing"]
                for method in CHANGING
            ]
        return {(one.status_code, one.json()["error"]) for one in answers}

    assert {(401, "header X-Tradingd-Token must carry the token of this daemon")} == run(main())


def test_seen_from_afar_no_route_tells_of_the_day_without_the_token() -> None:
    async def main() -> dict[str, int]:
        app = new_app(open_reads=False)
        async with asking(app) as client:
            return {path: (await client.get(path)).status_code for path in paths_of(app)}

    codes = run(main())
    told = {path for path, code in codes.items() if code != 401}

    assert {"/", "/static/page.js", "/static/plotly.min.js"} == told
    assert "/api/scanner-state" in codes


@pytest.mark.parametrize(
    "told", [SECRET + "x", SECRET.upper(), f" {SECRET[1:]}", "é" * 32, f"{SECRET},{SECRET}"]
)
def test_what_is_almost_the_token_is_not_the_token(told: str) -> None:
    assert 401 == post(headers=JSON | {TOKEN_HEADER: told.encode()}).status_code  # type: ignore[dict-item]


def test_a_token_told_twice_is_refused() -> None:
    twice = [*JSON.items(), (TOKEN_HEADER, SECRET), (TOKEN_HEADER, SECRET)]

    assert 401 == post(headers=twice).status_code  # type: ignore[arg-type]


def test_a_daemon_without_a_token_cannot_be_changed_by_an_empty_one() -> None:
    async def main() -> int:
        app = create_app(new_source(), None, Operator(), allowed_hosts=HOSTS)
        async with asking(app) as client:
            told = JSON | {TOKEN_HEADER: ""}
            return (await client.post(COMMAND_PATH, content=HALT, headers=told)).status_code

    assert 401 == run(main())


@pytest.mark.parametrize(
    "forged",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"host": "evil.example"},
        {"host": "localhost.evil.example"},
    ],
)
def test_another_site_is_refused_though_it_knew_the_token(forged: dict[str, str]) -> None:
    answer = post(headers=KNOWN | forged)

    assert 403 == answer.status_code
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_a_form_of_another_site_can_send_is_refused(kind: str) -> None:
    assert 415 == post(headers=KNOWN | {"content-type": kind}).status_code


# --- what is read ----------------------------------------------------------------------------


@pytest.mark.parametrize("length", ["16385", "99999999999999999999", "-1", "1e3"])
def test_a_long_body_is_refused_before_it_is_read(length: str) -> None:
    assert 413 == post(headers=KNOWN | {"content-length": length}).status_code


def test_a_refusal_is_sent_when_the_body_has_been_read() -> None:
    """Sent earlier it may be lost: a server that closes on unread bytes resets the connection."""
    seen: list[str] = []
    parts = [(b"{", True), (b"}", False)]

    async def receive() -> Message:
        body, more = parts.pop(0)
        seen.append(f"read {body.decode()}")
        return {"type": "http.request", "body": body, "more_body": more}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            seen.append(str(message["status"]))

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": COMMAND_PATH, "headers": headers}
    run(new_app()(scope, receive, send))

    assert ["read {", "read }", "401"] == seen


def test_a_body_that_does_not_come_is_not_waited_for_long() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(2 * BODY_WAIT_S)
        yield b"}"

    async def main() -> int:
        async with asking(new_app()) as client:
            answer = await client.post(COMMAND_PATH, content=chunks(), headers=KNOWN)
            return answer.status_code

    assert 408 == run_virtual(VirtualLoop(), main())


def test_a_long_body_that_does_not_say_so_is_read_to_its_limit_only() -> None:
    read: list[int] = []

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(1000):
            read.append(4096)
            yield b" " * 4096

    async def main() -> int:
        async with asking(new_app()) as client:
            answer = await client.post(COMMAND_PATH, content=chunks(), headers=KNOWN)
            return answer.status_code

    assert 413 == run(main())
    assert sum(read) <= MAX_BODY_BYTES + 4096


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"halt",
        b"[]",
        b'"halt"',
        b"null",
        b"\xff\xfe",
        b'{"command": "sell"}',
        b'{"command": "HALT"}',
        b'{"command": ["halt"]}',
        b'{"command": null}',
        b'{"command": "halt", "user": "somebody"}',
        b"[" * MAX_BODY_BYTES,
    ],
)
def test_what_is_no_command_is_a_short_400(body: bytes) -> None:
    answer = post(body)

    assert 400 == answer.status_code
    assert len(answer.content) < 200
    assert SECURITY_HEADERS == {name: answer.headers[name] for name in SECURITY_HEADERS}


def test_one_route_takes_a_post_and_nothing_else_is_taken_by_any() -> None:
    async def main() -> set[tuple[str, str]]:
        app = new_app()
        async with asking(app) as client:
            return {
                (path, method)
                for path in paths_of(app)
                for method in CHANGING
                if (await client.request(method, path, content=b"{}", headers=KNOWN)).status_code
                != 405
            }

    assert {(COMMAND_PATH, "POST")} == run(main())
    assert 405 == run(got(COMMAND_PATH))


# --- what it leads to ------------------------------------------------------------------------


def commanded(
    body: bytes, obey: Callable[[Asked], Obeyed | NotObeyed]
) -> tuple[httpx.Response, list[Asked], list[bool]]:
    """The answer, what was asked, and whether it came before the command was obeyed."""
    asked: list[Asked] = []
    early: list[bool] = []

    async def main() -> httpx.Response:
        operator = Operator()
        async with asking(new_app(operator)) as client:
            answering = asyncio.create_task(client.post(COMMAND_PATH, content=body, headers=KNOWN))
            await operator.stirred()
            waiting = operator.take()
            assert waiting is not None
            asked.append(waiting[0])
            early.append(answering.done())
            waiting[1].set_result(obey(waiting[0]))
            return await answering

    return run(main()), asked, early


@pytest.mark.parametrize("command", list(Command))
def test_a_command_goes_the_operators_way_and_is_answered_once_obeyed(command: Command) -> None:
    name = command.name.lower()
    body = json.dumps({"command": name}).encode()
    answer, asked, early = commanded(
        body, lambda _: Obeyed(TradingState.REDUCING, 2, 1, ("rejects",))
    )

    assert 200 == answer.status_code
    done = {"exits": 2, "cancelled": 1, "released": ["rejects"]}
    assert {"command": name, "trading_state": "REDUCING", **done} == answer.json()["data"]
    assert [Asked(command, "page@127.0.0.1", os.getpid())] == asked
    assert [False] == early


@pytest.mark.parametrize(("try_again", "status"), [(True, 503), (False, 409)])
def test_a_command_that_is_declined_says_why(try_again: bool, status: int) -> None:
    answer, _, _ = commanded(HALT, lambda _: NotObeyed("remove the file first", try_again))

    assert {"success": False, "error": "remove the file first"} == answer.json()
    assert status == answer.status_code


def test_a_command_that_nobody_takes_is_withdrawn() -> None:
    operator = Operator()

    async def main() -> int:
        async with asking(new_app(operator)) as client:
            answer = await client.post(COMMAND_PATH, content=HALT, headers=KNOWN)
            return answer.status_code

    assert 503 == run_virtual(VirtualLoop(), main())
    assert operator.take() is None


def test_asking_for_nothing_shows_that_the_token_is_known() -> None:
    answer = post(b"{}")

    assert (200, {"success": True, "data": {}}) == (answer.status_code, answer.json())


# --- what is said of it ----------------------------------------------------------------------


def test_guesses_are_logged_rarely_and_never_with_what_was_guessed() -> None:
    async def main() -> None:
        async with asking(new_app()) as client:
            for seconds in (0.0, TELL_EVERY_S):
                await asyncio.sleep(seconds)
                for _ in range(50):
                    guess = JSON | {TOKEN_HEADER: "guess-of-somebody"}
                    await client.post(COMMAND_PATH, content=HALT, headers=guess)

    with capture_logs() as logged:
        run_virtual(VirtualLoop(), main())

    assert ["page_request_refused"] * 2 == [record["event"] for record in logged]
    assert [0, 49] == [record["untold"] for record in logged]
    assert "guess" not in str(logged)


def test_commands_that_wait_are_bounded() -> None:
    async def main() -> list[int]:
        async with asking(new_app()) as client:
            answers = await asyncio.gather(
                *(
                    client.post(COMMAND_PATH, content=HALT, headers=KNOWN)
                    for _ in range(MAX_WAITING_COMMANDS + 1)
                )
            )
        return [answer.status_code for answer in answers]

    assert [503] * (MAX_WAITING_COMMANDS + 1) == run_virtual(VirtualLoop(), main())
