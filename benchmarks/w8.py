"""W8, ours alone: the whole market in one book, live: one Minute of 2,400 instruments at a time.

`python -m benchmarks.w8 default|unlimited [INSTRUMENTS DAYS]`. In the time of a Minute: resampling,
exchange, exits, strategies, risk, the gates of every decision copied for the market store, and the
ledger commit of the Minute's bars and of all its effects. `unlimited` lets the account enter
whatever is signalled; with the default limits ten entries a day pass.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np

from backtest.run import session_terms
from benchmarks import data
from benchmarks.measured import Measurement, percentile
from core.bars import Resampler
from core.book import Book
from core.engine import Engine, StrategyNames
from core.rules.dated import day_rules
from core.session import MINUTE_NS, minute_closes, recorded_session, session_row
from core.types import (
    SESSION,
    STRATEGY_BAR,
    Instrument,
    InstrumentId,
    Market,
    MinuteSpan,
    Records,
    SessionClass,
    minute_of,
)
from daemon.memory.journal import minute_event, result_events
from stores.ledger import SqliteLedger
from stores.market import DuckMarketStore
from strategies.pixity import PixitySettings
from strategies.registry import build
from strategies.settings import MarketRisk, RiskSettings
from strategies.terms import open_holdings

STRATEGY = "pixity"
INSTRUMENTS, DAYS = 2_400, 20
BARS_PER_15M = 15
WARM_DAYS = 2  # 50 strategy bars: from then on there are signals
SETTINGS = PixitySettings()
LIMITS = {
    "default": RiskSettings(),
    "unlimited": RiskSettings(
        initial_cash=1e9,
        max_capital=1e9,
        max_daily_loss=1e9,
        max_entries_per_day=1_000_000,
    ),
}


class Parts(NamedTuple):
    """Where the time of one Minute went."""

    decide_s: float
    gates_s: float
    ledger_s: float
    effects: int

    @property
    def total_s(self) -> float:
        return self.decide_s + self.gates_s + self.ledger_s


class WholeMarket:
    """A book over the whole market with its stores, in `folder`."""

    def __init__(self, risk: MarketRisk, instruments: int, folder: Path) -> None:
        names = data.Size(instruments).names
        self.instruments = [
            Instrument(InstrumentId(name), name, SessionClass.CASH) for name in names
        ]
        groups = [0] * instruments
        strategy = build(STRATEGY, SETTINGS, names)
        self.resampler = Resampler(strategy.timeframes_ns, MINUTE_NS, groups)
        timeframes_ns = self.resampler.timeframes_ns.tolist()
        engine = Engine(
            scope="bench",
            symbols=names,
            strategies=[StrategyNames(strategy.name, strategy.kinds, SETTINGS.risk_per_trade)],
            holdings=open_holdings(risk, [SETTINGS], self.instruments, groups, timeframes_ns),
        )
        self.book = Book("bench", [strategy], engine, timeframes_ns)
        self.ledger = SqliteLedger(folder)
        self.market = DuckMarketStore(folder / "market.duckdb", self.instruments)

    def handle(self, minute: MinuteSpan) -> Parts:
        """One Minute from its 1m bars to the commit."""
        started = time.perf_counter()
        resampled = self.resampler.resample(minute)
        steps = list(self.book.run(resampled))
        decided = time.perf_counter()
        for step in steps:
            for decision in step.decisions:
                self.market.append_decisions(STRATEGY, decision.bars, decision.signals)
        staged = time.perf_counter()
        effects = [effect for step in steps for effect in step.effects]
        close_ns, day = int(minute.close_ns[0]), int(minute.sessions["day"][0, 0])
        events = [minute_event(minute, day, late=False), *result_events(effects, close_ns, day)]
        self.ledger.append(events)
        committed = time.perf_counter()
        return Parts(decided - started, staged - decided, committed - staged, len(effects))

    def close(self) -> None:
        self.ledger.close()
        self.market.close()


def day_span(day: int, prices: data.Prices, risk: MarketRisk) -> MinuteSpan:
    """A generated day laid out as a live provider would: every instrument in every Minute."""
    session = recorded_session(day, SessionClass.CASH)
    assert session is not None
    closes = minute_closes(session, MINUTE_NS)
    terms = session_terms(risk)
    sessions: Records = np.zeros((1, 1), SESSION)
    sessions[0, 0] = session_row(
        session,
        last_entry_minutes=terms.last_entry_minutes,
        square_off_minutes=terms.square_off_minutes,
    )
    return MinuteSpan(
        close_ns=closes,
        day_index=np.zeros(len(closes), np.int32),
        first_bar=np.arange(len(closes) + 1) * prices.open.shape[1],
        bars=data.day_bars(day, prices),
        sessions=sessions,
        rules=day_rules([day], profile=terms.fee_profile, fee_bps=terms.fee_bps),
        first_strategy_bar=np.zeros(len(closes) + 1, np.int64),
        strategy_bars=np.zeros(0, STRATEGY_BAR),
    )


def measure(limits: str, instruments: int, days: int, folder: Path) -> Measurement:
    risk = LIMITS[limits].for_market(Market.NSE)
    whole = WholeMarket(risk, instruments, folder)
    closing: list[Parts] = []  # Minutes in which 15m bars closed
    other: list[Parts] = []
    for number, (day, prices) in enumerate(data.day_prices(data.Size(instruments, days))):
        span = day_span(day, prices, risk)
        for i in range(len(span.close_ns)):
            parts = whole.handle(minute_of(span, i))
            whole.market.commit()  # its owner thread's work, while the loop goes on
            if number >= WARM_DAYS:
                (closing if (i + 1) % BARS_PER_15M == 0 else other).append(parts)
    events, trades = whole.ledger.head()[0], len(whole.ledger.rows("trades"))
    whole.close()
    return Measurement(
        items=len(closing),
        seconds=sum(parts.total_s for parts in closing),
        checks={"events": events, "trades": trades},
        figures={
            **figures("closing", closing),
            **figures("other", other),
            "effects_mean": fmean(parts.effects for parts in closing),
        },
    )


def figures(name: str, minutes: Sequence[Parts]) -> dict[str, float]:
    totals = [1e3 * parts.total_s for parts in minutes]
    return {
        f"{name}_p50_ms": percentile(totals, 50),
        f"{name}_p99_ms": percentile(totals, 99),
        f"{name}_decide_p50_ms": percentile([1e3 * parts.decide_s for parts in minutes], 50),
        f"{name}_gates_p50_ms": percentile([1e3 * parts.gates_s for parts in minutes], 50),
        f"{name}_ledger_p50_ms": percentile([1e3 * parts.ledger_s for parts in minutes], 50),
    }


def main(limits: str, instruments: str = str(INSTRUMENTS), days: str = str(DAYS)) -> None:
    data.ROOT.mkdir(parents=True, exist_ok=True)
    # On the disk of the checkout: a folder in memory would flatter the commits.
    with tempfile.TemporaryDirectory(dir=data.ROOT) as folder:
        measure(limits, int(instruments), int(days), Path(folder)).print()


if __name__ == "__main__":
    main(*sys.argv[1:])
