"""Reads the JSON of a request, or refuses it in the broker's words."""

import json
from typing import Any

from starlette.requests import Request

from sandbox.answers import Refused
from sandbox.order_terms import INVALID


async def body_of(request: Request) -> Any:
    """Whatever JSON it is. Raises Refused."""
    try:
        return json.loads(await request.body())
    except ValueError as error:
        raise Refused(400, INVALID, "Invalid input passed to the API") from error
