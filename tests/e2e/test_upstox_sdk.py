"""The broker's official SDK, unchanged but for addresses, is served by the local exchange.

The SDK lives in an environment of its own, made once under `build/`; where it cannot be installed,
this says so and is skipped.
"""

import asyncio
import json
import subprocess
import sys
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


async def served(python: Path) -> dict[str, Any]:
    """Run the SDK's client against a sandbox of this process; cut its line when it asks for it."""
    noon = at_ist(DAY, "12:00")
    sandbox = Sandbox(exchange_by(SystemClock.scaled(noon, 2.0)), Accounts("given", noon))
    address = await sandbox.start()
    client = await asyncio.create_subprocess_exec(
        str(python), "-P", str(CLIENT), address, "given", stdout=subprocess.PIPE,
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
    told = asyncio.run(served(sdk_python))

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
