"""The JSON routes of the day: bars and decisions of one instrument, orders, trades, positions.

Read-only. A name from the outside must have the form of a name and be a configured instrument; it
never reaches a statement or an answer.
"""

import re
from collections.abc import Awaitable

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.errors import StoreFailed
from daemon.dashboard.source import DayQueries

# Symbols (`M&M`, `NIFTY 50`, `BAJAJ-AUTO`) and broker keys (`NSE_EQ|INE002A01018`).
INSTRUMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 &._:|-]{0,63}")
TABLES = ("orders", "trades", "positions")

log = structlog.get_logger()


def day_routes(queries: DayQueries) -> list[Route]:
    """What is served of the day."""

    async def bars(request: Request) -> Response:
        return await _answer(queries.bars(_instrument(request, queries)))

    async def decisions(request: Request) -> Response:
        return await _answer(queries.decisions(_instrument(request, queries)))

    async def table(request: Request) -> Response:
        return await _answer(queries.table(request.url.path.rpartition("/")[2]))

    return [
        Route("/api/instruments/{instrument}/bars", bars),
        Route("/api/instruments/{instrument}/decisions", decisions),
        *(Route(f"/api/{name}", table) for name in TABLES),
    ]


def _instrument(request: Request, queries: DayQueries) -> str:
    name = str(request.path_params["instrument"])
    if not INSTRUMENT.fullmatch(name) or not queries.knows(name):
        raise HTTPException(404)
    return name


async def _answer(question: Awaitable[list[dict[str, object]]]) -> Response:
    """The rows in their envelope. A store that cannot be read is said; trading goes on."""
    try:
        rows = await question
    except StoreFailed as error:
        log.warning("dashboard_query_failed", reason=str(error))
        raise HTTPException(503, "the store cannot be read") from error
    return JSONResponse({"success": True, "data": rows, "count": len(rows)})
