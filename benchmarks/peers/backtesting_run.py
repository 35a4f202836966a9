"""W1 under backtesting.py: one symbol, signals precomputed as its users do, the bracket its own.

Run by the peers' Python: `python -m benchmarks.peers.backtesting_run FOLDER`. Computing the signals
is `prepare_seconds`. A market order fills at the next open, the entry bar's range included.
"""

import sys
import time

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy

from benchmarks.measured import Measurement
from benchmarks.peers.rules import (
    CASH,
    MINUTE_NS,
    CrossRules,
    checks,
    load,
    may_enter,
    must_be_flat,
)

BARS_PER_15M = 15


class EmaCross(Strategy):
    side: np.ndarray  # per 1m bar, 0 where nothing is asked
    size: np.ndarray
    stop: np.ndarray
    target: np.ndarray
    flat: np.ndarray

    def init(self) -> None:
        pass

    def next(self) -> None:
        bar = len(self.data) - 1
        if self.flat[bar]:
            if self.position:
                self.position.close()
        elif self.side[bar] and not self.position:
            enter = self.buy if self.side[bar] > 0 else self.sell
            enter(size=int(self.size[bar]), sl=self.stop[bar], tp=self.target[bar])


def main(folder: str) -> None:
    columns = load(folder, 0)
    started = time.perf_counter()
    frame = pd.DataFrame(
        {name.title(): columns[name] for name in ("open", "high", "low", "close", "volume")},
        index=pd.to_datetime(columns["open_ns"]),
    )
    rules = precompute(columns)
    prepared_s = time.perf_counter() - started
    backtest = Backtest(frame, EmaCross, cash=CASH, finalize_trades=True)
    started = time.perf_counter()
    result = backtest.run()
    seconds = time.perf_counter() - started
    trades = result["_trades"]
    fills = []
    for size, entry, exit_ in zip(
        trades["Size"], trades["EntryPrice"], trades["ExitPrice"], strict=True
    ):
        fills += [(True, abs(int(size)), entry), (False, abs(int(size)), exit_)]
    Measurement(
        items=len(frame),
        seconds=seconds,
        prepare_seconds=prepared_s,
        checks=checks([rules], fills),
    ).print()


def precompute(columns: dict[str, np.ndarray]) -> CrossRules:
    """Signals of every 15m bar, at the 1m bar that ends it."""
    count = len(columns["close"])
    high = columns["high"].reshape(-1, BARS_PER_15M).max(axis=1).tolist()
    low = columns["low"].reshape(-1, BARS_PER_15M).min(axis=1).tolist()
    close = columns["close"][BARS_PER_15M - 1 :: BARS_PER_15M].tolist()
    closed = (columns["open_ns"][BARS_PER_15M - 1 :: BARS_PER_15M] + MINUTE_NS).tolist()
    EmaCross.side, EmaCross.size = np.zeros(count, int), np.zeros(count, int)
    EmaCross.stop, EmaCross.target = np.zeros(count), np.zeros(count)
    EmaCross.flat = np.zeros(count, bool)
    rules = CrossRules()
    for k in range(len(close)):
        at = BARS_PER_15M * k + BARS_PER_15M - 1
        side = rules.on_bar(high[k], low[k], close[k])
        EmaCross.flat[at] = must_be_flat(closed[k])
        if side and may_enter(closed[k]):
            EmaCross.side[at], EmaCross.size[at] = side, rules.quantity
            EmaCross.stop[at], EmaCross.target[at] = rules.bracket(side, close[k])
    return rules


if __name__ == "__main__":
    main(sys.argv[1])
