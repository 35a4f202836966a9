"""Runs of the vectorised gear as Parquet: a row each, and their curves in folders beside it."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from backtest.files import check_writable, write_parquet
from core.errors import DataError
from research.metrics import COUNTS, METRICS
from research.panel.vectorized import VectorRun


def save(folder: Path, run: VectorRun) -> Path:
    """`NAME.parquet`: one row of identity and metrics, so that a folder of runs is a table; where
    there are curves, `frames/`, `equity/` and `trades/` beside it. Each file whole, or as it was.

    Raises ConfigError where nothing can be written.
    """
    check_writable(folder)
    parts = {"frames": run.frame, "equity": run.equity, "trades": run.trades}
    for part, frame in parts.items():
        if frame is not None:
            (folder / part).mkdir(parents=True, exist_ok=True)
            write_parquet(folder / part / f"{run.name}.parquet", frame)
    folder.mkdir(parents=True, exist_ok=True)
    row: Mapping[str, object] = {**run.identity, **run.metrics}
    kinds = {name: pl.Int64 if name in COUNTS else pl.Float64 for name in METRICS}
    path = folder / f"{run.name}.parquet"
    write_parquet(path, pl.DataFrame([row], schema_overrides=kinds))
    return path


def saved(folder: Path) -> pl.DataFrame:
    """Every run in `folder`, a row each; null where a strategy has no such parameter.

    Raises DataError where a file is no run, or there is none.
    """
    try:
        rows = [pl.read_parquet(path) for path in sorted(folder.glob("*.parquet"))]
        return pl.concat(rows, how="diagonal_relaxed")
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{folder} cannot be read: {error}") from error
