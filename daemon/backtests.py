"""Backtests asked for on the page: each a process of its own over the daemon's archive of bars.

Decides who may run (one at a time), and what of a run is kept. Nothing of a run is computed here,
and a run never shares a thread, a file or a lock with trading.
"""

import asyncio
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated

import structlog
from pydantic import AfterValidator, Field

from backtest.files import SUMMARY, write_text
from backtest.report import REPORT
from core.errors import TradingdError
from strategies.registry import NAMES
from strategies.table import Table, nearest

MAX_KEPT = 50  # runs; a page of one has some megabytes
NICENESS = 10  # trading comes first
STOP_WAIT_S = 2.0
REQUEST, FAILURE = "request.json", "failure.txt"
RUN_ID = re.compile(r"[0-9]{4,9}")
PROGRESS = re.compile(r": ([\d,]+) of ([\d,]+) bars$")
TOLD = (  # of the summary, in a list of runs
    *("span", "trades", "gross_paise", "fees_paise", "net_paise", "win_rate", "profit_factor"),
    *("max_drawdown_paise", "sharpe", "exits", "refusals", "status", "data_hash"),
)

log = structlog.get_logger()


def _known_strategy(name: str) -> str:
    """Of the registry: no code is imported because a page asks for it."""
    if name not in NAMES:
        raise ValueError(f"no strategy of that name: {nearest(name, NAMES)}")
    return name


Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 &_.:/+|-]{0,63}$")]
Assignment = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,63}=[^\r\n\x00]{1,100}$")]


class Wanted(Table):
    """What a page may ask for."""

    strategy: Annotated[str, AfterValidator(_known_strategy)] = "pixity"
    symbols: Annotated[tuple[Word, ...], Field(max_length=500)] = ()
    from_day: date | None = None
    to_day: date | None = None
    sets: Annotated[tuple[Assignment, ...], Field(max_length=50)] = ()

    def words(self, data: Path, out: Path) -> list[str]:
        """The command line of it."""
        words = ["backtest", "--strategy", self.strategy, "--data", str(data), "--out", str(out)]
        words += ["--report", *(["--symbols", ",".join(self.symbols)] if self.symbols else [])]
        words += ["--from", str(self.from_day)] if self.from_day else []
        words += ["--to", str(self.to_day)] if self.to_day else []
        return [*words, *(word for one in self.sets for word in ("--set", one))]


class Busy(TradingdError):
    """Another run is not over yet."""


@dataclass(slots=True)
class Running:
    """`done`, `total`: bars; 0 as long as nothing is known."""

    run_id: str
    process: asyncio.subprocess.Process
    done: int = 0
    total: int = 0
    last_line: str = ""
    ended: asyncio.Task[None] | None = field(default=None, repr=False)


class Backtests:
    """Runs in a folder of the state directory, numbered as they were asked for.

    Args:
        command: the program and what comes before its verb.
    """

    def __init__(self, state_dir: Path, command: Sequence[str]) -> None:
        self._data = state_dir.absolute() / "bars"
        self._folder = state_dir.absolute() / "backtests"
        self._command = list(command)
        self._running: Running | None = None

    async def start(self, wanted: Wanted) -> str:
        """Begin a run, returns its number. Raises Busy."""
        if self._running is not None:
            raise Busy("a backtest is running: stop it, or wait for its end")
        run_id = f"{max((int(one.name) for one in self._runs()), default=0) + 1:04d}"
        place = self._folder / run_id
        await asyncio.to_thread(self._prepare, place, wanted)
        process = await asyncio.create_subprocess_exec(
            *self._command,
            *wanted.words(self._data, place),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            cwd=place,
            env=environment(os.environ),
            start_new_session=True,  # Ctrl-C is for the daemon, which then ends it
        )
        with suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
        self._running = Running(run_id, process)
        self._running.ended = asyncio.create_task(self._follow(self._running), name="backtest")
        log.info("backtest_started", run=run_id, strategy=wanted.strategy)
        return run_id

    async def stop(self) -> bool:
        """End what is running; False: nothing was."""
        running = self._running
        if running is None or running.ended is None:
            return False
        running.last_line = "stopped"
        with suppress(ProcessLookupError):
            running.process.terminate()
        done, _ = await asyncio.wait((running.ended,), timeout=STOP_WAIT_S)
        if not done:
            with suppress(ProcessLookupError):
                running.process.kill()
            await running.ended
        return True

    def listed(self) -> list[dict[str, object]]:
        """Every run that is kept, the newest first. Reads files: not for the event loop."""
        return [self._told(place) for place in sorted(self._runs(), reverse=True)]

    def report(self, run_id: str) -> Path | None:
        """Its page; None: there is none."""
        path = self._folder / run_id / REPORT
        return path if RUN_ID.fullmatch(run_id) and path.is_file() else None

    async def _follow(self, running: Running) -> None:
        """Read what the run says until it ends; the last line of one that failed is its reason."""
        process = running.process
        assert process.stderr is not None
        async for raw in process.stderr:
            line = raw.decode("utf-8", "replace").strip()
            if found := PROGRESS.search(line):
                running.done, running.total = (int(one.replace(",", "")) for one in found.groups())
            elif running.last_line != "stopped":
                running.last_line = line
        code = await process.wait()
        if code != 0:
            reason = running.last_line.removeprefix("tradingd: ") or f"ended with {code}"
            place = self._folder / running.run_id / FAILURE
            await asyncio.to_thread(write_text, place, f"{reason}\n")
        self._running = None
        log.info("backtest_ended", run=running.run_id, code=code)

    def _prepare(self, place: Path, wanted: Wanted) -> None:
        """Its folder, and no more than MAX_KEPT of them."""
        for old in sorted(self._runs())[: -(MAX_KEPT - 1)]:
            shutil.rmtree(old)
        write_text(place / REQUEST, wanted.model_dump_json(indent=1) + "\n")

    def _runs(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return [one for one in self._folder.iterdir() if RUN_ID.fullmatch(one.name)]

    def _told(self, place: Path) -> dict[str, object]:
        running = self._running
        told: dict[str, object] = {
            "id": place.name,
            "request": _json(place / REQUEST),
            "state": "failed",
            "reason": None,
            "done": 0,
            "total": 0,
            "summary": None,
        }
        if running is not None and running.run_id == place.name:
            return told | {"state": "running", "done": running.done, "total": running.total}
        if (summary := _json(place / SUMMARY)) and self.report(place.name):
            return told | {
                "state": "done",
                "summary": {name: summary.get(name) for name in TOLD},
            }
        with suppress(OSError):
            return told | {"reason": (place / FAILURE).read_text("utf-8").strip()}
        return told | {"reason": "interrupted"}


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """For a run: nothing of the daemon's own configuration, hence none of its secrets."""
    return {name: value for name, value in ours.items() if not name.startswith("TRADINGD_")}


def _json(path: Path) -> dict[str, object] | None:
    """None: not there, or not whole."""
    try:
        read = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return read if isinstance(read, dict) else None
