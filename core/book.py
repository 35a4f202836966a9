"""A book: strategies, their account and one engine, fed Minute by Minute.

Strategies decide in configured order, inside it instruments in configured order, each decision
followed at once by the account's answer. The book knows strategies by their Protocol only.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from core.advance import closing_in
from core.engine import Engine
from core.events import Decision, EventsRaised, MinuteEnded, MinutePassed, Position, Step
from core.rules.account import equity
from core.types import Bools, Int64s, MinuteSpan, Records

MAIN_BOOK = "main"  # the one that trades; any other is its shadow, on paper


class AccountView:
    """What a strategy may see of the account: never a way to change it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def equity(self) -> float:
        """Rupees, open positions at their last 1m close."""
        return equity(self._engine.holdings)

    def position(self, instrument: int) -> Position | None:
        return self._engine.position_of(instrument)


class Decider(Protocol):
    """What a book asks of a strategy. Kernel-backed ones do not look at the account.

    Its bars are numbered by its own timeframes, the longest is 0, whoever else is in the book.
    """

    name: str
    kinds: tuple[str, ...]
    gates: tuple[str, ...]
    features: tuple[str, ...]
    timeframes_ns: tuple[int, ...]  # the decision timeframe first
    sees_account: bool

    def on_bars(self, bars: Records, account: AccountView | None = None) -> Records | None:
        """SIGNAL rows for closed strategy bars, in order; valid until the next call.

        None: it is switched off and decides nothing from here on (`daemon/fuse.py`)."""


class Strategy(Decider, Protocol):
    """One that always answers."""

    def on_bars(self, bars: Records, account: AccountView | None = None) -> Records: ...


@runtime_checkable
class Selective(Strategy, Protocol):
    """One that looks at the account on some bars alone: the others only move its state."""

    def speaks_on(self, bars: Records) -> Bools: ...


class Book:
    """`run` a span; each Step is a Minute in which something happened."""

    def __init__(
        self,
        name: str,
        strategies: Sequence[Decider],
        engine: Engine,
        timeframes_ns: Sequence[int],
    ) -> None:
        self.name = name
        self.strategies = tuple(strategies)
        self.engine = engine
        self._account = AccountView(engine)
        numbers = list(timeframes_ns)
        self._wanted = [
            np.sort([numbers.index(t) for t in s.timeframes_ns]) for s in self.strategies
        ]
        self._all_wanted = [len(wanted) == len(numbers) for wanted in self._wanted]

    def warm(self, span: MinuteSpan) -> None:
        """Feed history to the strategies: states advance, nothing is decided."""
        for number, strategy in enumerate(self.strategies):
            bars, _ = self._own(number, span.strategy_bars)
            if len(bars):
                strategy.on_bars(bars, self._account)

    def run(self, span: MinuteSpan, *, every_bar: bool = True) -> Iterator[Step]:
        """Minutes of a resampled span through exchange, strategies and account, in order.

        A strategy that does not look at the account is asked for the whole span at once: what it
        says of a bar cannot depend on what is traded.

        Args:
            every_bar: also a Minute in which bars close and nothing is said is a Step.
        """
        said = [self._said(number, span) for number in range(len(self.strategies))]
        stops = closing_in(span)
        known = [one for one in said if one is not None]
        if not every_bar and len(known) == len(said):
            stops = np.logical_or.reduce([one.stops for one in known])
        engine, minutes = self.engine, len(span.close_ns)
        minute = engine.advance(span, 0, stops)
        while minute < minutes:
            effects = engine.handle(MinutePassed(span, minute))
            decisions: list[Decision] = []
            if stops[minute]:
                for number, one in enumerate(said):
                    for decision in self._decisions(number, one, span, minute):
                        decisions.append(decision)
                        if decision.signals["count"].any():
                            effects += engine.handle(
                                EventsRaised(span, minute, number, decision.bars, decision.signals)
                            )
            effects += engine.handle(MinuteEnded(span, minute))
            yield Step(minute, int(span.close_ns[minute]), effects, decisions)
            minute = engine.advance(span, minute + 1, stops)
        for one in said:
            if isinstance(one, Asked):
                one.feed(len(one.bars), self._account)

    def finish(self, span: MinuteSpan) -> Step:
        """The data ends with `span` (24x7): nothing stays pending or open."""
        minute = len(span.close_ns) - 1
        effects = self.engine.handle(MinuteEnded(span, minute, last=True))
        return Step(minute, int(span.close_ns[minute]), effects, [])

    def _said(self, number: int, span: MinuteSpan) -> "Said | Asked | None":
        """What a strategy says of a span, or where it speaks; None: it must be asked bar by bar,
        or is off."""
        strategy = self.strategies[number]
        if strategy.sees_account and not isinstance(strategy, Selective):
            return None
        bars, rows = self._own(number, span.strategy_bars)
        first = span.first_strategy_bar
        if rows is not None:
            first = np.searchsorted(rows, first)
        if strategy.sees_account and isinstance(strategy, Selective):
            return Asked(strategy, bars, first)
        signals = strategy.on_bars(bars, self._account)
        if signals is None:
            return None
        stops = np.zeros(len(span.close_ns), np.bool_)
        stops[bars["minute"][signals["count"] > 0]] = True
        return Said(bars, signals, first, stops)

    def _decisions(
        self, number: int, said: "Said | Asked | None", span: MinuteSpan, minute: int
    ) -> Iterator[Decision]:
        """The strategy's bars of one Minute: all at once, or one by one if it sees the account."""
        if said is not None:
            first, last = said.first[minute], said.first[minute + 1]
            if first < last:
                if isinstance(said, Asked):
                    signals = said.feed(last, self._account)[first - last :]
                else:
                    signals = said.signals[first:last]
                yield Decision(number, said.bars[first:last], signals)
            return
        first, last = span.first_strategy_bar[minute], span.first_strategy_bar[minute + 1]
        bars, _ = self._own(number, span.strategy_bars[first:last])
        for k in range(len(bars)):
            one = bars[k : k + 1]
            answer = self.strategies[number].on_bars(one, self._account)
            if answer is not None:
                yield Decision(number, one, answer)

    def _own(self, number: int, bars: Records) -> tuple[Records, Int64s | None]:
        """Those of `bars` that the strategy reads, numbered by its timeframes, and their rows;
        None: all as they are."""
        if self._all_wanted[number]:
            return bars, None
        wanted = self._wanted[number]
        rows = np.flatnonzero(np.isin(bars["timeframe"], wanted))
        own = bars[rows]
        own["timeframe"] = np.searchsorted(wanted, own["timeframe"])
        return own, rows


class Said(NamedTuple):
    """A strategy's bars of a span beside its signals, where each Minute's begin, and where any
    event was raised."""

    bars: Records
    signals: Records
    first: Int64s
    stops: Bools


class Asked:
    """A selective strategy's bars of a span; those between two on which it speaks go together."""

    def __init__(self, strategy: Selective, bars: Records, first: Int64s) -> None:
        self.bars = bars
        self.first = first
        self.stops: Bools = np.zeros(len(first) - 1, np.bool_)
        self.stops[bars["minute"][strategy.speaks_on(bars)]] = True
        self._strategy = strategy
        self._fed = 0

    def feed(self, end: int, account: AccountView) -> Records:
        """SIGNAL rows of the bars up to `end` that it has not seen."""
        bars = self.bars[self._fed : end]
        self._fed = end
        return self._strategy.on_bars(bars, account)
