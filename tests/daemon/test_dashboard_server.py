"""The dashboard's socket: where it listens, what it bounds, and that it ends when told to."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from core.errors import ConfigError
from daemon.dashboard.guard import TOKEN_HEADER
from daemon.dashboard.server import (
    MAX_CONNECTIONS,
    MAX_HEADER_BYTES,
    REQUEST_WAIT_S,
    DashboardServer,
)
from daemon.dashboard.source import LiveSource
from tests.daemon.scanned import SECRET, new_source, run


@asynccontextmanager
async def served(source: LiveSource) -> AsyncGenerator[tuple[DashboardServer, str], None]:
    server = DashboardServer(source, port=0)
    address = await server.start()
    try:
        yield server, address
    finally:
        await server.stop()


async def next_event(lines: AsyncGenerator[str, None]) -> dict[str, Any]:
    """The next snapshot of a stream."""
    async for line in lines:
        if line.startswith("data: "):
            event: dict[str, Any] = json.loads(line[6:])
            return event
    raise AssertionError("the stream ended")


def test_the_stream_delivers_a_change() -> None:
    facts = {"n": 1}

    async def main() -> list[object]:
        source = new_source(facts)
        async with (
            served(source) as (_, address),
            httpx.AsyncClient() as client,
            client.stream("GET", f"{address}/api/stream") as answer,
            aclosing(answer.aiter_lines()) as lines,
        ):
            seen = [answer.headers["content-type"], (await next_event(lines))["daemon"]["n"]]
            facts["n"] = 2
            source.touch()
            return [*seen, (await next_event(lines))["daemon"]["n"]]

    assert ["text/event-stream; charset=utf-8", 1, 2] == run(main())


def test_a_taken_port_is_one_line_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = DashboardServer(new_source(), port=port)
        with pytest.raises(ConfigError) as error:
            run(server.start())

    assert f"dashboard port {port} is taken: choose another one" == str(error.value)


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.1", 200), ("::1", 200), ("0.0.0.0", 401), ("192.168.1.10", 401)]
)
def test_only_a_page_of_this_machine_tells_of_the_day_without_a_token(
    host: str, status: int
) -> None:
    async def main() -> tuple[int, int]:
        server = DashboardServer(new_source(), host=host, port=0, token=SecretStr(SECRET))
        transport = httpx.ASGITransport(server.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            headers = {TOKEN_HEADER: SECRET}
            answers = [
                await client.get("/api/scanner-state"),
                await client.get("/api/scanner-state", headers=headers),
            ]
        return answers[0].status_code, answers[1].status_code

    assert (status, 200) == run(main())


def test_stop_ends_an_open_stream_within_a_second() -> None:
    async def main() -> tuple[float, bool]:
        loop = asyncio.get_running_loop()
        server = DashboardServer(new_source(), port=0)
        address = await server.start()
        async with httpx.AsyncClient() as client:
            answer = await client.send(
                client.build_request("GET", f"{address}/api/stream"), stream=True
            )
            lines = answer.aiter_lines()
            await next_event(lines)
            asked = loop.time()
            await server.stop()
            took = loop.time() - asked
            rest = [line async for line in lines]
            await answer.aclose()
        return took, any(line.startswith("data: ") for line in rest)

    took, more = run(main())

    assert took < 1.0
    assert not more


def test_stop_closes_the_port_and_may_be_asked_twice() -> None:
    async def main() -> None:
        server = DashboardServer(new_source(), port=0)
        address = await server.start()
        await server.stop()
        await server.stop()
        async with httpx.AsyncClient() as client:
            await client.get(address)

    with pytest.raises(httpx.ConnectError):
        run(main())


def test_the_signals_stay_the_daemons() -> None:
    def handlers() -> list[object]:
        return [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]

    async def main() -> tuple[list[object], list[object]]:
        before = handlers()
        async with served(new_source()):
            return before, handlers()

    before, during = run(main())

    assert before == during


def test_oversize_headers_are_refused_without_a_word_of_uvicorns_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> bytes:
        async with served(new_source()) as (_, address):
            reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(address).port)
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 2 * MAX_HEADER_BYTES)
            answer = await reader.read()
            writer.close()
            return answer

    assert run(main()).startswith(b"HTTP/1.1 400 ")
    assert [] == caplog.records


def test_silent_connections_take_no_more_than_their_number() -> None:
    async def main() -> bytes:
        async with served(new_source()) as (_, address):
            port = httpx.URL(address).port
            pairs = [
                await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_CONNECTIONS)
            ]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                return await asyncio.wait_for(reader.read(), REQUEST_WAIT_S / 2)
            except ConnectionResetError:
                return b""
            finally:
                for _, held in [*pairs, (reader, writer)]:
                    held.close()

    assert b"" == run(main())


def test_a_connection_that_never_asks_is_cut() -> None:
    # The wait is a timer of the loop; here it is noted and shortened instead of waited for.
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        delays: list[float] = []
        call_later = loop.call_later

        def noted(delay: float, function: Callable[..., Any], *args: Any) -> asyncio.TimerHandle:
            if getattr(function, "__name__", "") == "_abort_if_silent":
                delays.append(delay)
                delay = 0.0
            return call_later(delay, function, *args)

        loop.call_later = noted  # type: ignore[assignment,method-assign]
        async with served(new_source()) as (_, address):
            reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(address).port)
            with suppress(ConnectionResetError):
                assert b"" == await reader.read()
            writer.close()
        return delays

    assert [REQUEST_WAIT_S] == run(main())
