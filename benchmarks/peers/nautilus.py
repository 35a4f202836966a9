"""W1 under NautilusTrader: 1m bars executed by its matching engine, 15m bars by its aggregator.

Run by the peers' Python: `python -m benchmarks.peers.nautilus FOLDER SYMBOLS`. A market order fills
at the last close, which is the next open in our data; the bracket is looked at from the next bar.
"""

import sys
import time
from decimal import Decimal

import numpy as np
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import (
    BacktestEngineConfig,
    DataEngineConfig,
    LoggingConfig,
    RiskEngineConfig,
)
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TraderId, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy

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

VENUE = Venue("SIM")
BUILD_DELAY_US = 1  # of an internal bar; its stamp is late by as much


class EmaCross(Strategy):
    """Every instrument of the run; one instance, as one would write it for a whole universe."""

    def __init__(self, instruments: list[Equity]) -> None:
        super().__init__()
        self.rules = {instrument.id: CrossRules() for instrument in instruments}

    def on_start(self) -> None:
        for instrument_id in self.rules:
            self.subscribe_bars(
                BarType.from_str(f"{instrument_id}-15-MINUTE-LAST-INTERNAL@1-MINUTE-EXTERNAL")
            )

    def on_bar(self, bar: Bar) -> None:
        instrument_id = bar.bar_type.instrument_id
        rules = self.rules[instrument_id]
        close = bar.close.as_double()
        side = rules.on_bar(bar.high.as_double(), bar.low.as_double(), close)
        closed_ns = bar.ts_event - 1_000 * BUILD_DELAY_US
        if must_be_flat(closed_ns):
            if not self.portfolio.is_flat(instrument_id):
                self.cancel_all_orders(instrument_id)
                self.close_all_positions(instrument_id)
        elif side and may_enter(closed_ns) and self.portfolio.is_flat(instrument_id):
            stop, target = rules.bracket(side, close)
            self.submit_order_list(
                self.order_factory.bracket(
                    instrument_id=instrument_id,
                    order_side=OrderSide.BUY if side > 0 else OrderSide.SELL,
                    quantity=Quantity.from_int(rules.quantity),
                    sl_trigger_price=Price(stop, 2),
                    tp_price=Price(target, 2),
                    tp_post_only=False,
                )
            )


def main(folder: str, symbols: int) -> None:
    engine = BacktestEngine(
        BacktestEngineConfig(
            trader_id=TraderId("BENCH-001"),
            logging=LoggingConfig(bypass_logging=True),
            # The 1m bar that ends a period first, then the 15m bar; no bars while it is night.
            data_engine=DataEngineConfig(
                time_bars_build_with_no_updates=False, time_bars_build_delay=BUILD_DELAY_US
            ),
            risk_engine=RiskEngineConfig(bypass=True),
            run_analysis=False,
        )
    )
    engine.add_venue(
        VENUE, OmsType.NETTING, AccountType.MARGIN, [Money(CASH, USD)], base_currency=USD
    )
    instruments = [equity(f"S{number:04d}") for number in range(symbols)]
    prepared_s, rows = 0.0, 0
    for number, instrument in enumerate(instruments):
        engine.add_instrument(instrument)
        columns = load(folder, number)
        started = time.perf_counter()
        bars = bars_of(instrument, columns)
        prepared_s += time.perf_counter() - started
        rows += len(columns["close"])
        engine.add_data(bars, sort=number == symbols - 1)
    strategy = EmaCross(instruments)
    engine.add_strategy(strategy)
    started = time.perf_counter()
    engine.run()
    seconds = time.perf_counter() - started
    fills = [
        (not order.is_reduce_only, int(order.filled_qty), float(order.avg_px))
        for order in engine.cache.orders()
        if order.filled_qty > 0
    ]
    Measurement(
        items=rows,
        seconds=seconds,
        prepare_seconds=prepared_s,
        checks=checks(list(strategy.rules.values()), fills),
    ).print()


def equity(symbol: str) -> Equity:
    return Equity(
        instrument_id=InstrumentId(Symbol(symbol), VENUE),
        raw_symbol=Symbol(symbol),
        currency=USD,
        price_precision=2,
        price_increment=Price(0.01, 2),
        lot_size=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
        margin_init=Decimal(0),
        margin_maint=Decimal(0),
    )


def bars_of(instrument: Equity, columns: dict[str, np.ndarray]) -> list[Bar]:
    """1m bars, stamped with their close; the last one twice, or the last 15m bar would not end."""
    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame({name: columns[name] for name in names})
    frame = pd.concat([frame, frame.tail(1)])
    closes_ns = columns["open_ns"] + MINUTE_NS
    frame.index = pd.to_datetime(np.append(closes_ns, closes_ns[-1] + MINUTE_NS), utc=True)
    bar_type = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
    return BarDataWrangler(bar_type, instrument).process(frame)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
