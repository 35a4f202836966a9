"""Smoothed indicators over whole columns: the kernels of `core.indicators`, bar after bar.

Each function gives a polars expression over one series in order of time. A bar with an absent value
is passed over: its value is null and the recurrence stands still.
"""

import numpy as np
import polars as pl

from core.indicators import ADX, adx_next, recursive_mean, rsi, true_range
from core.jit import kernel
from core.types import Float64s, Records
from research.signals.bridge import bridged


def smoothed(values: pl.Expr, period: int, alpha: float) -> pl.Expr:
    """y + alpha (x - y), begun with the first value and null for `period - 1` bars."""
    return bridged([values], lambda columns, out: smooth(columns[0], period, alpha, out))


def exponential_mean(values: pl.Expr, period: int) -> pl.Expr:
    """EMA: alpha 2 / (period + 1)."""
    return smoothed(values, period, 2.0 / (period + 1.0))


def true_ranges() -> pl.Expr:
    """Wilder's true range; the range of a first bar, which has no predecessor."""
    return bridged(
        _prices(), lambda columns, out: range_truly(columns[0], columns[1], columns[2], out)
    )


def relative_strength_index(period: int) -> pl.Expr:
    """Wilder's RSI of the closes, begun with the first change: null for `period` bars."""
    return bridged([pl.col("close")], lambda columns, out: strengthen(columns[0], period, out))


def signed_directional_index(period: int) -> pl.Expr:
    """Wilder's ADX with the sign of +DI - -DI, null for `2 period - 1` bars."""
    state: Records = np.zeros(1, ADX)

    def fill(columns: list[Float64s], out: Float64s) -> None:
        high, low, close = columns
        direct(high, low, close, period, state.copy(), out)

    return bridged(_prices(), fill)


def _prices() -> list[pl.Expr]:
    return [pl.col(name) for name in ("high", "low", "close")]


@kernel
def smooth(values: Float64s, period: int, alpha: float, out: Float64s) -> None:
    mean, count = 0.0, 0
    for i in range(len(values)):
        if np.isnan(values[i]):
            continue
        mean = recursive_mean(mean, values[i], alpha) if count else values[i]
        count += 1
        if count >= period:
            out[i] = mean


@kernel
def range_truly(high: Float64s, low: Float64s, close: Float64s, out: Float64s) -> None:
    previous = np.nan
    for i in range(len(close)):
        if np.isnan(high[i] + low[i] + close[i]):
            continue
        first = np.isnan(previous)
        out[i] = high[i] - low[i] if first else true_range(high[i], low[i], previous)
        previous = close[i]


@kernel
def strengthen(close: Float64s, period: int, out: Float64s) -> None:
    gain, loss, previous, count = 0.0, 0.0, np.nan, 0
    for i in range(len(close)):
        if np.isnan(close[i]):
            continue
        if not np.isnan(previous):
            change = close[i] - previous
            alpha = 1.0 / period if count else 1.0
            gain = recursive_mean(gain, max(change, 0.0), alpha)
            loss = recursive_mean(loss, max(-change, 0.0), alpha)
            count += 1
            if count >= period:
                out[i] = rsi(gain, loss)
        previous = close[i]


@kernel
def direct(
    high: Float64s, low: Float64s, close: Float64s, period: int, states: Records, out: Float64s
) -> None:
    state, count = states[0], 0
    last_high, last_low, last_close = 0.0, 0.0, 0.0
    for i in range(len(close)):
        if np.isnan(high[i] + low[i] + close[i]):
            continue
        count += 1
        range_ = true_range(high[i], low[i], last_close) if count > 1 else high[i] - low[i]
        adx_next(state, count, high[i], low[i], last_high, last_low, range_, 1.0 / period)
        if state.adx_seeded and count >= 2 * period:
            out[i] = state.adx if state.adx_plus >= state.adx_minus else -state.adx
        last_high, last_low, last_close = high[i], low[i], close[i]
