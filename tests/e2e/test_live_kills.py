"""kill -9 of a real process that trades live at an exchange in another: every fill once, no order
twice."""

import json
import signal
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.consenting import consented
from tests.daemon.days import rows
from tests.e2e.processes import QUICK_DAY, STOP_S, running, wait_for_minutes

DAY, SPEED, KILLS = "2025-10-21", "40", 3
SETS = (*QUICK_DAY[QUICK_DAY.index("--set") + 1 :], "symbols=RELIANCE")
TOKEN = "given-to-it"


def told(address: str, path: str) -> list[dict[str, Any]]:
    """What the exchange says."""
    asked = urllib.request.Request(address + path, headers={"authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(asked) as answer:
        found: list[dict[str, Any]] = json.loads(answer.read())["data"]
    return found


@pytest.mark.slow
def test_a_live_process_that_is_killed_again_and_again_books_every_fill_once(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "var"
    sandbox = ("sandbox", "--day", DAY, "--speed", SPEED, "--seed", "5")
    with running(*sandbox, environ={"TRADINGD_SANDBOX_TOKEN": TOKEN}) as serving:
        address = serving.line_with("http://127.0.0.1:").split()[1].rstrip(",")
        sets = (*SETS, f"api={address}")
        ready = consented(tmp_path, directory, DAY, sets, feed="upstox")
        environ = {**ready.environ, "TRADINGD_UPSTOX_TOKEN": TOKEN}
        words = [*ready.words[:1], "--speed", SPEED, "--port", "0", *ready.words[1:]]
        for number in range(KILLS):
            with running(*words, environ=environ) as daemon:
                wait_for_minutes(daemon.address(), 7 * (number + 1))
                daemon.send(signal.SIGKILL)
                assert -signal.SIGKILL == daemon.ended()
        with running(*words, environ=environ) as daemon:
            wait_for_minutes(daemon.address(), 7 * KILLS + 3)
            daemon.send(signal.SIGTERM)
            assert 0 == daemon.ended(STOP_S)
        orders = told(address, "/v2/order/retrieve-all")
        trades = told(address, "/v2/order/trades/get-trades-for-day")
    tags = {one["order_id"]: one["tag"] for one in orders if one["tag"]}
    theirs = sorted((tags[one["order_id"]], one["trade_id"]) for one in trades)
    ours = sorted((row["order_id"], row["fill_id"]) for row in rows(directory, "fills"))

    assert len(ours) > 2
    assert theirs == ours
    assert {1} == set(Counter(tags.values()).values())
