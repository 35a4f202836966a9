"""Reads the JSON of a request, or refuses it; and the page that is no JSON at all."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.answers import Refused
from sandbox.orders.terms import INVALID


async def body_of(request: Request) -> Any:
    """Whatever JSON it is. Raises Refused."""
    try:
        return json.loads(await request.body())
    except ValueError as error:
        raise Refused(400, INVALID, "Invalid input passed to the API") from error


def page(status: int) -> Response:
    """What stands at the broker's gate, and not the broker itself, answers."""
    text = "<!DOCTYPE html><html><title>Access denied</title><body>error code: 1010</body></html>"
    return Response(text, status, media_type="text/html")
