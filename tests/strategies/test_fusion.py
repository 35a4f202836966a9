"""Fusion: its four parts on bars made for them, its gates, its memory, what focus leaves out."""

from typing import Any

import numpy as np
import pytest

from backtest.audit import first_difference
from core.types import Records
from strategies.focus import bar_keys
from strategies.fusion import (
    CLOSE,
    DECISION,
    HIGH,
    LOW,
    PART_WEIGHTS,
    STATE,
    VOLUME,
    FusionSettings,
    FusionStrategy,
    flow,
    liquidity,
    momentum,
    structure,
    swings,
)
from strategies.screening import SCREENED, screen
from tests.strategies.hours import HOUR_NS, hours, strategy_bars

NONE = (float("nan"), float("nan"))


def fusion(instruments: int = 1, **changes: Any) -> FusionStrategy:
    return FusionStrategy(FusionSettings(**changes), ["A"] * instruments, "fusion")


def view(closes: list[float], reach: float = 1.0, volume: float = 100.0) -> np.ndarray:
    bars = np.zeros((5, len(closes)))
    bars[:] = closes
    bars[HIGH] += reach
    bars[LOW] -= reach
    bars[VOLUME] = volume
    return bars


# --- parts ---------------------------------------------------------------------------------------


def test_a_swing_is_the_latest_extreme_of_three_bars_on_each_side() -> None:
    closes = [5.0, 5, 5, 9, 5, 5, 5, 7, 6, 5, 4, 5, 6, 7, 8, 9]

    assert (3.0, 8.0) == swings(view(closes))
    assert [True, True] == np.isnan(swings(view(closes[:6]))).tolist()


def test_structure_is_the_place_in_the_range_of_each_timeframe() -> None:
    decision = view([100.0] * 20 + [100.5])
    top = structure(decision, [decision[:, :-1], view([99.5] * 20), view([101.5] * 20)], [NONE] * 3)

    assert top == pytest.approx(0.5 * 0.5 + 0.3 * 1.0 - 0.2 * 1.0)
    assert 0.0 == structure(decision, [decision[:, :10]] * 3, [NONE] * 3)


def test_a_spring_and_an_upthrust_outweigh_the_range() -> None:
    decision = view([100.0] * 20 + [101.0])  # low 100, high 102
    known = [decision[:, :-1]] * 3

    assert 1.0 == pytest.approx(structure(decision, known, [(100.5, 200.0)] * 3))
    assert -1.0 == pytest.approx(structure(decision, known, [(50.0, 101.5)] * 3))


def test_a_sweep_counts_by_its_volume_and_fades_in_six_bars() -> None:
    decision = view([100.0] * 40)
    levels = [(99.5, 200.0), NONE, NONE]  # every bar has low 99, close 100
    decision[LOW, -6:] = 99.6
    decision[LOW, -1] = 99.0

    assert liquidity(decision, levels) == pytest.approx(0.5 * 0.5)  # as much volume as usual
    decision[VOLUME, -1] = 900.0
    assert liquidity(decision, levels) == pytest.approx(0.5)
    decision[LOW, -1], decision[LOW, -3], decision[VOLUME, -3] = 99.6, 99.0, 900.0
    assert liquidity(decision, levels) == pytest.approx(0.5 * 4 / 6)
    assert liquidity(decision, [(0.0, 100.5)] * 3) == pytest.approx(-1.0)


def test_there_is_no_sweep_without_volume_or_enough_bars() -> None:
    assert 0.0 == liquidity(view([100.0] * 40, volume=0.0), [(99.5, 200.0)] * 3)
    assert 0.0 == liquidity(view([100.0] * 25), [(99.5, 200.0)] * 3)


def test_momentum_points_where_rsi_and_slope_do_with_the_strength_of_the_trend() -> None:
    state = np.zeros(1, STATE)[0]
    state["count"], state["higher_count"], state["atr"], state["adx"] = 50, 28, 10.0, 20.0
    state["gain"], state["loss"] = 70.0, 30.0
    state["ema"], state["ema_before"] = 101.0, 100.0

    assert momentum(state) == pytest.approx(0.5 * (1.0 + 0.5) / 2.0)
    state["higher_count"] = 27
    assert 0.0 == momentum(state)


def test_flow_is_where_the_closes_lie_in_their_bars_by_volume() -> None:
    bars = view([100.0] * 8)
    assert 0.0 == flow(bars)
    bars[CLOSE, -1], bars[VOLUME, -1] = 100.5, 700.0
    assert flow(bars) == pytest.approx(2.0 * 0.5 * 700.0 / 1_400.0)
    bars[VOLUME] = 0.0
    assert flow(bars) == pytest.approx(2.0 * 0.5 / 8)
    assert 0.0 == flow(view([100.0] * 8, reach=0.0))


def test_the_weights_add_up_to_one() -> None:
    assert 1.0 == pytest.approx(sum(PART_WEIGHTS))


# --- decisions -----------------------------------------------------------------------------------


def test_it_enters_where_all_gates_pass_in_the_direction_of_the_parts() -> None:
    bars = strategy_bars(hours(120))
    strategy = fusion()
    signals = strategy.on_bars(bars)
    decisions = bars["timeframe"] == DECISION
    said = signals["count"] > 0
    total = signals["features"] @ PART_WEIGHTS

    assert said.any()
    assert not said[~decisions].any()
    assert (said == signals["gate_passed"].all(axis=1)).all()
    assert (np.sign(total[said]) == signals["side"][said, 0]).all()
    np.testing.assert_allclose(np.abs(total[decisions]), signals["confidence"][decisions])
    assert (signals["confidence"][said] >= 0.45).all()
    assert {-1, 1} == set(signals["side"][said, 0].tolist())
    assert int(decisions.sum()) == strategy.evaluations


def test_its_first_gate_is_the_screeners_candidate() -> None:
    bars = strategy_bars(hours(120))
    signals = fusion(min_score=0.5, min_adx=25.0).on_bars(bars)
    settings = FusionSettings(min_score=0.5, min_adx=25.0)
    screened = screen(settings, HOUR_NS, bars, np.ones(len(bars), np.bool_))
    decisions = bars["timeframe"] == DECISION

    passed = signals["gate_passed"][decisions, 0]
    assert screened["candidate"][decisions].tolist() == passed.tolist()
    assert passed.any()


def test_what_it_remembers_are_its_states_and_nothing_else() -> None:
    bars = strategy_bars(hours(100, instruments=2))
    first, second = fusion(2), fusion(2)
    half = len(bars) // 2
    first.on_bars(bars[:half])
    second.states[...] = first.states

    assert None is first_difference(first.on_bars(bars[half:]), second.on_bars(bars[half:]))


def test_focus_leaves_out_evaluations_and_no_signal() -> None:
    bars = strategy_bars(hours(120, instruments=2))
    screened = screen(FusionSettings(), HOUR_NS, bars, np.ones(len(bars), np.bool_))
    assert SCREENED == screened.dtype
    keys = np.sort(bar_keys(bars["instrument"], bars["open_ns"])[screened["candidate"]])
    full, focused = fusion(2), fusion(2)
    focused.focus(keys)
    one, other = full.on_bars(bars), focused.on_bars(bars)
    said = one["count"] > 0

    assert (said == (other["count"] > 0)).all()
    assert None is first_difference(one[said], other[said])
    assert len(keys) == focused.evaluations < full.evaluations / 4
    focused.focus(np.zeros(0, np.int64))
    assert not focused.on_bars(bars)["count"].any()


def test_bars_without_any_range_say_nothing() -> None:
    bars: Records = strategy_bars(hours(60))
    for name in ("open", "high", "low", "close"):
        bars[name] = 100.0
    signals = fusion().on_bars(bars)

    assert not signals["count"].any()
    assert np.isfinite(signals["features"]).all()
