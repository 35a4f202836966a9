"""The long memory: one Parquet file per day of bars, for backtests and for other programs.

Decides the layout `bars/year=YYYY/month=MM/DATE.parquet` and its schema, which every verb that
reads `--data` accepts as it is. A minute without prices is not a bar and has no row. Never changes
a file in place.
"""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.errors import StoreFailed
from core.session import day_text, parse_day
from core.types import BAR, Instrument, Records
from stores.files import DiskFiles, Files

ZONE = "Asia/Kolkata"
_NS_PER_MS = 1_000_000
_PRICES = ("open", "high", "low", "close")

SCHEMA = pl.Schema(
    {
        "symbol": pl.String(),
        "ts": pl.Datetime("ms", ZONE),  # open of the bar
        **{name: pl.Float64() for name in _PRICES},
        "volume": pl.Int64(),
        "quality": pl.Int32(),
        "source": pl.String(),
    }
)


class BarArchive:
    """The archive below one directory, which is itself a hive data set for `--data`."""

    def __init__(self, directory: Path, files: Files | None = None) -> None:
        self._root = directory / "bars"
        self._files = files or DiskFiles()

    def path(self, day: int) -> Path:
        text = day_text(day)
        return self._root / f"year={text[:4]}" / f"month={text[5:7]}" / f"{text}.parquet"

    def write(self, day: int, columns: Mapping[str, NDArray[Any]]) -> Path:
        """Replace the file of `day`, read it back and compare. Raises StoreFailed.

        Args:
            columns: `symbol, open_ns, open, high, low, close, volume, quality, source`, any order.
        """
        stamps = pl.Series(columns["open_ns"] // _NS_PER_MS).cast(pl.Datetime("ms", "UTC"))
        given = {name: columns[name] for name in SCHEMA if name != "ts"}
        frame = (
            pl.DataFrame({**given, "ts": stamps.dt.convert_time_zone(ZONE)})
            .select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
            .sort("symbol", "ts")
        )
        content = BytesIO()
        frame.write_parquet(content, compression="zstd")
        self._files.replace(self.path(day), content.getvalue())
        if not self._day(day).equals(frame):
            raise StoreFailed(f"archive of {day_text(day)} is not what was written")
        return self.path(day)

    def read(self, from_day: int, to_day: int, instruments: Sequence[Instrument]) -> Records:
        """BAR rows of the days from `from_day` to `to_day`, both included, that are archived.

        By time, then place in `instruments`; symbols that are not among them are left out.
        """
        numbers = pl.DataFrame(
            {"symbol": [one.symbol for one in instruments], "instrument": range(len(instruments))},
            schema={"symbol": pl.String(), "instrument": pl.Int32()},
        )
        frames = [self._day(day) for day in self.days() if from_day <= day <= to_day]
        bars = (
            pl.concat([SCHEMA.to_frame(), *frames])
            .join(numbers, on="symbol")
            .with_columns(open_ns=pl.col("ts").dt.timestamp("ms") * _NS_PER_MS)
            .sort("open_ns", "instrument")
        )
        found = np.zeros(len(bars), BAR)
        for name in BAR.names or ():
            found[name] = bars[name].to_numpy()
        return found

    def days(self) -> list[int]:
        """Days since 1970-01-01 that have a file, ascending."""
        return sorted(parse_day(path.stem) for path in self._root.glob("year=*/month=*/*.parquet"))

    def _day(self, day: int) -> pl.DataFrame:
        content = self._files.read(self.path(day))
        if content is None:
            raise StoreFailed(f"archive of {day_text(day)} is gone")
        try:
            frame = pl.read_parquet(content)
        except pl.exceptions.PolarsError as error:
            raise StoreFailed(f"archive of {day_text(day)} is not readable: {error}") from error
        if frame.schema != SCHEMA:
            raise StoreFailed(f"archive of {day_text(day)} has other columns than {list(SCHEMA)}")
        return frame
