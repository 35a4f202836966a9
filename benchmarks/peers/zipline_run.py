"""W1 under zipline-reloaded: one symbol's minutes from a bundle, orders managed by the algorithm.

Run by the peers' Python: `python -m benchmarks.peers.zipline_run FOLDER`. It fills at the close of
the next bar and looks at stops on closes only, and knows no bracket: so its trades are not ours,
its work is. Writing the bundle is `prepare_seconds`.
"""

import os
import sys
import tempfile
import time
from datetime import time as clock
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from exchange_calendars import ExchangeCalendar, register_calendar_type
from zipline import run_algorithm
from zipline.api import (
    cancel_order,
    get_datetime,
    get_open_orders,
    order,
    set_commission,
    set_slippage,
    symbol,
)
from zipline.data.bundles import ingest, register
from zipline.finance import commission, slippage
from zipline.utils.calendar_utils import get_calendar

from benchmarks.measured import Measurement
from benchmarks.peers.rules import (
    CASH,
    CrossRules,
    checks,
    load,
    may_enter,
    must_be_flat,
)

BARS_PER_DAY, BARS_PER_15M = 375, 15
CALENDAR = "BENCH"
SATURDAY = 5


def main(folder: str) -> None:
    columns = load(folder, 0)
    days = pd.DatetimeIndex(pd.to_datetime(columns["open_ns"][::BARS_PER_DAY]).normalize())
    register_calendar_type(CALENDAR, calendar_of(days))
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as root:
        environ = {**os.environ, "ZIPLINE_ROOT": root}
        write_bundle(columns, days, environ)
        prepared_s = time.perf_counter() - started
        started = time.perf_counter()
        result = run_algorithm(
            start=days[0],
            end=days[-1],
            initialize=initialize,
            handle_data=handle_data,
            capital_base=CASH,
            data_frequency="minute",
            bundle="bench",
            trading_calendar=get_calendar(CALENDAR),
            benchmark_returns=pd.Series(0.0, index=days),
            environ=environ,
        )
        seconds = time.perf_counter() - started
    fills, held = [], 0
    for day in result["transactions"]:
        for one in day:
            fills.append((held == 0, abs(int(one["amount"])), float(one["price"])))
            held += one["amount"]
    Measurement(
        items=len(columns["close"]),
        seconds=seconds,
        prepare_seconds=prepared_s,
        checks=checks([RULES], fills),
    ).print()


RULES = CrossRules()


def initialize(context) -> None:
    context.asset = symbol("S0000")
    context.minutes = 0
    context.exits = ()
    set_commission(commission.PerShare(0.0, 0.0))
    set_slippage(slippage.FixedSlippage(spread=0.0))


def handle_data(context, data) -> None:
    asset = context.asset
    held = context.portfolio.positions[asset].amount
    if context.exits and held == 0 and not get_open_orders(asset):
        context.exits = ()
    elif context.exits and held == 0:
        for one in get_open_orders(asset):  # one of stop and target has filled
            if one.id in context.exits:
                cancel_order(one)
        context.exits = ()
    context.minutes += 1
    if context.minutes % BARS_PER_15M:
        return
    bars = data.history(asset, ["high", "low", "close"], BARS_PER_15M, "1m")
    close = float(bars["close"].iloc[-1])
    side = RULES.on_bar(float(bars["high"].max()), float(bars["low"].min()), close)
    closed_ns = get_datetime().value
    if must_be_flat(closed_ns):
        for one in get_open_orders(asset):
            cancel_order(one)
        context.exits = ()
        if held:
            order(asset, -held)
    elif side and may_enter(closed_ns) and not held:
        stop, target = RULES.bracket(side, close)
        quantity = side * RULES.quantity
        order(asset, quantity)
        context.exits = (
            order(asset, -quantity, stop_price=stop),
            order(asset, -quantity, limit_price=target),
        )


def calendar_of(days: pd.DatetimeIndex) -> type[ExchangeCalendar]:
    """A calendar whose sessions are exactly `days`, 09:15 to 15:30 IST."""
    every = pd.date_range("1990-01-01", days[-1] + pd.Timedelta(days=3_650))
    inside = (every >= days[0]) & (every <= days[-1])
    holidays = every[(every.dayofweek >= SATURDAY) | inside].difference(days)

    class BenchCalendar(ExchangeCalendar):
        name = CALENDAR
        tz = ZoneInfo("Asia/Kolkata")
        weekmask = "1111111"  # the exchange has traded at weekends
        open_times = ((None, clock(9, 15)),)
        close_times = ((None, clock(15, 30)),)

        @property
        def adhoc_holidays(self) -> list[pd.Timestamp]:
            return list(holidays)

    return BenchCalendar


def write_bundle(
    columns: dict[str, np.ndarray], days: pd.DatetimeIndex, environ: dict[str, str]
) -> None:
    names = ("open", "high", "low", "close", "volume")
    closes = pd.to_datetime(columns["open_ns"] + 60_000_000_000, utc=True)
    minutes = pd.DataFrame({name: columns[name] for name in names}, index=closes)
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    daily = minutes.groupby(minutes.index.normalize().tz_localize(None)).agg(how)

    def write(
        environ, assets, minute_bars, daily_bars, adjustments, calendar, start, end, *rest
    ) -> None:
        assets.write(
            equities=pd.DataFrame(
                {
                    "symbol": ["S0000"],
                    "asset_name": ["S0000"],
                    "start_date": [days[0]],
                    "end_date": [days[-1]],
                    "exchange": [CALENDAR],
                }
            ),
            exchanges=pd.DataFrame({"exchange": [CALENDAR], "country_code": ["IN"]}),
        )
        minute_bars.write([(0, minutes)], show_progress=False)
        daily_bars.write([(0, daily)], show_progress=False)
        adjustments.write()

    register(
        "bench",
        write,
        calendar_name=CALENDAR,
        start_session=days[0],
        end_session=days[-1],
        minutes_per_day=BARS_PER_DAY,
    )
    ingest("bench", environ=environ, show_progress=False)


if __name__ == "__main__":
    main(sys.argv[1])
