"""One book together with its memory: what the floor (daemon/floor.py) opens, feeds and closes.

Pure of I/O: Minutes come in with their strategy bars, what they led to goes out as ledger events.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.book import Book
from core.breakers import Trip
from core.engine import Engine, StrategyNames
from core.events import (
    Commanded,
    Effect,
    OrderAcknowledged,
    OrderReported,
    Step,
    Submit,
    TargetTouched,
)
from core.ports import BrokerReport, LedgerEvent
from core.rules.brakes import trading_state
from core.rules.dated import day_rules
from core.told_engine import ToldEngine
from core.types import (
    Command,
    Instrument,
    Int64s,
    MinuteSpan,
    Records,
    Refusal,
    SignalId,
    TradingState,
)
from daemon.fuse import Blown, Fuse, note
from daemon.memory.carrying import carry, recall, told_facts
from daemon.memory.journal import order_row, result_events, signal_row
from strategies.brakes import BrakeSettings
from strategies.registry import BoundStrategy, build
from strategies.settings import MarketRisk, StrategySettings
from strategies.terms import open_holdings


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSetup:
    """What a desk is made of; its digest is the identity of its snapshots."""

    name: str
    scope: str
    instruments: tuple[Instrument, ...]
    groups: tuple[int, ...]
    base_ns: int
    strategies: tuple[tuple[str, str, StrategySettings], ...]  # (instance, registry name, settings)
    risk: MarketRisk
    observe: bool = False
    fills_are_told: bool = False  # by a real broker
    brakes: BrakeSettings | None = None  # of its breakers
    code: str = ""  # digest of what decides (`identity.py`)

    @property
    def digest(self) -> str:
        parts = [
            self.scope,
            self.base_ns,
            self.observe,
            [
                (one.symbol, one.session_class.name, one.tick_paise, one.is_watched)
                for one in self.instruments
            ],
            [(name, kind, own.model_dump(mode="json")) for name, kind, own in self.strategies],
            self.risk.model_dump(mode="json"),
        ]
        if self.fills_are_told:
            parts.append("fills_are_told")
        if self.brakes is not None:
            parts.append(self.brakes.model_dump(mode="json"))
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Desk:
    """One book over its whole life; its strategies begin anew every morning.

    Args:
        timeframes_ns: as the floor's resampler numbers them.
        seen: entry signal ids of earlier days.
    """

    def __init__(
        self, setup: DeskSetup, timeframes_ns: Sequence[int], seen: Iterable[SignalId] = ()
    ) -> None:
        self.setup = setup
        self.name = setup.name
        self.symbols = [instrument.symbol for instrument in setup.instruments]
        self._numbers = {symbol: number for number, symbol in enumerate(self.symbols)}
        self._owners = {name: number for number, (name, _, _) in enumerate(setup.strategies)}
        self._timeframes_ns = list(timeframes_ns)
        self._strategies = built(setup)
        self.strategies = [Fuse(one) for one in self._strategies]
        kind = ToldEngine if setup.fills_are_told else Engine
        self.engine = kind(
            scope=setup.scope,
            symbols=self.symbols,
            strategies=[
                StrategyNames(one.name, one.kinds, one.settings.risk_per_trade)
                for one in self.strategies
            ],
            holdings=open_holdings(
                setup.risk,
                [own for _, _, own in setup.strategies],
                setup.instruments,
                setup.groups,
                self._timeframes_ns,
                fills_are_told=setup.fills_are_told,
                brakes=setup.brakes,
            ),
            seen=seen,
            observe=setup.observe,
        )
        self.day = -1
        self.book = self._fresh_book()
        # Strategy bars each strategy has seen of each instrument, those of the warm-up included.
        self.bars_seen: Int64s = np.zeros((len(self.strategies), len(self.symbols)), np.int64)

    @property
    def state(self) -> TradingState:
        """HALTED also by a breaker."""
        return trading_state(self.engine.holdings)

    @property
    def commanded(self) -> TradingState:
        """As the operator's last command left it."""
        return TradingState(self.engine.holdings.account["state"][0])

    @property
    def breakers(self) -> Mapping[Refusal, Trip]:
        """The latched ones; none where nothing is told."""
        return self.engine.breakers.tripped if isinstance(self.engine, ToldEngine) else {}

    @property
    def blown(self) -> list[Blown]:
        """The strategies that are off, in configured order."""
        return [one.blown for one in self.strategies if one.blown is not None]

    def place_of(self, strategy: str, symbol: str) -> tuple[int, int] | None:
        """The numbers of a strategy and an instrument; None if one of them is not configured."""
        owner, number = self._owners.get(strategy), self._numbers.get(symbol)
        return None if owner is None or number is None else (owner, number)

    # --- a day ---------------------------------------------------------------------------------

    def begin(self, day: int) -> None:
        """Fresh strategies, as yet without history; one that was off is on again."""
        self.day = day
        self.strategies = [self._renewed(number) for number in range(len(self._strategies))]
        self.book = self._fresh_book()
        self.bars_seen[:] = 0

    def warm(self, resampled: MinuteSpan) -> None:
        self.book.warm(resampled)
        self._count_bars(resampled.strategy_bars)

    def minute(
        self,
        resampled: MinuteSpan,
        *,
        late: bool = False,
        awaited: Mapping[str, Blown] | None = None,
    ) -> tuple[list[Step], list[LedgerEvent]]:
        """One Minute through the book: its steps, and their results.

        A strategy that fails in it is off before the next: then only its own decisions end, for
        stops, targets and timed exits are the account's. `awaited`: those that failed in this
        Minute when it was recorded.
        """
        self.engine.late = late
        on = [one for one in self.strategies if one.blown is None]
        for one in on:
            one.begin_minute(None if awaited is None else awaited.get(one.name))
        steps = list(self.book.run(resampled))
        self._count_bars(resampled.strategy_bars)
        events = [event for step in steps for event in self._results(step.effects, step.close_ns)]
        now_ns = int(resampled.close_ns[0])
        failed = [one.blown for one in on if one.blown is not None]
        events += [note(blown, now_ns, self.day, self.name) for blown in failed]
        return steps, events

    def obey(self, command: Command, now_ns: int) -> tuple[list[Effect], list[LedgerEvent]]:
        effects = self.engine.handle(Commanded(command, now_ns))
        return effects, self._results(effects, now_ns)

    def reported(
        self, report: BrokerReport, seen_ns: int
    ) -> tuple[list[Effect], list[LedgerEvent]]:
        """A real broker's words on an order, after the Minute that closed at `seen_ns`."""
        risk = self.setup.risk
        rules = day_rules([self.day], profile=risk.fee_profile, fee_bps=risk.fee_bps)[0]
        effects = self.engine.handle(OrderReported(report, rules, seen_ns))
        return effects, self._results(effects, seen_ns)

    def touched(
        self, symbol: str, price: float, ts_ns: int, seen_ns: int
    ) -> tuple[list[Effect], list[LedgerEvent]]:
        """A tick at the target of the position in `symbol`."""
        effects = self.engine.handle(TargetTouched(self._numbers[symbol], price, ts_ns))
        return effects, self._results(effects, seen_ns)

    def finish(self, last: MinuteSpan) -> list[LedgerEvent]:
        """The data ends with the Minute `last` (a 24x7 replay): nothing stays open."""
        step = self.book.finish(last)
        return self._results(step.effects, step.close_ns)

    def acknowledged(self, submits: Sequence[Submit]) -> list[LedgerEvent]:
        """The simulated broker took these orders; what that changes. A real one reports it."""
        events: list[LedgerEvent] = []
        if self.setup.fills_are_told:
            return events
        for submit in submits:
            order = submit.order
            acknowledgement = OrderAcknowledged(order.order_id, order.created_ns)
            events += self._results(self.engine.handle(acknowledgement), order.created_ns)
        return events

    def account_row(self) -> dict[str, object]:
        """How the account stands, for DAY_CLOSED."""
        account = self.engine.holdings.account[0]
        return {
            "realised_paise": int(account["realised_paise"]),
            "day_realised_paise": int(account["day_realised_paise"]),
            "entries": int(account["entries_today"]),
        }

    def _results(self, effects: Iterable[Effect], now_ns: int) -> list[LedgerEvent]:
        return result_events(effects, now_ns, self.day, self.name)

    # --- memory --------------------------------------------------------------------------------

    def arrays(self) -> dict[str, Records]:
        """What a snapshot holds of this book, by names that no other book has."""
        holdings = self.engine.holdings
        arrays = {
            "account": holdings.account,
            "positions": holdings.positions,
            "since_exit": holdings.since_exit,
            "bars_seen": self.bars_seen,
        }
        for strategy in self.strategies:
            if strategy.states is not None:
                arrays[f"states.{strategy.name}"] = strategy.states
        return {f"{self.name}.{name}": array for name, array in arrays.items()}

    def facts(self) -> dict[str, object]:
        """What the arrays do not hold: what their rows are called, the orders at work, and the
        signals that led to them."""
        return {
            "symbols": self.symbols,
            "strategies": [(one.name, one.timeframes_ns[0]) for one in self.strategies],
            "signals": {
                str(number): signal_row(signal, self.day, self.name)
                | {"features": list(signal.features)}
                for number, signal in self.engine.signals.items()
            },
            "orders": [order_row(order, self.day) for order in self.engine.orders.values()],
            **told_facts(self.engine, self.day),
        }

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Take over the `facts` of a snapshot whose arrays have been read."""
        recall(facts, self.engine)

    def carry_over(self, arrays: Mapping[str, Records], facts: Mapping[str, Any]) -> None:
        """Take account, positions and cooldowns over, whatever setup left them.

        Raises ConfigError, StoreFailed (`carry`).
        """
        carry(arrays, facts, self.engine, [one.timeframes_ns[0] for one in self.strategies])

    # --- parts ---------------------------------------------------------------------------------

    def _count_bars(self, bars: Records) -> None:
        for number, strategy in enumerate(self.strategies):
            own = bars["timeframe"] == self._timeframes_ns.index(strategy.timeframes_ns[0])
            np.add.at(self.bars_seen[number], bars["instrument"][own], 1)

    def _renewed(self, number: int) -> Fuse:
        """A fresh strategy; one that cannot be made any more is off instead."""
        try:
            self._strategies[number] = build_one(self.setup, number)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the user's code does
            fuse = Fuse(self._strategies[number])
            fuse.fail(error)
            return fuse
        return Fuse(self._strategies[number])

    def _fresh_book(self) -> Book:
        return Book(self.name, self.strategies, self.engine, self._timeframes_ns)


def arrays_of(book: str, arrays: Mapping[str, Records]) -> dict[str, Records]:
    """Those of one book out of a snapshot of all, by the names they have in the book."""
    return {
        name.removeprefix(f"{book}."): array
        for name, array in arrays.items()
        if name.startswith(f"{book}.")
    }


def built(setup: DeskSetup) -> list[BoundStrategy]:
    """The strategies of a book, fresh, in configured order."""
    return [build_one(setup, number) for number in range(len(setup.strategies))]


def build_one(setup: DeskSetup, number: int) -> BoundStrategy:
    name, kind, own = setup.strategies[number]
    return build(kind, own, [instrument.symbol for instrument in setup.instruments], name)
