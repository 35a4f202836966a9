"""W6, our side: rank ICs of 50 signals x 500 symbols x 750 days, from closes to coefficients.

`python -m benchmarks.w6`. One thread. The figure `gaps_per_s` is the rate with a twentieth of all
signals and returns absent, at random: then no row has the ranks of another.
"""

import time

import numpy as np

from benchmarks.measured import Measurement, timed
from benchmarks.universe import DAYS, SYMBOLS, Matrix, Universe, checks, universe
from research.signals.ic import rank_ics


def from_closes(market: Universe) -> Matrix:
    forward = np.full_like(market.closes, np.nan)
    forward[:-1] = market.closes[1:] / market.closes[:-1] - 1.0
    return rank_ics(market.signals, forward)


def with_gaps(market: Universe) -> Universe:
    random = np.random.default_rng(0)
    absent = random.random((DAYS, SYMBOLS)) < 0.05
    closes = np.where(absent, np.nan, market.closes)
    for signal in market.signals:  # in place: a second universe would be counted as memory
        signal[random.random(signal.shape) < 0.05] = np.nan
    return market._replace(closes=closes)


def main() -> None:
    started = time.perf_counter()
    market = universe()
    prepared_s = time.perf_counter() - started
    from_closes(market._replace(signals=market.signals[:1]))  # compiles, or loads
    seconds, ics = timed(lambda: from_closes(market))
    told = checks(ics)
    sparse = with_gaps(market)
    gaps_s, _ = timed(lambda: from_closes(sparse))
    items = len(market.signals) * (DAYS - 1)
    Measurement(
        items=items,
        seconds=seconds,
        prepare_seconds=prepared_s,
        checks=told,
        figures={"gaps_per_s": items / gaps_s},
    ).print()


if __name__ == "__main__":
    main()
