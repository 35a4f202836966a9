"""Strategy bars for strategy tests: a walk over some days, or prices bar by bar."""

from collections.abc import Sequence

import numpy as np

from core.session import MINUTE_NS
from core.types import STRATEGY_BAR, Records
from tests.market import DAY, at

QUARTER_NS = 15 * MINUTE_NS
BARS_PER_DAY = 25


def walk(count: int, seed: int = 1, *, instruments: int = 1, level: float = 100.0) -> Records:
    """`count` 15m bars of each instrument, on days of 25 bars, prices to the paisa."""
    random = np.random.default_rng(seed)
    rows: Records = np.zeros((count, instruments), STRATEGY_BAR)
    slot = np.arange(count)
    day = DAY + slot // BARS_PER_DAY
    opens = np.array([at("09:15", int(d)) for d in day]) + slot % BARS_PER_DAY * QUARTER_NS
    for i in range(instruments):
        path = level * np.exp(np.cumsum(random.normal(0, 0.004, (count, 4)))).reshape(count, 4)
        path = path.round(2)
        mine = rows[:, i]
        mine["instrument"], mine["day"] = i, day
        mine["open_ns"], mine["close_ns"] = opens, opens + QUARTER_NS
        mine["open"], mine["close"] = path[:, 0], path[:, 3]
        mine["high"], mine["low"] = path.max(axis=1), path.min(axis=1)
        mine["volume"] = random.integers(0, 1_000, count)
    return rows.reshape(-1)


def bars_of(
    closes: Sequence[float], *, reach: float = 0.0, volume: int = 0, highs: Sequence[float] = ()
) -> Records:
    """Bars of one day that close at `closes` and reach so far up and down from there."""
    rows: Records = np.zeros(len(closes), STRATEGY_BAR)
    rows["close"] = rows["open"] = closes
    rows["high"] = highs if len(highs) else np.add(closes, reach)
    rows["low"] = np.subtract(closes, reach)
    rows["volume"], rows["day"] = volume, DAY
    rows["open_ns"] = at("09:15") + np.arange(len(closes)) * QUARTER_NS
    rows["close_ns"] = rows["open_ns"] + QUARTER_NS
    return rows
