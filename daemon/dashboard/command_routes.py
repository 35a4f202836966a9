"""The one route that changes something: halt, reduce, flatten and resume, as the command line does.

It goes the way of every command (`daemon/commands.py`) and is answered once the ledger has it. The
guard has asked for the token before, and bounds the body.
"""

import json
import os

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.types import Command
from daemon.commands import Asked, NotObeyed, Operator

COMMAND_PATH = "/api/command"
NAMES = tuple(command.name.lower() for command in Command)


def command_routes(operator: Operator) -> list[Route]:
    """POST {"command": NAME}; {} asks for nothing, and shows that the token is known."""

    async def command(request: Request) -> Response:
        name = _command_of(await request.body())
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
            "released": list(obeyed.released),
        }
        return JSONResponse({"success": True, "data": data})

    return [Route(COMMAND_PATH, command, methods=["POST"])]


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
