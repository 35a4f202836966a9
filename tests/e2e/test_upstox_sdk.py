"""The broker's official SDK, unchanged but for addresses, is served by the local exchange.

The SDK lives in an environment of its own, made once under `build/`; where it cannot be installed,
this says so and is skipped.
"""

import asyncio
import json
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from core.session import at_ist
from daemon.clocks import SystemClock
from sandbox.accounts import Accounts
from sandbox.server import Sandbox
from tests.sandbox.markets import DAY, exchange_by

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / "build" / "upstox-sdk-2.30.0"
CLIENT = Path(__file__).with_name("upstox_sdk_client.py")
ORDERS = Path(__file__).with_name("upstox_sdk_orders.py")
INSTALL_S, RUN_S = 300, 120

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sdk_python() -> Path:
    python = VENV / "bin" / "python"
    if not (VENV / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "upstox-python-sdk==2.30.0"]
        try:
            done = subprocess.run(pip, capture_output=True, text=True, timeout=INSTALL_S)
        except subprocess.TimeoutExpired:
            pytest.skip("upstox-python-sdk 2.30.0 could not be installed in time")
        if done.returncode:
            pytest.skip(f"upstox-python-sdk 2.30.0 cannot be installed: {done.stderr[-200:]}")
        (VENV / "installed").touch()
    return python


async def served(python: Path, script: Path) -> dict[str, Any]:
    """Run a script of the SDK's against a sandbox of this process; cut its line when it asks so."""
    noon, seconds = at_ist(DAY, "12:00"), count()
    sandbox = Sandbox(
        exchange_by(SystemClock.scaled(noon, 2.0)),
        Accounts("given", noon),
        now_s=lambda: float(next(seconds)),  # eleven order calls in a second are one too many
    )
    address = await sandbox.start()
    client = await asyncio.create_subprocess_exec(
        str(python), "-P", str(script), address, "given", stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={},
    )  # fmt: skip
    assert client.stdout is not None
    assert client.stderr is not None
    try:
        async with asyncio.timeout(RUN_S):
            lines = []
            while line := (await client.stdout.readline()).decode().strip():
                lines.append(line)
                if line == "CUT":
                    sandbox.sockets.cut_all()
            problem = (await client.stderr.read()).decode()[-2_000:]
            assert 0 == await client.wait(), problem
    finally:
        if client.returncode is None:
            client.kill()
        await sandbox.stop()
    told: dict[str, Any] = json.loads(lines[-1])
    return told


def test_the_official_sdk_is_served_as_by_the_broker(sdk_python: Path) -> None:
    told = asyncio.run(served(sdk_python, CLIENT))

    assert ("SANDBX", 1_000_000.0, 52.34) == (told["profile"], told["funds"], told["charges"])
    assert (360, 18, "NSE", "NORMAL_OPEN") == (
        told["history"],
        told["holidays"],
        told["timings"],
        told["status"],
    )
    assert ["NSE_EQ:RELIANCE", "NSE_INDEX:NIFTY 50"] == told["ltp"]
    assert told["intraday"].startswith("2026-08-05T11:59") or told["intraday"] > "2026-08-05T12:00"
    assert (True, "ws") == (told["quote"], told["authorize"])
    for mode in ("ltpc", "full", "option_greeks", "full_d30"):
        # The dictionary of a snapshot has no type: its number is zero.
        assert ["market_info", "live_feed"] == [told[mode][0], told[mode][2]], mode
    assert ["fullFeed", "requestMode"] == told["full_parts"]
    assert ["firstLevelWithGreeks", "requestMode"] == told["option_greeks_parts"]
    assert (True, True, ["NSE_EQ|INE002A01018"]) == (told["changed"], told["alone"], told["back"])


def test_the_official_sdk_trades_and_sees_what_becomes_of_it(sdk_python: Path) -> None:
    told = asyncio.run(served(sdk_python, ORDERS))
    placed = ["put order req received", "validation pending", "open pending"]
    changed = ["modify validation pending", "modify pending", "modified"]

    assert [*placed, "open", "complete"] == told["bought"]
    assert [*placed, "trigger pending", *changed, "open", "complete"] == told["sold"]
    cancelled = [*placed, "open", *changed, "open", "cancel pending", "cancelled"]
    assert cancelled == told["cancelled"] == told["trail"]
    assert [*placed[:2], "rejected"] == told["rejected"]
    assert ("400 UDAPI100040", "400 UDAPI1052") == (told["again"], told["wrong"])
    assert ["complete", "complete", "cancelled", "rejected"] == told["book"]
    assert ["7-E", "7-S", "T", "T"] == told["tags"]
    assert told["why"].startswith("You need to add Rs. ")
    assert ([1, True], 2) == (told["detail"], told["trades"])
    assert ([0, "RELIANCE"], 0.0) == (told["position"], told["used"])
    assert ([2, 2], [1, 1_200.0], 2) == (told["lines"], told["gtt"], told["cancelled_all"])
    assert ("ACTIVE", ["gtt_order", "order", "position"]) == (told["killed"], told["update_types"])
