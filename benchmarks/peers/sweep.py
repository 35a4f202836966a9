"""W2 under vectorbt, backtesting.py, polars and numpy: SMA crosses, long or flat, at next closes.

Run by the peers' Python: `python -m benchmarks.peers.sweep LIBRARY TIMEFRAME FOLDER`. Each takes
every so many of the sets, as many as it gets done in some seconds; averages are part of the work.
"""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.measured import Measurement, timed
from benchmarks.sets import CHECKED, SETS, Closes, Figures, checks, closes, figures_of

EVERY = {"vectorbt": 5, "backtesting": 100, "polars": 10, "numpy": 10}
CASH = 1e15  # backtesting.py buys whole shares: so many that the rest is nothing

Pairs = list[tuple[int, int]]
Work = Callable[[Pairs], list[Figures]]


def with_vectorbt(bars: Closes, timeframe: str) -> Work:
    import vectorbt as vbt

    close = pd.Series(bars.ticks, index=pd.to_datetime(bars.open_ns))

    def work(pairs: Pairs) -> list[Figures]:
        windows = sorted({window for pair in pairs for window in pair})
        means = vbt.MA.run(close, windows).ma
        fast, slow = (means[[pair[i] for pair in pairs]].to_numpy() for i in (0, 1))
        over = np.zeros_like(fast, bool)
        over[1:] = (fast > slow)[:-1]  # acted on one bar later
        held = vbt.Portfolio.from_signals(close, over, ~over, freq=timeframe.replace("m", "min"))
        orders = held.orders.count().to_numpy()
        by_bar = np.sqrt(held.returns_acc().ann_factor)
        return [
            Figures(int(count), float(total), float(-fall), float(sharpe / by_bar))
            for count, total, fall, sharpe in zip(
                orders, held.total_return(), held.max_drawdown(), held.sharpe_ratio(), strict=True
            )
        ]

    return work


def with_backtesting(bars: Closes, timeframe: str) -> Work:
    from backtesting import Backtest, Strategy

    frame = pd.DataFrame(
        dict.fromkeys(("Open", "High", "Low", "Close"), bars.ticks),
        index=pd.to_datetime(bars.open_ns),
    )

    class Cross(Strategy):
        over: NDArray[np.bool_]

        def init(self) -> None:
            pass

        def next(self) -> None:
            bar = len(self.data) - 1
            wanted = self.over[bar - 1]
            if wanted and not self.position:
                self.buy(size=int(self.equity // bars.ticks[bar]))
            elif not wanted and self.position:
                self.position.close()

    def work(pairs: Pairs) -> list[Figures]:
        found = []
        for fast, slow in pairs:
            Cross.over = mean(bars.ticks, fast) > mean(bars.ticks, slow)
            result = Backtest(frame, Cross, cash=CASH, trade_on_close=True).run()
            held = np.concatenate([[False], Cross.over[:-1]])
            account = result["_equity_curve"]["Equity"].to_numpy() / CASH
            net = np.concatenate([[0.0], account[1:] / account[:-1] - 1.0])
            found.append(figures_of(int((held[1:] != held[:-1]).sum()), net))
        return found

    return work


def with_polars(bars: Closes, timeframe: str) -> Work:
    import polars as pl

    frame = pl.DataFrame({"close": bars.ticks}).with_columns(ret=pl.col("close").pct_change())

    def work(pairs: Pairs) -> list[Figures]:
        found = []
        for fast, slow in pairs:
            over = pl.col("close").rolling_mean(fast) > pl.col("close").rolling_mean(slow)
            made = (
                frame.with_columns(position=over.fill_null(value=False).shift(1, fill_value=False))
                .with_columns(held=pl.col("position").shift(1, fill_value=False))
                .with_columns(net=(pl.col("held") * pl.col("ret")).fill_null(0.0))
                .with_columns(account=(1.0 + pl.col("net")).cum_prod())
            )
            best = pl.max_horizontal(pl.col("account").cum_max(), 1.0)
            row = made.select(
                changes=(pl.col("position") != pl.col("held")).sum(),
                total=pl.col("account").last() - 1.0,
                fall=(1.0 - pl.col("account") / best).max(),
                sharpe=pl.col("net").mean() / pl.col("net").std(),
            ).row(0)
            found.append(Figures(*row))
        return found

    return work


def with_numpy(bars: Closes, timeframe: str) -> Work:
    ret = np.concatenate([[0.0], bars.ticks[1:] / bars.ticks[:-1] - 1.0])

    def work(pairs: Pairs) -> list[Figures]:
        found = []
        for fast, slow in pairs:
            over = mean(bars.ticks, fast) > mean(bars.ticks, slow)
            position = np.concatenate([[False], over[:-1]])
            held = np.concatenate([[False], position[:-1]])
            found.append(figures_of(int((position != held).sum()), held * ret))
        return found

    return work


def mean(ticks: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    sums = np.concatenate([[0.0], np.cumsum(ticks)])
    made = np.full(len(ticks), np.nan)
    made[window - 1 :] = (sums[window:] - sums[:-window]) / window
    return made


LIBRARIES: dict[str, Callable[[Closes, str], Work]] = {
    "vectorbt": with_vectorbt,
    "backtesting": with_backtesting,
    "polars": with_polars,
    "numpy": with_numpy,
}


def main(library: str, timeframe: str, folder: str) -> None:
    warnings.simplefilter("ignore")  # of libraries about each other
    work = LIBRARIES[library](closes(Path(folder), timeframe), timeframe)
    pairs = SETS[:: EVERY[library]]
    work(pairs[:2])  # what compiles has compiled, for several columns
    seconds, found = timed(lambda: work(pairs))
    compared = [found[pairs.index(pair)] for pair in CHECKED]
    Measurement(items=len(pairs), seconds=seconds, checks=checks(compared)).print()


if __name__ == "__main__":
    main(*sys.argv[1:])
