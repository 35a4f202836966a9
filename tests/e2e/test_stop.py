"""SIGTERM in each state of a process, as a service manager sends it and hears of it."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.processes import PATIENCE_S, QUICK_DAY, ROOT, STOP_S, Running, result_of, running


class Manager:
    """What a service manager does with NOTIFY_SOCKET: it listens."""

    def __init__(self, listener: socket.socket, command: Running) -> None:
        self._listener = listener
        self._command = command
        self.heard: list[str] = []

    def wait_for(self, words: str) -> None:
        while True:
            try:
                message = self._listener.recv(4_096).decode()
            except TimeoutError:
                self._command.close()
                code = self._command.ended()
                raise AssertionError(f"{self.heard}, {code}, {self._command.lines}") from None
            self.heard += message.splitlines()
            if words in message:
                return

    def rest(self) -> list[str]:
        self._listener.setblocking(False)
        while True:
            try:
                self.heard += self._listener.recv(4_096).decode().splitlines()
            except BlockingIOError:
                return self.heard


@contextmanager
def managed(folder: Path, *arguments: str, **environ: str) -> Iterator[tuple[Running, Manager]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(folder / "notify"))
        listener.settimeout(PATIENCE_S / 3)
        environ |= {"NOTIFY_SOCKET": listener.getsockname()}
        with running(*arguments, environ=environ) as command:
            yield command, Manager(listener, command)


def a_day(directory: Path, speed: str) -> list[str]:
    return ["run", "--speed", speed, "--port", "0", "--state-dir", str(directory), *QUICK_DAY]


@pytest.mark.parametrize(
    ("state", "speed", "said"),
    [
        pytest.param("STATUS=starting: ledger", "60", "", marks=pytest.mark.slow),
        pytest.param("STATUS=starting: history", "60", "", marks=pytest.mark.slow),
        pytest.param("STATUS=playing", "600", "left, the next start goes on here"),
        pytest.param(
            "STATUS=evening", "max", "complete: 375 of 375 Minutes", marks=pytest.mark.slow
        ),
    ],
)
def test_a_termination_in_each_state_ends_in_order_within_five_seconds(
    state: str, speed: str, said: str, tmp_path: Path
) -> None:
    directory = tmp_path / "state"
    with managed(tmp_path, *a_day(directory, speed)) as (command, manager):
        manager.wait_for(state)
        command.send(signal.SIGTERM)
        code = command.ended(STOP_S)
        told = manager.rest()

    assert code == 0, command.lines
    assert "STOPPING=1" in told
    assert said in "\n".join(command.lines)
    assert not [line for line in command.lines if "Traceback" in line or '"error"' in line]


@pytest.mark.slow
def test_a_second_interrupt_ends_at_once_and_the_day_goes_on(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    with managed(tmp_path, *a_day(directory, "60")) as (command, manager):
        manager.wait_for("starting: history")
        command.send(signal.SIGINT)
        manager.wait_for("STOPPING=1")
        command.send(signal.SIGINT)
        code = command.ended(STOP_S)

    assert code in (130, 0)  # 0: the first had done its work before the second came
    code, lines = result_of(*a_day(directory, "max"))

    assert code == 0, lines
    assert any("complete: 375 of 375 Minutes" in line for line in lines)


def test_a_start_names_its_steps_and_then_feeds_the_watchdog(tmp_path: Path) -> None:
    environ = {"WATCHDOG_USEC": "1000000"}
    with managed(tmp_path, *a_day(tmp_path / "state", "600"), **environ) as (command, manager):
        manager.wait_for("READY=1")
        manager.wait_for("WATCHDOG=1")
        command.send(signal.SIGTERM)
        code = command.ended(STOP_S)
    steps = [line for line in manager.heard if line.startswith("STATUS=starting")]

    assert code == 0
    assert steps == [
        f"STATUS=starting: {one}" for one in ("ledger", "market store", "page", "history")
    ]


STALLING = """
import asyncio
from daemon import telemetry
from daemon.pulse.heart import attended
from daemon.pulse.vitals import Vitals
from daemon.pulse.watchdog import Watchdog

async def stalling():
    vitals = Vitals()
    vitals.started("playing")
    async with attended(vitals, Watchdog()):
        await asyncio.sleep(0.2)
        while True:
            pass

telemetry.configure()
asyncio.run(stalling())
"""


@pytest.mark.slow
def test_a_loop_that_stands_still_is_ended_with_70_and_told_where() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STALLING],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    [_, line] = ended.stderr.splitlines()  # after `started`
    told = json.loads(line)

    assert 70 == ended.returncode
    assert ("loop_stalled", "error") == (told["event"], told["level"])
    assert told["where"][-1].endswith(" stalling")
