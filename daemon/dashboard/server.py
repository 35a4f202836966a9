"""The dashboard's socket: uvicorn inside the daemon's own loop, on this machine unless told else.

The daemon owns signals, log and shutdown; the server is told to stop and never exits by itself.
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Generator, Sequence
from ipaddress import IPv6Address, ip_address

import uvicorn
from pydantic import SecretStr
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from core.errors import ConfigError
from daemon.commands import Operator
from daemon.dashboard.app import create_app
from daemon.dashboard.source import DayQueries, Source
from daemon.upstox.settings import is_loopback

MAX_CONNECTIONS = 32
MAX_HEADER_BYTES = 16_384
REQUEST_WAIT_S = 5  # for a connection's first request, and between requests
STOP_WAIT_S = 1  # for clients that do not read their last answer
SILENT = 100  # above every level; what fails is logged by the app itself


class DashboardServer:
    """Serves the page from `start` to `stop`.

    Args:
        host: an address or "localhost"; what is open to others is a rule of `daemon/config.py`.
        port: 0 takes any free one.
        names: further ones that a Host header may carry.
        operator, token: who takes commands, and what has to be told to give one.
        more: further routes, which only read.
    """

    def __init__(
        self,
        source: Source,
        queries: DayQueries | None = None,
        *,
        host: str = "127.0.0.1",
        port: int,
        names: Sequence[str] = (),
        operator: Operator | None = None,
        token: SecretStr | None = None,
        more: Sequence[Route] = (),
    ) -> None:
        self._address = "127.0.0.1" if host == "localhost" else host
        self._port = port
        self.app = create_app(
            source,
            queries,
            operator,
            allowed_hosts=frozenset(
                {"localhost", "127.0.0.1", "[::1]", _in_url(self._address), *names}
            ),
            token=token,
            open_reads=is_loopback(self._address),
            more=more,
        )
        self.streams = self.app.streams
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Listen; returns the page's address. Raises ConfigError where the port cannot be had."""
        listener = _bound(self._address, self._port)
        port = listener.getsockname()[1]
        self._server = _Server(
            uvicorn.Config(
                self.app,
                http=_Connection,
                ws="none",
                lifespan="off",
                backlog=MAX_CONNECTIONS,
                h11_max_incomplete_event_size=MAX_HEADER_BYTES,
                timeout_keep_alive=REQUEST_WAIT_S,
                timeout_graceful_shutdown=STOP_WAIT_S,
                proxy_headers=False,
                server_header=False,
                log_config=None,
                log_level=SILENT,
                access_log=False,
            )
        )
        self._serving = asyncio.create_task(self._server.serve([listener]), name="dashboard")
        ready = asyncio.create_task(self._server.ready.wait(), name="dashboard-ready")
        await asyncio.wait({self._serving, ready}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._serving.done():
            listener.close()
            self._serving.result()
        return f"http://{_in_url(self._address)}:{port}"

    async def stop(self) -> None:
        """End the streams, answer what is being answered, close. May be called twice."""
        if self._server is None or self._serving is None:
            return
        self.streams.close()
        self._server.should_exit = True
        await self._serving


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """SIGTERM and SIGINT belong to the daemon."""
        yield


class _Connection(H11Protocol):
    """uvicorn bounds requests, not connections that stay silent: those are bounded here."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self.loop.call_later(REQUEST_WAIT_S, self._abort_if_silent)

    def _abort_if_silent(self) -> None:
        if self.cycle is None:  # no request is complete yet
            self.transport.abort()


def _bound(address: str, port: int) -> socket.socket:
    """A listening socket, taken before anything else is built on it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=MAX_CONNECTIONS)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(f"dashboard port {port} is taken: choose another one") from error
        raise ConfigError(f"dashboard cannot listen on {address}:{port}: {error}") from error


def _in_url(address: str) -> str:
    return f"[{address}]" if isinstance(ip_address(address), IPv6Address) else address
