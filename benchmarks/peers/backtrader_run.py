"""W1 under backtrader: one symbol's 1m bars, 15m bars by its resampler, a bracket per entry.

Run by the peers' Python: `python -m benchmarks.peers.backtrader_run FOLDER`. A market order fills
at the next open; the bracket is looked at from the bar after the entry bar on.
"""

import sys
import time
from datetime import UTC

import backtrader as bt
import pandas as pd

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


class EmaCross(bt.Strategy):
    def __init__(self) -> None:
        self.rules = CrossRules()
        self.fills: list[tuple[bool, int, float]] = []
        self.bracket: list[bt.Order] = []

    def notify_order(self, order: bt.Order) -> None:
        if order.status == order.Completed:
            entered = bool(self.bracket) and order.ref == self.bracket[0].ref
            self.fills.append((entered, abs(int(order.executed.size)), order.executed.price))

    def next(self) -> None:
        if len(self.data1) == self.rules.bars:
            return
        bars = self.data1
        close = bars.close[0]
        side = self.rules.on_bar(bars.high[0], bars.low[0], close)
        closed = bars.datetime.datetime(0).replace(tzinfo=UTC)
        closed_ns = round(closed.timestamp() / 60.0) * MINUTE_NS
        if must_be_flat(closed_ns):
            if self.position:
                for order in self.bracket[1:]:
                    self.cancel(order)
                self.close(data=self.data0)
        elif side and may_enter(closed_ns) and not self.position:
            stop, target = self.rules.bracket(side, close)
            enter = self.buy_bracket if side > 0 else self.sell_bracket
            self.bracket = enter(
                data=self.data0,
                size=self.rules.quantity,
                exectype=bt.Order.Market,
                stopprice=stop,
                limitprice=target,
            )


def main(folder: str) -> None:
    columns = load(folder, 0)
    started = time.perf_counter()
    closes = pd.to_datetime(columns["open_ns"] + MINUTE_NS)  # its bars are stamped with their close
    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame({name: columns[name] for name in names}, index=closes)
    prepared_s = time.perf_counter() - started
    cerebro = bt.Cerebro(stdstats=False)
    minutes = bt.feeds.PandasData(dataname=frame, timeframe=bt.TimeFrame.Minutes, compression=1)
    cerebro.adddata(minutes)
    cerebro.resampledata(minutes, timeframe=bt.TimeFrame.Minutes, compression=15)
    cerebro.addstrategy(EmaCross)
    cerebro.broker.setcash(CASH)
    cerebro.broker.set_checksubmit(False)
    started = time.perf_counter()
    [strategy] = cerebro.run()
    seconds = time.perf_counter() - started
    Measurement(
        items=len(frame),
        seconds=seconds,
        prepare_seconds=prepared_s,
        checks=checks([strategy.rules], strategy.fills),
    ).print()


if __name__ == "__main__":
    main(sys.argv[1])
