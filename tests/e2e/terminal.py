"""A person at a terminal: a process on a pseudo-terminal, listened to and typed at."""

import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.e2e.processes import COMMAND, PATIENCE_S, ROOT


class Terminal:
    """`shown` is what has come up on the screen so far."""

    def __init__(self, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        self._ours, theirs = pty.openpty()
        attributes = termios.tcgetattr(theirs)
        attributes[3] &= ~termios.ECHO  # what is typed is not what is said
        termios.tcsetattr(theirs, termios.TCSANOW, attributes)
        kept = {name: one for name, one in os.environ.items() if not name.startswith("TRADINGD_")}
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=ROOT,
            env=kept | dict(environ or {}),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self.shown = ""
        self._read_to = 0

    def wait_for(self, text: str) -> str:
        """The rest of the line behind the next `text`."""
        deadline_s = time.perf_counter() + PATIENCE_S
        while True:
            at = self.shown.find(text, self._read_to)
            end = -1 if at < 0 else self.shown.find("\n", at)
            if end >= 0:
                self._read_to = end
                return self.shown[at + len(text) : end].strip()
            if not self._more(deadline_s):
                raise AssertionError(f"ended or mute without {text!r}:\n{self.shown}")

    def type(self, line: str) -> None:
        os.write(self._ours, f"{line}\n".encode())

    def ended(self) -> int:
        """The exit code; all that it said is in `shown` then."""
        deadline_s = time.perf_counter() + PATIENCE_S
        while self._more(deadline_s):
            continue
        return self.process.wait(PATIENCE_S)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def _more(self, deadline_s: float) -> bool:
        """Whether something else came up; False: the process is gone, or too long silent."""
        left_s = max(0.0, deadline_s - time.perf_counter())
        ready, _, _ = select.select([self._ours], [], [], left_s)
        try:
            told = os.read(self._ours, 65_536) if ready else b""
        except OSError:  # nobody holds the other end
            return False
        self.shown += told.decode(errors="replace").replace("\r\n", "\n")
        return bool(told)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)


@contextmanager
def terminal(*arguments: str, environ: Mapping[str, str] | None = None) -> Iterator[Terminal]:
    """The command at a terminal."""
    opened = Terminal(*arguments, environ=environ)
    try:
        yield opened
    finally:
        opened.close()
