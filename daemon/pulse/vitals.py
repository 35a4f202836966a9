"""How the process stands: its start-up by step, its meters, and whether its tasks get on.

Told by whoever does the work, read by the service manager, /health and /metrics. Decides nothing.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from daemon.pulse.meters import Meters, Pulse
from daemon.pulse.notify import Notifier

log = structlog.get_logger()


@dataclass(slots=True)
class StartStep:
    """A step of the start-up path; `seconds` is None while it is under way."""

    name: str
    seconds: float | None = None


def _nobody(lag_s: float) -> None:
    """There is no day yet."""


class Vitals:
    """One per process. A `notifier` that hears nothing is the default."""

    def __init__(self, notifier: Notifier | None = None) -> None:
        self.notifier = notifier or Notifier({})
        self.meters = Meters()
        self.trading = Pulse()
        self.queues: dict[str, Callable[[], int]] = {}  # how much waits, by queue
        self.lagged: Callable[[float], None] = _nobody  # is told of a loop that stood still
        self.opened_ns = 0  # the opening of the day's sessions, market time
        self.lag_s = 0.0  # of the loop, at its last beat
        self.steps: list[StartStep] = []
        self.ready = False
        self.stopping = False
        self.headline = ""  # before every status: what a person must not overlook
        self._begun_s = time.perf_counter()
        self._turns_seen = 0

    # --- start and stop --------------------------------------------------------------------------

    def step(self, name: str) -> None:
        """The start-up path has come to `name`, or is still there."""
        if self.ready:
            return  # the second day of a process walks the same path
        if self.steps and self.steps[-1].name == name:
            return
        self._end_step()
        self.steps.append(StartStep(name))
        self.notifier.tell(f"STATUS={self.headline}starting: {name}")

    def started(self, status: str) -> None:
        """The start-up path is through; every later day only has a new status."""
        if not self.ready:
            self._end_step()
            self.ready = True
            seconds = {one.name: round(one.seconds or 0.0, 3) for one in self.steps}
            log.info("started", seconds=seconds)
            self.notifier.tell("READY=1", f"STATUS={self.headline}{status}")
        else:
            self.status(status)

    def status(self, text: str) -> None:
        """What the process is doing, for a person who asks the service manager."""
        self.notifier.tell(f"STATUS={self.headline}{text}")

    def stop(self) -> None:
        if not self.stopping:
            self.stopping = True
            self.notifier.tell("STOPPING=1", "STATUS=stopping")

    def _end_step(self) -> None:
        now_s = time.perf_counter()
        if self.steps:
            self.steps[-1].seconds = now_s - self._begun_s
        self._begun_s = now_s

    def playing(
        self,
        trading: Pulse,
        lagged: Callable[[float], None],
        *,
        opened_ns: int,
        **queues: Callable[[], int],
    ) -> None:
        """A day begins: whose progress counts, who is told of lag, and what may fill up."""
        self.trading, self.lagged, self.opened_ns, self.queues = trading, lagged, opened_ns, queues

    # --- progress --------------------------------------------------------------------------------

    def got_on(self) -> bool:
        """Whether trading has nothing to do, or has done something since this was last asked."""
        turns, self._turns_seen = self._turns_seen, self.trading.turns
        return self.trading.idle or self.trading.turns != turns
