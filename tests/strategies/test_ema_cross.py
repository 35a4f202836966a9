"""The strategy to copy: an event where the order of two EMAs changes, and nowhere else."""

from typing import Any

import numpy as np

from strategies.ema_cross import SPEC, EmaCrossSettings
from strategies.kernel import KernelStrategy
from tests.strategies.bars import bars_of, walk

SHORT: dict[str, Any] = {"ema_fast": 2, "ema_slow": 5, "atr_period": 3, "warmup_bars": 4}


def strategy(**changes: int) -> KernelStrategy:
    return KernelStrategy(SPEC, EmaCrossSettings(**(SHORT | changes)), 1)


def smooth(values: list[float], alpha: float) -> list[float]:
    means = [values[0]]
    for value in values[1:]:
        means.append(means[-1] + alpha * (value - means[-1]))
    return means


def test_it_buys_where_the_fast_crosses_over_and_sells_where_it_crosses_under() -> None:
    bars = walk(400, 4)
    closes = bars["close"].tolist()
    order = np.sign(np.subtract(smooth(closes, 2 / 3), smooth(closes, 2 / 6)))
    expected = [
        int(order[t]) if t + 1 >= 4 and order[t] not in (0, order[t - 1]) else 0
        for t in range(len(bars))
    ]
    signals = strategy().on_bars(bars)

    assert expected == np.where(signals["count"] > 0, signals["side"][:, 0], 0).tolist()
    assert {1, -1} < set(expected)


def test_atr_is_wilders_and_undefined_at_first() -> None:
    signals = strategy().on_bars(bars_of([10.0, 11.0, 11.0, 12.0], reach=1.0))

    assert [True, True, False, False] == np.isnan(signals["atr"]).tolist()
    assert 2.0 == signals["atr"][2]  # ranges 2, 2, 2


def test_no_event_before_warm_up_is_over() -> None:
    bars = walk(400, 4)
    signals = strategy(warmup_bars=100).on_bars(bars)
    every = strategy().on_bars(bars)

    assert 0 == signals["count"][:99].sum()
    assert every["count"][99:].tolist() == signals["count"][99:].tolist()


def test_gates_say_why_there_was_no_event() -> None:
    signals = strategy().on_bars(bars_of([10.0, 10.0, 10.0, 10.0, 10.0]))

    assert ("warmup_bars", "ema_fast_over_slow", "ema_fast_under_slow") == SPEC.gates
    assert [1, 0, 0] == signals["gate_passed"][-1].tolist()
    assert [4.0, 10.0, 10.0] == signals["gate_value"][-1].tolist()
