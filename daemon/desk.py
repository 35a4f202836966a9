"""A book together with its bars and its memory: what is opened, fed and closed day by day.

Pure of I/O: the tasks bring Minutes and carry the events it returns to the ledger.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from core.bars import Resampler
from core.book import Book
from core.engine import Engine, StrategyNames
from core.errors import ConfigError
from core.events import Commanded, Effect, OrderAcknowledged, Step, Submit
from core.ports import EventKind, LedgerEvent
from core.session import day_text
from core.types import (
    Command,
    Instrument,
    Int64s,
    MinuteSpan,
    Records,
    SignalId,
)
from daemon.carrying import carry, recall
from daemon.journal import command_event, minute_event, order_row, result_events, signal_row
from daemon.snapshot import packed, unpack
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
    code: str = ""  # digest of what decides (`identity.py`)

    @property
    def digest(self) -> str:
        parts = [
            self.scope,
            self.base_ns,
            self.observe,
            [(one.symbol, one.session_class.name) for one in self.instruments],
            [(name, kind, own.model_dump(mode="json")) for name, kind, own in self.strategies],
            self.risk.model_dump(mode="json"),
        ]
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Desk:
    """One book over its whole life; strategies and bars begin anew every morning."""

    def __init__(self, setup: DeskSetup, seen: Iterable[SignalId] = ()) -> None:
        self.setup = setup
        self.symbols = [instrument.symbol for instrument in setup.instruments]
        self.strategies: list[BoundStrategy] = []
        self._timeframes_ns = {
            timeframe_ns for strategy in self._built() for timeframe_ns in strategy.timeframes_ns
        }
        self.resampler = self._fresh_resampler()
        timeframes_ns = self.resampler.timeframes_ns.tolist()
        settings = [own for _, _, own in setup.strategies]
        self.engine = Engine(
            scope=setup.scope,
            symbols=self.symbols,
            strategies=[
                StrategyNames(one.name, one.kinds, one.settings.risk_per_trade)
                for one in self._built()
            ],
            holdings=open_holdings(
                setup.risk, settings, setup.instruments, setup.groups, timeframes_ns
            ),
            seen=seen,
            observe=setup.observe,
        )
        self.day = -1
        self.now_ns = 0  # close of the last Minute of the day; before the first, its opening
        self._last: MinuteSpan | None = None
        self.book = self._fresh_book()
        # Strategy bars each strategy has seen of each instrument, those of the warm-up included.
        self.bars_seen: Int64s = np.zeros((len(self.strategies), len(self.symbols)), np.int64)

    # --- a day ---------------------------------------------------------------------------------

    def open_day(self, day: int, history: Iterable[MinuteSpan], now_ns: int) -> LedgerEvent:
        """Fresh strategies, warmed by `history`; returns DAY_OPENED with the opening snapshot."""
        self.day, self.now_ns = day, now_ns
        self.resampler = self._fresh_resampler()
        self.book = self._fresh_book()
        self.bars_seen[:] = 0
        first_bar_ns, bars = None, 0
        for span in history:
            if first_bar_ns is None and len(span.bars):
                first_bar_ns = int(span.bars["open_ns"][0])
            bars += len(span.bars)
            resampled = self.resampler.resample(span)
            self.book.warm(resampled)
            self._count_bars(resampled.strategy_bars)
        payload: dict[str, object] = {
            "day": day,
            "setup": self.setup.digest,
            "code_digest": self.setup.code,
            "history_first_bar_ns": first_bar_ns,
            "history_bars": bars,
        }
        return LedgerEvent(now_ns, EventKind.DAY_OPENED, str(day), payload, self._snapshot())

    def close_day(self, now_ns: int) -> LedgerEvent:
        """DAY_CLOSED with what the next day starts from."""
        account = self.engine.holdings.account[0]
        payload: dict[str, object] = {
            "day": self.day,
            "setup": self.setup.digest,
            "code_digest": self.setup.code,
            "realised_paise": int(account["realised_paise"]),
            "day_realised_paise": int(account["day_realised_paise"]),
            "entries": int(account["entries_today"]),
        }
        return LedgerEvent(now_ns, EventKind.DAY_CLOSED, str(self.day), payload, self._snapshot())

    def minute(
        self,
        span: MinuteSpan,
        *,
        late: bool = False,
        publication: dict[str, object] | None = None,
    ) -> tuple[list[Step], list[LedgerEvent]]:
        """One Minute through the book: its steps, and the events of its transaction."""
        self.engine.late = late
        self._last, self.now_ns = span, int(span.close_ns[0])
        steps = list(self.book.run(span))
        self._count_bars(span.strategy_bars)
        events = [minute_event(span, self.day, late=late, publication=publication)]
        for step in steps:
            events += result_events(step.effects, step.close_ns, self.day)
        return steps, events

    def obey(self, command: Command, user: str, pid: int) -> tuple[list[Effect], list[LedgerEvent]]:
        """An operator's command, between two Minutes: its effects, and the events of its
        transaction."""
        effects = self.engine.handle(Commanded(command, self.now_ns))
        given = command_event(command, user, pid, self.now_ns)
        return effects, [given, *result_events(effects, self.now_ns, self.day)]

    def finish(self) -> list[LedgerEvent]:
        """The data ends with the last Minute (a 24x7 replay): nothing stays open."""
        assert self._last is not None
        step = self.book.finish(self._last)
        return result_events(step.effects, step.close_ns, self.day)

    def acknowledged(self, submits: Sequence[Submit]) -> list[LedgerEvent]:
        """The paper broker took these orders; what that changes."""
        events: list[LedgerEvent] = []
        for submit in submits:
            order = submit.order
            acknowledgement = OrderAcknowledged(order.order_id, order.created_ns)
            effects: list[Effect] = self.engine.handle(acknowledgement)
            events += result_events(effects, order.created_ns, self.day)
        return events

    # --- memory --------------------------------------------------------------------------------

    def wrote(self, event: LedgerEvent) -> bool:
        """Whether `event` holds a snapshot by this very setup and code."""
        ours = (self.setup.digest, self.setup.code)
        return (event.payload["setup"], event.payload.get("code_digest")) == ours

    def restore_opening(self, event: LedgerEvent) -> None:
        """Stand where the day stood when `event` (DAY_OPENED) was written. Raises StoreFailed."""
        if not self.wrote(event):
            raise ConfigError(
                f"{day_text(int(str(event.payload['day'])))} in the state directory was run with"
                " another configuration or other instruments: use the same, or another --state-dir"
            )
        self.resampler = self._fresh_resampler()
        self.book = self._fresh_book()
        recall(unpack(event.blob or b"", self._arrays()), self.engine)
        self.day, self.now_ns = int(str(event.payload["day"])), event.ts_ns

    def carry_over(self, event: LedgerEvent) -> None:
        """Take account, positions and cooldowns over from a DAY_CLOSED, whatever setup wrote it.

        Raises ConfigError, StoreFailed (`carry`).
        """
        carry(event.blob or b"", self.engine, self._decision_timeframes_ns())
        self.day = int(str(event.payload["day"]))

    def _arrays(self) -> dict[str, Records]:
        holdings = self.engine.holdings
        arrays = {
            "account": holdings.account,
            "positions": holdings.positions,
            "since_exit": holdings.since_exit,
            "bins": self.resampler.bins,
            "bars_seen": self.bars_seen,
        }
        for strategy in self.strategies:
            states = getattr(strategy, "states", None)
            if states is not None:
                arrays[f"states.{strategy.name}"] = states
        return arrays

    def _snapshot(self) -> bytes:
        timeframes_ns = self._decision_timeframes_ns()
        names = [strategy.name for strategy in self.strategies]
        facts = {
            "symbols": self.symbols,
            "strategies": list(zip(names, timeframes_ns, strict=True)),
            "signals": {
                str(number): signal_row(signal, self.day) | {"features": list(signal.features)}
                for number, signal in self.engine.signals.items()
            },
            "orders": [order_row(order, self.day) for order in self.engine.orders.values()],
        }
        return packed(self._arrays(), facts)

    def _count_bars(self, bars: Records) -> None:
        for number, strategy in enumerate(self.strategies):
            own = bars["timeframe"] == self.resampler.timeframe_number(strategy.timeframes_ns[0])
            np.add.at(self.bars_seen[number], bars["instrument"][own], 1)

    # --- parts ---------------------------------------------------------------------------------

    def _decision_timeframes_ns(self) -> list[int]:
        return [strategy.timeframes_ns[0] for strategy in self.strategies]

    def _built(self) -> list[BoundStrategy]:
        return [build(kind, own, self.symbols, name) for name, kind, own in self.setup.strategies]

    def _fresh_resampler(self) -> Resampler:
        return Resampler(sorted(self._timeframes_ns), self.setup.base_ns, self.setup.groups)

    def _fresh_book(self) -> Book:
        self.strategies = self._built()
        timeframes_ns = self.resampler.timeframes_ns.tolist()
        return Book(self.setup.name, self.strategies, self.engine, timeframes_ns)
