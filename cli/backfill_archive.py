"""The archive as the keep of a backfill: files of days, rewritten whole, many chunks at a time.

A minute of a symbol becomes what the broker's history says of it; other rows of the day stay,
unless that history is made anew. Rows outside the session are kept, as an import keeps them.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from core.errors import StoreFailed
from core.session import days_of
from core.types import BAR, Instrument, Int64s, Records, SessionClass
from daemon.upstox.backfill import Held
from providers.upstox.history import Fetched
from stores.archive import BarArchive

SOURCE = "backfill"
COLUMNS = ("open", "high", "low", "close", "volume", "quality")
MAX_ROWS = 1_000_000  # not written yet, some 100 MB
MAX_AGE_S = 30.0  # what a kill may cost: the requests of so long
BROKEN = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


class ArchiveKeep:
    """Below `directory`, for `--data`.

    Args:
        now_s: real time; None: that of the running loop.
    """

    def __init__(
        self,
        directory: Path,
        instruments: Sequence[Instrument],
        now_s: Callable[[], float] | None = None,
    ) -> None:
        self.archive = BarArchive(directory)
        self.written: set[int] = set()
        self._symbols = np.array([one.symbol for one in instruments], object)
        self._instruments = instruments
        self._now_s = now_s or (lambda: asyncio.get_running_loop().time())
        self._waiting: list[Records] = []
        self._rows = 0
        self._anew: dict[int, list[str]] = {}  # symbols of which nothing older stays, by day
        self._since_s = 0.0  # when the first of them came

    async def held(self) -> list[Held]:
        """Raises StoreFailed for a file that cannot be read."""
        held = {one.symbol: Held(set(), set()) for one in self._instruments}
        for day in self.archive.days():
            path = self.archive.path(day)
            try:
                rows = pl.read_parquet(path, columns=["symbol", "source"]).unique().rows()
            except BROKEN as error:
                raise StoreFailed(f"{path}: cannot be read: {error}") from error
            for symbol, source in rows:
                if symbol in held:
                    held[symbol].days.add(day)
                    if source == SOURCE:
                        held[symbol].final.add(day)
        return [held[one.symbol] for one in self._instruments]

    async def bars(self, instrument: int, from_day: int, to_day: int) -> Records:
        return self.archive.read(from_day, to_day, [self._instruments[instrument]])

    async def keep(self, fetched: Fetched, anew: Sequence[int]) -> None:
        symbol = self._instruments[fetched.chunk.instrument].symbol
        for day in anew:
            self._anew.setdefault(day, []).append(symbol)
        if not self._waiting:
            self._since_s = self._now_s()
        rows = np.concatenate([fetched.bars, fetched.outside]).view(BAR)
        if len(rows):
            self._waiting.append(rows)
            self._rows += len(rows)
        if self._rows >= MAX_ROWS or self._now_s() - self._since_s >= MAX_AGE_S:
            await self.flush()

    async def flush(self) -> None:
        """Write the days of what has come. Raises StoreFailed."""
        if not self._waiting:
            return
        rows = np.concatenate(self._waiting).view(BAR)
        self._waiting, self._rows = [], 0
        day = _days(rows)
        order = np.argsort(day, kind="stable")
        starts = np.flatnonzero(np.diff(day[order], prepend=-1))
        for part in np.split(order, starts[1:]):
            self._write(int(day[part[0]]), rows[part])
        self._anew.clear()

    def _write(self, day: int, rows: Records) -> None:
        new = pl.DataFrame(
            {
                "symbol": pl.Series(self._symbols[rows["instrument"]], dtype=pl.String),
                "open_ns": np.ascontiguousarray(rows["open_ns"]),
                **{name: np.ascontiguousarray(rows[name]) for name in COLUMNS},
            }
        ).with_columns(source=pl.lit(SOURCE))
        kept = self._staying(day, new)
        columns = pl.concat([kept, new.select(kept.columns)])
        self.archive.write(day, {one.name: one.to_numpy() for one in columns})
        self.written.add(day)

    def _staying(self, day: int, new: pl.DataFrame) -> pl.DataFrame:
        """Rows of the day's file beside which `new` comes."""
        path = self.archive.path(day)
        if not path.exists():
            return new.clear()
        try:
            archived = pl.read_parquet(path)
            return (
                archived.with_columns(open_ns=pl.col("ts").dt.epoch("ns"))
                .filter(~pl.col("symbol").is_in(self._anew.get(day, [])))
                .join(new, on=("symbol", "open_ns"), how="anti")
                .select(new.columns)
            )
        except BROKEN as error:
            raise StoreFailed(f"{path}: cannot be read: {error}") from error


def _days(rows: Records) -> Int64s:
    return days_of(rows["open_ns"], SessionClass.CASH)
