"""The routes of the day: what they answer, and what a name from the outside can do."""

import httpx
import pytest
from structlog.testing import capture_logs

from core.errors import StoreFailed
from core.session import day_text
from daemon.dashboard.app import SECURITY_HEADERS, create_app
from daemon.dashboard.source import DayQueries
from tests.daemon.scanned import EVIL, new_source, run

HOSTS = frozenset({"localhost"})
TABLES = ["/api/orders", "/api/trades", "/api/positions", "/api/certificates"]
PATHS = [*(f"/api/instruments/INFY/{what}" for what in ("bars", "decisions")), *TABLES]


class Told:
    """A day of which everything is said to have been asked for. `instruments`: those it knows."""

    def __init__(self, *instruments: str, failing: bool = False) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._instruments = instruments or ("INFY",)
        self._failing = failing

    def knows(self, instrument: str) -> bool:
        return instrument in self._instruments

    async def bars(self, instrument: str) -> list[dict[str, object]]:
        return self._answer("bars", instrument)

    async def decisions(self, instrument: str) -> list[dict[str, object]]:
        return self._answer("decisions", instrument)

    async def table(self, view: str) -> list[dict[str, object]]:
        return self._answer(view)

    async def certificates(self) -> list[dict[str, object]]:
        return self._answer("certificates")

    async def certificate(self, day: int) -> dict[str, object] | None:
        self._answer("certificate", day_text(day))
        return {"verdict": "green"} if day_text(day) == "2026-07-24" else None

    def _answer(self, *asked: str) -> list[dict[str, object]]:
        if self._failing:
            raise StoreFailed("a path of ours is broken")
        self.asked.append(asked)
        return [{"instrument": EVIL}]


def get(path: str, queries: DayQueries | None) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(new_source(), queries, allowed_hosts=HOSTS))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path)

    return run(ask())


@pytest.mark.parametrize("path", PATHS)
def test_rows_come_in_their_envelope_under_the_security_headers(path: str) -> None:
    answer = get(path, Told())

    assert {"success": True, "data": [{"instrument": EVIL}], "count": 1} == answer.json()
    assert SECURITY_HEADERS == {name: answer.headers[name] for name in SECURITY_HEADERS}
    assert ("application/json", "no-store") == (
        answer.headers["content-type"],
        answer.headers["cache-control"],
    )


def test_each_route_asks_its_own_question() -> None:
    queries = Told()
    for path in PATHS:
        get(path, queries)

    assert [
        ("bars", "INFY"),
        ("decisions", "INFY"),
        ("orders",),
        ("trades",),
        ("positions",),
        ("certificates",),
    ] == queries.asked


def test_the_certificate_of_a_day_is_served_as_it_was_kept() -> None:
    kept, missing = (get(f"/api/certificates/2026-07-{day}", Told()) for day in (24, 25))

    assert {"success": True, "data": {"verdict": "green"}} == kept.json()
    assert 404 == missing.status_code


@pytest.mark.parametrize(
    "day", ["..", "%2e%2e%2fledger", "2026-7-24", "20260724", "2026-02-30", "2026-07-24%00", "x"]
)
def test_what_is_no_date_is_not_found_and_not_asked(day: str) -> None:
    queries = Told()

    assert 404 == get(f"/api/certificates/{day}", queries).status_code
    assert [] == queries.asked


@pytest.mark.parametrize("name", ["M&M", "NIFTY 50", "BAJAJ-AUTO", "NSE_EQ|INE002A01018"])
def test_the_names_of_the_exchange_are_served(name: str) -> None:
    path = f"/api/instruments/{httpx.QueryParams({'n': name})}".replace("n=", "").replace(
        "+", "%20"
    )

    assert 200 == get(f"{path}/bars", Told(name)).status_code


@pytest.mark.parametrize("what", ["bars", "decisions"])
@pytest.mark.parametrize(
    "name",
    [
        "TCS",
        "infy",
        "",
        "%3Cimg%20src=x%20onerror=alert(1)%3E",
        "INFY'%20OR%201=1--",
        "..",
        "%2e%2e%2fINFY",
        "INFY%00",
        "INFY%0A",
        "I" * 65,
    ],
)
def test_what_is_no_configured_instrument_is_not_found_and_not_asked(name: str, what: str) -> None:
    queries = Told()
    answer = get(f"/api/instruments/{name}/{what}", queries)

    assert (404, {"success": False, "error": "Not Found"}) == (answer.status_code, answer.json())
    assert [] == queries.asked


def test_a_known_instrument_with_a_name_of_markup_is_refused_all_the_same() -> None:
    queries = Told(EVIL, "A/B", "I" * 65)

    for name in ("%3Cimg%20src=x%20onerror=alert(1)%3E", "A%2FB", "I" * 65):
        assert 404 == get(f"/api/instruments/{name}/bars", queries).status_code
    assert [] == queries.asked


@pytest.mark.parametrize("path", PATHS)
def test_a_store_that_cannot_be_read_is_said_without_its_reason(path: str) -> None:
    with capture_logs() as logged:
        answer = get(path, Told(failing=True))

    assert (503, {"success": False, "error": "the store cannot be read"}) == (
        answer.status_code,
        answer.json(),
    )
    assert ["dashboard_query_failed"] == [record["event"] for record in logged]


@pytest.mark.parametrize("path", PATHS)
def test_without_a_day_to_ask_the_scanner_alone_is_served(path: str) -> None:
    assert (404, 200) == (get(path, None).status_code, get("/api/scanner-state", None).status_code)
