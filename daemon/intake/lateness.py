"""Which Minutes are handled too late to act on: a restart, a long outage (market.md 3).

For markets that go on by themselves alone. Where a day waits for us, as a generated or recorded
one does, there is no Lateness at all, however slow the machine is.
"""

import structlog

from core.ports import Clock
from core.session import ist_text

log = structlog.get_logger()


class Lateness:
    """Compares a Minute's close with a clock that goes on by itself."""

    def __init__(self, clock: Clock, late_ns: int) -> None:
        self._clock = clock
        self._late_ns = late_ns
        self._was_late = False

    def of(self, close_ns: int) -> bool:
        """Whether the Minute that closed at `close_ns` is late now; the first of a row is told."""
        behind_ns = self._clock.now_ns() - close_ns
        late = behind_ns > self._late_ns
        if late != self._was_late:
            tell(late, ist_text(close_ns), round(behind_ns / 1e9, 1))
        self._was_late = late
        return late


def tell(late: bool, minute: str, behind_s: float) -> None:
    if late:
        log.warning("minutes_late", minute=minute, behind_s=behind_s)
    else:
        log.warning("minutes_timely", minute=minute, behind_s=behind_s)
