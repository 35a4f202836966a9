"""One strategy over recorded bars, in either gear: the same rows, event by event or compiled.

The event gear drives Engine and Book as the daemon does; the compiled gear makes all signals of a
span in one pass and trades them in one loop. Both call the same kernels in the same order.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import polars as pl

from backtest.compiled import CompiledRun
from backtest.files import signals_frame, trades_frame
from core.bars import Resampler
from core.book import Book
from core.engine import Engine, StrategyNames
from core.errors import ConfigError, DataError
from core.events import Effect, SignalDecided, TradeClosed
from core.identity import backtest_scope
from core.session import day_text, days_of
from core.types import Int64s, MinuteSpan, Signal, Trade
from providers.dataset import Dataset
from providers.replay import ReplayProvider, SessionTerms
from strategies.focus import Focusable, Selected
from strategies.registry import BoundStrategy, build
from strategies.settings import MarketRisk, StrategySettings
from strategies.terms import open_holdings

Progress = Callable[[int], None]


class Gear(StrEnum):
    EVENT = "event"
    COMPILED = "compiled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to run. `from_day`, `to_day`: days since 1970-01-01, inclusive; earlier bars warm up."""

    strategy: str
    settings: StrategySettings
    risk: MarketRisk
    dataset: Dataset
    instance: str = ""  # its configured name, where that is another
    gear: Gear = Gear.COMPILED
    from_day: int | None = None
    to_day: int | None = None
    history_sessions: int = 60  # that a daemon would warm up with: for the audit
    focus: Int64s | None = None  # `bar_keys` on which alone it is to evaluate; None: everywhere

    @property
    def parameters(self) -> dict[str, object]:
        """The resolved parameters, flat, as they go into identity and summary."""
        return {**self.settings.model_dump(mode="json"), **self.risk.model_dump(mode="json")}

    @property
    def name(self) -> str:
        return self.instance or self.strategy.rpartition(":")[2]

    @property
    def scope(self) -> str:
        return backtest_scope(self.strategy, self.parameters, self.dataset.data_hash)


@dataclass(slots=True, kw_only=True)
class Result:
    """Rows of the files, and what the summary counts."""

    signals: pl.DataFrame
    trades: pl.DataFrame
    days: list[int] = field(default_factory=list)
    base_bars: int = 0
    strategy_bars: int = 0
    evaluations: int = 0  # made of a strategy that can leave them out
    seconds: float = 0.0


def run(request: Request, progress: Progress | None = None) -> Result:
    """Run `request`. Raises DataError for an empty span, ConfigError where a gear does not fit."""
    provider = ReplayProvider(request.dataset, session_terms(request.risk), request.to_day)
    check_span(provider, request.from_day, request.to_day)
    started = time.perf_counter()
    if request.gear is Gear.COMPILED:
        result = _run_compiled(request, provider, progress)
    else:
        result = _run_event([request], provider, progress)
    result.seconds = time.perf_counter() - started
    return result


def run_book(requests: Sequence[Request]) -> Result:
    """Strategies of one book on one account, in configured order; the event gear alone.

    Their dataset, risk and span are those of the first. Raises as `run`.
    """
    first = requests[0]
    provider = ReplayProvider(first.dataset, session_terms(first.risk), first.to_day)
    check_span(provider, first.from_day, first.to_day)
    return _run_event(requests, provider, None)


def strategy_bars(request: Request) -> pl.DataFrame:
    """The bars on which the strategy decides, as a run of `request` makes them.

    Columns instrument, open_ns, open, high, low, close; of the span alone, in order of time.
    """
    provider = ReplayProvider(request.dataset, session_terms(request.risk), request.to_day)
    timeframes_ns = [request.settings.timeframe_ns]
    resampler = Resampler(timeframes_ns, request.dataset.options.base_ns, provider.groups)
    names = ("instrument", "open_ns", "open", "high", "low", "close")
    frames = [
        pl.DataFrame({name: span.strategy_bars[name] for name in names})
        for span, traded in _spans(request, provider, resampler)
        if traded
    ]
    symbols = [instrument.symbol for instrument in request.dataset.instruments]
    numbered = pl.concat(frames)
    return numbered.with_columns(
        pl.Series("instrument", symbols).gather(numbered["instrument"].cast(pl.UInt32))
    )


def session_terms(risk: MarketRisk) -> SessionTerms:
    return SessionTerms(
        last_entry_minutes=risk.last_entry_minutes,
        square_off_minutes=risk.square_off_minutes,
        fee_profile=risk.fee_profile,
        fee_bps=risk.fee_bps,
    )


def check_span(provider: ReplayProvider, from_day: int | None, to_day: int | None) -> None:
    """Raise DataError if no day of the data lies in the span."""
    days = days_of(provider.dataset.bars["open_ns"], provider.classes[0])
    if not len(days):
        raise DataError("the data holds no bar of any session")
    first = int(days[0]) if from_day is None else from_day
    last = int(days[-1]) if to_day is None else to_day
    if not ((first <= days) & (days <= last)).any():
        said = [("from", from_day), ("to", to_day)]
        span = " ".join(f"{word} {day_text(day)}" for word, day in said if day is not None)
        raise DataError(
            f"no bars {span}: the data covers {day_text(int(days[0]))} to {day_text(int(days[-1]))}"
        )


def _spans(
    request: Request, provider: ReplayProvider, resampler: Resampler
) -> Iterator[tuple[MinuteSpan, bool]]:
    """Resampled spans in order; True for those to be traded, False for warm-up."""
    if request.from_day is not None:
        for span in provider.day_spans(to_day=request.from_day - 1):
            yield resampler.resample(span), False
    for span in provider.day_spans(request.from_day, request.to_day):
        yield resampler.resample(span), True


def _run_compiled(request: Request, provider: ReplayProvider, progress: Progress | None) -> Result:
    symbols = [instrument.symbol for instrument in request.dataset.instruments]
    strategy = build(request.strategy, request.settings, symbols, request.name)
    if strategy.sees_account:
        raise ConfigError(
            f"strategy {request.strategy} is plain Python: it runs with --gear event only"
        )
    if len(strategy.timeframes_ns) > 1:
        raise ConfigError(f"strategy {request.strategy} reads several timeframes: use --gear event")
    resampler = Resampler(strategy.timeframes_ns, request.dataset.options.base_ns, provider.groups)
    holdings = open_holdings(
        request.risk,
        [request.settings],
        request.dataset.instruments,
        provider.groups,
        resampler.timeframes_ns.tolist(),
    )
    compiled = CompiledRun(strategy, holdings)
    result = Result(signals=pl.DataFrame(), trades=pl.DataFrame())
    last: MinuteSpan | None = None
    for span, traded in _spans(request, provider, resampler):
        if traded:
            compiled.trade(span)
            _count(result, span)
            last = span
        else:
            strategy.on_bars(span.strategy_bars)
        if progress is not None:
            progress(len(span.bars))
    if last is not None and provider.always_open:
        compiled.finish(last)
    result.signals, result.trades = compiled.frames(
        request.scope, symbols, request.settings.risk_per_trade
    )
    return result


def _run_event(
    requests: Sequence[Request], provider: ReplayProvider, progress: Progress | None
) -> Result:
    first = requests[0]
    symbols = [instrument.symbol for instrument in first.dataset.instruments]
    strategies = [_built(one, symbols) for one in requests]
    resampler = Resampler(
        sorted({timeframe_ns for one in strategies for timeframe_ns in one.timeframes_ns}),
        first.dataset.options.base_ns,
        provider.groups,
    )
    timeframes_ns = resampler.timeframes_ns.tolist()
    settings = [one.settings for one in requests]
    engine = Engine(
        scope=first.scope,
        symbols=symbols,
        strategies=[
            StrategyNames(one.name, one.kinds, own.risk_per_trade)
            for one, own in zip(strategies, settings, strict=True)
        ],
        holdings=open_holdings(
            first.risk, settings, first.dataset.instruments, provider.groups, timeframes_ns
        ),
    )
    book = Book("backtest", strategies, engine, timeframes_ns)
    result = Result(signals=pl.DataFrame(), trades=pl.DataFrame())
    signals: list[Signal] = []
    trades: list[Trade] = []
    last: MinuteSpan | None = None
    _focus(requests, strategies, warming=True)
    for span, traded in _spans(first, provider, resampler):
        if traded:
            if last is None:
                _focus(requests, strategies, warming=False)
            for step in book.run(span, every_bar=False):
                _sort_out(step.effects, signals, trades)
            _count(result, span)
            last = span
        else:
            book.warm(span)
        if progress is not None:
            progress(len(span.bars))
    if last is not None and provider.always_open:
        _sort_out(book.finish(last).effects, signals, trades)
    result.evaluations = sum(one.evaluations for one in strategies if isinstance(one, Focusable))
    result.signals = signals_frame(signals)
    result.trades = trades_frame(
        trades, [(one.name, symbol) for one in strategies for symbol in symbols]
    )
    return result


def _built(request: Request, symbols: Sequence[str]) -> BoundStrategy:
    """Fresh; where it cannot leave an evaluation out, it is heard on the bars of the focus only."""
    strategy = build(request.strategy, request.settings, symbols, request.name)
    if request.focus is None or isinstance(strategy, Focusable):
        return strategy
    return Selected(strategy, request.settings, request.focus)


def _focus(
    requests: Sequence[Request], strategies: Sequence[BoundStrategy], *, warming: bool
) -> None:
    """While it warms up nothing is decided, hence nothing evaluated."""
    for request, strategy in zip(requests, strategies, strict=True):
        if isinstance(strategy, Focusable):
            strategy.focus(np.zeros(0, np.int64) if warming else request.focus)


def _sort_out(effects: list[Effect], signals: list[Signal], trades: list[Trade]) -> None:
    for effect in effects:
        if isinstance(effect, SignalDecided):
            signals.append(effect.signal)
        elif isinstance(effect, TradeClosed):
            trades.append(effect.trade)


def _count(result: Result, span: MinuteSpan) -> None:
    result.days += np.unique(span.sessions["day"][:, 0]).tolist()
    result.base_bars += len(span.bars)
    result.strategy_bars += len(span.strategy_bars)
