"""PixityAI: indicators and events against the text read in plain Python, causality, gates."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError
from core.types import MAX_EVENTS, Records, Row
from strategies.kernel import KernelStrategy
from strategies.pixity import FEATURES, GATES, KINDS, SPEC, PixitySettings
from tests.strategies.bars import bars_of, walk
from tests.strategies.pixity_reading import read

SHORT: dict[str, Any] = {
    "ema_fast": 3,
    "ema_slow": 8,
    "atr_period": 4,
    "adx_period": 3,
    "swing_period": 2,
    "reversion_k": 0.6,
    "adx_limit": 45.0,
    "warmup_bars": 8,
}


def strategy(instruments: int = 1, **changes: Any) -> KernelStrategy:
    return KernelStrategy(SPEC, PixitySettings(**changes), instruments)


def events_of(signal: Row) -> tuple[tuple[str, int], ...]:
    return tuple((KINDS[signal.kind[k] - 1], int(signal.side[k])) for k in range(signal.count))


def gates_of(signal: Row) -> dict[str, bool]:
    return dict(zip(GATES, (bool(passed) for passed in signal.gate_passed), strict=True))


def test_swing_check_of_the_specification() -> None:
    """Highs 1,2,3,4,5,9,5,4,3,2,1 with p = 5: level 9 known from index 10, not before."""
    highs = [1.0, 2, 3, 4, 5, 9, 5, 4, 3, 2, 1]
    pixity, levels = strategy(swing_period=5), []
    for bar in bars_of([1.0] * 11, highs=highs):
        pixity.on_bars(np.array([bar], bar.dtype))
        levels.append(float(pixity.states["swing_high"][0]))

    assert [True] * 10 == [math.isnan(level) for level in levels[:10]]
    assert 9.0 == levels[10]


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([8, 50]), st.booleans())
def test_values_and_events_equal_the_text(
    seed: int, skip_reversion: bool, warmup_bars: int, no_volume: bool
) -> None:
    parameters = SHORT | {"skip_reversion": skip_reversion, "warmup_bars": warmup_bars}
    bars = walk(120, seed)
    if no_volume:  # an index: VWAP is the plain mean
        bars["volume"] = 0
    signals = strategy(**parameters).on_bars(bars)
    readings = read(bars, PixitySettings(**parameters))

    assert [r.events for r in readings] == [events_of(s) for s in signals]
    for name in ("atr", "vwap"):
        want = np.array([getattr(r, name) for r in readings])
        np.testing.assert_allclose(signals[name], want, rtol=1e-9)
    said = signals["count"] > 0
    features = np.array([r.features for r in readings])
    np.testing.assert_allclose(signals["features"][said], features[said], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(
        signals["gate_value"][:, GATES.index("reversion_adx_under_limit")],
        [r.adx for r in readings],
        rtol=1e-9,
    )
    np.testing.assert_allclose(
        signals["gate_threshold"][:, GATES.index("trend_buy_close_over_swing_high")],
        [r.swing_high for r in readings],
    )


def test_all_four_kinds_of_event_are_met() -> None:
    signals = strategy(**SHORT).on_bars(walk(3_000, 5))
    met = {event for signal in signals for event in events_of(signal)}

    assert {(kind, side) for kind in KINDS for side in (1, -1)} == met
    assert signals["count"].max() <= MAX_EVENTS


def test_events_up_to_t_do_not_know_the_bars_after_t_for_every_t() -> None:
    bars = walk(150, 3)
    whole = strategy(**SHORT).on_bars(bars).copy()
    for t in range(1, len(bars)):
        cut = strategy(**SHORT).on_bars(bars[:t])

        assert [events_of(s) for s in whole[:t]] == [events_of(s) for s in cut]
        np.testing.assert_array_equal(whole["gate_value"][:t], cut["gate_value"])


def test_gates_of_a_bar_explain_its_events() -> None:
    """Without warm-up an event is exactly the conjunction of its gates."""
    signals = strategy(**SHORT).on_bars(walk(2_000, 11))
    groups = {("TREND", 1): slice(1, 5), ("TREND", -1): slice(5, 9)}
    reversion = {("REVERSION", 1): slice(11, 13), ("REVERSION", -1): slice(13, 15)}
    for signal in signals:
        passed = signal.gate_passed.astype(bool)
        expected = [e for e, gates in groups.items() if passed[0] and passed[gates].all()]
        calm = passed[0] and passed[9:11].all()
        expected += [e for e, gates in reversion.items() if calm and passed[gates].all()]

        assert tuple(expected) == events_of(signal)


def test_a_gate_records_what_it_compared() -> None:
    (*_, last) = strategy(**SHORT).on_bars(walk(40, 2))
    value = dict(zip(GATES, zip(last.gate_value, last.gate_threshold, strict=True), strict=True))

    assert (last.close, last.vwap) == value["trend_buy_close_over_vwap"]
    assert (8.0, 8.0) == value["warmup_bars"]
    assert 45.0 == value["reversion_adx_under_limit"][1]
    assert last.vwap - 0.6 * last.atr == value["reversion_buy_close_at_least_band"][1]


def rising(warmup_bars: int, count: int = 50) -> Records:
    """Flat with a swing high of 103 at the 5th bar, until the last bar breaks it."""
    closes = [100.0] * (count - 1) + [104.0]
    highs = [*closes]
    highs[4] = 103.0
    parameters = SHORT | {"warmup_bars": warmup_bars}
    return strategy(**parameters).on_bars(bars_of(closes, highs=highs, volume=10))


def test_the_50th_bar_is_the_first_that_may_signal() -> None:
    assert (("TREND", 1),) == events_of(rising(50)[-1])
    assert () == events_of(rising(51)[-1])
    assert not gates_of(rising(51)[-1])["warmup_bars"]


def test_default_warm_up_is_50_bars() -> None:
    assert 50 == PixitySettings().warmup_bars


def test_skip_reversion_drops_both_reversions_and_nothing_else() -> None:
    bars = walk(2_000, 5)
    every = [events_of(s) for s in strategy(**SHORT).on_bars(bars)]
    trends = [events_of(s) for s in strategy(**SHORT, skip_reversion=True).on_bars(bars)]

    assert [tuple(e for e in events if e[0] == "TREND") for events in every] == trends
    assert every != trends


def test_a_return_into_the_band_over_night_is_no_reversion() -> None:
    bars = walk(3_000, 5)
    signals = strategy(**SHORT).on_bars(bars)
    first_of_day = np.flatnonzero(np.diff(bars["day"], prepend=0))
    kinds = {kind for row in first_of_day for kind, _ in events_of(signals[row])}

    assert "REVERSION" not in kinds
    assert not gates_of(signals[first_of_day[5]])["reversion_same_day"]


def test_undefined_adx_makes_no_reversion_and_its_feature_is_0() -> None:
    parameters = SHORT | {"adx_period": 60, "adx_limit": 1_000.0}
    signals = strategy(**parameters).on_bars(walk(119, 5))
    said = signals[signals["count"] > 0]

    assert {"TREND"} == {kind for s in said for kind, _ in events_of(s)}
    assert [0.0] * len(said) == said["features"][:, FEATURES.index("adx")].tolist()


def test_undefined_atr_is_not_a_number_and_its_feature_is_0() -> None:
    parameters = SHORT | {"atr_period": 60, "warmup_bars": 2}
    signals = strategy(**parameters).on_bars(walk(59, 5))
    said = signals[signals["count"] > 0]

    assert np.isnan(signals["atr"]).all()
    assert len(said) > 0
    assert [0.0] * len(said) == said["features"][:, FEATURES.index("atr_pct")].tolist()


def test_an_event_on_the_very_first_bar_has_no_slope() -> None:
    """Only a strategy without any warm-up can get there; the swing makes it impossible today."""
    signals = strategy(**(SHORT | {"warmup_bars": 0})).on_bars(walk(30, 5))

    assert 0 == signals["count"][0]


def test_instruments_have_states_of_their_own() -> None:
    both = walk(200, 7, instruments=2)
    together = strategy(2, **SHORT).on_bars(both).copy()
    for i in (0, 1):
        alone = both[both["instrument"] == i]
        alone["instrument"] = 0
        signals = strategy(1, **SHORT).on_bars(alone)

        np.testing.assert_array_equal(together[both["instrument"] == i]["vwap"], signals["vwap"])
        np.testing.assert_array_equal(together[both["instrument"] == i]["count"], signals["count"])


def test_a_copied_state_goes_on_as_if_nothing_had_happened() -> None:
    bars = walk(200, 9)
    whole = strategy(**SHORT).on_bars(bars).copy()
    before, after = strategy(**SHORT), strategy(**SHORT)
    before.on_bars(bars[:77])
    after.states = before.states.copy()

    np.testing.assert_array_equal(whole[77:]["gate_value"], after.on_bars(bars[77:])["gate_value"])


def test_a_meta_model_that_is_not_there_is_refused_at_start() -> None:
    with pytest.raises(ConfigError, match="skip_meta_model = false"):
        strategy(skip_meta_model=False)


@pytest.mark.parametrize(
    ("closes", "side"), [([104.0, 104.0, 80.0, 92.0], 1), ([96.0, 96.0, 120.0, 108.0], -1)]
)
def test_a_close_on_the_band_itself_has_returned(closes: list[float], side: int) -> None:
    """VWAP 95, ATR 12, k 1/4: the lower band is 92, to the last bit; mirrored for the upper."""
    parameters = SHORT | {"atr_period": 1, "adx_period": 1, "adx_limit": 1_000.0}
    pixity = strategy(**parameters | {"reversion_k": 0.25, "warmup_bars": 1})

    assert (("REVERSION", side),) == events_of(pixity.on_bars(bars_of(closes))[-1])
