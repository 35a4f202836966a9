"""The order side on the wire: who may trade, how often, and which call asks what of the desk.

An order call needs a token that is not read-only and comes from the registered address; it is
counted in windows of its own.
"""

import re
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from sandbox.accounts import AREAS, Accounts, Area
from sandbox.answers import Json, Refused, success
from sandbox.faults import kinds, spoilt_calls
from sandbox.faults.meddling import Meddling
from sandbox.limits import ORDERS, Windows
from sandbox.orders.account_routes import AccountRoutes
from sandbox.orders.answers import accepted, funds, funds_v2, order_row, position_row, trade_row
from sandbox.orders.closing_times import ClosingTimes
from sandbox.orders.desk import Desk
from sandbox.orders.order import Order, Trade
from sandbox.orders.portfolio_socket import DIRECT_PATH, STREAM_PATH, UPDATE_TYPES, PortfolioSockets
from sandbox.orders.terms import changed, placed
from sandbox.reading import body_of, page

Handler = Callable[[Request], Awaitable[Response]]
Guard = Callable[[Handler, Area], Handler]

ORDER_ID = re.compile(r"[A-Za-z0-9-]{1,40}")


class OrderSide:
    """The order calls and reads of one desk.

    Args:
        private: lets only a good token through, and counts, as for any other read.
        now_s: real time, by which order calls are counted.
    """

    def __init__(
        self, desk: Desk, accounts: Accounts, private: Guard, now_s: Callable[[], float]
    ) -> None:
        self.desk = desk
        self.sockets = PortfolioSockets(desk, accounts)
        Meddling(desk, ClosingTimes(desk))  # act on the desk by themselves
        self._account = AccountRoutes(desk, accounts)
        self._accounts = accounts
        self._private = private
        self._windows = Windows(ORDERS)
        self._now_s = now_s

    def routes(self) -> list[BaseRoute]:
        calls: list[tuple[str, str, Handler]] = [
            ("POST", "/v3/order/place", self._place),
            ("PUT", "/v3/order/modify", self._modify),
            ("DELETE", "/v3/order/cancel", self._cancel),
        ]
        reads: list[tuple[str, Handler, Area]] = [
            ("/v2/order/retrieve-all", self._book, Area.BOOK),
            ("/v2/order/details", self._details, Area.BOOK),
            ("/v2/order/history", self._history, Area.BOOK),
            ("/v2/order/trades", self._trades, Area.BOOK),
            ("/v2/order/trades/get-trades-for-day", self._trades_of_the_day, Area.BOOK),
            ("/v2/portfolio/short-term-positions", self._positions, Area.BOOK),
            ("/v2/portfolio/long-term-holdings", self._holdings, Area.BOOK),
            ("/v3/user/get-funds-and-margin", self._funds, Area.ACCOUNT),
            ("/v2/user/get-funds-and-margin", self._funds_v2, Area.ACCOUNT),
            (f"{DIRECT_PATH}/authorize", self._authorize, Area.ACCOUNT),
        ]
        return [
            *(Route(path, self._on_order_host(one), methods=[verb]) for verb, path, one in calls),
            *(Route(path, self._private(one, area), methods=["GET"]) for path, one, area in reads),
            *self._account.routes(self._ordering, self._private),
            WebSocketRoute(DIRECT_PATH, self.sockets.redirect),
            WebSocketRoute(STREAM_PATH, self.sockets.serve),
        ]

    # --- who may trade ---------------------------------------------------------------------------

    def _ordering(self, handler: Handler) -> Handler:
        """For holders of a token that may trade, at a registered address, not too often."""
        exchange = self.desk.exchange

        async def guarded(request: Request) -> Response:
            if (status := exchange.faults.word(kinds.HTML, exchange.now_ms())) is not None:
                return page(int(status))
            is_throttled = exchange.faults.on(kinds.THROTTLE, exchange.now_ms())
            if is_throttled or not self._windows.take(self._now_s()):
                raise Refused(429, "UDAPI10005", "Too Many Request Sent")
            kind, _, token = request.headers.get("authorization", "").partition(" ")
            now_ns = exchange.clock.now_ns()
            grant = self._accounts.grant(token, now_ns) if kind.lower() == "bearer" else None
            if grant is None:
                raise Refused(401, "UDAPI100050", "Invalid token used to access API")
            if Area.ORDERS not in AREAS[grant]:
                raise Refused(403, "UDAPI100067", f"API not permitted with an {grant} token")
            address = request.client.host if request.client else ""
            if not self._accounts.is_registered(address):
                raise Refused(403, "UDAPI1154", f"Static IP {address} is not registered")
            return await handler(request)

        return guarded

    def _on_order_host(self, handler: Handler) -> Handler:
        """What goes to the host of orders has faults of its own."""
        exchange, guarded = self.desk.exchange, self._ordering(handler)

        async def spoilt(request: Request) -> Response:
            await spoilt_calls.before(request, exchange)
            return await spoilt_calls.after(request, exchange, await guarded(request))

        return spoilt

    # --- calls -----------------------------------------------------------------------------------

    async def _place(self, request: Request) -> Response:
        body = await body_of(request)
        self.desk.settle()
        ids = self.desk.place(placed(body, self.desk.exchange.listing))
        return JSONResponse(accepted({"order_ids": ids}))

    async def _modify(self, request: Request) -> Response:
        body = await body_of(request)
        order_id = _order_id(body.get("order_id") if isinstance(body, dict) else None)
        self.desk.settle()
        self.desk.modify(order_id, lambda terms: changed(body, terms))
        return JSONResponse(accepted({"order_id": order_id}))

    async def _cancel(self, request: Request) -> Response:
        order_id = _order_id(request.query_params.get("order_id"))
        self.desk.settle()
        self.desk.cancel(order_id)
        return JSONResponse(accepted({"order_id": order_id}))

    # --- reads -----------------------------------------------------------------------------------

    async def _book(self, _: Request) -> Response:
        self.desk.settle()
        rows = [self._row(order) for order in self.desk.orders.values()]
        return JSONResponse(success([row for row in rows if row is not None]))

    async def _details(self, request: Request) -> Response:
        row = self._row(self._order(request))
        if row is None:
            raise Refused(400, "UDAPI100010", "Order not found")
        return JSONResponse(success(row))

    async def _history(self, request: Request) -> Response:
        """The states of one order, or of all that have a tag."""
        tag = request.query_params.get("tag")
        if tag is None:
            orders = [self._order(request)]
        else:
            self.desk.settle()
            orders = [one for one in self.desk.orders.values() if one.terms.tag == tag]
            wanted = request.query_params.get("order_id")
            orders = [one for one in orders if wanted in (None, one.order_id)]
        now_ms = self._known_ms()
        rows = [
            order_row(order, state)
            for order in orders
            for state in order.trail
            if state.time_ms <= now_ms
        ]
        if not rows:
            raise Refused(400, "UDAPI100010", "Order not found")
        return JSONResponse(success(rows))

    async def _trades(self, request: Request) -> Response:
        return self._trade_rows(self._order(request).trades)

    async def _trades_of_the_day(self, _: Request) -> Response:
        self.desk.settle()
        return self._trade_rows(self.desk.trades)

    def _trade_rows(self, trades: list[Trade]) -> Response:
        now_ms = self._known_ms()
        return JSONResponse(success([trade_row(one) for one in trades if one.time_ms <= now_ms]))

    def _row(self, order: Order) -> Json | None:
        """As far as the book knows."""
        state = order.as_of(self._known_ms())
        return None if state is None else order_row(order, state)

    def _known_ms(self) -> int:
        """The moment that the book tells: now, or long ago where that is the fault."""
        now_ms = self.desk.floor.now_ms
        stale_s = self.desk.exchange.faults.amount(kinds.STALE_BOOK, now_ms)
        return now_ms - round((stale_s or 0.0) * 1_000)

    async def _positions(self, _: Request) -> Response:
        self.desk.settle()
        rows = [
            position_row(one, *self.desk.price_and_close(one.listing))
            for one in self.desk.account.positions.values()
        ]
        return JSONResponse(success(rows))

    async def _holdings(self, _: Request) -> Response:
        """There are none: what is delivered stays a position here."""
        return JSONResponse(success([]))

    async def _funds(self, _: Request) -> Response:
        return JSONResponse(success(self._funds_of(funds)))

    async def _funds_v2(self, _: Request) -> Response:
        return JSONResponse(success(self._funds_of(funds_v2)))

    def _funds_of(self, layout: Callable[..., Json]) -> Json:
        self.desk.settle()
        return layout(self.desk.account, self.desk.working(), self.desk.prices())

    async def _authorize(self, request: Request) -> Response:
        types = request.query_params.get("update_types", "order")
        if not set(types.split(",")) <= set(UPDATE_TYPES):
            raise Refused(400, "UDAPI100036", f"update_types must be of {', '.join(UPDATE_TYPES)}")
        uri = self.sockets.authorised_uri(request.headers.get("host", ""), types)
        both = {"authorized_redirect_uri": uri, "authorizedRedirectUri": uri}
        return JSONResponse(success(both))

    def _order(self, request: Request) -> Order:
        order_id = _order_id(request.query_params.get("order_id"))
        self.desk.settle()
        return self.desk.order(order_id)


def _order_id(text: object) -> str:
    if not text:
        raise Refused(400, "UDAPI1023", "The order_id is required")
    if not isinstance(text, str) or not ORDER_ID.fullmatch(text):
        raise Refused(400, "UDAPI1010", "The order_id accepts only letters, digits and '-'")
    return text
