"""The command in a process of its own: started, listened to with patience, signalled, ended."""

import http.client
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-c", "from cli.main import main; main()")
PATIENCE_S = 180.0  # for what takes seconds, on a machine that compiles kernels for the first time
STOP_S = 5.0  # design.md 7: SIGTERM to exit
QUICK_DAY = (
    "--feed synthetic --symbols RELIANCE --set history_sessions=4 timeframe=5m ema_fast=3"
    " ema_slow=8 atr_period=4 adx_period=3 swing_period=2 reversion_k=0.6 adx_limit=45"
    " warmup_bars=10 time_stop_bars=6 cooldown_bars=2"
).split()


class Running:
    """One process of the command; `lines` is what it has printed so far.

    `program`: how it is started, if not as a user does.
    """

    def __init__(
        self,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        program: Sequence[str] = COMMAND,
    ) -> None:
        kept = {name: one for name, one in os.environ.items() if not name.startswith("TRADINGD_")}
        self.process = subprocess.Popen(
            [*program, *arguments],
            cwd=ROOT,
            env=kept | dict(environ or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    def line_with(self, text: str) -> str:
        """The next line that contains `text`."""
        while (line := self._queue.get(timeout=PATIENCE_S)) is not None:
            self.lines.append(line)
            if text in line:
                return line
        raise AssertionError(f"ended without {text!r}:\n" + "\n".join(self.lines))

    def ended(self, within_s: float = PATIENCE_S) -> int:
        """The exit code; the rest of its output is in `lines` then."""
        code = self.process.wait(within_s)
        while (line := self._queue.get(timeout=PATIENCE_S)) is not None:
            self.lines.append(line)
        return code

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def address(self) -> str:
        return self.line_with("http://127.0.0.1:").rpartition(" ")[2]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def running(
    *arguments: str, environ: Mapping[str, str] | None = None, program: Sequence[str] = COMMAND
) -> Iterator[Running]:
    command = Running(*arguments, environ=environ, program=program)
    try:
        yield command
    finally:
        command.close()


def result_of(*arguments: str, environ: Mapping[str, str] | None = None) -> tuple[int, list[str]]:
    """Run to the end: exit code and lines."""
    with running(*arguments, environ=environ) as command:
        return command.ended(), command.lines


def asked(address: str, path: str) -> dict[str, Any]:
    """GET over loopback."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        found: dict[str, Any] = json.loads(body)
        return found
    finally:
        connection.close()


def wait_for_minutes(address: str, minutes: int) -> None:
    """Until the page says that so many Minutes were handled."""
    for _ in range(100_000):
        if asked(address, "/api/daemon-state")["data"]["minutes_done"] >= minutes:
            return
    raise AssertionError(f"no {minutes} Minutes after 100,000 questions")
