"""The routes of those who watch the process from outside: /health and /metrics.

Read-only, answered from memory: they must answer when nothing else does.
"""

from collections.abc import Sequence
from dataclasses import asdict

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from daemon.pulse.health import Check, Health
from daemon.pulse.metrics import Metrics


def health_routes(health: Health, metrics: Metrics) -> list[Route]:
    """200 if every check holds, else 503; the body names each and what was found."""

    async def is_live(_: Request) -> Response:
        return _answer(health.live())

    async def is_ready(_: Request) -> Response:
        return _answer(health.ready())

    async def scraped(_: Request) -> Response:
        return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [
        Route("/health/live", is_live),
        Route("/health/ready", is_ready),
        Route("/metrics", scraped),
    ]


def _answer(checks: Sequence[Check]) -> Response:
    ok = all(check.ok for check in checks)
    body = {"success": ok, "data": [asdict(check) for check in checks], "count": len(checks)}
    return JSONResponse(body, 200 if ok else 503)
