"""What goes wrong between an order call and its answer.

The call itself is taken or not; that is all that the desk ever learns of it.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.answers import Refused, failure
from sandbox.faults import kinds
from sandbox.market.exchange import Exchange
from sandbox.market.world import MS_NS
from sandbox.orders.answers import accepted
from sandbox.reading import page

NOBODYS_ORDER = "990101000000001"


async def before(request: Request, exchange: Exchange) -> None:
    """What keeps a call from being taken. Raises Refused; or returns only once the caller left."""
    faults, now_ms = exchange.faults, exchange.now_ms()
    if faults.on(kinds.BLACK_HOLE, now_ms):
        await until_gone(request)
        raise Refused(500, "UDAPI100500", "Nobody is there to read this")
    if faults.on(kinds.ORDER_401, now_ms):
        raise Refused(401, "UDAPI100050", "Invalid token used to access API")
    if faults.on(kinds.ORDER_429, now_ms):
        raise Refused(429, "UDAPI10005", "Too Many Request Sent")
    if faults.word(kinds.ORDER_ANSWER, now_ms) == "500":
        raise Refused(500, "UDAPI100500", "Something went wrong")


async def after(request: Request, exchange: Exchange, answer: Response) -> Response:
    """What becomes of the answer to a call that was taken."""
    faults, now_ms = exchange.faults, exchange.now_ms()
    if faults.take(kinds.UNANSWERED, now_ms):
        await until_gone(request)
    if (late_s := faults.amount(kinds.LATE_ANSWER, now_ms)) is not None:
        await exchange.clock.sleep_until((now_ms + round(late_s * 1_000)) * MS_NS)
    match faults.word(kinds.ORDER_ANSWER, now_ms):
        case "taken-500":
            return JSONResponse(failure("UDAPI100500", "Something went wrong"), 500)
        case "taken-html":
            return page(502)
        case "taken-empty":
            return Response(status_code=200)
        case "taken-wrong-id":
            told = {"order_ids": [NOBODYS_ORDER], "order_id": NOBODYS_ORDER}
            return JSONResponse(accepted(told))
    return answer


async def until_gone(request: Request) -> None:
    """Say nothing for as long as somebody listens."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
