"""What the broker is asked every morning: its instruments and its holidays, kept in the directory.

Decides what a day goes by, and tells what is different from yesterday. Never stops because the
broker is mute: then the last answer counts, and `checks.py` says how old it is.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from core.errors import BrokerError, ProtocolViolation
from core.session import ist_day
from core.types import Instrument
from daemon.upstox.masters import FOLDER, Fetch, Kept, KeptMasters, made_ns
from providers.upstox.holidays import Told, told_of
from providers.upstox.master_changes import changes
from stores.files import DiskFiles, Files

HOLIDAYS = "holidays.json"

AskHolidays = Callable[[], Awaitable[Any]]  # UpstoxRest.get of holidays.PATH

log = structlog.get_logger()


class KeptHolidays(NamedTuple):
    """The broker's last list of holidays, and when it told it."""

    told: list[Told]
    asked_ns: int


class Morning:
    """Asks for the day's lists: of whom they are, who tells them, for which configured names."""

    def __init__(
        self,
        directory: Path,
        of: str,
        fetch: Fetch,
        ask_holidays: AskHolidays,
        symbols: Sequence[str],
        watch: Sequence[str] = (),
        files: Files | None = None,
    ) -> None:
        self._directory = directory
        self._of = of
        self._masters = KeptMasters(directory, files)
        self._fetch = fetch
        self._ask_holidays = ask_holidays
        self._symbols = tuple(symbols)
        self._watch = tuple(watch)
        self._files = files or DiskFiles()

    async def instruments(self, now_ns: int) -> tuple[Instrument, ...]:
        """Those of the day, after everything has been asked.

        Raises BrokerError without any list, ConfigError for names that it does not bear out.
        """
        kept = await self._masters.refresh(self._fetch, now_ns, self._of)
        await self._refresh_holidays(now_ns)
        if kept.since_day == ist_day(now_ns):
            await asyncio.to_thread(self._tell_changes, kept)
        chosen = kept.master.choose(self._symbols, self._watch)
        for notice in chosen.notices:
            log.warning("instrument_renamed", notice=notice)
        return chosen.instruments

    def _tell_changes(self, kept: Kept) -> None:
        for line in changes_since(self._masters, kept, [*self._symbols, *self._watch]):
            log.warning("instrument_changed", change=line)

    async def _refresh_holidays(self, now_ns: int) -> None:
        kept = kept_holidays(self._directory, self._files)
        if kept is not None and kept.asked_ns >= made_ns(now_ns):
            return
        try:
            rows = await self._ask_holidays()
            told_of(rows)
        except BrokerError as error:
            log.warning("holidays_not_fetched", reason=str(error))
            return
        content = json.dumps({"asked_ns": now_ns, "rows": rows}, indent=1)
        self._files.replace(self._directory / FOLDER / HOLIDAYS, content.encode())


def changes_since(masters: KeptMasters, kept: Kept, configured: Sequence[str]) -> list[str]:
    """What `kept` says otherwise than the list before it, a line each; empty if there is none."""
    try:
        before = masters.in_force(kept.since_day - 1)
    except ProtocolViolation as error:
        return [f"the list before cannot be read: {error}"]
    return [] if before is None else changes(before.master, kept.master, configured)


def kept_holidays(directory: Path, files: Files | None = None) -> KeptHolidays | None:
    """None: there are none, or none that can be read; they are asked for again."""
    content = (files or DiskFiles()).read(directory / FOLDER / HOLIDAYS)
    try:
        told = json.loads(content or b"{}")
        return KeptHolidays(told_of(told["rows"]), int(told["asked_ns"]))
    except (ValueError, TypeError, KeyError, ProtocolViolation):
        return None
