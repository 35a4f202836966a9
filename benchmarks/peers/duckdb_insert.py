"""W4b without our store: DuckDB given ticks, 1,000 rows a transaction.

Run by the peers' Python: `python -m benchmarks.peers.duckdb_insert execute|executemany|arrays
FOLDER`: one statement a row, `executemany`, or arrays that lie ready: the bare durable write, of
which nobody can do more on this disk.
"""

import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.measured import Measurement, percentile

ROWS_PER_FLUSH = 1_000
FLUSHES = 4  # a second and more each
ARRAY_FLUSHES = 500  # as many as ours
WARM_UP_FLUSHES = 5
TABLE = (
    "CREATE TABLE ticks (instrument INTEGER, connection INTEGER, exch_ns BIGINT, recv_ns BIGINT,"
    " price DOUBLE, quantity BIGINT, volume BIGINT, seq BIGINT)"
)
INSERT = "INSERT INTO ticks VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def measure(method: str, path: Path) -> Measurement:
    db = duckdb.connect(str(path))
    db.execute(TABLE)
    seconds = []
    for number in range(FLUSHES):
        rows = [row(ROWS_PER_FLUSH * number + k) for k in range(ROWS_PER_FLUSH)]
        started = time.perf_counter()
        db.execute("BEGIN")
        if method == "executemany":
            db.executemany(INSERT, rows)
        else:
            for one in rows:
                db.execute(INSERT, one)
        db.execute("COMMIT")
        seconds.append(time.perf_counter() - started)
    db.close()
    db = duckdb.connect(str(path))
    [(stored,)] = db.execute("SELECT count(*) FROM ticks").fetchall()
    return Measurement(
        items=ROWS_PER_FLUSH * FLUSHES,
        seconds=sum(seconds),
        checks={"lost": ROWS_PER_FLUSH * FLUSHES - stored},
        figures={
            "flush_p50_ms": 1e3 * percentile(seconds, 50),
            "flush_p99_ms": 1e3 * percentile(seconds, 99),
        },
    )


def measure_arrays(path: Path) -> Measurement:
    db = duckdb.connect(str(path))
    db.execute(TABLE)
    columns = np.array([row(seq) for seq in range(ROWS_PER_FLUSH)]).T
    db.register("staged", {f"c{number}": column.copy() for number, column in enumerate(columns)})
    seconds = []
    for _ in range(ARRAY_FLUSHES):
        started = time.perf_counter()
        db.execute("INSERT INTO ticks SELECT * FROM staged")
        seconds.append(time.perf_counter() - started)
    db.close()
    seconds = seconds[WARM_UP_FLUSHES:]
    return Measurement(
        items=ROWS_PER_FLUSH * len(seconds),
        seconds=sum(seconds),
        figures={
            "flush_p50_ms": 1e3 * percentile(seconds, 50),
            "flush_p99_ms": 1e3 * percentile(seconds, 99),
        },
    )


def row(seq: int) -> list[object]:
    at_ns = 1_735_789_500_000_000_000 + 1_000_000 * seq
    return [seq % 50, 0, at_ns, at_ns, 500.0 + seq % 97 * 0.05, 1 + seq % 500, seq, seq]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[2]) as folder:
        path = Path(folder) / "market.duckdb"
        (measure_arrays(path) if sys.argv[1] == "arrays" else measure(sys.argv[1], path)).print()
