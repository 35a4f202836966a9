"""How many order calls we make: the broker's three windows, and narrower ones of our own.

Entries stop first. An exit is only held for as long as the broker's own windows are full, and is
never refused: whoever is in the market must be able to leave it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.session import ist_day
from providers.upstox.rest import RateWindows

# Calls by window in seconds: the broker's 10, 500 and 2,000 for a program that is not registered
# (upstox.md 3.2). One in ten is left: its clock is not ours, and a person may trade beside us.
BROKER_WINDOWS: Mapping[int, int] = {1: 9, 60: 450, 1_800: 1_800}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLimits:
    """Of our own making.

    Args:
        per_second: calls in a second before an entry waits.
        per_day: calls of an IST day; `kept_for_exits` of them no entry may use.
        entry_patience_s: a market order that waits longer is another order: refused instead.
    """

    per_second: int = 2
    per_day: int = 100
    kept_for_exits: int = 40  # an entry brings a stop, raises of it and an exit
    entry_patience_s: float = 5.0
    broker: Mapping[int, int] = field(default_factory=lambda: dict(BROKER_WINDOWS))

    @property
    def of_entries(self) -> dict[int, int]:
        """Four in five of the broker's, and our own second."""
        shares = {window_s: calls * 4 // 5 for window_s, calls in self.broker.items()}
        return shares | {1: min(self.per_second, shares.get(1, self.per_second))}


class OrderPace:
    """Gives each order call its place."""

    def __init__(self, limits: OrderLimits, windows: RateWindows) -> None:
        self._limits = limits
        self._windows = windows
        self._day = 0
        self._calls = 0  # of that day

    def made_before(self, calls: int, now_ns: int) -> None:
        """At least so many calls were made today, as the book shows."""
        self._roll(now_ns)
        self._calls = max(self._calls, calls)

    async def entry(self, now_ns: int) -> str:
        """Take a place, or say why there is none."""
        limits = self._limits
        self._roll(now_ns)
        most = limits.per_day - limits.kept_for_exits
        if self._calls >= most:
            return (
                f"order calls today {self._calls} of {limits.per_day}: entries may use {most},"
                " the rest is kept for exits"
            )
        self._calls += 1
        if await self._windows.take(limits.of_entries, limits.entry_patience_s):
            return ""
        self._calls -= 1
        return f"no room for an entry within {limits.entry_patience_s:g} s: {limits.of_entries}"

    async def other(self, now_ns: int) -> None:
        """Take a place for a call that must pass."""
        self._roll(now_ns)
        self._calls += 1
        await self._windows.take(self._limits.broker)

    def _roll(self, now_ns: int) -> None:
        if (day := ist_day(now_ns)) != self._day:
            self._day, self._calls = day, 0
