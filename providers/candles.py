"""Candles of a known day, as a broker would tell them of the day so far (core.ports.Candles).

For generated days and tests: whoever has the bars can play the broker. Tells no minute before it
has ended by the clock.
"""

from collections.abc import Callable, Sequence

import numpy as np

from core.ports import Clock
from core.repair import MAX_KEYS
from core.session import MINUTE_NS
from core.types import BAR, Records


class KnownCandles:
    """Tells the bars of `known` once they are over.

    Args:
        known: the day's BAR rows; asked for with the first question, as few days have one.
    """

    def __init__(self, clock: Clock, known: Callable[[], Records]) -> None:
        self._clock = clock
        self._known = known
        self._bars: Records | None = None

    async def last_minute(self, instruments: Sequence[int]) -> Records:
        if len(instruments) > MAX_KEYS:
            raise ValueError(f"{len(instruments)} instruments in one request over {MAX_KEYS}")
        told = self._told()
        last = [told[told["instrument"] == number][-1:] for number in instruments]
        return np.concatenate([*last, np.zeros(0, BAR)]).view(BAR)

    async def day(self, instrument: int) -> Records:
        told = self._told()
        own: Records = told[told["instrument"] == instrument]
        return own

    def _told(self) -> Records:
        if self._bars is None:
            self._bars = np.sort(self._known(), order="open_ns", kind="stable").view(BAR)
        return self._bars[self._bars["open_ns"] + MINUTE_NS <= self._clock.now_ns()]
