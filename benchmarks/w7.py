"""W7, our side: every figure that a million returns have. `python -m benchmarks.w7`. One thread."""

from benchmarks.measured import Measurement, timed
from benchmarks.returns import CHECKED, PERIODS_PER_YEAR, series
from research.metrics import metrics_of


def measure() -> Measurement:
    returns = series()
    metrics_of(returns[:1_000], PERIODS_PER_YEAR)
    seconds, found = timed(lambda: metrics_of(returns, PERIODS_PER_YEAR))
    return Measurement(
        items=len(returns),
        seconds=seconds,
        checks={name: found[name] or 0.0 for name in CHECKED},
        figures={"ms": seconds * 1e3},
    )


if __name__ == "__main__":
    measure().print()
