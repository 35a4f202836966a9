"""The page of a running daemon: commanded by HTTP and in a real browser, and telling no secret."""

import asyncio
import http.client
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pytest

from core.ports import EventKind
from daemon.dashboard.guard import TOKEN_HEADER
from daemon.dashboard.server import DashboardServer
from daemon.dashboard.token import TOKEN_FILE
from daemon.provenance import Origin, Provenance
from tests.daemon.days import recorded
from tests.daemon.scanned import EVIL
from tests.daemon.scanned_market import Market
from tests.daemon.test_day_routes import Told
from tests.e2e.browser import PROGRAM, Page, browser
from tests.e2e.processes import PATIENCE_S, QUICK_DAY, running, wait_for_minutes

T = TypeVar("T")
PLANTED = "planted-token-that-must-stay-in-its-file"
READ = ["/", "/api/scanner-state", "/api/daemon-state", "/api/orders", "/api/trades"]


def day(directory: Path) -> list[str]:
    return ["run", "--speed", "60", "--port", "0", "--state-dir", str(directory), *QUICK_DAY]


def answered(address: str, method: str, path: str, token: str, body: str = "") -> tuple[int, bytes]:
    """Status, and everything that came back, headers included."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=PATIENCE_S)
    try:
        headers = {"Content-Type": "application/json", TOKEN_HEADER: token}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, str(answer.getheaders()).encode() + answer.read()
    finally:
        connection.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A state directory in which an operator has put a token of his own."""
    path = tmp_path / "var"
    path.mkdir(mode=0o700)
    token = path / TOKEN_FILE
    token.touch(mode=0o600)
    token.write_text(PLANTED + "\n")
    return path


def test_the_token_is_in_no_log_no_store_and_no_answer(directory: Path) -> None:
    halt = json.dumps({"command": "halt"})
    with running(*day(directory)) as daemon:
        address = daemon.address()
        wait_for_minutes(address, 2)
        told = [answered(address, "GET", path, PLANTED) for path in READ]
        told += [answered(address, "POST", "/api/command", PLANTED, halt)]
        told += [answered(address, "POST", "/api/command", PLANTED, PLANTED)]  # no JSON
        told += [answered(address, "POST", f"/api/{PLANTED}", PLANTED)]
        told += [answered(address, "POST", "/api/command", PLANTED + "x", halt)]
        daemon.send(signal.SIGTERM)
        assert 0 == daemon.ended()

    assert [200] * (len(READ) + 1) + [400, 404, 401] == [status for status, _ in told]
    [command] = recorded(directory, [EventKind.COMMAND])
    assert ("halt", "page@127.0.0.1") == (command.key, command.payload["user"])
    places = {path.name: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    assert [TOKEN_FILE] == [name for name, held in places.items() if PLANTED.encode() in held]
    assert PLANTED not in "\n".join(daemon.lines)
    assert [] == [body for _, body in told if PLANTED.encode() in body]


def unlocked(page: Page, address: str) -> None:
    """The page, live, with the token given as a person gives it: at the first command."""
    page.open(address)
    page.until("document.getElementById('link').textContent === 'live'")
    page.click("[data-command=halt]")
    page.click("#token")
    page.type(PLANTED)
    page.click("#command-go")


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no browser here: install chromium")
def test_an_operator_halts_resumes_and_flattens_from_the_page(directory: Path) -> None:
    # The stream may tell of a command before its own answer has closed the dialog.
    state = (
        "!document.getElementById('command-dialog').open"
        " && document.getElementById('trading').textContent"
    )
    with running(*day(directory)) as daemon, browser() as page:
        unlocked(page, daemon.address())
        page.until(f"{state} === 'HALTED'")
        said = page.value("document.getElementById('outcome').textContent")
        page.click("[data-command=resume]")
        page.click("#command-go")
        page.until(f"{state} === 'ACTIVE'")
        page.click("[data-command=flatten]")
        page.click("#command-cancel")
        page.click("[data-command=reduce]")
        page.until(f"{state} === 'REDUCING'")
        page.click("#lock")
        page.click("[data-command=resume]")
        asks_again = page.value("!document.getElementById('token-field').hidden")

    assert "HALTED: no entry until Resume; exits pass" == said
    assert asks_again
    assert ["halt", "resume", "reduce"] == [
        event.key for event in recorded(directory, [EventKind.COMMAND])
    ]
    assert [] == page.complaints


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no browser here: install chromium")
def test_a_wrong_token_halts_nothing_and_is_asked_for_again(directory: Path) -> None:
    with running(*day(directory)) as daemon, browser() as page:
        page.open(daemon.address())
        page.until("document.getElementById('link').textContent === 'live'")
        page.click("[data-command=halt]")
        page.click("#token")
        page.type("not-the-token")
        page.click("#command-go")
        page.until("document.getElementById('command-error').textContent")
        still = page.value("document.getElementById('command-dialog').open")

    assert still
    assert [] == recorded(directory, [EventKind.COMMAND])


class NoEvening(Told):
    """A day before which none was closed."""

    async def certificates(self) -> list[dict[str, object]]:
        return []


async def seen(market: Market, looked_at: Callable[[str], T]) -> T:
    """What somebody makes of the page of `market`; the page is served meanwhile."""
    server = DashboardServer(market.source, NoEvening(), port=0)
    address = await server.start()
    try:
        return await asyncio.to_thread(looked_at, address)
    finally:
        await server.stop()


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no browser here: install chromium")
def test_a_symbol_that_would_be_markup_is_text() -> None:
    def looked_at(address: str) -> tuple[str, bool, list[str]]:
        with browser() as page:
            page.open(address)
            page.until("document.querySelector('#rows .symbol')")
            shown = page.value("document.querySelector('#rows .symbol').textContent")
            made = page.value("document.querySelector('#rows img') !== null")
            return shown, made, page.complaints

    assert (EVIL, False, []) == asyncio.run(seen(Market(symbols=[EVIL]), looked_at))


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no browser here: install chromium")
def test_the_page_says_where_parameters_came_from() -> None:
    market = Market(
        symbols=["TCS"],
        provenance=[
            Provenance("pixity", Origin.DIFFERS, "differs from its evidence: sl_mult <i>1.2</i>"),
            Provenance("quick", Origin.NONE, "no evidence"),
        ],
    )

    def looked_at(address: str) -> tuple[str, list[str]]:
        with browser() as page:
            page.open(address)
            page.until("document.querySelector('#evidence p')")
            lines = "[...document.querySelectorAll('#evidence p')]"
            words = "[...line.children].map((part) => part.textContent).join('|')"
            return page.value(f"{lines}.map((line) => {words}).join()"), page.complaints

    told = "pixity|differs|from its evidence: sl_mult <i>1.2</i>,quick|no evidence|"
    assert (told, []) == asyncio.run(seen(market, looked_at))


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no browser here: install chromium")
def test_a_whole_market_is_shown_a_part_at_a_time_and_found_by_filter() -> None:
    def looked_at(address: str) -> tuple[list[int], list[str]]:
        shown = "[...document.querySelectorAll('#rows tr')]"
        with browser() as page:
            page.open(address)
            page.until(f"{shown}.length")
            counts = [page.value(f"{shown}.length")]
            page.click("#more")
            counts.append(page.value(f"{shown}.length"))
            page.click("#filter")
            page.type("share239")
            page.until(f"{shown}.length === 10")
            first = page.value(f"{shown}[0].querySelector('.symbol').textContent")
            page.value("document.getElementById('side').value = 'SELL'")
            page.value("document.getElementById('side').dispatchEvent(new Event('change'))")
            counts.append(page.value(f"{shown}.length"))
            return counts, [first, *page.complaints]

    assert ([100, 200, 0], ["SHARE2390"]) == asyncio.run(seen(Market(), looked_at))
