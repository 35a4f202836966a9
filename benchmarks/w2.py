"""W2, our side: a thousand SMA crosses with Sharpe, drawdown and return, in one sweep, one thread.

`python -m benchmarks.w2 1m|15m FOLDER`. The sweep is what the optimiser calls; making it ready and
every average count. Long or flat, filled at the next close, no cost: what every peer can do.
"""

import math
import sys
from pathlib import Path

import polars as pl

from benchmarks.measured import Measurement, peak_mb, timed
from benchmarks.sets import CHECKED, SETS, Figures, checks, closes
from research.panel.crosses import CrossSettings, CrossSweep, Swept
from research.panel.vectorized import Terms, VectorizedEngine


def measure(timeframe: str, folder: Path) -> Measurement:
    open_ns, ticks = closes(folder, timeframe)
    frame = pl.DataFrame(
        {
            "symbol": ["S0000"] * len(ticks),
            "ts": pl.Series(open_ns // 1_000_000).cast(pl.Datetime("ms", "UTC")),
            "open": ticks,  # not looked at
            "close": ticks,
        }
    )
    terms = Terms(timeframe=timeframe, fill="next_close", fee_bps=0, slippage_bps=0)
    engine = VectorizedEngine(terms)
    sets = [CrossSettings(fast=f, slow=s, sides="long", price_step=1.0) for f, s in SETS]

    def sweep() -> Swept:
        return CrossSweep(engine, frame).run(sets)

    CrossSweep(engine, frame.head(1_000)).run(sets[:1])
    seconds, swept = timed(sweep)
    by_bar = math.sqrt(CrossSweep(engine, frame).periods_per_year)
    found = [swept.metrics[SETS.index(one)] for one in CHECKED]
    years = len(ticks) / by_bar**2
    return Measurement(
        items=len(SETS),
        seconds=seconds,
        checks=checks(
            [
                Figures(
                    round((one["turnover"] or 0.0) * years),
                    one["total_return"] or 0.0,
                    one["max_drawdown"] or 0.0,
                    (one["sharpe"] or 0.0) / by_bar,
                )
                for one in found
            ]
        ),
        figures={"ns_a_bar": seconds / len(SETS) / len(ticks) * 1e9, "memory_mb": peak_mb()},
    )


if __name__ == "__main__":
    measure(sys.argv[1], Path(sys.argv[2])).print()
