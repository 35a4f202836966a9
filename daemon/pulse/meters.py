"""What is measured while the daemon runs: durations in buckets, and counts.

Knows no clock and no exporter; every figure is told. Bounded: nothing here grows with time.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from core.events import (
    Cancel,
    Effect,
    FillBooked,
    OrderChanged,
    SignalDecided,
    Submit,
    TradeClosed,
    Tripped,
)

# Upper bounds of the buckets; what is longer than the last goes into one more.
BOUNDS_S = (
    *(0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.0, 2.5, 5.0, 10.0),
)


class Durations:
    """How often something took how long."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.total_s = 0.0
        self.longest_s = 0.0

    def add(self, seconds: float) -> None:
        seconds = max(seconds, 0.0)  # an exchange's clock may be ahead of ours
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.total_s += seconds
        self.longest_s = max(self.longest_s, seconds)

    @property
    def count(self) -> int:
        return sum(self.counts)

    def quantile_s(self, share: float) -> float:
        """At most so long for `share` of them: the bound of its bucket, never over the longest."""
        wanted, seen = share * self.count, 0
        for bound, count in zip(BOUNDS_S, self.counts, strict=False):
            seen += count
            if seen >= wanted:
                return min(bound, self.longest_s)
        return self.longest_s


@dataclass(slots=True)
class Pulse:
    """What a task shows of its progress: `turns` grows, or it is `idle` and waits for work."""

    turns: int = 0
    idle: bool = True


@dataclass(slots=True)
class Meters:
    """Everything that is measured, by one owner each."""

    loop_lag: Durations = field(default_factory=Durations)
    publication: Durations = field(default_factory=Durations)  # end of a minute -> its Minute
    decision: Durations = field(default_factory=Durations)  # a Minute -> its events
    commit: Durations = field(default_factory=Durations)  # events -> durable
    tick_outcomes: Callable[[], Mapping[str, int]] = dict  # of the day, as ingest counts them
    signals: Counter[tuple[str, str]] = field(default_factory=Counter)  # by status and refusal
    orders: Counter[tuple[str, str]] = field(default_factory=Counter)  # by role and state reached
    trips: Counter[str] = field(default_factory=Counter)  # of breakers, by name
    fills: int = 0
    trades: int = 0
    store_failures: int = 0
    store_failing: str = ""  # why the market store took no rows the last time; "" when it did

    def decided(self, effects: Iterable[Effect]) -> None:
        """Count what a Minute or a command led to."""
        for effect in effects:
            match effect:
                case SignalDecided(signal):
                    refusal = signal.refusal.name.lower()
                    self.signals[signal.status.name.lower(), refusal] += 1
                case Submit(order) | Cancel(order) | OrderChanged(order):
                    self.orders[order.role.name.lower(), order.state.name.lower()] += 1
                case FillBooked():
                    self.fills += 1
                case TradeClosed():
                    self.trades += 1
                case Tripped(_, _, breaker):
                    self.trips[breaker.name.lower()] += 1

    def stored(self, failure: str = "") -> None:
        """The market store took rows, or says why not."""
        self.store_failing = failure
        self.store_failures += failure != ""
