"""Bars of Parquet files as one lazy frame of a fixed schema, and what identifies its content.

It decides which rows belong to a request, before any is read, and how columns are typed. It never
repairs or fills: a price that is not there is NaN, and `coverage` tells what is missing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from core.errors import ConfigError, DataError
from core.session import DAY_NS, IST_OFFSET_NS, day_text, parse_day
from core.types import Market
from providers.dataset import DataOptions, StampLabel, require_present
from providers.parquet_bars import NS_PER
from providers.raw_bars import PRICES
from research.panel.partitions import DayRange, Scan, scan

HASH_FORMAT = "tradingd frame 1"  # another meaning of the rows is another hash
NS_PER_MS = 1_000_000

Day = date | str | None
DateRange = tuple[Day, Day]  # both inclusive; None: open
PIECE_ROWS = 1 << 15
EVER: DateRange = (None, None)
AS_IS = DataOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSpec:
    """What the files are, and what a frame made of them holds.

    A frame has `symbol` (text), `date` (of the session: Indian, of a 24x7 market UTC), `ts` (open
    of the bar, milliseconds, with zone; midnight where files hold a `date` and no `ts`), `open
    high low close`, `volume`, then the `further` columns as the files have them.

    Attributes:
        options: market, labels, base, the files' names and zone of columns; `resample` takes the
            same.
        prices: their width; float32 has another content hash.
        vendor, as_of: where the files come from, and the day of their corporate actions; recorded.
    """

    options: DataOptions = AS_IS
    prices: Literal["float64", "float32"] = "float64"
    further: tuple[str, ...] = ()
    vendor: str | None = None
    as_of: str | None = None

    @property
    def zone(self) -> str:
        return zone_of(self.options.market)


@dataclass(frozen=True, slots=True)
class ParquetLoader:
    """One source of bars: a Parquet file, a directory of them, or a URL of either.

    Directories may be partitioned by `symbol=`, `year=`, `month=`, `day=` or `date=` in any order,
    or be as the archive writes them. A partition holds the rows it is named after: of other dates
    and symbols no file is opened. For a URL (`s3://bucket/bars/**/*.parquet`) polars lists the
    files, finds the credentials and leaves out partitions in the same way.
    """

    source: str | Path
    spec: DataSpec = DataSpec()

    def load(
        self, date_range: DateRange = EVER, symbols: Sequence[str] | None = None
    ) -> pl.LazyFrame:
        """The rows of some sessions and symbols, by (symbol, ts), none twice.

        Exact copies of a row are dropped. A null price is NaN, a null volume stays null. Sessions
        or months without a row are no error: `coverage` names them.

        Raises:
            ConfigError: a symbol that no file holds; a range that ends before it begins.
            DataError: no file, no row in the range, a column missing or of a wrong type; when
                collected, rows of one symbol and stamp that disagree.
        """
        if symbols is not None and not symbols:
            raise ConfigError("symbols: none is named")
        days = _days(date_range)
        found = scan(self.source, days, symbols)
        _require_columns(self.source, found.schema, self.spec)
        rows = found.rows
        if symbols is not None:
            symbol = pl.col(self.spec.options.layout.name_of("symbol")).cast(pl.String)
            if "symbol" not in found.keys or "://" in str(self.source):
                present = rows.select(symbol.unique().drop_nulls()).collect().to_series()
                require_present("symbols", symbols, present.sort().to_list())
            rows = rows.filter(symbol.is_in(list(symbols)))
        if days != (None, None):
            rows = rows.filter(*_within(found, self.spec, days))
            if rows.head(1).select(pl.len()).collect().item() == 0:
                raise DataError(f"{self.source}: no row {_told(days)}")
        order = ("symbol", "date", "ts", *PRICES, "volume", *self.spec.further)
        return (
            rows.select(_columns(found.schema, self.spec))
            .map_batches(_settled, predicate_pushdown=True)
            .with_columns(date=_date_of(self.spec))
            .select(order)
        )

    def identity(
        self, date_range: DateRange = EVER, symbols: Sequence[str] | None = None
    ) -> dict[str, object]:
        """What was loaded, in plain values: vendor, as_of, content hash, rows, symbols and span."""
        frame = self.load(date_range, symbols).collect()
        return {
            "vendor": self.spec.vendor,
            "as_of": self.spec.as_of,
            "data_hash": content_hash(frame.lazy()),
            "rows": frame.height,
            "symbols": frame["symbol"].unique().sort().to_list(),
            "from": str(frame["date"].min()),
            "to": str(frame["date"].max()),
        }


def load_dataset(
    source: str | Path,
    date_range: DateRange = EVER,
    symbols: Sequence[str] | None = None,
    spec: DataSpec | None = None,
) -> pl.LazyFrame:
    """`ParquetLoader(source, spec).load(date_range, symbols)`."""
    return ParquetLoader(source, spec or DataSpec()).load(date_range, symbols)


def content_hash(lf: pl.LazyFrame) -> str:
    """SHA-256 of the values of a frame: the same for every partitioning and order of its rows.

    Covers symbols, stamps and every other column but `date`, by name; numbers as float64, a null
    as NaN, so null and NaN are one.
    """
    frame = lf.collect().sort("symbol", "ts")
    digest = hashlib.sha256(HASH_FORMAT.encode())
    for count, symbol in frame["symbol"].rle().struct.unnest().iter_rows():
        digest.update(f"\n{symbol}\t{count}".encode())
    digest.update(frame["ts"].dt.timestamp("ms").to_numpy().astype("<i8", copy=False).data)
    for name in sorted(set(frame.columns) - {"symbol", "date", "ts"}):
        digest.update(f"\n{name}".encode())
        column = frame[name]
        if not column.dtype.is_numeric():
            for text in column.cast(pl.String).fill_null(""):
                digest.update(text.encode() + b"\0")
            continue
        values = column.cast(pl.Float64).fill_nan(None).fill_null(np.nan)
        digest.update(np.ascontiguousarray(values.to_numpy(), "<f8").data)
    return digest.hexdigest()


def zone_of(market: Market) -> str:
    """In which a frame tells its stamps, and the dates of its sessions."""
    return "UTC" if market is Market.ALWAYS_OPEN else "Asia/Kolkata"


# --- the request ---------------------------------------------------------------------------------


def _days(date_range: DateRange) -> DayRange:
    first, last = (
        None if day is None else parse_day(day if isinstance(day, str) else day.isoformat())
        for day in date_range
    )
    if first is not None and last is not None and first > last:
        raise ConfigError(f"the range begins {day_text(first)}, after its end {day_text(last)}")
    return first, last


def _told(days: DayRange) -> str:
    first, last = ("..." if day is None else day_text(day) for day in days)
    return f"from {first} to {last}"


def _within(found: Scan, spec: DataSpec, days: DayRange) -> list[pl.Expr]:
    """Filters in the columns and types of the files themselves, so that they reach the scan."""
    layout = spec.options.layout
    named, nse = layout.name_of("ts"), spec.options.market is not Market.ALWAYS_OPEN
    filters = []
    for day, is_first in zip(days, (True, False), strict=True):
        if day is None:
            continue
        if {"year", "month"} <= found.keys:
            month = pl.col("year") * 12 + pl.col("month")
            last = int(day_text(day)[:4]) * 12 + int(day_text(day)[5:7])
            filters.append(month >= last if is_first else month <= last)
        if named not in found.schema:
            stamp, limit = pl.col("date"), pl.lit(day).cast(pl.Date)
            filters.append(stamp >= limit if is_first else stamp <= limit)
            continue
        kind = found.schema[named]
        assert isinstance(kind, pl.Datetime)
        edge_ns = (day if is_first else day + 1) * DAY_NS - (IST_OFFSET_NS if nse else 0)
        edge_ns += _label_shift_ns(spec)
        stamp = pl.col(named)
        if kind.time_zone is None:
            stamp = stamp.dt.replace_time_zone(layout.zone)
        limit = pl.lit(edge_ns // NS_PER[kind.time_unit]).cast(
            pl.Datetime(kind.time_unit, kind.time_zone or layout.zone)
        )
        filters.append(stamp >= limit if is_first else stamp < limit)
    return filters


def _label_shift_ns(spec: DataSpec) -> int:
    return spec.options.base_ns if spec.options.label is StampLabel.END else 0


# --- columns and order ---------------------------------------------------------------------------


def _require_columns(source: object, schema: pl.Schema, spec: DataSpec) -> None:
    name_of = spec.options.layout.name_of
    stamp = name_of("ts") if name_of("ts") in schema or "date" not in schema else "date"
    needed = [*(name_of(name) for name in ("symbol", *PRICES, "volume")), stamp, *spec.further]
    missing = [name for name in needed if name not in schema]
    if missing:
        raise DataError(f"{source}: no column {', '.join(missing)}; there are {', '.join(schema)}")
    for name in (*PRICES, "volume"):
        kind = schema[name_of(name)]
        if not (kind.is_numeric() or kind == pl.Null):
            raise DataError(f"{source}: column {name_of(name)} is {kind}, it must be a number")
    kind = schema[stamp]
    if stamp == "date" and kind == pl.Date:
        return
    if not isinstance(kind, pl.Datetime):
        raise DataError(f"{source}: column {stamp} is {kind}, it must be a time with a zone")
    if (kind.time_zone is None) == (spec.options.layout.zone is None):
        told = "no time zone, declare one" if kind.time_zone is None else "a time zone of its own"
        raise DataError(f"{source}: column {stamp} has {told}")


def _columns(schema: pl.Schema, spec: DataSpec) -> list[pl.Expr]:
    """The frame's columns but `date`, out of the files'."""
    layout, name_of = spec.options.layout, spec.options.layout.name_of
    milliseconds = pl.Datetime("ms", spec.zone)
    if name_of("ts") in schema:
        stamp = pl.col(name_of("ts"))
        if layout.zone is not None:
            stamp = stamp.dt.replace_time_zone(layout.zone)
        stamp = stamp.dt.convert_time_zone(spec.zone).cast(milliseconds)
        if shift_ns := _label_shift_ns(spec):
            stamp -= pl.duration(milliseconds=shift_ns // NS_PER_MS)
    else:
        stamp = pl.col("date").cast(pl.Datetime("ms")).dt.replace_time_zone(spec.zone)
    width = pl.Float64() if spec.prices == "float64" else pl.Float32()
    volume = pl.col(name_of("volume"))
    whole = schema[name_of("volume")].is_integer() or schema[name_of("volume")] == pl.Null
    return [
        pl.col(name_of("symbol")).cast(pl.String).alias("symbol"),
        stamp.alias("ts"),
        *(pl.col(name_of(name)).cast(width).alias(name) for name in PRICES),
        volume.cast(pl.Int64 if whole else pl.Float64).alias("volume"),
        *(pl.col(name) for name in spec.further),
    ]


def _date_of(spec: DataSpec) -> pl.Expr:
    """`dt.date()` of a stamp with a zone asks the zone for every row; ours have fixed offsets."""
    offset_ms = (0 if spec.options.market is Market.ALWAYS_OPEN else IST_OFFSET_NS) // NS_PER_MS
    since_ms = pl.col("ts").dt.timestamp("ms") + offset_ms
    return (since_ms // (DAY_NS // NS_PER_MS)).cast(pl.Int32).cast(pl.Date)


def _settled(frame: pl.DataFrame) -> pl.DataFrame:
    """By (symbol, ts), none twice, no price null. Most files are so already, and looking at them is
    far cheaper than sorting. Raises DataError for a row that is nobody's or of no time."""
    if frame["symbol"].null_count() or frame["ts"].null_count():
        raise DataError("a row has no symbol or no stamp")
    if any(frame[name].null_count() for name in PRICES):
        frame = frame.with_columns(pl.col(PRICES).fill_null(np.nan))
    runs = frame["symbol"].rle().struct.unnest()
    symbols, ends = runs["value"], runs["len"].cum_sum()
    if symbols.is_sorted() and symbols.n_unique() == len(symbols) and _rises(frame["ts"], ends):
        return frame
    frame = frame.unique(maintain_order=True).sort("symbol", "ts", maintain_order=True)
    again = pl.struct("symbol", "ts").is_duplicated()
    if not (twice := frame.filter(again).head(2)).is_empty():
        first, second = (
            " ".join(f"{name} {row[name]}" for name in (*PRICES, "volume"))
            for row in twice.iter_rows(named=True)
        )
        [symbol, stamp] = twice.row(0)[:2]
        raise DataError(f"{symbol} {stamp:%Y-%m-%d %H:%M}: {first} disagrees with {second}")
    return frame


def _rises(stamps: pl.Series, ends: pl.Series) -> bool:
    """Whether stamps increase from each end to the next. In pieces that stay in the cache."""
    numbers = stamps.to_physical()
    for begin, end in pairwise([0, *ends]):
        for start in range(begin, end, PIECE_ROWS):
            piece = numbers[start : min(start + PIECE_ROWS + 1, end)].to_numpy()
            if not (piece[1:] > piece[:-1]).all():
                return False
    return True
