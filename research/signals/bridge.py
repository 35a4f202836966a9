"""From polars to a kernel and back: float64 arrays of one series, absent values as NaN."""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from core.types import Float64s


def bridged(
    columns: Sequence[pl.Expr], fill: Callable[[list[Float64s], Float64s], None]
) -> pl.Expr:
    """`fill(arrays, out)` over the columns; `out` begins as NaN, and what stays NaN is null."""

    def run(series: Sequence[pl.Series]) -> pl.Series:
        arrays = [np.ascontiguousarray(one.to_numpy(), np.float64) for one in series]
        out = np.full(len(arrays[0]), np.nan)
        fill(arrays, out)
        return pl.Series(out, nan_to_null=True)

    floats = [column.cast(pl.Float64) for column in columns]
    return pl.map_batches(floats, run, return_dtype=pl.Float64)
