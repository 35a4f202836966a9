"""`--data`: files of imported bars as one checked, ordered set (cli.md 3).

It decides which rows are bars of a session, which duplicates agree and how stamps become opens. It
never repairs, fills or guesses: what cannot be true is an error naming the first such row.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np

from core.errors import ConfigError, DataError
from core.session import DAY_NS, MINUTE_NS
from core.types import Instrument, InstrumentId, Records, SessionClass
from core.types import Market as Market
from providers.bar_rows import BarRows, place
from providers.csv_bars import read_csv
from providers.parquet_bars import read_parquet
from providers.raw_bars import RawBars, SourceLayout, count_off_tick

MAX_SYMBOLS = 5_000
HASH_FORMAT = "tradingd bars 1"  # another meaning of the rows is another hash
PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})
CSV_SUFFIXES = frozenset({".csv", ".txt"})
AS_NAMED = SourceLayout()


class StampLabel(StrEnum):
    """Which end of a bar its stamp tells. The end of a part's short last bar is the part's close.

    An end stamp after that close is outside the session, also where open plus base would reach it.
    """

    OPEN = "open"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """How the data is to be read; the same options for every verb that reads `--data`."""

    label: StampLabel = StampLabel.OPEN
    base_ns: int = MINUTE_NS
    market: Market = Market.NSE
    symbols: tuple[str, ...] | None = None  # choice and order; None: all, in byte order
    closing_auction: Literal["all", "none"] | tuple[str, ...] = "all"
    layout: SourceLayout = AS_NAMED

    def __post_init__(self) -> None:
        if self.base_ns % MINUTE_NS or not MINUTE_NS <= self.base_ns <= DAY_NS:
            raise ConfigError(f"base {self.base_ns} ns is not whole minutes from 1m to 1d")
        if self.symbols == ():
            raise ConfigError("symbols: none is named")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCounts:
    """What was found, of the chosen symbols: rows = bars + duplicates + outside_session."""

    rows: int
    bars: int
    duplicates: int
    outside_session: int  # rows on days without a session among them
    unsorted: int  # rows earlier than the row of the same symbol before them
    days: int  # with bars
    no_session_days: int  # with rows, without a session
    missing_bars: int  # of the sessions of days on which the instrument has bars
    null_volumes: int
    off_tick: int  # rows with a price that is not a whole number of paise


@dataclass(frozen=True, slots=True)
class Dataset:
    """Bars of the sessions, by (open_ns, instrument).

    `outside` holds the rows kept out, in the same order: stored by an import, never traded.
    `data_hash` covers the symbols in order and the bars, whatever files they came from.
    """

    instruments: tuple[Instrument, ...]
    bars: Records
    outside: Records
    options: DataOptions
    data_hash: str
    counts: DataCounts


def load(paths: Sequence[Path], options: DataOptions) -> Dataset:
    """Read, check and order the bars of `paths`: Parquet or CSV files, or directories of them.

    Raises:
        DataError: missing or unreadable files; a row that cannot be true; duplicates that
            disagree; a stamp off the base grid.
        ConfigError: a symbol that the data does not hold, or named twice.
    """
    sources = [source for path in paths for source in _read(path, options)]
    symbols = _chosen_symbols(sources, options)
    instruments = instruments_of(symbols, options)
    rows = BarRows.of(sources, symbols)
    order, duplicates = rows.in_time()
    placed = place(
        rows,
        order,
        [instrument.session_class for instrument in instruments],
        base_minutes=options.base_ns // MINUTE_NS,
        end_labelled=options.label is StampLabel.END,
    )
    bars = rows.bars(order[placed.inside], placed.open_minute[placed.inside])
    outside = rows.bars(order[~placed.inside], placed.open_minute[~placed.inside])
    counts = DataCounts(
        rows=len(rows),
        bars=len(bars),
        duplicates=duplicates,
        outside_session=len(outside),
        unsorted=rows.count_unsorted(),
        days=placed.days,
        no_session_days=placed.no_session_days,
        missing_bars=placed.expected_bars - len(bars),
        null_volumes=sum(source.null_volumes for source in sources),
        off_tick=sum(count_off_tick(source) for source in sources),
    )
    return Dataset(instruments, bars, outside, options, data_hash(symbols, bars), counts)


def trusted(instruments: Sequence[Instrument], bars: Records, options: DataOptions) -> Dataset:
    """Bars of our own store as a Dataset: checked when they were stored, in order already."""
    counts = DataCounts(
        rows=len(bars),
        bars=len(bars),
        duplicates=0,
        outside_session=0,
        unsorted=0,
        days=0,
        no_session_days=0,
        missing_bars=0,
        null_volumes=0,
        off_tick=0,
    )
    return Dataset(tuple(instruments), bars, bars[:0], options, "", counts)


def only(dataset: Dataset, number: int) -> Dataset:
    """One instrument of it, as if its symbol alone had been asked for; counts are of all."""
    instrument = dataset.instruments[number]
    bars, outside = (
        rows[rows["instrument"] == number].copy() for rows in (dataset.bars, dataset.outside)
    )
    for rows in (bars, outside):
        rows["instrument"] = 0
    return replace(
        dataset,
        instruments=(instrument,),
        bars=bars,
        outside=outside,
        options=replace(dataset.options, symbols=(instrument.symbol,)),
        data_hash=data_hash([instrument.symbol], bars),
    )


def nearest(name: str, known: Sequence[str]) -> str:
    """`; did you mean A, B?` for a name that is not among `known`, empty if none is near."""
    near = get_close_matches(name.upper(), known, n=3) or get_close_matches(name, known, n=3)
    return f"; did you mean {', '.join(near)}?" if near else ""


# --- files and symbols -------------------------------------------------------------------------


def _read(path: Path, options: DataOptions) -> Iterator[RawBars]:
    for is_parquet, files in groupby(_files(path), key=_is_parquet):
        if is_parquet:
            yield from read_parquet(list(files), options.symbols, options.layout)
        else:
            yield from (read_csv(file, options.symbols, options.layout) for file in files)


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise DataError(f"{path}: no such file or directory")
    if not path.is_dir():
        return [path]
    suffixes = PARQUET_SUFFIXES | CSV_SUFFIXES
    files = sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in suffixes
        and not file.name.startswith((".", "_"))  # half-written, or marks of other writers
        and file.is_file()
    )
    if not files:
        raise DataError(f"{path}: the directory holds no {' or '.join(sorted(suffixes))} file")
    return files


def _is_parquet(file: Path) -> bool:
    """By name, else by the first bytes; all other files are taken for CSV, which says what they
    are if they are not."""
    if file.suffix.lower() in PARQUET_SUFFIXES | CSV_SUFFIXES:
        return file.suffix.lower() in PARQUET_SUFFIXES
    try:
        with file.open("rb") as opened:
            return opened.read(4) == b"PAR1"
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from error


def _chosen_symbols(sources: Sequence[RawBars], options: DataOptions) -> tuple[str, ...]:
    present = sorted(frozenset().union(*(source.symbols for source in sources)))
    if isinstance(options.closing_auction, tuple):
        require_present("closing auction", options.closing_auction, present)
    symbols = tuple(present) if options.symbols is None else options.symbols
    require_present("symbols", symbols, present)
    if not symbols:
        raise DataError("the data has no rows")
    if len(symbols) > MAX_SYMBOLS:
        raise ConfigError(f"{len(symbols)} symbols, over the limit of {MAX_SYMBOLS}: choose some")
    return symbols


def require_present(option: str, names: Sequence[str], present: Sequence[str]) -> None:
    """Raises ConfigError for a name that is not there, with the nearest, or is given twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"{option}: {', '.join(twice)} is named twice")
    unknown = [name + nearest(name, present) for name in names if name not in present]
    if unknown:
        raise ConfigError(f"{option}: not in the data: {', '.join(unknown)}")


def instruments_of(symbols: Sequence[str], options: DataOptions) -> tuple[Instrument, ...]:
    """Instruments that data alone tells of: a symbol each, hours by market and auction."""

    def session_class(symbol: str) -> SessionClass:
        if options.market is Market.ALWAYS_OPEN:
            return SessionClass.ALWAYS_OPEN
        auction = options.closing_auction
        has_auction = symbol in auction if isinstance(auction, tuple) else auction == "all"
        return SessionClass.CASH_AUCTION if has_auction else SessionClass.CASH

    return tuple(Instrument(InstrumentId(name), name, session_class(name)) for name in symbols)


# --- identity ----------------------------------------------------------------------------------


def data_hash(symbols: Sequence[str], bars: Records) -> str:
    """SHA-256 of the symbols and the BAR rows, little-endian as they lie in memory."""
    digest = hashlib.sha256("\n".join((HASH_FORMAT, *symbols, "")).encode())
    digest.update(np.ascontiguousarray(bars).view(np.uint8).data)
    return digest.hexdigest()
