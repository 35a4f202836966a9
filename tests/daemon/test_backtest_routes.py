"""The backtest tab's routes: who may ask for what, and a report that can ask for nothing."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from daemon.backtests import Backtests
from daemon.dashboard.app import create_app
from daemon.dashboard.backtest_routes import BACKTESTS_PATH, backtest_routes
from daemon.dashboard.guard import TOKEN_HEADER
from tests.daemon.scanned import SECRET, new_source

KNOWN = {TOKEN_HEADER: SECRET}
WAITS = "import sys; sys.stdin.read(); import os; os.read(os.pipe()[0], 1)"


def asking(folder: Path, act: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    async def main() -> None:
        backtests = Backtests(folder, [sys.executable, "-c", WAITS])
        app = create_app(
            new_source(),
            allowed_hosts=frozenset({"localhost"}),
            token=SecretStr(SECRET),
            more=backtest_routes(backtests),
        )
        transport = httpx.ASGITransport(app)
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as one:
                await act(one)
        finally:
            await backtests.stop()

    asyncio.run(main())


def test_a_run_is_begun_listed_and_stopped_by_who_knows_the_token(tmp_path: Path) -> None:
    async def act(client: httpx.AsyncClient) -> None:
        body = {"strategy": "pixity", "symbols": ["TCS"], "from": "2026-07-20", "to": "", "set": []}
        assert (await client.post(BACKTESTS_PATH, json=body)).status_code == 401
        begun = await client.post(BACKTESTS_PATH, json=body, headers=KNOWN)
        assert begun.json() == {"success": True, "data": {"id": "0001"}}
        assert (await client.post(BACKTESTS_PATH, json=body, headers=KNOWN)).status_code == 409
        (told,) = (await client.get(BACKTESTS_PATH)).json()["data"]
        assert (told["state"], told["request"]["from_day"]) == ("running", "2026-07-20")
        stopped = await client.post(BACKTESTS_PATH, json={"stop": True}, headers=KNOWN)
        assert stopped.json()["data"] == {"stopped": True}
        (told,) = (await client.get(BACKTESTS_PATH)).json()["data"]
        assert (told["state"], told["reason"]) == ("failed", "stopped")

    asking(tmp_path, act)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"strategy": "<b>"}, "not allowed: strategy"),
        ({"from": "soon", "set": ["--config=x"]}, "not allowed: from, set"),
        ({"symbols": "TCS"}, "not allowed: symbols"),
        ({"<b>": 1}, "a key is not known"),
        ([], "the body is an object"),
    ],
)
def test_what_is_no_backtest_is_refused_without_repeating_it(
    tmp_path: Path, body: Any, said: str
) -> None:
    async def act(client: httpx.AsyncClient) -> None:
        answer = await client.post(BACKTESTS_PATH, json=body, headers=KNOWN)
        assert (answer.status_code, answer.json()["error"]) == (400, said)
        answer = await client.post(
            BACKTESTS_PATH, content=b"{", headers=KNOWN | {"content-type": "application/json"}
        )
        assert answer.json()["error"] == "the body is not JSON"

    asking(tmp_path, act)
    assert not (tmp_path / "backtests").exists()


def test_a_report_lies_in_a_sandbox_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "backtests/0001").mkdir(parents=True)
    (tmp_path / "backtests/0001/report.html").write_text("<!doctype html>")

    async def act(client: httpx.AsyncClient) -> None:
        answer = await client.get(f"{BACKTESTS_PATH}/0001/report")
        assert (answer.status_code, answer.text) == (200, "<!doctype html>")
        policy = answer.headers["content-security-policy"]
        assert policy == "sandbox allow-scripts; frame-ancestors 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        for other in ("0002", "..", "%2e%2e%2f0001"):
            assert (await client.get(f"{BACKTESTS_PATH}/{other}/report")).status_code == 404

    asking(tmp_path, act)
