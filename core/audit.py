"""Our 1m bars held against what the broker takes for them: counted, never corrected.

Decides which bars are compared and when two of them agree. A feed that is conflated may hide an
extreme from us, so in life some highs and lows differ: how many is the answer.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from core.session import MINUTE_NS
from core.types import BAR, Bools, Int64s, Records

FIELDS = ("open", "high", "low", "close", "volume")
SAME_PRICE = 0.005  # rupees: prices have whole paise
KEPT_MINUTES = 4  # candles that wait for our bar of their minute
_MOST_INSTRUMENTS = 1 << 20


class BarDifference(NamedTuple):
    """One field of one bar."""

    open_ns: int
    instrument: int
    field: str
    ours: float
    theirs: float


@dataclass(slots=True)
class BarAudit:
    """How our bars compared so far."""

    equal: int = 0
    differ: int = 0
    missing: int = 0  # the broker has one, we have none
    fields: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FIELDS, 0))
    largest: dict[str, float] = field(default_factory=lambda: dict.fromkeys(FIELDS, 0.0))

    @property
    def compared(self) -> int:
        return self.equal + self.differ + self.missing

    def compare(self, ours: Records, theirs: Records) -> BarDifference | None:
        """Hold `theirs` against `ours` of the same minute and instrument; the first difference.

        A bar of ours that is in doubt, or is the broker's own candle, is not compared.

        Args:
            ours, theirs: BAR rows, each minute of an instrument once.
        """
        theirs = theirs[np.argsort(_keys(theirs), kind="stable")]
        ours = ours[np.argsort(_keys(ours), kind="stable")]
        wanted = _keys(theirs)
        found = np.isin(wanted, _keys(ours))
        self.missing += int((~found).sum())
        mine = ours[np.isin(_keys(ours), wanted)]
        other = theirs[found]
        clean = mine["quality"] == 0
        return self._count(mine[clean], other[clean])

    def _count(self, ours: Records, theirs: Records) -> BarDifference | None:
        any_differs: Bools = np.zeros(len(ours), np.bool_)
        first: BarDifference | None = None
        for name in FIELDS:
            gap = np.abs(ours[name].astype(np.float64) - theirs[name])
            differs = gap > SAME_PRICE
            if not differs.any():
                continue
            any_differs |= differs
            self.fields[name] += int(differs.sum())
            self.largest[name] = max(self.largest[name], round(float(gap.max()), 4))
            if first is None:
                row = int(np.flatnonzero(differs)[0])
                first = BarDifference(
                    int(ours["open_ns"][row]),
                    int(ours["instrument"][row]),
                    name,
                    float(ours[name][row]),
                    float(theirs[name][row]),
                )
        self.differ += int(any_differs.sum())
        self.equal += int((~any_differs).sum())
        return first

    def told(self) -> str:
        """For a person."""
        sizes = ", ".join(
            f"{name} {count} (at most {self.largest[name]:g})"
            for name, count in self.fields.items()
            if count
        )
        differ = f"{self.differ} differ" + (f": {sizes}" if sizes else "")
        return f"{self.equal} equal, {differ}, {self.missing} missing"


class MinuteAudit:
    """Candles that a feed tells of a minute in the course of the next one, against our bars."""

    def __init__(self, instruments: int, audit: BarAudit) -> None:
        self._audit = audit
        self._theirs: Records = np.zeros((KEPT_MINUTES, instruments), BAR)
        self._before: tuple[int, Records, Bools] | None = None

    def told(self, candles: Records) -> None:
        """BAR rows of completed minutes; the same one may be told again."""
        self._theirs[_slots(candles["open_ns"]), candles["instrument"]] = candles

    def closed(self, open_ns: int, bars: Records, traded: Bools) -> BarDifference | None:
        """Our Minute that opened then: the one before it is compared.

        Args:
            traded: bool[n], instruments whose session the minute belongs to.
        """
        difference = self.finish()
        self._before = open_ns, bars, traded
        return difference

    def finish(self) -> BarDifference | None:
        """Compare the last one, as far as it has been told."""
        if self._before is None:
            return None
        open_ns, bars, traded = self._before
        self._before = None
        theirs = self._theirs[_slots(np.array([open_ns]))[0]]
        return self._audit.compare(bars, theirs[(theirs["open_ns"] == open_ns) & traded])


def _keys(bars: Records) -> Int64s:
    keys: Int64s = bars["open_ns"] // MINUTE_NS * _MOST_INSTRUMENTS + bars["instrument"]
    return keys


def _slots(open_ns: Int64s) -> Int64s:
    slots: Int64s = open_ns // MINUTE_NS % KEPT_MINUTES
    return slots
