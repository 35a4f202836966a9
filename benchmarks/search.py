"""A search of PixityAI under its full rules: brackets, sizing, charges, limits, all metrics.

`python -m benchmarks.search FOLDER SYMBOLS` tries a grid over both multiples of the bracket and the
fast average, on one thread and then on a thread a core; 1m bars are counted once a set. The bars
are read and resampled before (`prepare_seconds`), as a search does once.
"""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from backtest.run import Request
from benchmarks.measured import Measurement, timed
from benchmarks.w1 import load_bars
from core.types import Market
from research.evaluation import TradedSubject
from research.search.optimizer import ParamOptimizer
from research.search.space import space_of
from strategies.pixity import PixitySettings
from strategies.settings import RiskSettings

SPACE = space_of(["sl_mult=0.5:2.0:0.5", "tp_mult=1.0:4.0:0.5", "ema_fast=5:17:4"])


def measure(folder: Path, symbols: int) -> Measurement:
    started = time.perf_counter()
    dataset = load_bars(folder, symbols)
    risk = RiskSettings().for_market(Market.NSE)
    request = Request(strategy="pixity", settings=PixitySettings(), risk=risk, dataset=dataset)
    workers = (1, os.cpu_count() or 1)
    searches = [ParamOptimizer(TradedSubject(request), SPACE, workers=one) for one in workers]
    for one in searches:
        one.run()  # compiles, and leaves the bars resampled
    prepared = time.perf_counter() - started
    seconds, found = timed(searches[0].run)
    together_s, again = timed(searches[1].run)
    bars = len(dataset.bars) * found.scores.height
    return Measurement(
        items=bars,
        seconds=seconds,
        prepare_seconds=prepared,
        checks={"trades": int(found.scores["trades"].sum())},
        figures={
            "ns_per_bar": seconds / bars * 1e9,
            "sets_per_s": found.scores.height / seconds,
            "all_cores_sets_per_s": found.scores.height / together_s,
            "same": float(found.scores.equals(again.scores)),
        },
    )


def main(arguments: Sequence[str]) -> None:
    match arguments:
        case [folder, symbols]:
            measure(Path(folder), int(symbols)).print()
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
