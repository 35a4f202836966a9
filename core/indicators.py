"""Indicator recurrences as kernels: one bar in, the state moved on; the only formulas there are.

Every smoothing is the recursive mean y = y + alpha * (x - y) in float64, bars in order
(pixity.md 2). NaN stands for "not defined yet".
"""

import numpy as np

from core.jit import kernel
from core.types import Row, record

# Wilder's directional movement (Wilder 1978, as pixity.md 2 states it): sTR, s+DM, s-DM and ADX.
ADX_FIELDS = [
    ("adx_tr", "f8"),
    ("adx_plus", "f8"),
    ("adx_minus", "f8"),
    ("adx", "f8"),
    ("adx_seeded", "?"),
]
ADX = record(ADX_FIELDS)


@kernel
def recursive_mean(mean: float, value: float, alpha: float) -> float:
    """y + alpha * (x - y): EMA(n) has alpha 2/(n+1), Wilder's average 1/n."""
    return mean + alpha * (value - mean)


@kernel
def true_range(high: float, low: float, previous_close: float) -> float:
    """max(h - l, |h - c'|, |l - c'|) for a bar with a predecessor."""
    return max(high - low, max(abs(high - previous_close), abs(low - previous_close)))


@kernel
def adx_next(
    state: Row,
    count: int,
    high: float,
    low: float,
    previous_high: float,
    previous_low: float,
    range_: float,
    alpha: float,
) -> None:
    """Move the ADX fields of `state` by bar number `count` (from 1) with true range `range_`.

    TR is seeded with the first bar's, the DMs with the second bar's, ADX with the first DX;
    a bar whose +DI + -DI is 0 leaves ADX where it was.
    """
    if count == 1:
        state.adx_tr = range_
        return
    up, down = high - previous_high, previous_low - low
    plus = up if up > down and up > 0.0 else 0.0
    minus = down if down > up and down > 0.0 else 0.0
    state.adx_tr = recursive_mean(state.adx_tr, range_, alpha)
    if count == 2:
        state.adx_plus = plus
        state.adx_minus = minus
    else:
        state.adx_plus = recursive_mean(state.adx_plus, plus, alpha)
        state.adx_minus = recursive_mean(state.adx_minus, minus, alpha)
    if state.adx_tr == 0.0:
        return
    plus_di = 100.0 * state.adx_plus / state.adx_tr
    minus_di = 100.0 * state.adx_minus / state.adx_tr
    total = plus_di + minus_di
    if total == 0.0:
        return
    dx = 100.0 * abs(plus_di - minus_di) / total
    if state.adx_seeded:
        state.adx = recursive_mean(state.adx, dx, alpha)
    else:
        state.adx = dx
        state.adx_seeded = True


@kernel
def z_score(ring: np.ndarray, count: int, least: int) -> float:
    """(last - mean) / sample std over the newest min(count, len(ring)) values of a ring.

    `count` values were written so far, value k (from 0) at k % len(ring). 0 with fewer than
    `least` values or a zero deviation.
    """
    size = min(count, len(ring))
    if size < least:
        return 0.0
    mean = 0.0
    for k in range(count - size, count):
        mean += ring[k % len(ring)]
    mean /= size
    squares = 0.0
    for k in range(count - size, count):
        distance = ring[k % len(ring)] - mean
        squares += distance * distance
    deviation = np.sqrt(squares / (size - 1))
    if deviation == 0.0:
        return 0.0
    return float((ring[(count - 1) % len(ring)] - mean) / deviation)


@kernel
def is_peak(ring: np.ndarray, count: int, reach: int, direction: int) -> bool:
    """Whether the bar `reach` bars ago is a swing: extreme of the 2 * reach + 1 newest, ties count.

    `ring` is used with length 2 * reach + 1; direction +1 looks for a high, -1 for a low.
    """
    length = 2 * reach + 1
    if count < length:
        return False
    middle = direction * ring[(count - 1 - reach) % length]
    for k in range(length):
        if direction * ring[k] > middle:
            return False
    return True


@kernel
def rsi(gain: float, loss: float) -> float:
    """100 * g / (g + l) of the smoothed gains and losses (Wilder 1978); 50 while nothing moved."""
    total = gain + loss
    return 50.0 if total == 0.0 else 100.0 * gain / total


@kernel
def mean_of_last(ring: np.ndarray, count: int, size: int) -> float:
    """Mean of the newest `size` values of a ring, NaN with fewer; value k lies at k % len(ring).

    Added oldest first, so that it does not depend on where in the ring they lie: two runs that
    began at different bars agree to the bit.
    """
    if count < size:
        return np.nan
    total = 0.0
    for k in range(count - size, count):
        total += ring[k % len(ring)]
    return total / size


@kernel
def deviation_of_last(ring: np.ndarray, count: int, size: int) -> float:
    """Sample deviation of the newest `size` >= 2 values of a ring, NaN with fewer."""
    mean = mean_of_last(ring, count, size)
    squares = 0.0
    for k in range(max(count - size, 0), count):
        distance = ring[k % len(ring)] - mean
        squares += distance * distance
    return float(np.sqrt(squares / (size - 1)))


@kernel
def put_sorted(values: np.ndarray, size: int, value: float) -> None:
    """Put `value` among the first `size` sorted values; there is room for one more."""
    place = size
    while place > 0 and values[place - 1] > value:
        values[place] = values[place - 1]
        place -= 1
    values[place] = value


@kernel
def take_sorted(values: np.ndarray, size: int, value: float) -> None:
    """Take `value`, which is among the first `size` sorted values, away."""
    place = 0
    while values[place] != value:
        place += 1
    for k in range(place, size - 1):
        values[k] = values[k + 1]
