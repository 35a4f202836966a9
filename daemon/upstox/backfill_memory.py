"""What bars cannot say of a backfill: days on which nothing traded, and histories being made anew.

A small file beside the bars, replaced whole. Losing it costs requests, never a bar.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from core.errors import ConfigError, StoreFailed
from core.session import day_text, parse_day
from stores.files import DiskFiles, Files

MEMORY_FILE = "backfill.json"
FORMAT = 1


class BackfillMemory:
    """Of one folder, by instrument key; without a folder it lasts as long as the object.

    Raises StoreFailed.
    """

    def __init__(self, directory: Path | None, files: Files | None = None) -> None:
        self._path = None if directory is None else directory / MEMORY_FILE
        self._files = files or DiskFiles()
        self._quiet: dict[str, set[int]] = {}
        self.renewing: set[str] = set()
        content = None if self._path is None else self._files.read(self._path)
        if content is not None:
            try:
                self._read(json.loads(content))
            except (ValueError, TypeError, AttributeError, KeyError, ConfigError) as error:
                raise StoreFailed(
                    f"{self._path} is not readable: remove it, then days without a trade are asked"
                    " for again"
                ) from error

    def quiet(self, key: str) -> set[int]:
        """Days of which the broker's history has no bar."""
        return self._quiet.get(key, set())

    def add_quiet(self, days: Mapping[str, Collection[int]]) -> None:
        """By key."""
        news = {key: own for key, own in days.items() if not self.quiet(key).issuperset(own)}
        for key, own in news.items():
            self._quiet.setdefault(key, set()).update(own)
        if news:
            self._write()

    def renew(self, keys: Iterable[str]) -> None:
        """The bars of these are of two kinds until `renewed`."""
        keys = set(keys)
        if not self.renewing >= keys:
            self.renewing |= keys
            self._write()

    def renewed(self, keys: Iterable[str]) -> None:
        keys = self.renewing.intersection(keys)
        if keys:
            self.renewing -= keys
            self._write()

    def _read(self, told: dict[str, object]) -> None:
        if told["format"] != FORMAT:
            raise ValueError("another format")
        quiet, renewing = told["quiet"], told["renewing"]
        if not isinstance(quiet, dict) or not isinstance(renewing, list):
            raise ValueError("another form")
        self.renewing = set(map(str, renewing))
        for key, spans in quiet.items():
            parsed = [(parse_day(first), parse_day(last)) for first, last in spans]
            self._quiet[key] = {day for one in parsed for day in range(one[0], one[1] + 1)}

    def _write(self) -> None:
        if self._path is None:
            return
        told = {
            "format": FORMAT,
            "quiet": {key: spans_of(days) for key, days in sorted(self._quiet.items())},
            "renewing": sorted(self.renewing),
        }
        self._files.replace(self._path, json.dumps(told, indent=1).encode())


def spans_of(days: Iterable[int]) -> list[tuple[str, str]]:
    """Days as first and last of each run of them."""
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and day == runs[-1][1] + 1:
            runs[-1][1] = day
        else:
            runs.append([day, day])
    return [(day_text(first), day_text(last)) for first, last in runs]
