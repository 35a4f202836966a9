"""The broker's lists of a state directory: asked each morning, kept by day, the last good one used.

Decides when to ask again and which list is in force. A list that cannot be read or has shrunk to a
stump never replaces a good one; without any list there is no start.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from core.errors import BrokerError, ConfigError, ProtocolViolation
from core.session import DAY_NS, at_ist, day_text, ist_day, parse_day
from providers.upstox.assets import INTRADAY, LISTS, MASTER, Fetched
from providers.upstox.instruments import Master
from stores.files import DiskFiles, Files

FOLDER = "instruments"
ASKED = "asked.json"
FRESH_AT = "06:15"  # IST: the broker makes its lists anew at about six
SUFFIX = ".json.gz"
# A list as long as the broker's never loses half of its rows over night.
LONG_ROWS = 1_000

Fetch = Callable[[str, str], Awaitable[Fetched | None]]  # UpstoxAssets.fetch

log = structlog.get_logger()


class Kept(NamedTuple):
    """The list in force: since which day it is so, and when the broker last said that it is."""

    master: Master
    since_day: int
    asked_ns: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whose lists they are, when all were last told, which versions, how many rows the master
    had."""

    of: str = ""
    ns: int = 0
    rows: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)


class KeptMasters:
    """The lists below `directory`. A file has the date since which its bytes are the list."""

    def __init__(self, directory: Path, files: Files | None = None) -> None:
        self.folder = directory / FOLDER
        self._files = files or DiskFiles()

    # --- what is kept ----------------------------------------------------------------------------

    def days(self) -> list[int]:
        """On which one of the lists was another than before, ascending."""
        found = {self._day_of(path) for name in LISTS for path in self._paths(name)}
        return sorted(found)

    def in_force(self, day: int) -> Kept | None:
        """The lists of `day`; None: there are none of then or earlier.

        Raises StoreFailed, ProtocolViolation for a file that is damaged.
        """
        paths = {name: path for name in LISTS if (path := self._path_on(name, day)) is not None}
        if MASTER not in paths:
            return None
        contents = {name: self._files.read(path) for name, path in paths.items()}
        master = Master.of(contents[MASTER] or b"", contents.get(INTRADAY))
        return Kept(master, self._since(day), self._asked().ns)

    def prune(self, before_day: int) -> int:
        """Drop lists that were not in force on `before_day` or later; returns how many files."""
        dropped = 0
        for name in LISTS:
            kept = self._path_on(name, before_day)
            for path in self._paths(name):
                if kept is not None and self._day_of(path) < self._day_of(kept):
                    path.unlink()
                    dropped += 1
        return dropped

    # --- the morning -----------------------------------------------------------------------------

    async def refresh(self, fetch: Fetch, now_ns: int, of: str = "") -> Kept:
        """The lists in force at `now_ns`, asked for unless that was done since they were made.

        Args:
            of: whose they are. A local exchange's never pass for the broker's.

        Raises BrokerError if none can be had and none is kept, ConfigError for a directory with
        the lists of somebody else.
        """
        day, asked = ist_day(now_ns), self._asked()
        if asked.ns and asked.of != of:
            raise ConfigError(
                f"{self.folder} holds the instruments of {asked.of}, not of {of}:"
                " give another --state-dir"
            )
        try:
            kept = await asyncio.to_thread(self.in_force, day)
        except ProtocolViolation as error:
            log.error("instruments_damaged", reason=str(error))
            kept = None
        if kept is not None and kept.asked_ns >= made_ns(now_ns):
            return kept
        try:
            return await self._fetched(fetch, kept, now_ns, of)
        except BrokerError as error:
            if kept is None:
                raise type(error)(f"{error}; no earlier list is kept in {self.folder}") from error
            log.error("instruments_not_fetched", reason=str(error), in_use=day_text(kept.since_day))
            return kept

    async def _fetched(self, fetch: Fetch, kept: Kept | None, now_ns: int, of: str) -> Kept:
        asked = replace(self._asked() if kept is not None else _Asked(), of=of)
        told = {name: await fetch(name, asked.tags.get(name, "")) for name in LISTS}
        return await asyncio.to_thread(self._taken, told, kept, asked, now_ns)

    def _taken(
        self, told: Mapping[str, Fetched | None], kept: Kept | None, asked: _Asked, now_ns: int
    ) -> Kept:
        """Keep what is new, if it is any good. Raises ProtocolViolation."""
        day = ist_day(now_ns)
        old = {name: self._content_on(name, day) for name in LISTS}
        new = {name: one.packed for name, one in told.items() if one and one.packed != old[name]}
        if new or kept is None:
            lists = old | new
            master = Master.of(lists[MASTER] or b"", lists[INTRADAY])
            _require_whole(len(master.by_key), asked.rows)
            for name, packed in new.items():
                self._files.replace(self.folder / f"{name}-{day_text(day)}{SUFFIX}", packed)
        else:
            master = kept.master
        tags = {name: one.tag if one else asked.tags[name] for name, one in told.items()}
        self._note(_Asked(asked.of, now_ns, len(master.by_key), tags))
        since_day = self._since(day)
        log.info(
            "instruments_fetched",
            instruments=len(master.by_key),
            changed=sorted(new),
            since=day_text(since_day),
        )
        return Kept(master, since_day, now_ns)

    # --- files -----------------------------------------------------------------------------------

    def _asked(self) -> _Asked:
        """Nothing, where the note cannot be read: then everything is asked for again."""
        content = self._files.read(self.folder / ASKED)
        try:
            told: Any = json.loads(content or b"{}")
            tags = {str(name): str(tag) for name, tag in told["tags"].items()}
            return _Asked(str(told["of"]), int(told["asked_ns"]), int(told["rows"]), tags)
        except (ValueError, TypeError, KeyError, AttributeError):
            return _Asked()

    def _note(self, asked: _Asked) -> None:
        told = {
            "of": asked.of,
            "asked_ns": asked.ns,
            "rows": asked.rows,
            "tags": dict(asked.tags),
        }
        self._files.replace(self.folder / ASKED, json.dumps(told, indent=1).encode())

    def _since(self, day: int) -> int:
        """Since when the lists of `day` are what they are."""
        return max(self._day_of(path) for name in LISTS if (path := self._path_on(name, day)))

    def _content_on(self, name: str, day: int) -> bytes | None:
        path = self._path_on(name, day)
        return None if path is None else self._files.read(path)

    def _path_on(self, name: str, day: int) -> Path | None:
        earlier = [path for path in self._paths(name) if self._day_of(path) <= day]
        return earlier[-1] if earlier else None

    def _paths(self, name: str) -> list[Path]:
        """Oldest first."""
        return sorted(self.folder.glob(f"{name}-????-??-??{SUFFIX}"))

    def _day_of(self, path: Path) -> int:
        return parse_day(path.name.removesuffix(SUFFIX)[-10:])


def _require_whole(rows: int, rows_before: int) -> None:
    if rows_before >= LONG_ROWS and 2 * rows < rows_before:
        raise ProtocolViolation(
            f"instrument master: {rows} rows, the one before it had {rows_before}"
        )


def made_ns(now_ns: int) -> int:
    """When the broker last made its lists."""
    today_ns = at_ist(ist_day(now_ns), FRESH_AT)
    return today_ns if now_ns >= today_ns else today_ns - DAY_NS
