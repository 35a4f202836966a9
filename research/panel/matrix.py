"""A universe as matrices: one row a stamp, one column a symbol, the same shape for every field.

It decides where a row of a frame goes. It never fills: a cell without a row, or of a masked row,
is NaN in every field.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from core.errors import ConfigError, DataError
from core.session import DAY_NS, IST_OFFSET_NS, ist_text
from core.types import Bools, Float64s, Int64s

FIELDS = ("open", "high", "low", "close", "volume")
NS_PER_MS = 1_000_000


class Panel(NamedTuple):
    """T stamps of N symbols. A value that is not known is NaN, whatever the field.

    `masked` marks jumps that no corporate action explains (`mask`): prices on both sides of one
    are not of one basis. A return or a window over the rows (a, b] may be used only where
    `crossings` is the same in row a as in row b.
    """

    stamps_ns: Int64s  # [T], increasing: opens of the bars, midnight for daily files
    days: Int64s  # [T], session date of each row, days since 1970-01-01
    symbols: list[str]  # [N], in byte order
    fields: dict[str, Float64s]  # by name, [T, N] each
    masked: Bools  # [T, N]

    @property
    def sessions(self) -> Int64s:
        """[T]: the number of the row's session, counted from 0 over the sessions there are."""
        return np.unique(self.days, return_inverse=True)[1].astype(np.int64)

    @property
    def crossings(self) -> Int64s:
        """[T, N]: how many masked rows a symbol has had, this one included."""
        return np.cumsum(self.masked, axis=0, dtype=np.int64)


def panel_of(lf: pl.LazyFrame, fields: Sequence[str] = FIELDS) -> Panel:
    """Matrices of the columns `fields` of `lf`: a frame with `symbol` and `ts`, rows in any order.

    The session date is that of the column `date` where there is one, else the Indian date of `ts`.
    Where there is a column `masked`, its rows are NaN in every field.

    Raises:
        ConfigError: a field that is no column of numbers of the frame.
        DataError: no rows, a row without a stamp, or two rows of one symbol and stamp.
    """
    schema = lf.collect_schema()
    for name in ("symbol", "ts", *fields):
        if name not in schema:
            raise ConfigError(f"panel: no column {name!r}; there are {', '.join(schema)}")
    for name in fields:
        if not schema[name].is_numeric():
            raise ConfigError(f"panel: column {name!r} is {schema[name]}, it must be a number")
    stamp_ns = pl.col("ts").dt.timestamp("ms").cast(pl.Int64) * NS_PER_MS
    day = pl.col("date").to_physical() if "date" in schema else (stamp_ns + IST_OFFSET_NS) // DAY_NS
    frame = lf.select(
        pl.col("symbol").cast(pl.String),
        stamp_ns.alias("ts"),
        day.cast(pl.Int64).alias("date"),
        (pl.col("masked") if "masked" in schema else pl.lit(value=False)).alias("masked"),
        *(
            pl.col(name).cast(pl.Float64).fill_null(np.nan).alias(f"field {name}")
            for name in fields
        ),
    ).collect()
    if frame.is_empty():
        raise DataError("panel: the frame has no rows")
    if frame.select(pl.any_horizontal(pl.col("symbol", "ts", "date").has_nulls())).item():
        raise DataError("panel: a row has no symbol or no stamp")
    stamps_ns, first, row = np.unique(
        frame["ts"].to_numpy(), return_index=True, return_inverse=True
    )
    symbols = sorted(frame["symbol"].unique().to_list())
    column = frame["symbol"].cast(pl.Enum(symbols)).to_physical().to_numpy().astype(np.int64)
    shape = (len(stamps_ns), len(symbols))
    cell = row * shape[1] + column
    _require_single(cell, stamps_ns, symbols)
    masked = np.zeros(shape, bool)
    masked.ravel()[cell] = frame["masked"].to_numpy()
    matrices = {}
    for name in fields:
        matrix = np.full(shape, np.nan)
        matrix.ravel()[cell] = frame[f"field {name}"].to_numpy()
        matrix[masked] = np.nan
        matrices[name] = matrix
    return Panel(stamps_ns, frame["date"].to_numpy()[first], symbols, matrices, masked)


def _require_single(cell: Int64s, stamps_ns: Int64s, symbols: Sequence[str]) -> None:
    found, counts = np.unique(cell, return_counts=True)
    if (counts > 1).any():
        row, column = divmod(int(found[np.argmax(counts > 1)]), len(symbols))
        raise DataError(
            f"panel: {symbols[column]} has {counts.max()} rows at {ist_text(int(stamps_ns[row]))}"
        )
