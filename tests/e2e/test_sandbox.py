"""The local exchange as a process: served, stopped, and refused with one line."""

import json
import signal
import urllib.request
from pathlib import Path

import pytest

from tests.cli.command import process
from tests.e2e.processes import Running


def test_it_serves_until_it_is_told_to_stop() -> None:
    sandbox = Running("sandbox", "--token", "T", "--day", "2026-08-05")
    try:
        address = sandbox.line_with("http://127.0.0.1:").split()[1].rstrip(",")
        request = urllib.request.Request(
            f"{address}/v2/user/profile", headers={"authorization": "Bearer T"}
        )
        with urllib.request.urlopen(request) as answer:
            told = json.load(answer)
        sandbox.send(signal.SIGTERM)

        assert 0 == sandbox.ended()
        assert "SANDBX" == told["data"]["user_id"]
        assert not any("token" in line for line in sandbox.lines)  # it was given
    finally:
        sandbox.close()


def test_its_market_is_open_unless_a_day_is_asked_for() -> None:
    sandbox = Running("sandbox", "--token", "T")
    try:
        address = sandbox.line_with("http://127.0.0.1:").split()[1].rstrip(",")
        request = urllib.request.Request(
            f"{address}/v2/market/status/NSE", headers={"authorization": "Bearer T"}
        )
        with urllib.request.urlopen(request) as answer:
            told = json.load(answer)

        assert "NORMAL_OPEN" == told["data"]["status"]
    finally:
        sandbox.close()


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["--day", "2026-10-02"], 2, "2026-10-02 has no session"),
        (["--day", "tomorrow"], 2, "tomorrow"),
        (["--symbols", "NOBODY"], 2, "unknown symbol NOBODY: the sandbox lists RELIANCE"),
        (["--fault", "drp=60"], 2, "unknown fault drp; did you mean drop"),
        (["--data", "nothing.parquet"], 3, "nothing.parquet"),
        (["--port", "70000"], 2, "--port"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], code: int, line: str, tmp_path: Path) -> None:
    done = process("sandbox", *arguments, cwd=tmp_path)

    assert code == done.code
    assert line in done.err
    assert "Traceback" not in done.err
