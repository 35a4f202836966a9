"""What a monitor is answered: 200 or 503, the checks by name, and the figures."""

import httpx

from daemon.dashboard.app import SECURITY_HEADERS, create_app
from daemon.dashboard.health_routes import health_routes
from daemon.pulse.metrics import Metrics
from tests.daemon.scanned import new_source, run
from tests.daemon.vital_signs import Signs


def get(path: str, signs: Signs) -> httpx.Response:
    metrics = Metrics(signs.vitals, lambda: signs.facts, lambda: 0)
    app = create_app(
        new_source(),
        allowed_hosts=frozenset({"localhost"}),
        more=health_routes(signs.health, metrics),
    )

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path)

    answer = run(ask())
    assert isinstance(answer, httpx.Response)
    return answer


def test_ready_is_200_with_every_check_by_name() -> None:
    answer = get("/health/ready", Signs())

    assert (200, True) == (answer.status_code, answer.json()["success"])
    assert [
        *("mode", "start", "loop", "trading_state", "market_store", "queues"),
        *("feed", "frames", "minutes"),
    ] == [check["name"] for check in answer.json()["data"]]
    assert SECURITY_HEADERS == {name: answer.headers[name] for name in SECURITY_HEADERS}


def test_not_ready_is_503_and_says_what_does_not_flow() -> None:
    answer = get("/health/ready", Signs(feed_up=False))
    checks = {check["name"]: check for check in answer.json()["data"]}

    assert (503, False) == (answer.status_code, answer.json()["success"])
    assert {"name": "feed", "ok": False, "detail": "synthetic is down"} == checks["feed"]


def test_a_process_that_is_not_ready_lives() -> None:
    assert 200 == get("/health/live", Signs(feed_up=False)).status_code


def test_figures_come_as_prometheus_reads_them() -> None:
    answer = get("/metrics", Signs())

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "tradingd_feed_up 1.0" in answer.text.splitlines()
