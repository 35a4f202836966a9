"""Screeners of strategies: no bar on which one can enter is missing, whatever its settings are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError
from core.types import Records
from strategies.ema_cross import EmaCrossSettings
from strategies.fusion import FusionSettings, FusionStrategy
from strategies.kernel import KernelStrategy
from strategies.pixity import LOOKS, SCREENED_BY, SPEC, PixitySettings, candidates
from strategies.screeners import of_settings, of_strategy
from strategies.screening import Candidates, ScreenSettings
from tests.strategies.bars import walk
from tests.strategies.hours import hours, strategy_bars
from tests.strategies.pixity_reading import read

WALKS = [walk(600, seed) for seed in range(4)]
HOURS = strategy_bars(hours(60, 3))

PIXITY = st.builds(
    PixitySettings,
    ema_fast=st.integers(2, 30),
    ema_slow=st.integers(2, 60),
    atr_period=st.integers(2, 20),
    adx_period=st.integers(2, 20),
    swing_period=st.integers(1, 8),
    reversion_k=st.floats(0.2, 3.0),
    adx_limit=st.floats(10.0, 100.0),
    warmup_bars=st.integers(0, 60),
    skip_reversion=st.booleans(),
)
FUSION = st.builds(
    FusionSettings,
    min_score=st.floats(0.2, 0.7),
    min_adx=st.floats(10.0, 40.0),
    entry_threshold=st.floats(0.1, 0.6),
    warmup_bars=st.integers(0, 150),
)


def missed(signals: Records, found: Candidates) -> set[tuple[int, int]]:
    """Entries (row, side) that are no candidates."""
    entries = {
        (int(row), int(side))
        for row in np.flatnonzero(signals["count"])
        for side in signals["side"][row, : signals["count"][row]]
    }
    return entries - set(zip(found.rows.tolist(), found.sides.tolist(), strict=True))


@settings(max_examples=60)
@given(PIXITY, st.sampled_from(WALKS))
def test_no_entry_of_pixity_is_missing_and_its_side_neither(
    own: PixitySettings, bars: Records
) -> None:
    signals = KernelStrategy(SPEC, own, 1).on_bars(bars).copy()

    assert set() == missed(signals, candidates(own, bars))


@settings(max_examples=8, deadline=None)
@given(FUSION)
def test_no_entry_of_fusion_is_missing(own: FusionSettings) -> None:
    signals = FusionStrategy(own, ["A"], "fusion").on_bars(HOURS)
    found = of_strategy("fusion", own).find(HOURS)

    assert set() == set(np.flatnonzero(signals["count"]).tolist()) - set(found.rows.tolist())


@settings(max_examples=30)
@given(PIXITY, st.sampled_from(WALKS))
def test_the_mask_depends_on_nothing_but_what_its_identity_names(
    own: PixitySettings, bars: Records
) -> None:
    same = {key: getattr(own, key) for key in SCREENED_BY}
    one, other = candidates(own, bars), candidates(PixitySettings.model_validate(same), bars)

    assert one.rows.tolist() == other.rows.tolist()
    assert one.reasons.tolist() == other.reasons.tolist()


def test_pixitys_mask_is_exact() -> None:
    """Bars on which the close crosses a swing level or re-crosses a band, read in plain Python."""
    own = PixitySettings(swing_period=2, atr_period=4, reversion_k=0.6)
    bars = walk(300)
    readings, wanted = read(bars, own), set()
    for t in range(1, len(bars)):
        before, now, r = bars["close"][t - 1], bars["close"][t], readings[t]
        lower, upper = r.vwap - 0.6 * r.atr, r.vwap + 0.6 * r.atr
        fired = [
            before <= r.swing_high < now,
            before >= r.swing_low > now,
            before < lower <= now,
            before > upper >= now,
        ]
        wanted |= {
            (t, side, reason) for (reason, side, *_), hit in zip(LOOKS, fired, strict=True) if hit
        }
    found = candidates(own, bars)
    told = {
        (int(row), int(side), name)
        for row, side, bits in zip(found.rows, found.sides, found.reasons, strict=True)
        for bit, name in enumerate(found.names)
        if bits >> bit & 1
    }

    assert wanted == told
    assert {reason for reason, *_ in LOOKS} == {reason for _, _, reason in told}


def test_fusion_and_the_general_screener_are_one() -> None:
    general = of_settings(ScreenSettings(min_score=0.5))
    own = of_strategy("fusion", FusionSettings(min_score=0.5, entry_threshold=0.9))

    assert general.parameters == own.parameters
    assert general.find(HOURS).rows.tolist() == own.find(HOURS).rows.tolist()


def test_a_strategy_without_a_screener_is_told_which_have_one() -> None:
    with pytest.raises(ConfigError, match="ema_cross has no screener: pixity and fusion have"):
        of_strategy("ema_cross", EmaCrossSettings())
