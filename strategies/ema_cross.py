"""EMA crossover with an ATR bracket: the smallest complete kernel strategy, the one to copy.

BUY when the fast EMA crosses over the slow one, SELL when it crosses under. A benchmark of the
engine and an example of the form, not advice.
"""

import numpy as np
from pydantic import Field

from core.indicators import recursive_mean, true_range
from core.jit import kernel
from core.types import Records, Row, record
from strategies.kernel import KernelSpec, blank, gate, raise_event
from strategies.settings import Count, StrategySettings

CROSS = 1
BUY, SELL = 1, -1


class EmaCrossSettings(StrategySettings):
    ema_fast: Count = Field(10, description="bars of the fast EMA")
    ema_slow: Count = Field(30, description="bars of the slow EMA")
    atr_period: Count = Field(14, description="bars of Wilder's ATR")


PARAMS = record(
    [("ema_fast", "i8"), ("ema_slow", "i8"), ("atr_period", "i8"), ("warmup_bars", "i8")]
)
STATE = record([("count", "i8"), ("close", "f8"), ("fast", "f8"), ("slow", "f8"), ("atr", "f8")])


@kernel
def step(params: Row, state: Row, bar: Row, signal: Row) -> None:
    """fast += 2/(n+1) * (close - fast), slow likewise; an event where their order changes."""
    state.count += 1
    was_over, was_under = state.fast > state.slow, state.fast < state.slow
    if state.count == 1:
        state.fast = bar.close
        state.slow = bar.close
        state.atr = bar.high - bar.low
    else:
        range_ = true_range(bar.high, bar.low, state.close)
        state.fast = recursive_mean(state.fast, bar.close, 2.0 / (params.ema_fast + 1))
        state.slow = recursive_mean(state.slow, bar.close, 2.0 / (params.ema_slow + 1))
        state.atr = recursive_mean(state.atr, range_, 1.0 / params.atr_period)
    state.close = bar.close

    blank(signal, bar)
    signal.atr = state.atr if state.count >= params.atr_period else np.nan
    seen = min(state.count, params.warmup_bars)
    warm = gate(signal, 0, seen, params.warmup_bars, seen == params.warmup_bars)
    over = gate(signal, 1, state.fast, state.slow, state.fast > state.slow)
    under = gate(signal, 2, state.fast, state.slow, state.fast < state.slow)
    if warm and over and not was_over:
        raise_event(signal, CROSS, BUY)
    elif warm and under and not was_under:
        raise_event(signal, CROSS, SELL)


@kernel
def drive(params: Records, states: Records, bars: Records, signals: Records) -> None:
    """`step` over bars of many instruments, in order."""
    for i in range(len(bars)):
        step(params[0], states[bars[i].instrument], bars[i], signals[i])


SPEC = KernelSpec(
    name="ema_cross",
    settings=EmaCrossSettings,
    params=PARAMS,
    state=STATE,
    kinds=("CROSS",),
    gates=("warmup_bars", "ema_fast_over_slow", "ema_fast_under_slow"),
    features=(),
    drive=drive,
)
