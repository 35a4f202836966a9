"""Parquet files of bars, read into `RawBars`: one file, many, or a hive directory.

Only the seven columns are read, and of those only the rows of the chosen symbols. It decides what
types a column may have; it never guesses a zone for stamps that have none.
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np
import polars as pl

from core.errors import DataError
from core.types import Int64s
from providers.raw_bars import (
    COLUMNS,
    FIRST_YEAR,
    LAST_YEAR,
    PRICES,
    RawBars,
    SourceLayout,
    first_fraction,
    require_sound,
)

# A damaged page can make polars panic, which is no Exception; the file is broken all the same.
BROKEN = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
ROW = "__row"  # place in the group, counted from 0
MISSING_STAMP = int(np.iinfo(np.int64).min)
NS_PER_S = 1_000_000_000
NS_PER = {"ns": 1, "us": 1_000, "ms": 1_000_000}
FIRST_S = int(np.datetime64(f"{FIRST_YEAR}-01-01", "s").astype(int))
AFTER_S = int(np.datetime64(f"{LAST_YEAR + 1}-01-01", "s").astype(int))

# polars 2.1 panics on a zone that is not in its database, such as +05:30. The zone is only told in
# the Arrow hint of the footer: Parquet itself keeps UTC instants, so nothing is lost without it.
SAFE_ZONES = frozenset({b"UTC", b"Asia/Kolkata", b"Asia/Calcutta"})
ZONE_LIKE = re.compile(rb"[A-Za-z]+/[A-Za-z_+\-0-9/]+|[+-]\d\d:?\d\d|\b[A-Z]{2,5}\b")

Locate = Callable[[int], str]


class _File(NamedTuple):
    """One Parquet file, its source for polars, and the `symbol=X` folder it lies in, if any."""

    path: Path
    source: Path | BytesIO
    schema: pl.Schema
    folder_symbol: str | None


def read_parquet(
    paths: Sequence[Path], chosen: Sequence[str] | None, layout: SourceLayout
) -> list[RawBars]:
    """Read `paths` in order; files of one schema that follow each other make one `RawBars`.

    Args:
        chosen: symbols whose rows are wanted and checked; None: all.

    Raises:
        DataError: unreadable, a column is missing or of the wrong type, or a row is not sound.
    """
    files = [_opened(path, layout) for path in paths]
    return [_read_group(list(group), chosen, layout) for _, group in groupby(files, key=_kind)]


def _kind(file: _File) -> tuple[object, ...]:
    """What files must have in common to be scanned as one."""
    return (tuple(file.schema.items()), file.folder_symbol, isinstance(file.source, Path))


def _opened(path: Path, layout: SourceLayout) -> _File:
    try:
        source: Path | BytesIO = path if has_safe_hint(path) else _without_hint(path)
        schema = pl.read_parquet_schema(source)
    except (*BROKEN, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file: {first_line(error)}") from error
    folder_symbol = next(
        (unquote(part[7:]) for part in path.parts[:-1] if part.startswith("symbol=")), None
    )
    named = pl.Schema(
        {column: schema[name] for column in COLUMNS if (name := layout.name_of(column)) in schema}
    )
    _require_columns(path, named, folder_symbol, layout)
    return _File(path, source, named, None if "symbol" in named else folder_symbol)


def has_safe_hint(path: Path) -> bool:
    """Whether polars can read the zones that the file's Arrow hint names."""
    hint = pl.read_parquet_metadata(path).get("ARROW:schema", "")
    try:
        schema = base64.b64decode(hint + "=" * (-len(hint) % 4))
    except binascii.Error:
        return False
    return SAFE_ZONES.issuperset(ZONE_LIKE.findall(schema))


def _without_hint(path: Path) -> BytesIO:
    """The file in memory with its hint under another key of the same length."""
    return BytesIO(path.read_bytes().replace(b"ARROW:schema", b"ARROW:absent"))


def _require_columns(
    path: Path, schema: pl.Schema, folder_symbol: str | None, layout: SourceLayout
) -> None:
    missing = [name for name in COLUMNS if name not in schema]
    if folder_symbol is not None and "symbol" in missing:
        missing.remove("symbol")
    if missing:
        names = ", ".join(layout.name_of(column) for column in missing)
        raise DataError(f"{path}: no column {names}; needed are {', '.join(COLUMNS)}")
    stamp = schema["ts"]
    if not isinstance(stamp, pl.Datetime):
        raise DataError(f"{path}: column ts is {stamp}, it must be a time with a zone")
    if stamp.time_zone is None and layout.zone is None:
        raise DataError(f"{path}: column ts has no time zone; write it with one or declare --zone")
    if stamp.time_zone is not None and layout.zone is not None:
        raise DataError(f"{path}: column ts has a zone of its own; --zone {layout.zone} is wrong")
    if not isinstance(schema.get("symbol", pl.String()), (pl.String, pl.Categorical, pl.Enum)):
        raise DataError(f"{path}: column symbol is {schema['symbol']}, it must be text")
    for column in (*PRICES, "volume"):
        if not (schema[column].is_numeric() or schema[column] == pl.Null):
            raise DataError(f"{path}: column {column} is {schema[column]}, it must be a number")


# --- rows --------------------------------------------------------------------------------------


def _read_group(files: list[_File], chosen: Sequence[str] | None, layout: SourceLayout) -> RawBars:
    try:
        symbols = _symbols(files, layout)
        frame = _rows(files, chosen, layout).collect()
    except BROKEN as error:
        raise DataError(f"{_names(files)}: cannot be read: {first_line(error)}") from error
    row = frame[ROW].to_numpy().astype(np.int64)

    def locate(row: int) -> str:
        return _place(files, row)

    bars = RawBars(
        symbols=symbols,
        symbol=frame["symbol"],
        stamp_ns=_stamps_ns(frame, _stamp_type(files[0]), locate),
        open=frame["open"].to_numpy(),
        high=frame["high"].to_numpy(),
        low=frame["low"].to_numpy(),
        close=frame["close"].to_numpy(),
        volume=_volumes(frame, locate),
        row=row,
        null_volumes=int(frame["no_volume"].sum()),
        locate=locate,
    )
    require_sound(bars)
    return bars


def _scan(files: list[_File]) -> pl.LazyFrame:
    return pl.scan_parquet(
        [file.source for file in files],  # type: ignore[arg-type]  # all paths or all buffers
        row_index_name=ROW,
        hive_partitioning=False,
        extra_columns="ignore",
    )


def _symbols(files: list[_File], layout: SourceLayout) -> frozenset[str]:
    """Every symbol of the files, chosen or not."""
    if files[0].folder_symbol is not None:
        return frozenset({files[0].folder_symbol})
    symbol = pl.col(layout.name_of("symbol")).cast(pl.String).unique()
    return frozenset(_scan(files).select(symbol.alias("symbol")).collect()["symbol"].drop_nulls())


def _rows(files: list[_File], chosen: Sequence[str] | None, layout: SourceLayout) -> pl.LazyFrame:
    """The rows of the chosen symbols with plain column types; `ts` in its own unit."""
    schema, folder_symbol = files[0].schema, files[0].folder_symbol
    source = {column: pl.col(layout.name_of(column)) for column in COLUMNS}
    if folder_symbol is not None:
        source["symbol"] = pl.lit(folder_symbol)
    if layout.zone is not None:
        source["ts"] = source["ts"].dt.replace_time_zone(layout.zone)
    symbol = source["symbol"].cast(pl.String)
    rows = _scan(files)
    if chosen is not None:
        rows = rows.filter(symbol.is_in(list(chosen)))
    fractions = schema["volume"].is_float() or schema["volume"].is_decimal()
    return rows.select(
        symbol.alias("symbol"),
        source["ts"].to_physical().alias("ts"),
        *(source[name].cast(pl.Float64).fill_null(float("nan")).alias(name) for name in PRICES),
        source["volume"].cast(pl.Float64 if fractions else pl.Int64).fill_null(0).alias("volume"),
        source["volume"].is_null().alias("no_volume"),
        pl.col(ROW),
    )


def _stamp_type(file: _File) -> pl.Datetime:
    stamp = file.schema["ts"]
    assert isinstance(stamp, pl.Datetime)
    return stamp


def _stamps_ns(frame: pl.DataFrame, stamp: pl.Datetime, locate: Locate) -> Int64s:
    """Stamps as nanoseconds, checked in their own unit: nanoseconds end in the year 2262."""
    scale = NS_PER[stamp.time_unit]
    stamps = frame["ts"].fill_null(MISSING_STAMP).to_numpy()
    plausible = (stamps >= FIRST_S * NS_PER_S // scale) & (stamps < AFTER_S * NS_PER_S // scale)
    if not plausible.all():
        index = int(np.argmin(plausible))
        value = int(stamps[index])
        told = "is missing"
        if value != MISSING_STAMP:
            told = f"{np.datetime64(value, stamp.time_unit)} UTC is not in the years"
            told = f"{told} {FIRST_YEAR} to {LAST_YEAR}"
        raise DataError(f"{locate(frame[ROW][index])}: {frame['symbol'][index]}: time {told}")
    return (stamps * scale).astype(np.int64, copy=False)


def _volumes(frame: pl.DataFrame, locate: Locate) -> Int64s:
    volume = frame["volume"].to_numpy()
    if volume.dtype == np.int64:
        return volume
    index = first_fraction(volume)
    if index is not None:
        raise DataError(
            f"{locate(frame[ROW][index])}: {frame['symbol'][index]}: "
            f"volume {volume[index]} is not a whole number"
        )
    return volume.astype(np.int64)


# --- places ------------------------------------------------------------------------------------


def _place(files: list[_File], row: int) -> str:
    """The file and the row in it, counted from 1; heights are read only when an error asks."""
    for file in files:
        height = int(pl.scan_parquet(file.source).select(pl.len()).collect().item())
        if row < height:
            return f"{file.path} row {row + 1}"
        row -= height
    return f"{_names(files)} row {row + 1}"


def _names(files: list[_File]) -> str:
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"{files[0].path}{more}"


def first_line(error: BaseException) -> str:
    """What polars says, without the plan it prints after that."""
    return (str(error).splitlines() or [type(error).__name__])[0]
