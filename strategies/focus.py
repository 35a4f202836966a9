"""Focused replay: a strategy evaluates only on bars that a screen has named.

Its states move on every bar all the same, so what it says of a named bar is what it says of it in a
full replay. Names no bar itself and knows no file.
"""

from typing import Protocol, runtime_checkable

import numpy as np

from core.book import AccountView, Strategy
from core.session import MINUTE_NS
from core.types import Bools, Int64s, Records
from strategies.settings import StrategySettings


@runtime_checkable
class Focusable(Protocol):
    """A strategy that leaves its evaluation out elsewhere."""

    evaluations: int  # made so far

    def focus(self, keys: Int64s | None) -> None:
        """Evaluate on the decision bars of `keys` (`bar_keys`, sorted) alone, and while flat; None:
        on all."""


class Selected:
    """A strategy whose evaluation is part of its step: it is asked on every bar, and heard on those
    of `keys` only. Saves nothing; shows that a screen holds every entry."""

    def __init__(self, strategy: Strategy, settings: StrategySettings, keys: Int64s) -> None:
        self._strategy = strategy
        self.settings = settings
        self.name = strategy.name
        self.kinds, self.gates, self.features = strategy.kinds, strategy.gates, strategy.features
        self.timeframes_ns = strategy.timeframes_ns
        self.sees_account = strategy.sees_account
        self._keys = keys

    def on_bars(self, bars: Records, account: AccountView | None = None) -> Records:
        """SIGNAL rows for closed strategy bars, in order; valid until the next call."""
        signals = self._strategy.on_bars(bars, account)
        signals["count"][~among(bar_keys(bars["instrument"], bars["open_ns"]), self._keys)] = 0
        return signals


def bar_keys(instrument: np.ndarray, open_ns: np.ndarray) -> Int64s:
    """(instrument, open) as one sortable number: minutes fit 32 bits until the year 10000."""
    keys: Int64s = instrument.astype(np.int64) << 40 | open_ns.astype(np.int64) // MINUTE_NS
    return keys


def among(keys: Int64s, known: Int64s) -> Bools:
    """Which of `keys` are among the sorted `known`."""
    if not len(known):
        return np.zeros(len(keys), np.bool_)
    found: Bools = known[np.searchsorted(known, keys).clip(max=len(known) - 1)] == keys
    return found
