"""Commands of an operator on their way to the engine: asked by anybody, taken between two Minutes.

One bounded queue, one consumer: the trading task. An answer means that the ledger has the command,
or, of a halt while no day is traded, the HALT file; who is told to try again may be sure that it
was withdrawn.
"""

import asyncio
import pwd
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import structlog

from core.types import Command, TradingState

HALT_FILE = "HALT"
MAX_WAITING_COMMANDS = 16
ANSWER_WAIT_S = 5.0
NO_PROCESS = 0  # the pid of a command that was given by the HALT file

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is commanded, and by whom."""

    command: Command
    user: str
    pid: int


@dataclass(frozen=True, slots=True)
class Obeyed:
    """What a command led to; the ledger has it."""

    state: TradingState
    exits: int  # positions sent to the market
    cancelled: int  # pending entries taken back
    released: tuple[str, ...] = ()  # breakers, by their names


@dataclass(frozen=True, slots=True)
class NotObeyed:
    """Why a command came to nothing, and whether asking again may help."""

    reason: str
    try_again: bool


Answer = asyncio.Future[Obeyed | NotObeyed]


class Operator:
    """Who may command the daemon of a state directory: by `ask`, or by a file named HALT in it."""

    def __init__(self, directory: Path | None = None) -> None:
        self._file = None if directory is None else directory / HALT_FILE
        self._waiting: deque[tuple[Asked, Answer]] = deque()
        self._stirred = asyncio.Event()

    async def ask(self, asked: Asked, within_s: float = ANSWER_WAIT_S) -> Obeyed | NotObeyed:
        """Have `asked` obeyed between two Minutes; withdrawn if nobody takes it in time.

        A halt is never lost: where no day is traded it becomes the HALT file, which halts the next.
        """
        if asked.command is Command.RESUME and self.halted_by() is not None:
            return NotObeyed(f"{self._file} halts the daemon: remove it first", try_again=False)
        if len(self._waiting) >= MAX_WAITING_COMMANDS:
            reason = f"{len(self._waiting)} commands are waiting, that is the limit"
            return NotObeyed(reason, try_again=True)
        answer: Answer = asyncio.get_running_loop().create_future()
        entry = (asked, answer)
        self._waiting.append(entry)
        self.stir()
        await asyncio.wait([answer], timeout=within_s)
        if entry in self._waiting:
            self._waiting.remove(entry)
            if asked.command is Command.HALT and self._file is not None:
                return self._latched(self._file, asked)
            reason = f"no day is being traded, nothing was done; file {HALT_FILE} halts the next"
            return NotObeyed(reason, try_again=True)
        return await answer  # taken: the ledger has it in a moment, or the daemon stops

    def _latched(self, file: Path, asked: Asked) -> Obeyed | NotObeyed:
        """The halt as a file: who asked stands in it, its owner is who the ledger will name."""
        try:
            with file.open("a") as halting:
                halting.write(f"{asked.user} {asked.pid}\n")
        except OSError as error:
            return NotObeyed(f"{file} cannot be written: {error.strerror}", try_again=True)
        log.info("halt_latched", file=HALT_FILE, user=asked.user, pid=asked.pid)
        return Obeyed(state=TradingState.HALTED, exits=0, cancelled=0)

    # --- the trading task's side -----------------------------------------------------------------

    def take(self) -> tuple[Asked, Answer] | None:
        """The next command, and where its answer belongs."""
        return self._waiting.popleft() if self._waiting else None

    def stir(self, *_: object) -> None:
        """Wake the consumer; also the callback of what else it waits for."""
        self._stirred.set()

    async def stirred(self) -> None:
        await self._stirred.wait()
        self._stirred.clear()

    def halted_by(self) -> str | None:
        """The owner of the HALT file; None without one. One that cannot be looked at counts."""
        if self._file is None:
            return None
        try:
            return user_name(self._file.lstat().st_uid)
        except FileNotFoundError:
            return None
        except OSError:
            return "unknown"


def user_name(uid: int) -> str:
    """The name of a user of this machine, or the number of one that has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
