"""Information coefficients: Spearman's correlation of signals with the returns that followed.

Across symbols at each timestamp (`rank_ics`), or over time for each symbol (`time_series_ics`).
Decides which pairs count and how ties rank; knows nothing of horizons, or what a signal means.
"""

from collections.abc import Sequence

import numpy as np

from core.errors import DataError
from core.jit import kernel
from core.types import Float64s, Int64s

LEAST_PAIRS = 3  # two points always lie on a line
MOST_PAIRS = 3_000_000  # the sum of products of ranks, n^3 / 3, must fit an int64
KEYS_AT_ONCE = 16_384  # 128 kB, and as much to merge into: they stay in the cache of a core
LONGEST_RUN = 256  # numpy sorts as many by one network of vector instructions, 5x as fast as more
ABSENT = np.iinfo(np.int64).max  # sorts behind every key
INFINITY = int(np.array(np.inf).view(np.int64))  # the bits of a NaN are greater


def rank_ics(
    signals: Sequence[Float64s] | Float64s, forward: Float64s, least_pairs: int = LEAST_PAIRS
) -> Float64s:
    """Spearman's correlation across symbols at each timestamp, for every signal.

    Equal values get the mean of their ranks. All sums are of integers, so that no value depends on
    the order of the symbols or on what else is asked for.

    Args:
        signals: S matrices [T, N], known at the close of each bar. NaN: absent.
        forward: [T, N], the return that followed. NaN: absent.
        least_pairs: a timestamp at which fewer symbols have both is NaN.

    Returns: [S, T]; NaN also where all signals or all returns of a timestamp are equal.

    Raises DataError for matrices of another shape than the returns, or too large.
    Source: Spearman (1904); ties as in Kendall (1948), "Rank Correlation Methods", chapter 3.
    """
    symbols = forward.shape[1]
    if symbols > MOST_PAIRS:
        raise DataError(f"{symbols} pairs to rank at once, {MOST_PAIRS} at most")
    for number, signal in enumerate(signals):
        if signal.shape != forward.shape:
            raise DataError(
                f"signal {number} has shape {signal.shape}, the returns have {forward.shape}"
            )
    ics = np.full((len(signals), len(forward)), np.nan)
    if not forward.size:
        return ics
    returns = _Returns(forward)
    for signal, row in zip(signals, ics, strict=True):
        returns.correlate(_contiguous(signal), max(least_pairs, 2), row)
    return ics


def time_series_ics(
    signals: Sequence[Float64s] | Float64s, forward: Float64s, least_pairs: int = LEAST_PAIRS
) -> Float64s:
    """As `rank_ics`, but over time for each symbol by itself: [S, N]. One symbol is enough."""
    return rank_ics([signal.T for signal in signals], forward.T, least_pairs)


class _Returns:
    """Returns [T, N], ranked once for all signals.

    A row of a signal is sorted as integers: the leading bits of a value and, in the lowest ones,
    its column, in short runs that are then merged. So numpy sorts several times as fast as it
    finds the order of floats. What the lost bits put wrong is mended.
    """

    def __init__(self, forward: Float64s) -> None:
        self.forward = _contiguous(forward)
        self.order: Int64s = np.argsort(self.forward, axis=1)  # NaN last
        self.ranks = np.zeros(forward.shape, np.int64)
        self.spreads = np.array(
            [
                rank_chosen(*row, False)
                for row in zip(self.forward, self.forward, self.order, self.ranks, strict=True)
            ],
            dtype=np.float64,
        )
        symbols = forward.shape[1]
        self.index_bits = max(1, (symbols - 1).bit_length())
        runs = 1
        while runs * LONGEST_RUN < symbols:
            runs *= 2
        self.run = -(-symbols // runs)
        self.keys = np.empty((max(1, KEYS_AT_ONCE // symbols), runs * self.run), np.int64)
        self.spare = np.empty_like(self.keys)
        self.fewer_ranks = np.empty(symbols, np.int64)

    def correlate(self, signal: Float64s, least_pairs: int, ics: Float64s) -> None:
        """The signal's coefficients into `ics` [T]."""
        for begin in range(0, len(signal), len(self.keys)):
            rows = slice(begin, begin + len(self.keys))
            values, forward = signal[rows], self.forward[rows]
            correlate_sorted(
                self.sorted_keys(values, forward),
                self.index_bits,
                values,
                forward,
                self.order[rows],
                self.ranks[rows],
                self.spreads[rows],
                self.fewer_ranks,
                least_pairs,
                ics[rows],
            )

    def sorted_keys(self, values: Float64s, forward: Float64s) -> Int64s:
        keys, spare, run = self.keys[: len(values)], self.spare[: len(values)], self.run
        pack(values.view(np.int64), forward, self.index_bits, keys)
        keys.reshape(-1, run).sort(axis=1)
        while run < keys.shape[1]:
            merge_pairs(keys.ravel(), run, spare.ravel())
            keys, spare, run = spare, keys, 2 * run
        return keys


def _contiguous(matrix: Float64s) -> Float64s:
    return np.ascontiguousarray(matrix, dtype=np.float64)


@kernel
def pack(bits: Int64s, forward: Float64s, index_bits: int, keys: Int64s) -> None:
    """Keys that sort as the values do: the leading bits of each, then its column.

    The bits of a float are sign and magnitude; as a signed magnitude they are in the order of the
    floats, and both zeros are 0. A pair with a NaN gets ABSENT, and so do columns past the last.
    """
    rows, columns = bits.shape
    above = -(1 << index_bits)
    for t in range(rows):
        for column in range(columns):
            magnitude = bits[t, column] & ABSENT
            ordered = magnitude if bits[t, column] >= 0 else -magnitude
            absent = magnitude > INFINITY or forward[t, column] != forward[t, column]
            keys[t, column] = ABSENT if absent else (ordered & above) | column
        for column in range(columns, keys.shape[1]):
            keys[t, column] = ABSENT


@kernel
def merge_pairs(source: Int64s, run: int, target: Int64s) -> None:
    """Every two neighbouring sorted runs of `run` keys into one.

    From both ends at once: neither end can pass the end of a run, so nothing is ever compared but
    keys, and no comparison is a branch.
    """
    one, width = np.uint64(1), np.uint64(run)
    for begin in range(0, len(source), 2 * run):
        front = left = np.uint64(begin)
        right = left + width
        left_end, right_end = right - one, right + width - one
        back = right_end
        for _ in range(run):
            x, y = source[left], source[right]
            target[front] = min(x, y)
            taken = np.uint64(y < x)
            left, right, front = left + one - taken, right + taken, front + one
            x, y = source[left_end], source[right_end]
            target[back] = max(x, y)
            taken = np.uint64(y < x)
            left_end, right_end, back = left_end - taken, right_end + taken - one, back - one


@kernel
def correlate_sorted(
    keys: Int64s,
    index_bits: int,
    values: Float64s,
    forward: Float64s,
    order: Int64s,
    ranks: Int64s,
    spreads: Float64s,
    fewer_ranks: Int64s,
    least_pairs: int,
    ics: Float64s,
) -> None:
    """ics[t] = sum(x y) / sqrt(sum(x^2) sum(y^2)) of the centred ranks of values and returns.

    Centred: twice the rank less n + 1, an integer also for the mean of tied ranks.
    `keys` are sorted; `fewer_ranks` is scratch.
    """
    for t in range(len(keys)):
        ordered, n = keys[t], keys.shape[1]
        while n > 0 and ordered[n - 1] == ABSENT:
            n -= 1
        if n < least_pairs:
            ics[t] = np.nan
            continue
        followed, y_spread = ranks[t], spreads[t]
        present = forward.shape[1]
        while np.isnan(forward[t, order[t, present - 1]]):
            present -= 1
        if n < present:  # this signal lacks symbols that have a return: the others rank anew
            distinct = y_spread == spread_of(present)
            followed = fewer_ranks
            y_spread = rank_chosen(forward[t], values[t], order[t], fewer_ranks, distinct)
        if neighbours(ordered, n, index_bits):
            total, x_spread = total_with_ties(ordered, n, index_bits, values[t], followed)
        else:
            total, x_spread = total_of(ordered, n, index_bits, followed), spread_of(n)
        squares = x_spread * y_spread
        ics[t] = total / np.sqrt(squares) if squares > 0.0 else np.nan


@kernel
def neighbours(keys: Int64s, n: int, index_bits: int) -> bool:
    """Whether any two of the first n keys in order differ in the bits of the column alone."""
    near = 0
    for i in range(n - 1):
        near += (keys[i] ^ keys[i + 1]) >> index_bits == 0
    return near > 0


@kernel
def total_of(keys: Int64s, n: int, index_bits: int, followed: Int64s) -> int:
    """Sum of the products of centred ranks where no values are tied."""
    columns = np.uint64((1 << index_bits) - 1)  # unsigned: an index that is never from the end
    total = 0
    for i in range(n):
        total += (2 * i + 1 - n) * followed[np.uint64(keys[i]) & columns]
    return total


@kernel
def total_with_ties(
    keys: Int64s, n: int, index_bits: int, values: Float64s, followed: Int64s
) -> tuple[int, float]:
    """Sum of the products of centred ranks, and of the squares of those of the values.

    Keys that differ in the bits of the column alone are put in the order of their values first:
    they come in short runs, or are ties, which stay where they are.
    """
    low = (1 << index_bits) - 1
    for i in range(1, n):
        key, k = keys[i], i
        while (
            k > 0
            and (keys[k - 1] ^ key) >> index_bits == 0
            and values[keys[k - 1] & low] > values[key & low]
        ):
            keys[k] = keys[k - 1]
            k -= 1
        keys[k] = key
    total, squares, i = 0, 0, 0
    while i < n:
        begin, value, sum_ = i, values[keys[i] & low], 0
        while i < n and values[keys[i] & low] == value:
            sum_ += followed[keys[i] & low]
            i += 1
        rank = begin + i - n
        total += rank * sum_
        squares += (i - begin) * rank * rank
    return total, float(squares)


@kernel
def spread_of(n: int) -> float:
    """Sum of the squares of n centred ranks without ties: n (n^2 - 1) / 3."""
    return n * (float(n) * n - 1.0) / 3.0


@kernel
def rank_chosen(
    forward: Float64s, chosen: Float64s, order: Int64s, ranks: Int64s, distinct: bool
) -> float:
    """Centred ranks of the returns whose `chosen` is no NaN; the sum of their squares.

    `order` is that of the returns, NaN last. Ranks elsewhere mean nothing. `distinct`: no two
    returns are equal.
    """
    n = 0
    for i in range(len(order)):
        n += not (np.isnan(forward[i]) or np.isnan(chosen[i]))
    ranked = 0
    if distinct:
        for column in order:
            ranks[column] = 2 * ranked + 1 - n
            ranked += not np.isnan(chosen[column])
        return spread_of(n)
    squares, i = 0, 0
    while ranked < n:
        begin, value, tied = i, forward[order[i]], 0
        while i < len(order) and forward[order[i]] == value:
            tied += not np.isnan(chosen[order[i]])
            i += 1
        rank = 2 * ranked + tied - n  # of all of them: twice the mean of their ranks, centred
        for k in range(begin, i):
            ranks[order[k]] = rank
        squares += tied * rank * rank
        ranked += tied
    return float(squares)
