"""Which files of a source a request touches, told by their paths alone, and the scan of those.

A partition holds the rows of the symbol and of the session dates it is named after; one that is
not touched is never opened.
"""

import os
from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import polars as pl

from core.errors import DataError
from providers.dataset import PARQUET_SUFFIXES, require_present
from providers.parquet_bars import BROKEN, first_line, has_safe_hint

DayRange = tuple[int | None, int | None]  # days since 1970-01-01, inclusive; None: open
ALL_DAYS = (-(10**6), 10**6)
# Files that were written at different times may differ a little; the first one's types are taken.
CASTS = pl.ScanCastOptions(
    integer_cast=["upcast", "allow-float"],
    float_cast=["upcast", "downcast"],
    datetime_cast=["nanosecond-downcast", "convert-timezone"],
)
HIVE_TYPES = {"year": pl.Int64(), "month": pl.Int64(), "day": pl.Int64(), "date": pl.Date()}
_EPOCH = date(1970, 1, 1).toordinal()


class Scan(NamedTuple):
    """Rows of the touched files, unfiltered; `keys` are the columns that their folders tell."""

    rows: pl.LazyFrame
    schema: pl.Schema
    keys: frozenset[str]


def scan(source: str | Path, days: DayRange, symbols: Sequence[str] | None) -> Scan:
    """The files of `source` that may hold rows of the dates and symbols.

    Of a URL polars lists the files; folders are then left out by filters on their keys.

    Raises:
        ConfigError: a symbol without a folder, where symbols have folders.
        DataError: no such file, no such partition, or not readable.
    """
    try:
        if "://" in str(source):
            rows = pl.scan_parquet(
                str(source), hive_partitioning=True, extra_columns="ignore", cast_options=CASTS
            )
            schema = rows.collect_schema()
            return Scan(rows, schema, frozenset({*HIVE_TYPES, "symbol"} & schema.keys()))
        every = parquet_files(Path(source))
        folders = [hive_keys(file) for file in every]
        if symbols is not None and all("symbol" in keys for keys in folders):
            require_present("symbols", symbols, sorted({keys["symbol"] for keys in folders}))
        files = touched(every, days, symbols)
        if not files:
            raise DataError(f"{source}: none of its {len(every)} files is of the dates asked for")
        if not has_safe_hint(files[0]):
            raise DataError(f"{files[0]}: its zone of time is not in the time zone database")
        types = {key: HIVE_TYPES.get(key, pl.String()) for key in hive_keys(files[0])}
        rows = pl.scan_parquet(
            files,
            glob=False,
            hive_partitioning=bool(types),
            hive_schema=types or None,
            extra_columns="ignore",
            cast_options=CASTS,
        )
        return Scan(rows, rows.collect_schema(), frozenset(types))
    except (*BROKEN, OSError) as error:
        raise DataError(f"{source}: not readable as Parquet: {first_line(error)}") from error


def parquet_files(source: Path) -> list[Path]:
    """The file itself, or all Parquet files below a directory, in order of their paths."""
    if not source.exists():
        raise DataError(f"{source}: no such file or directory")
    if not source.is_dir():
        return [source]
    files = sorted(
        Path(folder, name)
        for folder, _, names in os.walk(source, followlinks=True)
        for name in names
        if name.lower().endswith(tuple(PARQUET_SUFFIXES))
        and not name.startswith((".", "_"))  # half-written, or marks of other writers
    )
    if not files:
        raise DataError(f"{source}: the directory holds no {' or '.join(sorted(PARQUET_SUFFIXES))}")
    return files


def touched(files: Sequence[Path], days: DayRange, symbols: Sequence[str] | None) -> list[Path]:
    """Those that may hold rows of the dates and symbols, in the order given."""
    first = ALL_DAYS[0] if days[0] is None else days[0]
    last = ALL_DAYS[1] if days[1] is None else days[1]
    kept = []
    for file in files:
        keys = hive_keys(file)
        if symbols is not None and "symbol" in keys and keys["symbol"] not in symbols:
            continue
        begin, end = days_of_partition(file, keys)
        if begin <= last and first <= end:
            kept.append(file)
    return kept


def hive_keys(file: Path) -> dict[str, str]:
    """`key=value` of the directories a file lies in, decoded."""
    pairs = (part.split("=", 1) for part in file.parts[:-1] if "=" in part)
    return {key: unquote(value) for key, value in pairs}


def days_of_partition(file: Path, keys: Mapping[str, str]) -> tuple[int, int]:
    """First and last session date it may hold: of its day, month or year, else of all time.

    Raises DataError for a date that does not exist.
    """
    try:
        if "date" in keys:
            first = last = date.fromisoformat(keys["date"])
        elif "year" not in keys:
            return ALL_DAYS
        else:
            first, last = _dates_of_year(file, keys)
    except ValueError as error:
        raise DataError(f"{file}: the name of its partition is no date: {error}") from error
    return first.toordinal() - _EPOCH, last.toordinal() - _EPOCH


def _dates_of_year(file: Path, keys: Mapping[str, str]) -> tuple[date, date]:
    year = int(keys["year"])
    if "month" not in keys:
        return date(year, 1, 1), date(year, 12, 31)
    month = int(keys["month"])
    if "day" in keys:
        day = date(year, month, int(keys["day"]))
        return day, day
    begin = f"{year:04}-{month:02}-"
    if file.stem.startswith(begin):  # the archive calls its files after their day
        day = date.fromisoformat(file.stem)
        return day, day
    return date(year, month, 1), date(year, month, monthrange(year, month)[1])
