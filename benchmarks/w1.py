"""W1, our side: an EMA cross on 15m bars with an ATR bracket, in both gears.

`python -m benchmarks.w1 event|compiled FOLDER SYMBOLS` starts from 1m spans in memory: resampling,
strategy, account, exchange, orders and fills are in the time, reading the file and laying out
Minutes are `prepare_seconds`. `start` measures a first start with an empty kernel cache and a
second one.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from backtest.compiled import CompiledRun
from backtest.run import session_terms
from benchmarks import data
from benchmarks.measured import Measurement, timed
from core.bars import Resampler
from core.book import Book
from core.engine import Engine, StrategyNames
from core.events import Fill, FillBooked
from core.rules.holdings import Holdings
from core.types import Market, Records
from providers.dataset import DataOptions, Dataset, load
from providers.replay import ReplayProvider
from strategies.ema_cross import EmaCrossSettings
from strategies.registry import build
from strategies.settings import MarketRisk, RiskSettings
from strategies.terms import open_holdings

# What no peer has is switched off, what all have is as in `peers/rules.py`.
SETTINGS = EmaCrossSettings(cooldown_bars=0, time_stop_bars=1_000_000)
RISK: MarketRisk = RiskSettings(
    slippage_bps=0.0,
    initial_cash=1e9,
    max_capital=1e10,
    leverage=1_000.0,
    max_daily_loss=1e10,
    max_entries_per_day=1_000_000,
    last_entry_minutes=45,
    square_off_minutes=15,
).for_market(Market.NSE)

CACHE_VARIABLE = "NUMBA_CACHE_DIR"
FIRST_RUN = data.Size(symbols=1, days=4)


class Desk:
    """Spans of 1m bars in memory, and a fresh book over them for every run."""

    def __init__(self, dataset: Dataset) -> None:
        self.provider = ReplayProvider(dataset, session_terms(RISK))
        self.dataset = dataset
        self.symbols = [instrument.symbol for instrument in dataset.instruments]
        self.spans = list(self.provider.day_spans())

    def resampler(self) -> Resampler:
        base_ns = self.dataset.options.base_ns
        return Resampler([SETTINGS.timeframe_ns], base_ns, self.provider.groups)

    def holdings(self, resampler: Resampler) -> Holdings:
        return open_holdings(
            RISK,
            [SETTINGS],
            self.dataset.instruments,
            self.provider.groups,
            resampler.timeframes_ns.tolist(),
        )

    def book(self, resampler: Resampler) -> Book:
        strategy = build("ema_cross", SETTINGS, self.symbols)
        engine = Engine(
            scope="bench",
            symbols=self.symbols,
            strategies=[StrategyNames(strategy.name, strategy.kinds, SETTINGS.risk_per_trade)],
            holdings=self.holdings(resampler),
        )
        return Book("bench", [strategy], engine, resampler.timeframes_ns.tolist())


Checks = dict[str, float]
Gear = Callable[[Desk], Callable[[], Checks]]  # does the work; what it returns adds it up


def event(desk: Desk) -> Callable[[], Checks]:
    """The gear of the daemon: engine and book, every order with its whole life."""
    resampler = desk.resampler()
    book = desk.book(resampler)
    fills: list[tuple[bool, Fill]] = []
    bars: list[Records] = []
    for span in map(resampler.resample, desk.spans):
        bars.append(span.strategy_bars)
        for step in book.run(span):
            fills.extend(
                (effect.position is not None, effect.fill)
                for effect in step.effects
                if isinstance(effect, FillBooked)
            )

    def add_up() -> Checks:
        entries = [fill for is_entry, fill in fills if is_entry]
        exits = [fill for is_entry, fill in fills if not is_entry]
        return _bar_checks(bars) | {
            "entries": len(entries),
            "exits": len(exits),
            "shares": sum(fill.quantity for fill in entries),
            "entry_value": round(sum(fill.quantity * fill.price for fill in entries), 2),
            "exit_value": round(sum(fill.quantity * fill.price for fill in exits), 2),
        }

    return add_up


def compiled(desk: Desk) -> Callable[[], Checks]:
    """The gear of research: one compiled loop, trades as rows of an array."""
    resampler = desk.resampler()
    run = CompiledRun(build("ema_cross", SETTINGS, desk.symbols), desk.holdings(resampler))
    bars: list[Records] = []
    for span in map(resampler.resample, desk.spans):
        bars.append(span.strategy_bars)
        run.trade(span)

    def add_up() -> Checks:
        _, trades = run.frames("bench", desk.symbols, SETTINGS.risk_per_trade)
        shares = trades["quantity"]
        return _bar_checks(bars) | {
            "entries": len(trades),
            "exits": len(trades),
            "shares": int(shares.sum()),
            "entry_value": round(float((shares * trades["entry_price"]).sum()), 2),
            "exit_value": round(float((shares * trades["exit_price"]).sum()), 2),
        }

    return add_up


def _bar_checks(bars: Sequence[Records]) -> Checks:
    return {
        "bars_15m": sum(map(len, bars)),
        "close_sum": round(sum(float(part["close"].sum()) for part in bars), 2),
    }


GEARS: dict[str, Gear] = {"event": event, "compiled": compiled}


def measure(gear: str, folder: Path, symbols: int) -> Measurement:
    """The gear from spans in memory; one file of bars read and laid out as Minutes before that."""
    first_run(gear)
    started = time.perf_counter()
    dataset = load_bars(folder, symbols)
    read = time.perf_counter()
    desk = Desk(dataset)
    laid_out = time.perf_counter()
    seconds, add_up = timed(lambda: GEARS[gear](desk))
    return Measurement(
        items=len(dataset.bars),
        seconds=seconds,
        prepare_seconds=laid_out - started,
        checks=add_up(),
        figures={"read_s": read - started, "minutes_s": laid_out - read},
    )


def first_run(gear: str) -> None:
    """A few days of one symbol: compiles every kernel, or takes it from the cache."""
    GEARS[gear](Desk(load_bars(data.ensure(FIRST_RUN), 1)))


def measure_start(gear: str) -> Measurement:
    """Process start to the end of a first run, with an empty kernel cache and with a filled one."""
    command = [sys.executable, "-m", "benchmarks.w1", "first", gear]
    seconds = []
    data.ensure(FIRST_RUN)
    with tempfile.TemporaryDirectory() as folder:
        for _ in ("cold", "cached"):
            started = time.perf_counter()
            subprocess.run(command, check=True, env={**os.environ, CACHE_VARIABLE: folder})
            seconds.append(time.perf_counter() - started)
    cold_s, cached_s = seconds
    return Measurement(items=1, seconds=cached_s, figures={"cold_s": cold_s, "cached_s": cached_s})


def load_bars(folder: Path, symbols: int) -> Dataset:
    names = tuple(data.Size(symbols).names)
    return load([folder / data.PARQUET], DataOptions(symbols=names))


def main(arguments: Sequence[str]) -> None:
    match arguments:
        case ["first", gear]:
            first_run(gear)
        case ["start", gear]:
            measure_start(gear).print()
        case [gear, folder, symbols]:
            measure(gear, Path(folder), int(symbols)).print()
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
