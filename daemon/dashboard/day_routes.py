"""The JSON routes of the day: bars and decisions of one instrument, orders, trades, positions; and
the certificates of days before.

Read-only. A name from the outside must have the form of a name and be a configured instrument; it
never reaches a statement or an answer.
"""

import re
from collections.abc import Awaitable
from typing import TypeVar

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.errors import ConfigError, StoreFailed
from core.session import parse_day
from daemon.dashboard.source import DayQueries

# Symbols (`M&M`, `NIFTY 50`, `BAJAJ-AUTO`) and broker keys (`NSE_EQ|INE002A01018`).
INSTRUMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 &._:|-]{0,63}")
T = TypeVar("T")
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

    async def certificates(_: Request) -> Response:
        return await _answer(queries.certificates())

    async def certificate(request: Request) -> Response:
        content = await _asked(queries.certificate(_day(request)))
        if content is None:
            raise HTTPException(404)
        return JSONResponse({"success": True, "data": content})

    return [
        Route("/api/certificates", certificates),
        Route("/api/certificates/{day}", certificate),
        Route("/api/instruments/{instrument}/bars", bars),
        Route("/api/instruments/{instrument}/decisions", decisions),
        *(Route(f"/api/{name}", table) for name in TABLES),
    ]


def _instrument(request: Request, queries: DayQueries) -> str:
    name = str(request.path_params["instrument"])
    if not INSTRUMENT.fullmatch(name) or not queries.knows(name):
        raise HTTPException(404)
    return name


def _day(request: Request) -> int:
    """The date of the address; what is none is not found, and no file name is made of it."""
    try:
        return parse_day(str(request.path_params["day"]))
    except ConfigError as error:
        raise HTTPException(404) from error


async def _answer(question: Awaitable[list[dict[str, object]]]) -> Response:
    """The rows in their envelope."""
    rows = await _asked(question)
    return JSONResponse({"success": True, "data": rows, "count": len(rows)})


async def _asked(question: Awaitable[T]) -> T:
    """A store that cannot be read is said; trading goes on."""
    try:
        return await question
    except StoreFailed as error:
        log.warning("dashboard_query_failed", reason=str(error))
        raise HTTPException(503, "the store cannot be read") from error
