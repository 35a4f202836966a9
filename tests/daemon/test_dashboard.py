"""The page and its API: what they answer, to whom, and under which headers."""

import asyncio
import base64
import hashlib
import json
import re
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Message
from structlog.testing import capture_logs

from daemon.dashboard import app as app_module
from daemon.dashboard.app import CHARTS, SECURITY_HEADERS, STATIC, create_app
from daemon.dashboard.source import LiveSource
from daemon.dashboard.stream import HEARTBEAT, HEARTBEAT_S, MAX_CLIENTS, MIN_INTERVAL_S, Streams
from tests.daemon.scanned import EVIL, new_source, run
from tests.virtual_loop import VirtualLoop, run_virtual

HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
SCRIPTS = [name for name in STATIC if name.endswith(".js")]
STYLES = [name for name in STATIC if name.endswith(".css")]
PATHS = [
    "/",
    *(f"/static/{name}" for name in [*STATIC, CHARTS]),
    "/api/scanner-state",
    "/api/daemon-state",
]


def get(
    path: str, method: str = "GET", *, source: LiveSource | None = None, **headers: str
) -> httpx.Response:
    """The app's answer, without a socket."""

    async def ask() -> httpx.Response:
        app = create_app(source or new_source(), allowed_hosts=HOSTS)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=headers)

    return run(ask())


# --- answers ---------------------------------------------------------------------------------


def test_the_scanner_state_comes_in_its_envelope() -> None:
    assert {
        "success": True,
        "data": [{"instrument": EVIL}],
        "count": 1,
        "updated_at": "2026-07-27T10:31:00+05:30",
    } == get("/api/scanner-state").json()


@pytest.mark.parametrize("path", PATHS)
def test_every_route_answers_with_the_security_headers(path: str) -> None:
    answer = get(path)

    assert 200 == answer.status_code
    assert SECURITY_HEADERS == {name: answer.headers[name] for name in SECURITY_HEADERS}


def test_the_headers_forbid_foreign_content_and_frames_and_allow_no_other_origin() -> None:
    headers = get("/").headers
    policy = headers["content-security-policy"]

    assert policy.startswith("default-src 'self'; ")
    assert "unsafe" not in policy
    assert [] == re.findall(r"https?:|data:|blob:|\*", policy)
    assert "frame-ancestors 'none'" in policy
    assert "nosniff" == headers["x-content-type-options"]
    assert "access-control-allow-origin" not in headers


def test_only_the_chart_library_is_kept_by_the_browser() -> None:
    kept = {path: get(path).headers["cache-control"] for path in PATHS}
    library = kept.pop(f"/static/{CHARTS}")

    assert "private, max-age=604800" == library
    assert {"no-store"} == set(kept.values())


def test_the_empty_style_is_the_only_inline_one_allowed() -> None:
    digest = base64.b64encode(hashlib.sha256(b"").digest()).decode()

    assert f"style-src 'self' 'sha256-{digest}';" in get("/").headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/api/",
        "/static/",
        "/static/scanner.js/",
        "/static/nothing.js",
        "/static/index.html",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/scanner.js%00",
    ],
)
def test_what_is_not_in_the_table_is_not_found(path: str) -> None:
    answer = get(path)

    assert {"success": False, "error": "Not Found"} == answer.json()
    assert (404, "nosniff") == (answer.status_code, answer.headers["x-content-type-options"])


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "localhost.evil", "", "["])
def test_a_foreign_host_is_refused(host: str) -> None:
    answer = get("/api/scanner-state", host=host)

    assert {"success": False, "error": "this Host is not served here"} == answer.json()
    assert (403, "nosniff") == (answer.status_code, answer.headers["x-content-type-options"])


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9000", "127.0.0.1:8765", "[::1]:8765"])
def test_our_own_names_are_served_on_any_port(host: str) -> None:
    assert 200 == get("/api/scanner-state", host=host).status_code


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1"])
def test_a_page_of_another_site_is_refused(origin: str) -> None:
    assert 403 == get("/api/scanner-state", host="localhost:8765", origin=origin).status_code


def test_our_own_page_is_served() -> None:
    answer = get("/api/scanner-state", host="localhost:8765", origin="http://localhost:8765")

    assert 200 == answer.status_code


def test_a_bug_of_ours_is_a_short_500_and_is_logged() -> None:
    def broken() -> dict[str, Any]:
        raise RuntimeError("a secret of ours")

    with capture_logs() as logged:
        answer = get("/api/scanner-state", source=LiveSource(broken))

    assert {"success": False, "error": "Internal Server Error"} == answer.json()
    assert (500, "nosniff") == (answer.status_code, answer.headers["x-content-type-options"])
    assert ["dashboard_request_failed"] == [record["event"] for record in logged]


# --- the page --------------------------------------------------------------------------------


def static_text(name: str) -> str:
    return (Path(app_module.__file__).parent / "static" / name).read_text(encoding="utf-8")


def test_a_symbol_with_markup_reaches_the_page_as_json_only() -> None:
    assert EVIL not in get("/").text
    assert "application/json" == get("/api/scanner-state").headers["content-type"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_writes_text_and_never_markup(name: str) -> None:
    assert [] == re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(|srcdoc"
        r"|setAttribute\(\"(?:on|style|href|src)",
        static_text(name),
    )


def test_the_page_loads_nothing_from_elsewhere_and_has_no_inline_code() -> None:
    page = static_text("index.html")
    loaded = re.findall(r'(?:src|href)="(/[^"#]*)"', page)

    assert {f"/static/{name}" for name in STATIC} == set(loaded)
    assert [] == re.findall(r"<script>|<style|\son\w+=|\sstyle=", page)
    for name in (*STYLES, *SCRIPTS):
        assert [] == re.findall(r"https?://|@import|url\(", static_text(name))


def test_a_script_imports_what_is_in_the_table_only() -> None:
    imported = {
        name
        for script in SCRIPTS
        for name in re.findall(r'(?:from |\.src = )"/static/([^"]+)"', static_text(script))
    }

    assert imported <= {*STATIC, CHARTS}
    assert CHARTS in imported


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_stays_small(name: str) -> None:
    assert static_text(name).count("\n") < 250


# --- the stream ------------------------------------------------------------------------------


class Visitor:
    """One client of `/api/stream`, spoken to in ASGI; `leave` closes its connection."""

    def __init__(self, app: ASGIApp) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.body = b""
        self._left = asyncio.Event()
        headers = [(b"host", b"localhost")]
        scope = {"type": "http", "method": "GET", "path": "/api/stream", "headers": headers}
        self._answering = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def leave(self) -> None:
        self._left.set()
        await self._answering

    async def _receive(self) -> Message:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status.set_result(message["status"])
        self.body += message.get("body", b"")


def test_the_stream_is_limited_to_eight_clients_and_a_place_left_is_free_again() -> None:
    async def main() -> tuple[list[int], dict[str, Any], int]:
        app = create_app(new_source(), allowed_hosts=HOSTS)
        visitors = [Visitor(app) for _ in range(MAX_CLIENTS)]
        codes = [await visitor.status for visitor in visitors]
        ninth = Visitor(app)
        codes.append(await ninth.status)
        await ninth.leave()
        await visitors[0].leave()
        visitors[0] = Visitor(app)
        again = await visitors[0].status
        for visitor in visitors:
            await visitor.leave()
        return codes, json.loads(ninth.body), again

    codes, refusal, again = run(main())

    assert [200] * MAX_CLIENTS + [503] == codes
    assert {"success": False, "error": "8 streams are open, 8 are allowed"} == refusal
    assert 200 == again


def test_at_most_four_events_a_second_and_the_last_change_is_never_lost() -> None:
    facts = {"n": 0}

    async def main() -> list[tuple[float, int]]:
        loop = asyncio.get_running_loop()
        source = new_source(facts)
        streams = Streams(source)
        seen: list[tuple[float, int]] = []

        async def change() -> None:
            for n in range(1, 101):
                facts["n"] = n
                source.touch()
                await asyncio.sleep(0.01)

        changing = asyncio.create_task(change())
        async with aclosing(streams.events()) as events:
            async for event in events:
                if b"data: " in event:
                    data = json.loads(event.partition(b"data: ")[2])
                    seen.append((loop.time(), data["daemon"]["n"]))
                    if data["daemon"]["n"] == 100:
                        break
        await changing
        return seen

    seen = run_virtual(VirtualLoop(), main())
    times = [time for time, _ in seen]

    assert 100 == seen[-1][1]
    assert all(b - a >= MIN_INTERVAL_S - 1e-9 for a, b in pairwise(times))


def test_a_quiet_stream_has_a_heartbeat_every_ten_seconds() -> None:
    async def main() -> list[float]:
        streams = Streams(new_source())
        loop, beats = asyncio.get_running_loop(), list[float]()
        async with aclosing(streams.events()) as events:
            async for event in events:
                if event == HEARTBEAT:
                    beats.append(loop.time())
                    if len(beats) == 3:
                        break
        return beats

    first, second, third = run_virtual(VirtualLoop(), main())

    assert pytest.approx([HEARTBEAT_S, HEARTBEAT_S]) == [second - first, third - second]
