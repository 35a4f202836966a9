"""The folder of a lab's run: what was asked and found, its tables, its page.

`run.json` is written last: a folder that has it is whole. Every table is there twice, as Parquet
for programs and as CSV for people. The page can be made again from the other files alone.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from backtest.files import check_writable, write_parquet, write_text
from core.errors import DataError

RUN, PAGE = "run.json", "report.html"
FORMAT = "tradingd lab run 1"


class LabRun(NamedTuple):
    """`kind`: the verb that made it. `told`: plain values of JSON; `tables`: by name, in order."""

    kind: str
    told: Mapping[str, Any]
    tables: Mapping[str, pl.DataFrame]


def write_lab_run(directory: Path, run: LabRun, page: str) -> None:
    """Each file complete, or as it was; the same bytes for the same run. Raises ConfigError."""
    check_writable(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / RUN).unlink(missing_ok=True)  # not whole while files of two runs are mixed
    for name, frame in run.tables.items():
        write_parquet(directory / f"{name}.parquet", frame)
        write_text(directory / f"{name}.csv", frame.write_csv())
    write_text(directory / PAGE, page)
    head = {"format": FORMAT, "kind": run.kind, "tables": list(run.tables), "told": run.told}
    write_text(directory / RUN, json.dumps(head, indent=1, allow_nan=False) + "\n")


def read_lab_run(directory: Path) -> LabRun:
    """The run again. Raises DataError where a file is missing or is none of ours."""
    try:
        head = json.loads((directory / RUN).read_text(encoding="utf-8"))
        if not isinstance(head, dict) or head.get("format") != FORMAT:
            raise DataError(f'{directory / RUN} is no run of the lab: its format is not "{FORMAT}"')
        tables = {name: pl.read_parquet(directory / f"{name}.parquet") for name in head["tables"]}
        return LabRun(head["kind"], head["told"], tables)
    except KeyError as error:
        raise DataError(f"{directory / RUN}: {error} is missing") from error
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{directory} cannot be read: {error}") from error
