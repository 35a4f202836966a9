"""A generated market that goes on while nobody looks, as a real one does, in virtual time."""

from collections.abc import Callable

from core.ports import Clock
from daemon.clocks import VirtualClock
from daemon.plan import Plan
from daemon.sources import SyntheticSource, paced_clock
from providers.live import DayFrame
from tests.daemon.days import synthetic_plan

Starts = Callable[[DayFrame, int], int]  # (frame, close of the last handled Minute) -> time


class LiveSource(SyntheticSource):
    """It is `starts` o'clock when the daemon starts, wherever the day was left."""

    starts: Starts | None = None

    def clock(self, frame: DayFrame, after_ns: int) -> Clock:
        if self.starts is None:
            return paced_clock(frame, after_ns, self._speed)
        return VirtualClock(self.starts(frame, after_ns))


def live_plan(*assignments: str, starts: Starts | None = None, seed: int = 1) -> Plan:
    """As `synthetic_plan`, of a live market."""
    plan = synthetic_plan(*assignments, seed=seed, kind=LiveSource)
    assert isinstance(plan.source, LiveSource)
    plan.source.starts = starts
    plan.source.is_live = True
    return plan
