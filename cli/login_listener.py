"""The page on loopback to which the broker sends the browser back: it takes one answer.

Decides what of this machine may end a login: whoever knows its state. What it shows is fixed text,
nothing of what it was told.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Generator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from core.errors import ConfigError
from daemon.upstox.settings import is_loopback, split
from providers.upstox.login import Brought, brought

MAX_CONNECTIONS = 16
MAX_REQUEST_BYTES = 16_384
SILENT = 100
HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",  # the address holds the code
    "cache-control": "no-store",
}
PAGE = (
    "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>tradingd</title>"
    "<body><p>{}</p></body></html>\n"
)


@contextlib.asynccontextmanager
async def listening(redirect_uri: str, state: str) -> AsyncIterator[asyncio.Future[Brought]]:
    """Serves the redirect URI meanwhile; the future is what the browser brought.

    Raises ConfigError for an address that is not this machine's, or cannot be had.
    """
    answer: asyncio.Future[Brought] = asyncio.get_running_loop().create_future()

    async def callback(request: Request) -> Response:
        told = brought(request.url.query, state)
        if not told.is_ours:
            return _page("This is not the answer to the login that tradingd waits for.", 400)
        if answer.done():
            return _page("This login is over.", 410)
        answer.set_result(told)
        return _page("tradingd has the answer: go back to the terminal.", 200)

    listener, path = _bound(redirect_uri)
    server = _Server(
        uvicorn.Config(
            Starlette(routes=[Route(path, callback, methods=["GET"])]),
            http="h11",
            ws="none",
            lifespan="off",
            h11_max_incomplete_event_size=MAX_REQUEST_BYTES,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=1,
            proxy_headers=False,
            server_header=False,
            log_config=None,
            log_level=SILENT,
            access_log=False,  # of addresses, with their codes
        )
    )
    serving = asyncio.create_task(server.serve([listener]), name="login-listener")
    try:
        yield answer
    finally:
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Ctrl-C belongs to the command."""
        yield


def _bound(redirect_uri: str) -> tuple[socket.socket, str]:
    """A listening socket, and the path that is asked for."""
    parts = split(redirect_uri)
    host = str(parts.hostname) if parts else ""
    if parts is None or parts.scheme != "http" or not is_loopback(host):
        raise ConfigError(
            f"redirect_uri {redirect_uri} is not plain http on this machine: log in with --paste"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    place = ("127.0.0.1" if host == "localhost" else host, parts.port or 80)
    try:
        return socket.create_server(place, family=family), parts.path or "/"
    except OSError as error:
        raise ConfigError(
            f"redirect_uri {redirect_uri}: port {place[1]}: {error.strerror}:"
            " free it, or log in with --paste"
        ) from error


def _page(text: str, status: int) -> Response:
    return HTMLResponse(PAGE.format(text), status, HEADERS)
