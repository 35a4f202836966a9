"""Buckets of a signal: who is among the lowest and highest, what followed, how fast they change.

Across symbols each row is parted by itself; over time each bar by the bars before it, so that no
edge is known early. Decides nothing about what a bucket is worth.
"""

import numpy as np

from core.types import Float64s, Int64s

NONE = -1  # the bucket of a value that is absent
BLOCK = 63  # bars of one symbol that are held against the same history
FEWEST_BEFORE = 63  # bars of history before the first bar of one symbol has a place in it


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


def shares_below(values: Float64s, known_after: int = 0) -> Float64s:
    """Of each bar of one symbol the share of earlier values that are less; equal ones count half.

    Earlier are those before its block of BLOCK bars. NaN of an absent value, and before there are
    FEWEST_BEFORE. Of values that might have come in any order it is uniform.

    Args:
        values: float64[T].
        known_after: rows until a value is known: that of a return, when it is sold.
    """
    shares = np.full(len(values), np.nan)
    before = np.empty(0)
    for begin in range(0, len(values), BLOCK):
        new = values[max(0, begin - BLOCK - known_after) : max(0, begin - known_after)]
        new = np.sort(new[np.isfinite(new)])
        before = np.insert(before, np.searchsorted(before, new), new)
        if len(before) >= FEWEST_BEFORE:
            rows = values[begin : begin + BLOCK]
            less, not_more = (np.searchsorted(before, rows, side) for side in ("left", "right"))
            share = (less + not_more) / (2.0 * len(before))
            shares[begin : begin + BLOCK] = np.where(np.isnan(rows), np.nan, share)
    return shares


def buckets_of_shares(shares: Float64s, count: int) -> Int64s:
    """Equal parts of 0 to 1: the bucket of each of `shares_below`, NONE of a NaN."""
    absent = np.isnan(shares)
    buckets = (np.where(absent, 0.0, shares) * count).astype(np.int64)
    return np.where(absent, NONE, np.minimum(buckets, count - 1))


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
