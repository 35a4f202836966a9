"""The last report, as a program asks for it."""

import httpx

from daemon.dashboard.app import create_app
from daemon.dashboard.report_routes import report_routes
from tests.daemon.scanned import new_source, run


def get(last: dict[str, object] | None) -> httpx.Response:
    app = create_app(
        new_source(), allowed_hosts=frozenset({"localhost"}), more=report_routes(lambda: last)
    )

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/api/report")

    answer = run(ask())
    assert isinstance(answer, httpx.Response)
    return answer


def test_the_last_report_is_served() -> None:
    answer = get({"day": "2026-07-27"})

    assert (200, {"day": "2026-07-27"}) == (answer.status_code, answer.json()["data"])


def test_before_the_first_report_there_is_none() -> None:
    assert 404 == get(None).status_code
