"""The rest of the order side on the wire: many orders at once, GTT, kill switch, addresses, margin.

What each does is decided elsewhere; who may ask is `routes.py`'s affair.
"""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.accounts import Accounts, Area
from sandbox.answers import Json, Refused, listing_of, success
from sandbox.orders.answers import accepted
from sandbox.orders.bulk import cancel_all, exit_all, place_all
from sandbox.orders.desk import Desk
from sandbox.orders.gtt import Gtts
from sandbox.orders.gtt_rules import gtt_row
from sandbox.orders.kill_switch import KillSwitch
from sandbox.orders.positions import MARGIN_PERCENT
from sandbox.orders.terms import INVALID
from sandbox.reading import body_of

Handler = Callable[[Request], Awaitable[Response]]

MAX_MARGINS = 20


class AccountRoutes:
    """Those of one desk."""

    def __init__(self, desk: Desk, accounts: Accounts) -> None:
        self._desk = desk
        self._accounts = accounts
        self._gtts = Gtts(desk)
        self._kill_switch = KillSwitch(desk)

    def routes(
        self, ordering: Callable[[Handler], Handler], private: Callable[[Handler, Area], Handler]
    ) -> list[BaseRoute]:
        """`ordering` guards order calls, `private` everything else."""
        calls: list[tuple[str, str, Handler]] = [
            ("POST", "/v2/order/multi/place", self._place_all),
            ("DELETE", "/v2/order/multi/cancel", self._cancel_all),
            ("POST", "/v2/order/positions/exit", self._exit_all),
            ("POST", "/v3/order/gtt/place", self._gtt_place),
            ("PUT", "/v3/order/gtt/modify", self._gtt_modify),
            ("DELETE", "/v3/order/gtt/cancel", self._gtt_cancel),
        ]
        others: list[tuple[str, str, Handler, Area]] = [
            ("GET", "/v3/order/gtt", self._gtt_list, Area.BOOK),
            ("GET", "/v2/user/kill-switch", self._killed, Area.ACCOUNT),
            ("POST", "/v2/user/kill-switch", self._kill, Area.ACCOUNT),
            ("GET", "/v2/user/ip", self._addresses, Area.ACCOUNT),
            ("PUT", "/v2/user/ip", self._register, Area.ACCOUNT),
            ("POST", "/v2/charges/margin", self._margin, Area.MARKET),
        ]
        return [
            *(Route(path, ordering(one), methods=[method]) for method, path, one in calls),
            *(Route(path, private(one, area), methods=[verb]) for verb, path, one, area in others),
        ]

    # --- many at once ----------------------------------------------------------------------------

    async def _place_all(self, request: Request) -> Response:
        body = await body_of(request)
        self._desk.settle()
        return _told(place_all(self._desk, body))

    async def _cancel_all(self, request: Request) -> Response:
        self._desk.settle()
        return _told(cancel_all(self._desk, *_tag_and_segment(request)))

    async def _exit_all(self, request: Request) -> Response:
        self._desk.settle()
        return _told(exit_all(self._desk, *_tag_and_segment(request)))

    # --- GTT -------------------------------------------------------------------------------------

    async def _gtt_place(self, request: Request) -> Response:
        return await self._gtt(request, self._gtts.place)

    async def _gtt_modify(self, request: Request) -> Response:
        return await self._gtt(request, self._gtts.modify)

    async def _gtt_cancel(self, request: Request) -> Response:
        return await self._gtt(request, self._gtts.cancel)

    async def _gtt(self, request: Request, call: Callable[[object], str]) -> Response:
        body = await body_of(request)
        self._desk.settle()
        return JSONResponse(accepted({"gtt_order_ids": [call(body)]}))

    async def _gtt_list(self, request: Request) -> Response:
        self._desk.settle()
        found = self._gtts.of(request.query_params.get("gtt_order_id"))
        return JSONResponse(success([gtt_row(one) for one in found]))

    # --- the account -----------------------------------------------------------------------------

    async def _killed(self, _: Request) -> Response:
        return JSONResponse(success(self._kill_switch.rows()))

    async def _kill(self, request: Request) -> Response:
        body = await body_of(request)
        self._desk.settle()
        return JSONResponse(success(self._kill_switch.change(body)))

    async def _addresses(self, _: Request) -> Response:
        return JSONResponse(success(self._registered()))

    async def _register(self, request: Request) -> Response:
        body = await body_of(request)
        asked = body if isinstance(body, dict) else {}
        given = [asked[name] for name in ("primary_ip", "secondary_ip") if asked.get(name)]
        try:
            addresses = [str(ip_address(one)) for one in given]
        except ValueError as error:
            raise Refused(400, INVALID, "Invalid IP address") from error
        if not addresses:
            raise Refused(400, INVALID, "primary_ip is required")
        self._accounts.register(addresses)
        return JSONResponse(success(self._registered() | {"access_tokens_invalidated": True}))

    def _registered(self) -> Json:
        primary, secondary = (*self._accounts.addresses, None)[:2]
        return {"primary_ip": primary, "secondary_ip": secondary}

    async def _margin(self, request: Request) -> Response:
        """What the broker would keep for each of a list of orders."""
        body = await body_of(request)
        asked = body.get("instruments") if isinstance(body, dict) else None
        if not isinstance(asked, list) or not 0 < len(asked) <= MAX_MARGINS:
            raise Refused(400, INVALID, f"1 to {MAX_MARGINS} instruments")
        self._desk.settle()
        kept = [self._margin_of(one) for one in asked]
        names = ("span_margin", "exposure_margin", "net_buy_premium", "additional_margin")
        none = dict.fromkeys((*names, "tender_margin"), 0.0)
        rows = [none | {"equity_margin": one, "total_margin": one} for one in kept]
        total = sum(kept)
        told = {"margins": rows, "required_margin": total, "final_margin": total}
        return JSONResponse(success(told))

    def _margin_of(self, asked: Json) -> float:
        listing = listing_of(self._desk.exchange, str(asked.get("instrument_key")))
        percent = MARGIN_PERCENT.get(str(asked.get("product")))
        if percent is None:
            raise Refused(400, INVALID, "product must be I or D")
        try:
            quantity, price = int(asked.get("quantity", 0)), float(asked.get("price") or 0)
        except (TypeError, ValueError) as error:
            raise Refused(400, INVALID, "quantity and price must be numbers") from error
        paise = round(price * 100) or self._desk.floor.last_paise(listing)
        return quantity * paise * percent / 10_000


def _tag_and_segment(request: Request) -> tuple[str | None, str | None]:
    return request.query_params.get("tag"), request.query_params.get("segment")


def _told(answer: Json) -> Response:
    """Of a call with parts: 207 where only some succeeded, 400 where none did."""
    codes = {"success": 200, "partial_success": 207, "error": 400}
    return JSONResponse(answer, codes[answer["status"]])
