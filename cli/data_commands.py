"""`tradingd data import | verify | list | export`: bars in and out of files.

Every verb reads through `providers.dataset`, so a file that passes here is a file that `backtest`
reads. The defect report comes before anything is written; on an error nothing is.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from backtest.files import check_writable
from cli.reading import read
from core.errors import ConfigError, DataError, StoreFailed
from core.session import days_of, ist_text
from core.types import Int64s, Records
from providers.dataset import (
    DataOptions,
    Dataset,
    Market,
    StampLabel,
    data_hash,
)
from providers.raw_bars import SourceLayout
from stores.archive import SCHEMA, BarArchive
from stores.files import DiskFiles

Tell = Callable[[str], None]

KEY = ("symbol", "ts")
VALUES = ("open", "high", "low", "close", "volume")
ZONES = {Market.NSE: "Asia/Kolkata", Market.ALWAYS_OPEN: "UTC"}
CSV_TIME = "%Y-%m-%dT%H:%M:%S%:z"


def import_bars(data: Sequence[Path], out: Path, options: DataOptions, tell: Tell) -> None:
    """Add the bars of `data` to the archive below `out`, rows outside the session included.

    A day that is there already keeps its rows; a row that disagrees with one of them is an error.
    """
    check_writable(out)
    dataset = read(data, options)
    for line in defect_report(dataset):
        tell(line)
    archive = BarArchive(out)
    additions = [
        (day, merged)
        for day, rows in _by_day(dataset)
        if (merged := _merged(archive.path(day), rows)) is not None
    ]
    for day, rows in additions:
        archive.write(day, {name: column.to_numpy() for name, column in _columns(rows)})
    tell(f"written      {len(additions):,} days below {out}")


def verify_bars(data: Sequence[Path], options: DataOptions, tell: Tell) -> None:
    """The defect report alone. Raises DataError at the first row that refuses the file."""
    for line in defect_report(read(data, options)):
        tell(line)


def list_bars(data: Sequence[Path], options: DataOptions, tell: Tell) -> None:
    """What the data holds of each symbol: bars, days, first and last bar."""
    dataset = read(data, options)
    tell(f"{'symbol':<16} {'bars':>12} {'days':>7}  {'first':<25}  last")
    for number, instrument in enumerate(dataset.instruments):
        opens = dataset.bars["open_ns"][dataset.bars["instrument"] == number]
        days = len(np.unique(days_of(opens, instrument.session_class)))
        span = f"{ist_text(opens[0])}  {ist_text(opens[-1])}" if len(opens) else "-"
        tell(f"{instrument.symbol:<16} {len(opens):>12,} {days:>7,}  {span}")
    tell(f"{dataset.counts.days:,} days, data hash {dataset.data_hash}")


def export_bars(
    data: Sequence[Path],
    out: Path,
    options: DataOptions,
    tell: Tell,
    *,
    from_day: int | None = None,
    to_day: int | None = None,
) -> None:
    """Write the chosen bars to one .parquet or .csv, open-labelled.

    The file is read back before it takes its name: it gives the same data hash with the same
    symbols, session and base.
    """
    if out.suffix not in {".parquet", ".csv"}:
        raise ConfigError(f"--out {out}: the name must end in .parquet or .csv")
    if any(out.resolve() == path.resolve() for path in data):
        raise ConfigError(f"--out {out} is the data itself")
    check_writable(out.parent)
    dataset = read(data, options)
    bars = _in_days(dataset, from_day, to_day)
    if not len(bars):
        raise DataError("no bars in the chosen days")
    part = out.with_name(f".{out.stem}.part{out.suffix}")
    try:
        _write(part, _frame(dataset, bars))
        written = _read_back(part, dataset, bars)
        DiskFiles().publish(part, out)
    finally:
        part.unlink(missing_ok=True)
    tell(f"written      {len(bars):,} bars to {out}")
    tell(f"data hash    {written}")


def layout_of(zone: str | None, columns: str | None) -> SourceLayout:
    """The layout that `--zone Asia/Kolkata --columns open=o,ts=date` declares."""
    pairs = []
    for text in columns.split(",") if columns else []:
        ours, equals, theirs = text.partition("=")
        if not (ours and equals and theirs):
            raise ConfigError(f"--columns {text!r} is not NAME=NAME_IN_THE_FILE")
        pairs.append((ours, theirs))
    return SourceLayout(zone=zone, renamed=tuple(pairs))


def defect_report(dataset: Dataset) -> Iterator[str]:
    """One line per count, in the order in which rows are judged."""
    counts = dataset.counts
    yield f"symbols      {len(dataset.instruments):,}"
    yield f"rows         {counts.rows:,}"
    yield f"null volume  {counts.null_volumes:,} (read as 0)"
    yield f"off tick     {counts.off_tick:,} (a price that is not whole paise; kept)"
    yield f"unsorted     {counts.unsorted:,} (sorted)"
    yield f"duplicates   {counts.duplicates:,} (equal; dropped)"
    yield f"outside      {counts.outside_session:,} (not in the session; kept, not traded)"
    yield f"off days     {counts.no_session_days:,} (days with rows and without a session)"
    yield f"missing      {counts.missing_bars:,} (minutes of traded days without a bar)"
    yield f"bars         {counts.bars:,} on {counts.days:,} days"
    yield f"data hash    {dataset.data_hash}"


# --- import ------------------------------------------------------------------------------------


def _by_day(dataset: Dataset) -> Iterator[tuple[int, pl.DataFrame]]:
    """Rows of each day in the schema of the archive, those outside the session among them."""
    rows = np.concatenate([dataset.bars, dataset.outside])
    day = _days(dataset, rows["open_ns"])
    order = np.argsort(day, kind="stable")
    starts = np.flatnonzero(np.diff(day[order], prepend=-1))
    for part in np.split(order, starts[1:]):
        frame = _frame(dataset, rows[part])
        frame = frame.with_columns(quality=pl.lit(0), source=pl.lit("import"))
        frame = frame.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
        yield int(day[part[0]]), frame


def _merged(path: Path, rows: pl.DataFrame) -> pl.DataFrame | None:
    """Archived and new rows of a day; None if nothing is new. Raises DataError on a conflict."""
    if not path.exists():
        return rows
    try:
        archived = pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise StoreFailed(f"{path}: cannot be read: {error}") from error
    both = rows.join(archived, on=KEY, suffix="_archived")
    differs = pl.any_horizontal(pl.col(name) != pl.col(f"{name}_archived") for name in VALUES)
    conflicts = both.filter(differs).sort("ts", "symbol")
    if conflicts.height:
        first = conflicts.row(0, named=True)
        told = ", ".join(f"{name} {first[name]} and {first[f'{name}_archived']}" for name in VALUES)
        raise DataError(
            f"{first['symbol']} {first['ts'].isoformat()} disagrees with {path}: {told}"
        )
    new = rows.join(archived, on=KEY, how="anti")
    return pl.concat([archived, new]) if new.height else None


def _columns(rows: pl.DataFrame) -> Iterator[tuple[str, pl.Series]]:
    yield "open_ns", rows["ts"].dt.epoch("ns")
    yield from ((name, rows[name]) for name in rows.columns if name != "ts")


# --- export ------------------------------------------------------------------------------------


def _in_days(dataset: Dataset, from_day: int | None, to_day: int | None) -> Records:
    bars = dataset.bars
    day = _days(dataset, bars["open_ns"])
    first = 0 if from_day is None else int(np.searchsorted(day, from_day, side="left"))
    end = len(bars) if to_day is None else int(np.searchsorted(day, to_day, side="right"))
    return bars[first:end]


def _write(path: Path, frame: pl.DataFrame) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            frame.write_parquet(path, compression="zstd")
        else:
            text = frame.with_columns(pl.col("ts").dt.strftime(CSV_TIME))
            text.write_csv(path, float_scientific=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StoreFailed(f"{path.parent}: cannot be written: {error}") from error


def _read_back(path: Path, dataset: Dataset, bars: Records) -> str:
    """The data hash of the file at `path`. Raises StoreFailed if it does not hold `bars`."""
    numbers = np.unique(bars["instrument"])
    symbols = tuple(dataset.instruments[number].symbol for number in numbers)
    expected = bars.copy()
    expected["instrument"] = np.searchsorted(numbers, bars["instrument"])
    auction = dataset.options.closing_auction
    if isinstance(auction, tuple):
        auction = tuple(symbol for symbol in auction if symbol in symbols)
    options = DataOptions(
        label=StampLabel.OPEN,
        base_ns=dataset.options.base_ns,
        market=dataset.options.market,
        symbols=symbols,
        closing_auction=auction,
    )
    written = read([path], options)
    if written.data_hash != data_hash(symbols, expected):
        raise StoreFailed(f"{path}: does not read back as it was written")
    return written.data_hash


# --- both --------------------------------------------------------------------------------------


def _days(dataset: Dataset, opens: Int64s) -> Int64s:
    """Days of bars: every instrument of a dataset keeps the same kind of date."""
    return days_of(opens, dataset.instruments[0].session_class)


def _frame(dataset: Dataset, bars: Records) -> pl.DataFrame:
    """`symbol, ts, open, high, low, close, volume` of BAR rows."""
    symbols = np.array([instrument.symbol for instrument in dataset.instruments], dtype=object)
    stamp = pl.Series(bars["open_ns"]).cast(pl.Datetime("ns", "UTC")).dt.cast_time_unit("ms")
    return pl.DataFrame(
        {
            "symbol": pl.Series(symbols[bars["instrument"]], dtype=pl.String),
            "ts": stamp.dt.convert_time_zone(ZONES[dataset.options.market]),
            **{name: np.ascontiguousarray(bars[name]) for name in VALUES},
        }
    )
