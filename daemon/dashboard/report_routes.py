"""The route of the report: of the last day that had its evening. Read-only, from memory."""

from collections.abc import Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def report_routes(last: Callable[[], Mapping[str, object] | None]) -> list[Route]:
    """404 where no day has been reported yet."""

    async def report(_: Request) -> Response:
        if (found := last()) is None:
            raise HTTPException(404)
        return JSONResponse({"success": True, "data": found})

    return [Route("/api/report", report)]
