"""The form of a kernel strategy: parameters by name, bounded events, rows that say nothing."""

import numpy as np
import pytest

from core.errors import ConfigError
from core.session import MINUTE_NS
from core.types import MAX_EVENTS, STRATEGY_BAR, record
from strategies import ema_cross
from strategies.ema_cross import EmaCrossSettings
from strategies.kernel import KernelStrategy, blank, gate, pack, raise_event, signal_dtype
from tests.strategies.bars import walk


def test_parameters_take_the_setting_of_their_own_name() -> None:
    packed = pack(ema_cross.PARAMS, EmaCrossSettings(ema_fast=7))

    assert (7, 30, 14, 50) == tuple(packed[0])


def test_a_parameter_without_a_setting_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="wing_span has no value"):
        pack(record([("wing_span", "i8")]), EmaCrossSettings())


def test_a_blank_signal_says_nothing() -> None:
    signal = np.ones(1, signal_dtype(2, 3))[0]
    bar = np.zeros(1, STRATEGY_BAR)[0]
    bar.close = 101.5
    blank(signal, bar)

    assert (0, 0, 0, 0, 0) == (
        signal.count,
        signal.status,
        signal.refusal,
        signal.quantity,
        signal.number,
    )
    assert (101.5, 0.5) == (signal.close, signal.confidence)
    assert np.isnan([signal.atr, signal.vwap, signal.value, signal.limit]).all()
    assert [0.0, 0.0] == signal.features.tolist()


def test_events_keep_the_order_in_which_they_were_raised() -> None:
    signal = np.zeros(1, signal_dtype(0, 0))[0]
    raise_event(signal, 2, -1)
    raise_event(signal, 1, 1)

    assert (2, [2, 1], [-1, 1]) == (
        signal.count,
        signal.kind[:2].tolist(),
        signal.side[:2].tolist(),
    )
    assert MAX_EVENTS == len(signal.kind)


@pytest.mark.parametrize("passed", [True, False])
def test_a_gate_is_recorded_and_answers(passed: bool) -> None:
    signal = np.zeros(1, signal_dtype(0, 2))[0]

    assert passed == gate(signal, 1, 3.0, 4.0, passed)
    assert (3.0, 4.0, passed) == (
        signal.gate_value[1],
        signal.gate_threshold[1],
        signal.gate_passed[1],
    )


def test_a_strategy_is_named_after_its_kernel_unless_it_is_told() -> None:
    names = [KernelStrategy(ema_cross.SPEC, EmaCrossSettings(), 1, n).name for n in ("", "mine")]

    assert ["ema_cross", "mine"] == names


def test_a_strategy_decides_on_its_own_timeframe() -> None:
    strategy = KernelStrategy(ema_cross.SPEC, EmaCrossSettings(timeframe="1h"), 1)

    assert (60 * MINUTE_NS,) == strategy.timeframes_ns


@pytest.mark.parametrize("piece", [1, 7, 500])
def test_bars_in_pieces_say_what_they_say_at_once(piece: int) -> None:
    bars = walk(500, 1)
    whole = KernelStrategy(ema_cross.SPEC, EmaCrossSettings(), 1).on_bars(bars).copy()
    strategy = KernelStrategy(ema_cross.SPEC, EmaCrossSettings(), 1)
    pieces = [strategy.on_bars(bars[i : i + piece]).copy() for i in range(0, len(bars), piece)]

    together = np.concatenate(pieces)
    raised = np.arange(MAX_EVENTS) < whole["count"][:, None]
    for name in whole.dtype.names or ():
        same = raised if name in ("kind", "side") else np.ones_like(whole[name], bool)

        np.testing.assert_array_equal(whole[name][same], together[name][same], name)
