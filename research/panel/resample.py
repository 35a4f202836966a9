"""Longer bars of whole frames: the very bars that the live Resampler makes of the same rows.

Where a bar begins, where it ends and what it holds is `core.bars` (`open_bin`, `add_bar`); which
sessions there are is `core.session`. Here their text runs down the columns of a frame, symbol by
symbol, without sorting all symbols into Minutes first: that costs little more than reading files.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from core.bars import BIN, DAY_NS, add_bar, open_bin
from core.errors import ConfigError, DataError
from core.jit import kernel
from core.session import (
    IST_OFFSET_NS,
    closed_row,
    days_of,
    ist_text,
    recorded_session,
    session_row,
)
from core.types import (
    BAR,
    NEVER_NS,
    SESSION,
    Float64s,
    Int32s,
    Int64s,
    Market,
    Records,
    Row,
    SessionClass,
    record,
)
from providers.dataset import DataOptions, instruments_of
from providers.raw_bars import PRICES
from research.panel.dataset import AS_IS, NS_PER_MS, zone_of
from strategies.settings import timeframe_ns

FINE, BACKWARDS, OFF_GRID = 0, 1, 2
COMPLAINTS = {BACKWARDS: "not in order of time", OFF_GRID: "off the grid of its session part"}

# Where a walk down the rows of one symbol is: rows before until_ns are of the open bin.
WALK = record([("until_ns", "i8"), ("last_ns", "i8"), ("anchor_ns", "i8"), ("fault", "i8")])


def resample(lf: pl.LazyFrame, timeframe: str, options: DataOptions = AS_IS) -> pl.LazyFrame:
    """Bars of `timeframe` ("15m", "75m", "1h", "1d") out of shorter ones, by (symbol, ts).

    Equal to what the live Resampler emits of the same rows: bins are anchored at the open of each
    session part, the last of a part may be short, only "1d" spans the parts; rows outside the
    sessions are in no bar, an empty bin is none. On a 24x7 market a bin that lasts longer than the
    last row of the frame is not emitted: live it would still be open.

    Args:
        lf: of `load_dataset`, in order of time within each symbol. A row that lacks a price is no
            bar; a null volume is 0.
        options: market, base and closing auction of the data.

    Returns: `symbol, date, ts` (open), `close_ts`, prices (float64), `volume`, `minutes_seen` and
        `minutes_expected` (rows of the base).

    Raises:
        ConfigError: a timeframe unknown or shorter than the base, or a volume of fractions.
        DataError: when collected, a row that is not in order or off the grid of the base.
    """
    span_ns = timeframe_ns(timeframe)
    if span_ns < options.base_ns:
        raise ConfigError(f"timeframe {timeframe} is shorter than the bars it is made of")
    given = lf.collect_schema()
    missing = [name for name in ("symbol", "ts", *PRICES, "volume") if name not in given]
    if missing:
        raise ConfigError(f"no column {', '.join(missing)}; there are {', '.join(given)}")
    if not given["volume"].is_integer():
        raise ConfigError(f"volume is {given['volume']}, to be resampled it must be whole numbers")
    stamp = pl.Datetime("ms", zone_of(options.market))
    schema = {
        "symbol": pl.String(),
        "date": pl.Date(),
        "ts": stamp,
        "close_ts": stamp,
        **{name: pl.Float64() for name in PRICES},
        "volume": pl.Int64(),
        "minutes_seen": pl.Int32(),
        "minutes_expected": pl.Int32(),
    }
    needed = lf.select("symbol", "ts", *PRICES, "volume")
    return needed.map_batches(
        lambda rows: _resampled(rows, span_ns, options, schema), schema=schema
    )


def _resampled(
    frame: pl.DataFrame,
    span_ns: int,
    options: DataOptions,
    schema: Mapping[str, pl.DataType],
) -> pl.DataFrame:
    if frame.is_empty():
        return pl.DataFrame(schema=schema)
    names, bars = _strategy_bars(frame, span_ns, options)
    columns = {
        "symbol": pl.Series(names).gather(bars.number),
        "date": bars.day,
        "ts": bars.open_ns // NS_PER_MS,
        "close_ts": bars.close_ns // NS_PER_MS,
        **{name: getattr(bars, name) for name in schema if name in Bars._fields},
    }
    return pl.DataFrame([pl.Series(name, columns[name]).cast(schema[name]) for name in schema])


def _strategy_bars(
    frame: pl.DataFrame, span_ns: int, options: DataOptions
) -> tuple[list[str], "Bars"]:
    """Symbols in order of their rows, and the bars that number them. `frame` is not empty."""
    runs = frame["symbol"].rle().struct.unnest()
    names = runs["value"].to_list()
    if len(set(names)) < len(names):
        raise DataError("the rows of a symbol are not together: sort them by symbol and ts")
    classes = [instrument.session_class for instrument in instruments_of(names, options)]
    stamps_ms = frame["ts"].cast(pl.Datetime("ms")).to_physical()
    extent_ns = np.array([stamps_ms.min(), stamps_ms.max()], np.int64) * NS_PER_MS
    first_day, last_day = days_of(extent_ns, classes[0]).tolist()
    tables = {kind: _sessions(first_day, last_day, kind) for kind in set(classes)}
    always_open = options.market is Market.ALWAYS_OPEN
    terms = Terms(
        span_ns=span_ns,
        base_ns=options.base_ns,
        first_day=first_day,
        day_offset_ns=0 if always_open else IST_OFFSET_NS,
        end_ns=int(extent_ns[1]) + options.base_ns if always_open else NEVER_NS,
    )
    made = Bars._make(np.empty(len(frame), kind) for kind in BAR_KINDS)  # a bar has a row at least
    bins, bars, walks = np.zeros(1, BIN), np.zeros(1, BAR), np.zeros(1, WALK)
    count = number = 0
    ends = runs["len"].cum_sum().to_list()
    prices = [frame[name].cast(pl.Float64) for name in PRICES]
    volume = frame["volume"].fill_null(0).cast(pl.Int64)
    for rows, end in _pieces([stamps_ms, *prices, volume], ends):
        sessions = tables[classes[number]]
        count = walk(rows, terms, sessions, bins, bars, walks, number, made, count)
        if fault := int(walks["fault"][0]):
            where = ist_text(int(walks["last_ns"][0]))
            raise DataError(f"{names[number]} {where}: a row is {COMPLAINTS[fault]}")
        if end == ends[number]:
            count = finish(terms, bins, number, made, count)
            bins[:], walks[:] = 0, 0
            number += 1
    return names, Bars._make(column[:count] for column in made)


class Rows(NamedTuple):
    """Columns of consecutive rows of one symbol."""

    ts_ms: Int64s
    open: Float64s
    high: Float64s
    low: Float64s
    close: Float64s
    volume: Int64s


class Bars(NamedTuple):
    """Columns of what is made, as STRATEGY_BAR names them; `number` is that of the symbol."""

    number: Int32s
    day: Int32s
    open_ns: Int64s
    close_ns: Int64s
    open: Float64s
    high: Float64s
    low: Float64s
    close: Float64s
    volume: Int64s
    minutes_seen: Int32s
    minutes_expected: Int32s


BAR_KINDS = ("i4", "i4", "i8", "i8", "f8", "f8", "f8", "f8", "i8", "i4", "i4")


def _pieces(columns: Sequence[pl.Series], ends: Sequence[int]) -> Iterator[tuple[Rows, int]]:
    """Rows and where they end, cut at symbols and chunks: then no column is copied together."""
    edges = np.cumsum(columns[-1].chunk_lengths()).tolist()
    for begin, end in pairwise(sorted({0, *ends, *edges})):
        yield Rows._make(one.slice(begin, end - begin).to_numpy() for one in columns), end


@lru_cache(maxsize=8)
def _sessions(first_day: int, last_day: int, session_class: SessionClass) -> Records:
    """SESSION rows of every day from `first_day` to `last_day`."""
    rows: Records = np.zeros(last_day - first_day + 1, SESSION)
    for number, day in enumerate(range(first_day, last_day + 1)):
        session = recorded_session(day, session_class)
        rows[number] = (
            closed_row(day)
            if session is None
            else session_row(session, last_entry_minutes=0, square_off_minutes=0)
        )
    return rows


class Terms(NamedTuple):
    span_ns: int
    base_ns: int
    first_day: int  # of the table of sessions
    day_offset_ns: int
    end_ns: int  # a bin that ends later is still open when the data ends


@kernel
def walk(
    rows: Rows,
    terms: Terms,
    sessions: Records,
    bins: Records,
    bars: Records,
    walks: Records,
    number: int,
    out: Bars,
    count: int,
) -> int:
    """Run down rows of one symbol; writes bars that are over to `out`, returns how many it has.

    `bins`, `bars` and `walks` have one row each: what is carried to the next piece.
    """
    bin_, bar, at = bins[0], bars[0], walks[0]
    for i in range(len(rows.ts_ms)):
        open_ns = rows.ts_ms[i] * NS_PER_MS
        if open_ns <= at.last_ns:
            at.fault = BACKWARDS
            at.last_ns = open_ns
            return count
        at.last_ns = open_ns
        bar.open, bar.high = rows.open[i], rows.high[i]
        bar.low, bar.close = rows.low[i], rows.close[i]
        bar.volume = rows.volume[i]
        if not bar.open + bar.high + bar.low + bar.close > 0:  # a price is NaN
            continue
        if open_ns >= at.until_ns:
            session = sessions[(open_ns + terms.day_offset_ns) // DAY_NS - terms.first_day]
            part = 0
            while part < session.parts and open_ns >= session.part_close_ns[part]:
                part += 1
            if part == session.parts or open_ns < session.part_open_ns[part]:
                continue
            if open_ns >= bin_.end_ns:
                count = finish(terms, bins, number, out, count)
                open_bin(bin_, open_ns, session, terms.span_ns, terms.base_ns)
            at.anchor_ns = session.part_open_ns[part]
            at.until_ns = min(bin_.end_ns, session.part_close_ns[part])
        if (open_ns - at.anchor_ns) % terms.base_ns:
            at.fault = OFF_GRID
            return count
        add_bar(bin_, bar)
    return count


@kernel
def finish(terms: Terms, bins: Records, number: int, out: Bars, count: int) -> int:
    """Move the open bin to `out`, if there is one and the data reaches to its end."""
    bin_: Row = bins[0]
    if bin_.minutes_seen == 0 or bin_.end_ns > terms.end_ns:
        return count
    out.number[count] = number
    out.day[count] = bin_.day
    out.open_ns[count] = bin_.open_ns
    out.close_ns[count] = bin_.end_ns
    out.open[count] = bin_.open
    out.high[count] = bin_.high
    out.low[count] = bin_.low
    out.close[count] = bin_.close
    out.volume[count] = bin_.volume
    out.minutes_seen[count] = bin_.minutes_seen
    out.minutes_expected[count] = bin_.minutes_expected
    return count + 1
