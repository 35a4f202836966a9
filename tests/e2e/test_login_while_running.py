"""A token in the life of a real daemon: taken back while it runs, and made anew by `login`."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.cli.command import call
from tests.cli.test_login_commands import free_port
from tests.e2e.processes import (
    PATIENCE_S,
    QUICK_DAY,
    Running,
    asked,
    running,
)

SETS = QUICK_DAY[QUICK_DAY.index("--set") :]
SPEED = "30"
MOST_QUESTIONS = 100_000


def log_in(broker: str, directory: Path) -> None:
    """`tradingd login`, with httpx for a browser."""
    login = Running(
        *("login", "--api", broker, "--state-dir", str(directory), "--api-key", "sandbox-app"),
        *("--redirect", f"http://127.0.0.1:{free_port()}/back"),
        environ={"TRADINGD_UPSTOX_CLIENT_SECRET": "sandbox-secret"},
    )
    try:
        address = login.line_with("log in at").split()[-1]
        login.line_with("waiting")
        httpx.get(address, follow_redirects=True, timeout=PATIENCE_S)
        assert 0 == login.ended()
    finally:
        login.close()


def wait_until(address: str, holds: Callable[[dict[str, object]], bool]) -> dict[str, object]:
    """Until the page's daemon is as wanted."""
    for _ in range(MOST_QUESTIONS):
        told = asked(address, "/api/daemon-state")["data"]
        if holds(told):
            return dict(told)
    raise AssertionError(f"not so after {MOST_QUESTIONS} questions: {json.dumps(told)}")


@pytest.mark.slow
def test_a_login_brings_the_feed_of_a_running_daemon_back(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sandbox = ("sandbox", "--day", "2025-10-21", "--speed", SPEED, "--seed", "5")
    with running(*sandbox, "--fault", "drop=30") as exchange:
        broker = exchange.line_with("http://127.0.0.1:").split()[1].rstrip(",")
        log_in(broker, tmp_path)
        words = ("--feed", "upstox", "--speed", SPEED, "--port", "0", "--symbols", "RELIANCE")
        place = ("--state-dir", str(tmp_path), *SETS, f"api={broker}")
        with running("run", *words, *place) as daemon:
            page = daemon.address()
            wait_until(page, lambda told: bool(told["feed_up"]))
            left = call(capfd, "login", "--logout", "--api", broker, "--state-dir", str(tmp_path))
            lost = wait_until(page, lambda told: "tradingd login" in str(told["doubts"]))
            status = call(capfd, "status", "--state-dir", str(tmp_path))
            log_in(broker, tmp_path)
            back = wait_until(page, lambda told: not told["doubts"])

    assert 0 == left.code
    assert not lost["feed_up"]
    assert "run `tradingd login`" in status.out
    assert back["feed_up"]
