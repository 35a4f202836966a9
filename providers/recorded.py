"""Recorded ticks played again as a feed: what a socket delivered on one day, in that order.

Reads the capture format `symbol, ts, ltp, volume, capture_date, capture_part, seq` (Parquet). It
judges no tick: duplicates, zero times, falling volumes and ticks of other days go on as they came.
"""

import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from core.errors import DataError
from core.minutes import BarBuilder
from core.ports import Clock, FeedDown, FeedItem, FeedUp, TickBatch
from core.session import (
    DAY_NS,
    IST_OFFSET_NS,
    MINUTE_NS,
    Session,
    day_text,
    minute_closes,
)
from core.types import BAR, NEVER_NS, TICK, Instrument, Int64s, Records
from providers.joining import joined

COLUMNS = ("symbol", "ts", "ltp", "volume", "capture_date", "capture_part", "seq")


class RecordedTicks:
    """The captures of one file, by session day.

    There is no arrival time in a capture. The clock is the running maximum of exchange times per
    symbol, which zero times and times of another day do not move; symbols are merged by it, ties
    in the order of `symbols`, and it stands for `recv_ns`.
    """

    def __init__(self, path: Path, symbols: Sequence[str] | None = None) -> None:
        self._frame = pl.scan_parquet(path)
        self._path = path
        missing = set(COLUMNS) - set(self._frame.collect_schema().names())
        if missing:
            raise DataError(f"{path}: a tick capture has no column {sorted(missing)[0]}")
        found = self._frame.select(pl.col("symbol").unique().sort()).collect()["symbol"].to_list()
        self.symbols = tuple(found if symbols is None else symbols)
        strangers = [symbol for symbol in self.symbols if symbol not in found]
        if strangers:
            raise DataError(f"{path} holds no ticks of {strangers[0]}")

    @property
    def data_hash(self) -> str:
        """SHA-256 of the symbols and the file."""
        digest = hashlib.sha256("\n".join((*self.symbols, "")).encode())
        digest.update(self._path.read_bytes())
        return digest.hexdigest()

    def days(self) -> list[int]:
        """Capture days, ascending, as days since 1970-01-01."""
        dates = self._frame.select(pl.col("capture_date").unique().sort()).collect()
        return dates["capture_date"].cast(pl.Int32).to_list()

    def ticks(self, day: int) -> Records:
        """TICK rows of `day` in order of arrival; `connection` is the capture part."""
        frame = (
            self._frame.filter(pl.col("capture_date").cast(pl.Int32) == day)
            .filter(pl.col("symbol").is_in(self.symbols))
            .with_columns(pl.col("ts").dt.epoch("ns").alias("exch_ns"))
            .collect()
        )
        if not len(frame):
            raise DataError(f"no ticks captured on {day_text(day)}")
        numbers = {symbol: number for number, symbol in enumerate(self.symbols)}
        ticks: Records = np.zeros(len(frame), TICK)
        ticks["instrument"] = [numbers[symbol] for symbol in frame["symbol"]]
        ticks["connection"] = frame["capture_part"].to_numpy()
        ticks["exch_ns"] = frame["exch_ns"].to_numpy()
        ticks["price"] = frame["ltp"].to_numpy()
        ticks["quantity"] = -1
        ticks["volume"] = frame["volume"].to_numpy()
        ticks["seq"] = frame["seq"].to_numpy()
        ticks = ticks[np.lexsort((ticks["seq"], ticks["connection"], ticks["instrument"]))]
        ticks["recv_ns"] = arrival_ns(ticks, day)
        ticks = ticks[np.lexsort((ticks["instrument"], ticks["recv_ns"], ticks["connection"]))]
        ticks["seq"] = np.arange(len(ticks))
        return ticks


def arrival_ns(ticks: Records, day: int) -> Int64s:
    """The clock of each tick: the largest time of the day seen on its instrument so far.

    `ticks` by (instrument, connection, seq). Before the first time of the day: that first time.
    """
    of_day = (ticks["exch_ns"] + IST_OFFSET_NS) // DAY_NS == day
    times = np.where(of_day, ticks["exch_ns"], 0)
    clock = np.zeros(len(ticks), np.int64)
    edges = np.flatnonzero(np.diff(ticks["instrument"], prepend=-1, append=-1))
    for first, end in pairwise(edges.tolist()):
        running = np.maximum.accumulate(times[first:end])
        told = running[running > 0]
        running[running == 0] = told[0] if len(told) else day * DAY_NS - IST_OFFSET_NS
        clock[first:end] = running
    return clock


def is_capture(path: Path) -> bool:
    """Whether `path` is a Parquet file of ticks rather than of bars."""
    if path.suffix != ".parquet" or not path.is_file():
        return False
    try:
        return "ltp" in pl.scan_parquet(path).collect_schema()
    except pl.exceptions.PolarsError:
        return False  # whoever reads it as bars says what is wrong with it


class RecordedFeed:
    """One recorded day as a Feed, paced by the clock; a new connection is a reconnect."""

    def __init__(self, ticks: Records, clock: Clock) -> None:
        self._ticks = ticks
        self._clock = clock

    async def stream(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        async for item in joined(frames(self._ticks), self._clock, len(instruments)):
            yield item


def bars_of(ticks: Records, sessions: Sequence[Session | None], grace_ns: int) -> Records:
    """The 1m bars a daemon builds of a whole recorded day, by time, then instrument number."""
    builder = BarBuilder(sessions, grace_ns=grace_ns)
    closes = [minute_closes(session, MINUTE_NS) for session in sessions if session is not None]
    waiting = iter(np.unique(np.concatenate(closes)).tolist() if closes else [])
    last_ns = max((int(one[-1]) for one in closes), default=0)
    close_ns = next(waiting, NEVER_NS)
    bars: list[Records] = []
    for item in frames(ticks):
        while close_ns + grace_ns <= item.recv_ns:  # a Minute closes before later frames are read
            builder.close_through(close_ns + grace_ns)
            close_ns = next(waiting, NEVER_NS - grace_ns)
        match item:
            case TickBatch(_, batch):
                builder.add(batch)
            case FeedUp(recv_ns):
                builder.feed_up(recv_ns)
            case FeedDown():
                builder.feed_down()
        bars += [minute.bars for minute in builder.take_minutes()]
    if len(ticks) and ticks["recv_ns"][-1] < last_ns - MINUTE_NS:
        builder.feed_down()  # it ended before the day did
    builder.end_session()
    bars += [minute.bars for minute in builder.take_minutes()]
    return np.concatenate(bars) if bars else np.zeros(0, BAR)


def frames(ticks: Records) -> Iterator[FeedItem]:
    """Ticks of one moment are one frame; each connection begins with FeedUp, FeedDown between."""
    edges = np.flatnonzero(
        np.diff(ticks["recv_ns"], prepend=-1, append=-1)
        | np.diff(ticks["connection"], prepend=-1, append=-1)
    )
    connection = -1
    last_ns = 0
    for first, end in pairwise(edges.tolist()):
        recv_ns, part = int(ticks["recv_ns"][first]), int(ticks["connection"][first])
        if part != connection:
            if connection >= 0:
                yield FeedDown(last_ns, "the capture was interrupted", connection)
            yield FeedUp(recv_ns, part)
            connection = part
        yield TickBatch(recv_ns, ticks[first:end])
        last_ns = recv_ns
