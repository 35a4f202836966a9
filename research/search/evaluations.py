"""What has been evaluated, kept as it comes: a search that was killed goes on where it was.

One SQLite file, a row a set, under the key of its task: answers of another subject, span or
program are never taken, only kept apart. Results are never computed here.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from backtest.files import check_writable
from core.errors import DataError
from core.types import Float64s
from research.evaluation import Evaluated
from research.search.backends import Failed, Outcome

FILE = "evaluations.db"
_TABLE = """
CREATE TABLE IF NOT EXISTS evaluations (
    task TEXT NOT NULL,    -- digest of subject and span
    point TEXT NOT NULL,   -- digest of the values
    metrics TEXT,          -- JSON; NULL where it failed
    daily BLOB,            -- float64, little-endian
    error TEXT,
    PRIMARY KEY (task, point)
) STRICT, WITHOUT ROWID
"""


class Evaluations:
    """Raises DataError where the file cannot be used."""

    def __init__(self, directory: Path) -> None:
        check_writable(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / FILE
        with self._told():
            self._opened = sqlite3.connect(self.path, isolation_level=None)
            self._opened.execute("PRAGMA journal_mode = WAL")
            self._opened.execute("PRAGMA synchronous = NORMAL")  # whole after kill -9
            self._opened.execute(_TABLE)

    def found(self, task: str) -> dict[str, Outcome]:
        """Of the task, by the digest of the values."""
        with self._told():
            rows = self._opened.execute(
                "SELECT point, metrics, daily, error FROM evaluations WHERE task = ?", (task,)
            ).fetchall()
            return {
                point: Failed(error) if metrics is None else _evaluated(metrics, daily)
                for point, metrics, daily, error in rows
            }

    def keep(self, task: str, point: str, outcome: Outcome) -> None:
        row: tuple[str | None, bytes | None, str | None]
        if isinstance(outcome, Failed):
            row = None, None, outcome.error
        else:
            told = json.dumps(dict(outcome.metrics), default=float)
            row = told, np.ascontiguousarray(outcome.daily, "<f8").tobytes(), None
        with self._told():
            self._opened.execute(
                "INSERT OR REPLACE INTO evaluations VALUES (?, ?, ?, ?, ?)", (task, point, *row)
            )

    def count_others(self, task: str) -> int:
        """Sets that were evaluated for another task."""
        with self._told():
            rows = self._opened.execute(
                "SELECT count(*) FROM evaluations WHERE task <> ?", (task,)
            ).fetchone()
            return int(rows[0])

    def close(self) -> None:
        self._opened.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError) as error:
            raise DataError(
                f"{self.path}: {error}: remove it, and all sets are evaluated again"
            ) from error


def _evaluated(metrics: str, daily: bytes) -> Evaluated:
    values: Float64s = np.frombuffer(daily, "<f8").astype(np.float64)
    return Evaluated(json.loads(metrics), values)
