"""The trial ledger: every set of parameters that was ever evaluated on a dataset, kept for good.

The best of many says little until one knows of how many. Rows are only ever added, by any number
of processes at once, and outlive the runs that made them. Decides nothing.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from hashlib import sha256
from math import isfinite, sqrt
from pathlib import Path
from statistics import variance
from typing import NamedTuple

from core.errors import StoreFailed
from stores.chain import canonical_json

TRIALS_FILE = "trials.db"  # in the state directory
VERSION = 1
WAIT_S = 30.0  # for another process that is writing

_SCHEMA = """
CREATE TABLE IF NOT EXISTS trials (
    data_hash TEXT NOT NULL, strategy TEXT NOT NULL, digest TEXT NOT NULL,
    gear TEXT NOT NULL, from_day INTEGER NOT NULL, to_day INTEGER NOT NULL,
    sharpe REAL,  -- per session; null where it could not be evaluated
    PRIMARY KEY (data_hash, strategy, digest, gear, from_day, to_day)
) STRICT, WITHOUT ROWID
"""
_DISTINCT = """
SELECT count(*) FROM (SELECT DISTINCT strategy, digest FROM trials WHERE data_hash = ?)
"""
# Of every distinct set the Sharpe ratio over its longest span: the least of it is noise.
_LONGEST = """
SELECT sharpe, max(to_day - from_day) FROM trials
WHERE data_hash = ? AND sharpe IS NOT NULL GROUP BY strategy, digest
"""


class Trial(NamedTuple):
    """`digest`: of the whole set, by `digest_of`. `sharpe`: annualised; None: not evaluated."""

    digest: str
    sharpe: float | None


class TrialLedger:
    """One SQLite file, made with the first trial. Safe to share between threads and processes.

    Every call opens the file, does one transaction that is on disk when it returns, and closes it.
    All raise StoreFailed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def record(
        self,
        data_hash: str,
        strategy: str,
        trials: Iterable[Trial],
        *,
        gear: str,
        span: tuple[int, int],
        periods_per_year: float,
    ) -> None:
        """Add what was evaluated over `span`, first and last day; known rows are left as they are.

        Args:
            periods_per_year: with which the ratios of `trials` were annualised.
        """
        rows = [
            (data_hash, strategy, one.digest, gear, *span, _per_period(one, periods_per_year))
            for one in trials
        ]
        with self._open() as database:
            database.executemany("INSERT OR IGNORE INTO trials VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def count(self, data_hash: str) -> int:
        """Distinct sets of parameters of any strategy that were tried on the dataset.

        The same set on another span or gear is the same trial; one that failed was tried too.
        """
        if not self.path.exists():
            return 0
        with self._open() as database:
            return int(database.execute(_DISTINCT, (data_hash,)).fetchone()[0])

    def sharpe_variance(self, data_hash: str) -> float | None:
        """Sample variance of the per-period Sharpe ratios over distinct sets; None below two."""
        if not self.path.exists():
            return None
        with self._open() as database:
            found = [row[0] for row in database.execute(_LONGEST, (data_hash,))]
        return variance(found) if len(found) > 1 else None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=WAIT_S)) as database:
                database.execute("PRAGMA synchronous = FULL")
                with database:
                    database.execute("BEGIN IMMEDIATE")
                    _require_known_version(database, self.path)
                    database.execute(_SCHEMA)
                    database.execute(f"PRAGMA user_version = {VERSION}")
                    yield database
        except (sqlite3.Error, OSError) as error:
            raise StoreFailed(f"trial ledger {self.path}: {error}") from error


def digest_of(values: Mapping[str, object]) -> str:
    """SHA-256 of a whole set of parameters, whatever the order of its keys."""
    return sha256(canonical_json(values, "a set of parameters").encode()).hexdigest()


def _per_period(trial: Trial, periods_per_year: float) -> float | None:
    if trial.sharpe is None or not isfinite(trial.sharpe):
        return None
    return trial.sharpe / sqrt(periods_per_year)


def _require_known_version(database: sqlite3.Connection, path: Path) -> None:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise StoreFailed(f"trial ledger {path}: schema {version} is newer than {VERSION}")
