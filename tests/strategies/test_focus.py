"""Focus: bars by key, and a strategy that is heard on some of its bars only."""

import numpy as np

from strategies.ema_cross import SPEC, EmaCrossSettings
from strategies.focus import Selected, among, bar_keys
from strategies.kernel import KernelStrategy
from tests.strategies.bars import walk


def test_a_bar_is_known_by_instrument_and_open() -> None:
    bars = walk(50, instruments=3)
    keys = bar_keys(bars["instrument"], bars["open_ns"])

    assert len(bars) == len(set(keys.tolist()))
    assert [True, False] == among(keys[[4, 7]], np.sort(keys[:6])).tolist()
    assert [False] == among(keys[:1], np.zeros(0, np.int64)).tolist()


def test_a_selected_strategy_is_asked_everywhere_and_heard_on_its_bars() -> None:
    bars, settings = walk(400), EmaCrossSettings(ema_fast=2, ema_slow=3)
    everywhere = KernelStrategy(SPEC, settings, 1).on_bars(bars)
    said = np.flatnonzero(everywhere["count"])
    kept = said[::2]
    keys = bar_keys(bars["instrument"], bars["open_ns"])[kept]
    selected = Selected(KernelStrategy(SPEC, settings, 1), settings, keys)

    assert len(said) > 20
    assert kept.tolist() == np.flatnonzero(selected.on_bars(bars)["count"]).tolist()
    assert ("ema_cross", False) == (selected.name, selected.sees_account)
