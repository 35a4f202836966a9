"""The local exchange on one loopback port: the broker's REST and its sockets.

Decides who may ask and how often; what is answered is made elsewhere, without a socket.
"""

import asyncio
import contextlib
import gzip
import hashlib
import json
import socket
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute

from core.errors import ConfigError
from sandbox import account_answers, answers
from sandbox.accounts import AREAS, CLIENT_ID, CLIENT_SECRET, USER, Accounts, Area
from sandbox.answers import Json, Refused, failure, success
from sandbox.faults import kinds
from sandbox.feed.sockets import FEED_PATH, FeedSockets
from sandbox.limits import STANDARD, Windows
from sandbox.lines import Line, Patience
from sandbox.market.exchange import Exchange
from sandbox.orders.desk import Desk
from sandbox.orders.routes import OrderSide
from sandbox.reading import page

CASH_PAISE = 10_00_000_00
PING_EVERY_S = 5.0  # the feed's only sign of life in a quiet market
STOP_WAIT_S = 1
SILENT = 100

Handler = Callable[[Request], Awaitable[Response]]


class Sandbox:
    """Serves an exchange from `start` to `stop`.

    Args:
        waits: market time stands still until what was sent has been read. For an exchange that
            shares a virtual clock with its reader: a day is then the same on any machine.
        now_s: real time, by which requests are counted; None: that of the running loop.
    """

    def __init__(
        self,
        exchange: Exchange,
        accounts: Accounts,
        *,
        port: int = 0,
        waits: bool = False,
        now_s: Callable[[], float] | None = None,
    ) -> None:
        self._now_s = now_s or (lambda: asyncio.get_running_loop().time())
        self._exchange = exchange
        self._accounts = accounts
        self._port = port
        self._windows = Windows(STANDARD)
        self._patience = Patience(exchange) if waits else None
        self.sockets = FeedSockets(exchange, accounts, self._patience)
        self.orders = OrderSide(Desk(exchange, CASH_PAISE), accounts, self._private, self._now_s)
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._masters = {
            name: _packed(rows)
            for name, rows in (
                ("NSE", account_answers.master(exchange.listed)),
                ("complete", account_answers.master(exchange.listed)),
                ("NSE_MIS", account_answers.intraday_master(exchange.listed)),
            )
        }
        self.app = Starlette(
            routes=[
                *self._login_routes(),
                *self._public_routes(),
                *self._private_routes(),
                *self.orders.routes(),
                WebSocketRoute("/v3/feed/market-data-feed", self.sockets.redirect),
                WebSocketRoute(FEED_PATH, self.sockets.serve),
            ],
            exception_handlers={HTTPException: _unrouted, Refused: _refused},
        )

    # --- life ------------------------------------------------------------------------------------

    async def start(self) -> str:
        """Listen; returns the address. Raises ConfigError where the port cannot be had."""
        try:
            listener = socket.create_server(("127.0.0.1", self._port))
        except OSError as error:
            raise ConfigError(f"port {self._port}: {error.strerror}") from error
        # For every connection taken from it: two writes in a row would wait 40 ms for an ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server = _Server(
            uvicorn.Config(
                self.app,
                ws=cast("type[asyncio.Protocol]", partial(Line, patience=self._patience)),
                ws_ping_interval=PING_EVERY_S,
                ws_max_size=1 << 20,
                lifespan="off",
                timeout_graceful_shutdown=STOP_WAIT_S,
                server_header=False,
                log_config=None,
                log_level=SILENT,
                access_log=False,
            )
        )
        self._serving = asyncio.create_task(self._server.serve([listener]), name="sandbox")
        await self._server.ready.wait()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    async def stop(self) -> None:
        """Close every connection. May be called twice."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving

    # --- routes ----------------------------------------------------------------------------------

    def _login_routes(self) -> list[Route]:
        return [
            Route("/v2/login/authorization/dialog", self._dialog),
            Route("/v2/login/authorization/token", self._token, methods=["POST"]),
            Route("/v2/logout", self._private(self._logout), methods=["DELETE"]),
            Route("/market-quote/instruments/exchange/{name}.json.gz", self._master),
        ]

    def _public_routes(self) -> list[Route]:
        """Candles, holidays and timings: the SDK asks for them without a token."""
        exchange, candles = self._exchange, "/v3/historical-candle"
        asked: list[tuple[str, Callable[..., Json]]] = [
            (candles + "/intraday/{key}/{unit}/{interval}", answers.intraday),
            (candles + "/{key}/{unit}/{interval}/{to}", answers.historical),
            (candles + "/{key}/{unit}/{interval}/{to}/{since}", answers.historical),
            ("/v2/market/holidays", answers.holidays),
            ("/v2/market/holidays/{date}", answers.holidays),
            ("/v2/market/timings/{date}", answers.timings),
        ]
        return [
            Route(path, self._counted(_answering(answer, exchange)), methods=["GET"])
            for path, answer in asked
        ]

    def _private_routes(self) -> list[Route]:
        exchange = self._exchange

        async def last_prices(request: Request) -> Response:
            return JSONResponse(answers.last_prices(exchange, _asked(request, "instrument_key")))

        async def ohlc(request: Request) -> Response:
            keys, interval = _asked(request, "instrument_key"), _asked(request, "interval")
            return JSONResponse(answers.ohlc(exchange, keys, interval))

        async def quotes(request: Request) -> Response:
            return JSONResponse(answers.full_quotes(exchange, _asked(request, "instrument_key")))

        async def status(request: Request) -> Response:
            return JSONResponse(answers.status(exchange, request.path_params["exchange"]))

        async def profile(_: Request) -> Response:
            return JSONResponse(account_answers.profile())

        async def brokerage(request: Request) -> Response:
            names = ("instrument_token", "quantity", "transaction_type", "price")
            return JSONResponse(
                account_answers.brokerage(exchange, *(_asked(request, name) for name in names))
            )

        async def authorize(request: Request) -> Response:
            uri = self.sockets.authorised_uri(request.headers.get("host", ""))
            both = {"authorized_redirect_uri": uri, "authorizedRedirectUri": uri}
            return JSONResponse(success(both))

        asked: list[tuple[str, Handler, Area]] = [
            ("/v3/market-quote/ltp", last_prices, Area.MARKET),
            ("/v3/market-quote/ohlc", ohlc, Area.MARKET),
            ("/v3/market-quote/quotes", quotes, Area.MARKET),
            ("/v2/market/status/{exchange}", status, Area.MARKET),
            ("/v2/user/profile", profile, Area.ACCOUNT),
            ("/v2/charges/brokerage", brokerage, Area.MARKET),
            ("/v3/feed/market-data-feed/authorize", authorize, Area.MARKET),
        ]
        return [
            Route(path, self._private(handler, area), methods=["GET"])
            for path, handler, area in asked
        ]

    # --- who may ask -----------------------------------------------------------------------------

    def _private(self, handler: Handler, area: Area | None = None) -> Handler:
        """For holders of a token; of one that may ask in `area`, if there is one."""

        async def guarded(request: Request) -> Response:
            grant = self._accounts.grant(_bearer(request), self._exchange.clock.now_ns())
            if grant is None:
                raise Refused(401, "UDAPI100050", "Invalid token used to access API")
            if area is not None and area not in AREAS[grant]:
                raise Refused(403, "UDAPI100067", f"API not permitted with an {grant} token")
            return await handler(request)

        return self._counted(guarded)

    def _counted(self, handler: Handler) -> Handler:
        async def counted(request: Request) -> Response:
            faults, now_ms = self._exchange.faults, self._exchange.now_ms()
            if (status := faults.word(kinds.HTML, now_ms)) is not None:
                return page(int(status))
            if not self._windows.take(self._now_s()) or faults.on(kinds.THROTTLE, now_ms):
                raise Refused(429, "UDAPI10005", "Too Many Request Sent")
            return await handler(request)

        return counted

    # --- login -----------------------------------------------------------------------------------

    async def _dialog(self, request: Request) -> Response:
        """The broker's page, with everything filled in: straight back with a code."""
        asked = request.query_params
        redirect, state = asked.get("redirect_uri", ""), asked.get("state")
        code = self._accounts.code(
            asked.get("client_id", ""), redirect, self._exchange.clock.now_ns()
        )
        if code is None or asked.get("response_type") != "code":
            raise Refused(401, "UDAPI100016", "Invalid Credentials")
        told = {"code": code} | ({} if state is None else {"state": state})
        return RedirectResponse(f"{redirect}?{urlencode(told)}", 302)

    async def _token(self, request: Request) -> Response:
        asked = dict(parse_qsl((await request.body()).decode("latin-1")))
        names = ("code", "client_id", "client_secret", "redirect_uri")
        code, client_id, secret, redirect = (asked.get(name, "") for name in names)
        if asked.get("grant_type") != "authorization_code":
            raise Refused(400, "UDAPI100040", "grant_type must be authorization_code")
        now_ns = self._exchange.clock.now_ns()
        made = self._accounts.exchange(code, client_id, secret, redirect, now_ns)
        if made is None:
            if (client_id, secret) != (CLIENT_ID, CLIENT_SECRET):
                raise Refused(401, "UDAPI100016", "Invalid Credentials")
            raise Refused(401, "UDAPI100057", "Invalid Auth code")
        return JSONResponse(USER | {"access_token": made[0], "extended_token": made[1]})

    async def _logout(self, request: Request) -> Response:
        self._accounts.revoke(_bearer(request))
        return JSONResponse(success(data=True))

    async def _master(self, request: Request) -> Response:
        if self._exchange.faults.on(kinds.NO_MASTER, self._exchange.now_ms()):
            return page(403)
        found = self._masters.get(request.path_params["name"])
        if found is None:
            return Response("Not Found", 404)
        packed, tag = found
        headers = {"etag": tag, "content-type": "application/gzip"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(packed, headers=headers)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Signals belong to whoever started it."""
        yield


def _answering(answer: Callable[..., Json], exchange: Exchange) -> Handler:
    async def handler(request: Request) -> Response:
        return JSONResponse(answer(exchange, **request.path_params))

    return handler


def _asked(request: Request, name: str) -> str:
    value = request.query_params.get(name)
    if value is None:
        raise Refused(400, "UDAPI1009", f"{name} is required")
    return value


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token if kind.lower() == "bearer" else ""


def _packed(rows: list[Json]) -> tuple[bytes, str]:
    """Gzipped JSON and its ETag; the same rows, the same bytes."""
    packed = gzip.compress(json.dumps(rows).encode(), mtime=0)
    return packed, f'"{hashlib.sha256(packed).hexdigest()[:32]}"'


async def _refused(_: Request, error: Any) -> Response:
    return JSONResponse(failure(error.code, str(error)), error.status)


async def _unrouted(_: Request, error: Any) -> Response:
    return JSONResponse(failure("UDAPI100060", "Resource not Found."), error.status_code)
