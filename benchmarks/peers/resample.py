"""W3 under pandas, polars and duckdb: 1m bars to 15m bars, in memory, from files and live.

Run by the peers' Python: `python -m benchmarks.peers.resample LIBRARY FOLDER`, LIBRARY one of
`pandas`, `polars-dynamic`, `polars-truncate`, `duckdb` (all given the rows sorted by symbol and
time, with as many threads as they like), `pandas-live` (a buffer that grows by one Minute at a
time over one day, resampled at each), `polars-parquet` or `duckdb-parquet` (files of a symbol and
month each, reading counted).
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from benchmarks.measured import Measurement, timed

HOW = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
BARS_PER_DAY = 375
BUCKETS = """
    SELECT symbol, time_bucket(INTERVAL 15 MINUTE, ts) AS period,
        arg_min(open, ts) AS open, max(high) AS high, min(low) AS low,
        arg_max(close, ts) AS close, sum(volume)::BIGINT AS volume"""


def with_pandas(file: Path) -> tuple[int, Callable[[], pd.DataFrame]]:
    frame = pd.read_parquet(file)
    frame["symbol"] = frame["symbol"].astype("category")
    frame = frame.set_index("ts")

    def work() -> pd.DataFrame:
        period = frame.index.floor("15min")
        return frame.groupby(["symbol", period], observed=True, sort=False).agg(HOW)

    return len(frame), work


def with_polars(file: Path, method: str) -> tuple[int, Callable[[], object]]:
    import polars as pl

    frame = pl.read_parquet(file).with_columns(pl.col("symbol").cast(pl.Categorical)).rechunk()
    sums = [getattr(pl.col(name), how)() for name, how in HOW.items()]
    if method == "dynamic":
        return len(frame), lambda: frame.group_by_dynamic("ts", every="15m", group_by="symbol").agg(
            sums
        )
    # One packed key: the fastest form found, twice as fast as grouping by two columns.
    number = pl.col("symbol").to_physical().cast(pl.Int64)
    period_s = pl.col("ts").dt.truncate("15m").dt.epoch("s")
    key = (number * 100_000_000_000 + period_s).alias("key")
    return len(frame), lambda: frame.lazy().with_columns(key).group_by("key").agg(sums).collect()


def with_duckdb(file: Path) -> tuple[int, Callable[[], object]]:
    import duckdb

    db = duckdb.connect()
    db.execute("CREATE TABLE bars AS SELECT * FROM read_parquet(?)", [str(file)])
    [(rows,)] = db.execute("SELECT count(*) FROM bars").fetchall()
    return rows, lambda: db.execute(f"{BUCKETS} FROM bars GROUP BY ALL").fetchnumpy()


def with_polars_files(file: Path) -> tuple[int, Callable[[], object]]:
    import polars as pl

    files = str(file.parent / "hive" / "**" / "*.parquet")
    rows = pl.scan_parquet(files).select(pl.len()).collect().item()
    sums = [getattr(pl.col(name), how)() for name, how in HOW.items()]
    # Not the packed key: from files it takes longer than two columns.
    period = pl.col("ts").dt.truncate("15m")
    scan = lambda: pl.scan_parquet(files, hive_partitioning=True)  # noqa: E731
    return rows, lambda: scan().group_by("symbol", period).agg(sums).collect()


def with_duckdb_files(file: Path) -> tuple[int, Callable[[], object]]:
    import duckdb

    db = duckdb.connect()
    files = str(file.parent / "hive" / "**" / "*.parquet")
    [(rows,)] = db.execute("SELECT count(*) FROM read_parquet(?)", [files]).fetchall()
    question = f"""{BUCKETS} FROM read_parquet(?, hive_partitioning = true) GROUP BY ALL"""
    return rows, lambda: db.execute(question, [files]).fetchnumpy()


def with_pandas_live(file: Path) -> tuple[int, Callable[[], pd.DataFrame]]:
    """One column per symbol; each Minute the buffer so far is resampled, as live code does."""
    frame = pd.read_parquet(file)
    day = frame["ts"].dt.floor("D").iloc[0]
    frame = frame[frame["ts"].dt.floor("D") == day]
    wide = {name: frame.pivot(index="ts", columns="symbol", values=name) for name in HOW}
    assert all(len(one) == BARS_PER_DAY for one in wide.values())

    def work() -> pd.DataFrame:
        done: dict[str, pd.DataFrame] = {}
        for count in range(1, BARS_PER_DAY + 1):
            for name, how in HOW.items():
                done[name] = wide[name].iloc[:count].resample("15min").agg(how)
        return pd.DataFrame({name: one.stack() for name, one in done.items()})

    return len(frame), work


LIBRARIES: dict[str, Callable[[Path], tuple[int, Callable[[], object]]]] = {
    "pandas": with_pandas,
    "polars-dynamic": lambda file: with_polars(file, "dynamic"),
    "polars-truncate": lambda file: with_polars(file, "truncate"),
    "duckdb": with_duckdb,
    "pandas-live": with_pandas_live,
    "polars-parquet": with_polars_files,
    "duckdb-parquet": with_duckdb_files,
}


def main(library: str, folder: str) -> None:
    started = time.perf_counter()
    rows, work = LIBRARIES[library](Path(folder) / "bars.parquet")
    prepared_s = time.perf_counter() - started
    seconds, bars = timed(work)
    columns = bars if isinstance(bars, dict) else {name: bars[name] for name in HOW}
    sums = {f"{name}_sum": round(float(columns[name].sum()), 2) for name in HOW}
    Measurement(
        items=rows,
        seconds=seconds,
        prepare_seconds=prepared_s,
        checks={"bars_15m": len(columns["close"]), **sums},
    ).print()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
