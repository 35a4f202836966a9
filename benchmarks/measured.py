"""One measurement, how it is taken and how it travels: a line of JSON on standard output.

Imported by our side and by the peers' side, so it needs nothing but the standard library. Takes
no opinion on what is good: goals are in `table.py`.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeVar

T = TypeVar("T")

LONG_ENOUGH_S = 0.5  # short work is repeated until this has passed
MAX_REPEATS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one process has measured. `checks` must agree between those who do the same work."""

    items: int
    seconds: float
    prepare_seconds: float = 0.0  # building what `seconds` starts from
    peak_mb: float = 0.0  # of the whole process, its imports included
    checks: dict[str, float] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return self.items / self.seconds

    def print(self) -> None:
        """Hand the measurement to `benchmarks.run`; the peak is that of this process so far."""
        print(json.dumps({**asdict(self), "peak_mb": round(peak_mb(), 1)}))

    @classmethod
    def parse(cls, output: str) -> "Measurement":
        """From the last line of `output`."""
        return cls(**json.loads(output.strip().splitlines()[-1]))


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Median seconds of `work`, repeated while it is short, and what it returned last."""
    seconds: list[float] = []
    while True:
        started = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - started)
        if sum(seconds) >= LONG_ENOUGH_S or len(seconds) == MAX_REPEATS:
            return median(seconds), result


def percentile(values: list[float], percent: float) -> float:
    """The value that `percent` of `values` do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(percent * 10) // 1000) - 1)]


def peak_mb() -> float:
    """Largest resident size of this process since it began to run this program.

    Not `ru_maxrss`: a child inherits that from the parent it was forked from.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024.0
    raise OSError("/proc/self/status has no VmHWM: peak memory is measured on Linux only")
