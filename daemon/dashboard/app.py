"""The page and its API: what is served, to whom, under which headers.

The guard stands before every route; one of them changes something. File names never come from the
outside, and what a request says is never put into an answer.
"""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daemon.commands import Operator
from daemon.dashboard.command_routes import command_routes
from daemon.dashboard.day_routes import day_routes
from daemon.dashboard.guard import TOO_LONG, Access, Guard, Turned, body_of, is_change
from daemon.dashboard.source import DayQueries, Source
from daemon.dashboard.stream import Streams

# The fixed table: name in the URL, file and media type.
CSS, JS = "text/css; charset=utf-8", "text/javascript; charset=utf-8"
STATIC = {
    "scanner.css": CSS,
    "commands.css": CSS,
    "instrument.css": CSS,
    "backtests.css": CSS,
    "page.js": JS,
    "link.js": JS,
    "day.js": JS,
    "scanner.js": JS,
    "commands.js": JS,
    "tables.js": JS,
    "chart.js": JS,
    "instrument.js": JS,
    "backtests.js": JS,
    "icon.svg": "image/svg+xml",
}
PAGE = "index.html"

# The chart library is served out of its own wheel; it changes with an upgrade only.
CHARTS = "plotly.min.js"
LONG_CACHE = "private, max-age=604800"

# The chart library makes empty <style> elements and fills them through the object model: the hash
# of the empty text is all it needs. Its style sheet for maps stays blocked, and is not missed.
EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'self'; style-src 'self' {EMPTY_STYLE}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

log = structlog.get_logger()


class Dashboard:
    """The ASGI app. The outermost layer: no answer leaves without the headers."""

    def __init__(
        self,
        source: Source,
        queries: DayQueries | None,
        operator: Operator | None,
        access: Access,
        more: Sequence[Route],
    ) -> None:
        self.streams = Streams(source)
        self._guard = Guard(access)
        self.app = _routed(source, queries, operator, self.streams, more)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in (*SECURITY_HEADERS.items(), ("Cache-Control", "no-store")):
                    headers.setdefault(name, value)  # a route may be stricter
            await send(message)

        app: ASGIApp = self.app
        turned = self._guard.turned(scope)
        if is_change(scope) and turned != TOO_LONG:
            body = await body_of(receive)
            if isinstance(body, Turned):
                turned = turned or body
            else:
                receive = _told_again(body, receive)
        if turned:
            app = _error(*turned)
        await app(scope, receive, send_guarded)


def create_app(
    source: Source,
    queries: DayQueries | None = None,
    operator: Operator | None = None,
    *,
    allowed_hosts: frozenset[str],
    token: SecretStr | None = None,
    open_reads: bool = True,
    more: Sequence[Route] = (),
) -> Dashboard:
    """The dashboard of `source`.

    Args:
        queries: what can be asked of the day; None: the scanner alone is served.
        operator: who takes commands; None: there are none.
        allowed_hosts, token, open_reads: see `Access`.
        more: further routes, which only read.
    """
    access = Access(hosts=allowed_hosts, token=token, open_reads=open_reads)
    return Dashboard(source, queries, operator, access, more)


def _routed(
    source: Source,
    queries: DayQueries | None,
    operator: Operator | None,
    streams: Streams,
    more: Sequence[Route],
) -> Starlette:
    static = files("daemon.dashboard") / "static"
    charts = Path(str(files("plotly"))) / "package_data" / CHARTS
    bodies = {name: (static / name).read_bytes() for name in (PAGE, *STATIC)}

    async def page(_: Request) -> Response:
        return Response(bodies[PAGE], media_type="text/html; charset=utf-8")

    async def static_file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in STATIC:
            raise HTTPException(404)
        return Response(bodies[name], media_type=STATIC[name])

    async def chart_library(_: Request) -> Response:
        return FileResponse(charts, media_type=JS, headers={"Cache-Control": LONG_CACHE})

    async def scanner_state(_: Request) -> Response:
        return JSONResponse(_envelope(source.snapshot()))

    async def daemon_state(_: Request) -> Response:
        return JSONResponse({"success": True, "data": source.snapshot()["daemon"]})

    app = Starlette(
        routes=[
            Route("/", page),
            Route(f"/static/{CHARTS}", chart_library),
            Route("/static/{name}", static_file),
            Route("/api/scanner-state", scanner_state),
            Route("/api/daemon-state", daemon_state),
            Route("/api/stream", streams, methods=["GET"]),
            *(day_routes(queries) if queries is not None else ()),
            *(command_routes(operator) if operator is not None else ()),
            *more,
        ],
        exception_handlers={HTTPException: _refused, Exception: _failed},
    )
    app.router.redirect_slashes = False  # a redirect would repeat what the request says
    return app


def _told_again(body: bytes, receive: Receive) -> Receive:
    """What is received by whoever comes after one who has read the body."""
    told = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive_again() -> Message:
        return next(told, None) or await receive()

    return receive_again


def _envelope(snapshot: dict[str, Any]) -> dict[str, Any]:
    rows = snapshot["data"]
    return {
        "success": True,
        "data": rows,
        "count": len(rows),
        "updated_at": snapshot["updated_at"],
    }


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return _error(error.status_code, error.detail, error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    """A bug of ours: trading goes on, a person must look."""
    log.error("dashboard_request_failed", path=request.url.path, exc_info=error)
    return _error(500, "Internal Server Error")


def _error(status: int, text: str, headers: Any = None) -> Response:
    return JSONResponse({"success": False, "error": text}, status, headers)
