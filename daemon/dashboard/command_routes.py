"""The one route that changes something: halt, reduce, flatten and resume, as the command line does.

It goes the way of every command (`daemon/commands.py`) and is answered once the ledger has it. The
guard has asked for the token before.
"""

import asyncio
import json
import os

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.types import Command
from daemon.commands import Asked, NotObeyed, Operator
from daemon.dashboard.guard import MAX_BODY_BYTES

COMMAND_PATH = "/api/command"
NAMES = tuple(command.name.lower() for command in Command)
BODY_WAIT_S = 5.0


def command_routes(operator: Operator) -> list[Route]:
    """POST {"command": NAME}; {} asks for nothing, and shows that the token is known."""

    async def command(request: Request) -> Response:
        name = _command_of(await _body(request))
        if name is None:
            return JSONResponse({"success": True, "data": {}})
        client = request.client.host if request.client else "unknown"
        # The process that asks is our own: the browser's, on whichever machine, is not known.
        asked = Asked(Command[name.upper()], f"page@{client}", os.getpid())
        obeyed = await operator.ask(asked)
        if isinstance(obeyed, NotObeyed):
            raise HTTPException(503 if obeyed.try_again else 409, obeyed.reason)
        data = {
            "command": name,
            "trading_state": obeyed.state.name,
            "exits": obeyed.exits,
            "cancelled": obeyed.cancelled,
        }
        return JSONResponse({"success": True, "data": data})

    return [Route(COMMAND_PATH, command, methods=["POST"])]


async def _body(request: Request) -> bytes:
    """What was sent, within its bounds of length and time."""
    body = b""
    try:
        async with asyncio.timeout(BODY_WAIT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise HTTPException(413, f"a body has at most {MAX_BODY_BYTES} bytes")
    except TimeoutError as error:
        raise HTTPException(408) from error
    except ClientDisconnect as error:
        raise HTTPException(400) from error
    return body


def _command_of(body: bytes) -> str | None:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the body is not JSON") from error
    if said == {}:
        return None
    if not isinstance(said, dict) or list(said) != ["command"] or said["command"] not in NAMES:
        allowed = ", ".join(NAMES)
        raise HTTPException(400, f'the body is {{"command": "..."}} with one of {allowed}')
    return str(said["command"])
