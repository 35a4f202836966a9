"""Buckets of a signal: who is among the lowest and highest, what followed, how fast they change.

Across symbols each row is parted by itself; over time each bar by the bars before it, so that no
edge is known early. Decides nothing about what a bucket is worth.
"""

import numpy as np

from core.types import Float64s, Int64s

NONE = -1  # the bucket of a value that is absent
FEWEST_BEFORE = 63  # bars of history before the first bar of one symbol gets a bucket


def ranks_of(values: Float64s) -> tuple[Int64s, Int64s, Int64s]:
    """Of each row: the least and greatest rank of every value among ties, from 0, and how many
    values there are. Ranks of NaN are beyond the count.

    Args:
        values: float64[T, N].

    Returns: least, greatest int64[T, N]; count int64[T].
    """
    rows, columns = values.shape
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    begins = np.ones((rows, columns), bool)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]  # NaN differs from NaN
    place = np.broadcast_to(np.arange(columns), (rows, columns))
    first = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    ends = np.ones((rows, columns), bool)
    ends[:, :-1] = begins[:, 1:]
    last = np.minimum.accumulate(np.where(ends, place, columns)[:, ::-1], axis=1)[:, ::-1]
    least, greatest = np.empty_like(order), np.empty_like(order)
    np.put_along_axis(least, order, first, axis=1)
    np.put_along_axis(greatest, order, last, axis=1)
    return least, greatest, np.isfinite(ordered).sum(axis=1)


def buckets_of(values: Float64s, count: int) -> Int64s:
    """The bucket of every value in its row: 0 the lowest, `count` - 1 the highest, NONE of a NaN.

    Edges are the row's quantiles, interpolated linearly, each belonging to the bucket below it:
    bucket = ceil(least rank * count / (n - 1)) - 1. Equal values share the lowest bucket that one
    of them falls into. A row of fewer than `count` values has none.

    Args:
        values: float64[T, N], finite or NaN.
    """
    least, _, known = ranks_of(values)
    wide = np.maximum(known - 1, 1)[:, None]
    buckets = np.maximum((least * count + wide - 1) // wide - 1, 0)
    absent = np.isnan(values) | (known < max(count, 2))[:, None]
    return np.where(absent, NONE, buckets)


def buckets_in_time(values: Float64s, count: int, block: int = FEWEST_BEFORE) -> Int64s:
    """The bucket of each bar of one symbol among all bars before its block of `block` bars.

    bucket = floor(values before that are less * count / (n + 1)); the first block has none.

    Args:
        values: float64[T].
    """
    buckets = np.full(len(values), NONE)
    before = np.empty(0)
    for begin in range(0, len(values), block):
        rows = values[begin : begin + block]
        if len(before) >= FEWEST_BEFORE:
            less = np.searchsorted(before, rows)
            found = less * count // (len(before) + 1)
            buckets[begin : begin + block] = np.where(np.isnan(rows), NONE, found)
        before = np.sort(np.concatenate([before, rows[np.isfinite(rows)]]))
    return buckets


def bucket_means(buckets: Int64s, forward: Float64s, count: int) -> Float64s:
    """[T, count]: the mean return of each bucket in each row; NaN of a bucket without a return."""
    rows = len(buckets)
    used = (buckets != NONE) & np.isfinite(forward)
    cell = (np.arange(rows)[:, None] * count + buckets)[used]
    sums = np.bincount(cell, forward[used], rows * count)
    sizes = np.bincount(cell, minlength=rows * count)
    with np.errstate(invalid="ignore"):
        return (sums / sizes).reshape(rows, count)


def turnover_of(buckets: Int64s, bucket: int, behind: int = 1) -> Float64s:
    """[T]: the share of a bucket's symbols that were not in it `behind` rows before.

    NaN in the first rows and where the bucket is empty.
    """
    inside = buckets == bucket
    fresh = (inside[behind:] & ~inside[:-behind]).sum(axis=1)
    share = np.full(len(buckets), np.nan)
    with np.errstate(invalid="ignore"):
        share[behind:] = fresh / inside[behind:].sum(axis=1)
    return share
