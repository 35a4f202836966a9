"""The routes of the backtest tab: the runs, one of them as a page, and a new one.

A run's page is another document: its answer puts it into a sandbox of its own, from which it can
ask this daemon for nothing. What a request says is not repeated.
"""

import asyncio
import json
from typing import Any

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from daemon.backtests import Backtests, Busy, Wanted

BACKTESTS_PATH = "/api/backtests"
KEYS = {"from": "from_day", "to": "to_day", "set": "sets"}  # as the command line names them
SANDBOXED = {"Content-Security-Policy": "sandbox allow-scripts; frame-ancestors 'none'"}


def backtest_routes(backtests: Backtests) -> list[Route]:
    """GET lists; POST {"strategy", "symbols", "from", "to", "set"} begins a run, {"stop": true}
    ends it."""

    async def runs(request: Request) -> Response:
        if request.method == "POST":
            return await change(request)
        return JSONResponse({"success": True, "data": await asyncio.to_thread(backtests.listed)})

    async def change(request: Request) -> Response:
        asked = asked_for(await request.body())
        if asked is None:
            return JSONResponse({"success": True, "data": {"stopped": await backtests.stop()}})
        try:
            run_id = await backtests.start(asked)
        except Busy as error:
            raise HTTPException(409, str(error)) from error
        return JSONResponse({"success": True, "data": {"id": run_id}})

    async def report(request: Request) -> Response:
        path = backtests.report(request.path_params["run_id"])
        if path is None:
            raise HTTPException(404)
        return FileResponse(path, media_type="text/html; charset=utf-8", headers=SANDBOXED)

    return [
        Route(BACKTESTS_PATH, runs, methods=["GET", "POST"]),
        Route(BACKTESTS_PATH + "/{run_id}/report", report),
    ]


def asked_for(body: bytes) -> Wanted | None:
    """None: the running one is to stop. Raises HTTPException 400 that names the key."""
    try:
        said: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the body is not JSON") from error
    if not isinstance(said, dict):
        raise HTTPException(400, "the body is an object")
    if said == {"stop": True}:
        return None
    values = {KEYS.get(str(name), str(name)): said[name] for name in said if said[name]}
    try:
        return Wanted.model_validate(values)
    except ValidationError as error:
        wrong = {str(one["loc"][0]) for one in error.errors() if one["loc"]}
        names = {field: name for name, field in KEYS.items()}
        known = sorted(names.get(one, one) for one in wrong & set(Wanted.model_fields))
        raise HTTPException(
            400, f"not allowed: {', '.join(known)}" if known else "a key is not known"
        ) from error
