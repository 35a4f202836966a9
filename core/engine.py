"""The engine: Minutes in, effects out. Read this page first.

`advance` lets the arithmetic run (compiled, `core/advance.py`); `handle` gives names to what it
did: signals, orders, fills, trades. It decides nothing that is not in `core/rules`, knows no I/O,
and has one consumer, hence no lock.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, ClassVar, assert_never

import numpy as np

from core.advance import advance, decide_signals
from core.doubts import block
from core.errors import InvariantBroken
from core.events import (
    Cancel,
    Commanded,
    Doubted,
    Effect,
    Event,
    EventsRaised,
    Fill,
    FillBooked,
    MinuteEnded,
    MinutePassed,
    OrderAcknowledged,
    OrderChanged,
    OrderReported,
    Position,
    SignalDecided,
    Submit,
    TargetTouched,
    TradeClosed,
)
from core.identity import signal_id_of
from core.orders import TERMINAL, Order, OrderMove, OrderRole, OrderType, moved, order_id_of
from core.rules.account import command_state
from core.rules.exits import end_minute, flatten
from core.rules.holdings import (
    ENTERED,
    ENTRY_CANCELLED,
    EXIT_ASKED,
    EXITED,
    OPEN,
    Holdings,
)
from core.types import (
    Bools,
    Command,
    ExitReason,
    Int64s,
    MinuteSpan,
    OrderId,
    Records,
    Refusal,
    Row,
    Side,
    Signal,
    SignalId,
    SignalStatus,
    Trade,
)

EXIT_ROLE = {
    ExitReason.STOP: OrderRole.STOP,
    ExitReason.TARGET: OrderRole.TARGET,
    ExitReason.TIME: OrderRole.TIME,
    ExitReason.SQUARE_OFF: OrderRole.SQUARE_OFF,
    ExitReason.FLATTEN: OrderRole.FLATTEN,
    ExitReason.FORCED: OrderRole.FORCED,
}


# A look-up costs a third of an enum's call, and there are hundreds in a Minute.
SIDES = {int(side): side for side in Side}
STATUSES = {int(status): status for status in SignalStatus}
REFUSALS = {int(refusal): refusal for refusal in Refusal}


@dataclass(frozen=True, slots=True)
class StrategyNames:
    """What the engine must know of a strategy to name its signals; kinds count from 1."""

    name: str
    kinds: tuple[str, ...]
    risk_per_trade: float


class Engine:
    """One book's orders and their life, on top of its arrays.

    Args:
        scope: run scope of the ids (pixity.md 7).
        symbols: instruments in configured order.
        strategies: in configured order; the rows of `holdings.terms`.
        seen: entry signal ids of earlier days of this scope.
        observe: decide everything, send nothing: entries are refused `observe`, last of all.
    """

    def __init__(
        self,
        *,
        scope: str,
        symbols: Sequence[str],
        strategies: Sequence[StrategyNames],
        holdings: Holdings,
        seen: Iterable[SignalId] = (),
        observe: bool = False,
    ) -> None:
        self.scope = scope
        self.symbols = tuple(symbols)
        self.strategies = tuple(strategies)
        self.holdings = holdings
        self.observe = observe
        self.late = False
        self.seen: set[SignalId] = set(seen)
        self.signals: dict[int, Signal] = {}  # of positions that are not flat, by number
        self.orders: dict[OrderId, Order] = {}  # working ones
        self._reports = 0

    def advance(self, span: MinuteSpan, start: int, stops: Bools) -> int:
        """Run quiet Minutes from `start`; returns the first that needs `handle`, or the end."""
        minute, self._reports = advance(span, start, self.holdings, stops, self.late)
        return minute

    def handle(self, event: Event) -> list[Effect]:
        """Everything that follows from one event, in the order in which it must be recorded."""
        match event:
            case MinutePassed(span, minute):
                return self._named(span.close_ns[minute])
            case EventsRaised():
                return self._decided(event)
            case MinuteEnded(span, minute, last):
                if not self.holdings.account["busy"][0]:
                    return []  # flat: what end_minute would find out, without the call
                self._reports = end_minute(span, minute, self.holdings, last, 0)
                return self._named(span.close_ns[minute])
            case OrderAcknowledged(order_id, ts_ns):
                return self._moved(order_id, OrderMove.ACKNOWLEDGE, ts_ns)
            case Commanded(command, ts_ns):
                return self._commanded(command, ts_ns)
            case Doubted(doubts):
                block(self.holdings, doubts)
                return []  # nothing is taken back: what was sent was sent in good faith
            case OrderReported() | TargetTouched():
                raise InvariantBroken("the fills of this book are simulated: none can be told")
            case _:
                assert_never(event)

    # --- entries ---------------------------------------------------------------------------

    def _decided(self, event: EventsRaised) -> list[Effect]:
        """The first event of each bar is decided, the others are recorded as suppressed."""
        raised = np.flatnonzero(event.signals["count"])
        ids = self._ids(event, raised)
        duplicate = np.zeros(len(event.signals), np.bool_)
        if self.seen:
            duplicate[raised] = [signal_id in self.seen for signal_id in ids]
        self._reports = decide_signals(
            event.span,
            event.minute,
            event.strategy,
            event.bars,
            event.signals,
            self.holdings,
            duplicate,
            self.late,
            self.observe,
        )
        effects: list[Effect] = []
        for k, first in zip(raised.tolist(), self._firsts(event, raised, ids), strict=True):
            effects.append(SignalDecided(first))
            if event.signals["count"][k] > 1:
                effects += self._suppressed(event, k, first)
            if first.status is SignalStatus.ACTED:
                effects.append(self._entered(first, int(event.signals["number"][k])))
        return effects + self._named(event.span.close_ns[event.minute])

    def _ids(self, event: EventsRaised, raised: Int64s) -> list[SignalId]:
        """Of the first event of each bar."""
        names = self.strategies[event.strategy]
        columns = (
            _column(event.bars, "instrument", raised),
            _column(event.bars, "open_ns", raised),
            _column(event.signals, "side", (raised, 0)),
            _column(event.signals, "kind", (raised, 0)),
        )
        return [
            signal_id_of(
                self.scope,
                names.name,
                self.symbols[instrument],
                open_ns,
                SIDES[side],
                names.kinds[kind - 1],
            )
            for instrument, open_ns, side, kind in zip(*columns, strict=True)
        ]

    def _firsts(
        self, event: EventsRaised, raised: Int64s, ids: Sequence[SignalId]
    ) -> Iterator[Signal]:
        """The decided ones, by the column: a whole market says hundreds in a Minute."""
        names = self.strategies[event.strategy]

        def bar(name: str) -> list[Any]:
            return _column(event.bars, name, raised)

        def said(name: str) -> list[Any]:
            return _column(event.signals, name, raised)

        columns: dict[str, Iterable[Any]] = {
            "signal_id": ids,
            "strategy": repeat(names.name),
            "instrument": [self.symbols[number] for number in bar("instrument")],
            "kind": [names.kinds[kinds[0] - 1] for kinds in said("kind")],
            "side": [SIDES[sides[0]] for sides in said("side")],
            "bar_open_ns": bar("open_ns"),
            "bar_close_ns": bar("close_ns"),
            **{name: said(name) for name in ("close", "atr", "vwap", "confidence")},
            "status": [STATUSES[status] for status in said("status")],
            "refusal": [REFUSALS[refusal] for refusal in said("refusal")],
            **{name: said(name) for name in ("value", "limit", "quantity")},
            "features": map(tuple, said("features")),
        }
        return map(Signal._make, zip(*(columns[name] for name in Signal._fields), strict=False))

    def _suppressed(self, event: EventsRaised, k: int, first: Signal) -> list[Effect]:
        """The lower-priority events of the bar in row `k`."""
        names, said = self.strategies[event.strategy], event.signals[k]
        effects: list[Effect] = []
        for j in range(1, said["count"]):
            side, kind = SIDES[int(said["side"][j])], names.kinds[said["kind"][j] - 1]
            identity = (self.scope, names.name, first.instrument, first.bar_open_ns)
            signal = first._replace(
                signal_id=signal_id_of(*identity, side, kind),
                kind=kind,
                side=side,
                status=SignalStatus.SUPPRESSED,
                refusal=Refusal.NONE,
                value=np.nan,
                limit=np.nan,
                quantity=0,
            )
            effects.append(SignalDecided(signal))
        return effects

    def _entered(self, signal: Signal, number: int) -> Effect:
        """The entry order of an ACTED signal, which has this number in the account."""
        self.seen.add(signal.signal_id)
        self.signals[number] = signal
        return self._submit(signal, OrderRole.ENTRY, OrderType.MARKET, 0.0, signal.bar_close_ns)

    # --- what the exchange did ---------------------------------------------------------------

    def _named(self, now_ns: int) -> list[Effect]:
        effects: list[Effect] = []
        if self._reports == 0:
            return effects
        for report in self.holdings.reports[: self._reports]:
            effects += self._name_of[int(report.kind)](self, report, int(now_ns))
        self._reports = 0
        return effects

    def _entry_filled(self, report: Row, now_ns: int) -> list[Effect]:
        signal = self.signals[report.signal]
        effects = self._filled(signal, OrderRole.ENTRY, report)
        stop = self._submit(
            signal, OrderRole.STOP, OrderType.STOP_MARKET, float(report.stop), now_ns
        )
        target = self._submit(
            signal, OrderRole.TARGET, OrderType.LIMIT, float(report.target), now_ns
        )
        return [*effects, stop, target]

    def _exit_asked(self, report: Row, now_ns: int) -> list[Effect]:
        signal = self.signals[report.signal]
        role = EXIT_ROLE[ExitReason(report.reason)]
        submit = self._submit(signal, role, OrderType.MARKET, 0.0, now_ns)
        return [*self._cancelled(signal, (OrderRole.STOP, OrderRole.TARGET), now_ns), submit]

    def _exit_filled(self, report: Row, now_ns: int) -> list[Effect]:
        signal = self.signals.pop(int(report.signal))
        reason = ExitReason(report.reason)
        role = EXIT_ROLE[reason]
        effects: list[Effect] = []
        if reason is ExitReason.FORCED:
            effects += self._cancelled(signal, tuple(OrderRole), now_ns)
            effects.append(self._submit(signal, role, OrderType.MARKET, 0.0, now_ns))
        effects += self._filled(signal, role, report)
        effects += self._cancelled(signal, tuple(OrderRole), now_ns)
        return [*effects, TradeClosed(self._trade(signal, report, reason))]

    def _entry_cancelled(self, report: Row, now_ns: int) -> list[Effect]:
        signal = self.signals.pop(int(report.signal))
        return self._cancelled(signal, (OrderRole.ENTRY,), now_ns)

    _name_of: ClassVar[dict[int, Callable[["Engine", Row, int], list[Effect]]]] = {
        ENTERED: _entry_filled,
        EXIT_ASKED: _exit_asked,
        EXITED: _exit_filled,
        ENTRY_CANCELLED: _entry_cancelled,
    }

    def _trade(self, signal: Signal, report: Row, reason: ExitReason) -> Trade:
        risk = self.strategies[report.strategy].risk_per_trade
        return Trade(
            strategy=signal.strategy,
            instrument=signal.instrument,
            side=signal.side,
            quantity=int(report.quantity),
            signal_id=signal.signal_id,
            kind=signal.kind,
            signal_bar_open_ns=signal.bar_open_ns,
            entry_ns=int(report.entry_ns),
            entry_price=float(report.entry_price),
            exit_ns=int(report.fill_ns),
            exit_price=float(report.price),
            exit_reason=reason,
            bars_held=int(report.bars_held),
            gross_paise=int(report.gross_paise),
            fees_paise=int(report.round_fees_paise),
            net_paise=int(report.net_paise),
            r=int(report.net_paise) / 100.0 / risk,
            mae=float(report.mae),
            mfe=float(report.mfe),
        )

    # --- orders --------------------------------------------------------------------------------

    def _submit(
        self, signal: Signal, role: OrderRole, type_: OrderType, price: float, now_ns: int
    ) -> Submit:
        """A new order: recorded as INTENDED, known here as sent."""
        entry = role is OrderRole.ENTRY
        order = Order(
            order_id=order_id_of(signal.signal_id, role),
            signal_id=signal.signal_id,
            strategy=signal.strategy,
            instrument=signal.instrument,
            role=role,
            type=type_,
            side=signal.side if entry else Side(-signal.side),
            quantity=signal.quantity,
            price=price,
            created_ns=int(now_ns),
            updated_ns=int(now_ns),
        )
        self.orders[order.order_id] = moved(order, OrderMove.SEND, order.created_ns)
        return Submit(order)

    def _moved(self, order_id: OrderId, move: OrderMove, ts_ns: int) -> list[Effect]:
        order = self.orders.get(order_id)
        if order is None:
            return []  # it was filled or cancelled meanwhile; that is recorded already
        order = self._keep(moved(order, move, ts_ns))
        return [OrderChanged(order)]

    def _filled(self, signal: Signal, role: OrderRole, report: Row) -> list[Effect]:
        order_id = order_id_of(signal.signal_id, role)
        order = self.orders.get(order_id)
        if order is None:
            raise InvariantBroken(f"fill of {order_id}, which is not a working order")
        fill_ns = int(report.fill_ns)
        order = self._keep(moved(order, OrderMove.FILL, fill_ns))
        fill = Fill(
            order_id=order_id,
            fill_id="1",
            strategy=order.strategy,
            instrument=order.instrument,
            side=order.side,
            quantity=int(report.quantity),
            price=float(report.price),
            value_paise=int(report.value_paise),
            fees_paise=int(report.fees_paise),
            ts_ns=fill_ns,
        )
        entered = role is OrderRole.ENTRY
        position = _position(signal, report) if entered else None
        return [OrderChanged(order), FillBooked(fill, position)]

    def _cancelled(self, signal: Signal, roles: Sequence[OrderRole], now_ns: int) -> list[Effect]:
        """Take back the working orders of `signal` in these roles; the exchange does so at once."""
        effects: list[Effect] = []
        for role in roles:
            order = self.orders.get(order_id_of(signal.signal_id, role))
            if order is not None:
                effects.append(Cancel(self._keep(moved(order, OrderMove.CANCEL, now_ns))))
        return effects

    def _keep(self, order: Order) -> Order:
        if order.state in TERMINAL:
            del self.orders[order.order_id]
        else:
            self.orders[order.order_id] = order
        return order

    # --- the operator --------------------------------------------------------------------------

    def _commanded(self, command: Command, ts_ns: int) -> list[Effect]:
        command_state(self.holdings, int(command))
        if command is Command.FLATTEN:
            self._reports = flatten(self.holdings)
        return self._named(ts_ns)

    # --- what others may see ---------------------------------------------------------------------

    def positions(self) -> list[Position]:
        """The open ones, instruments in configured order."""
        held = map(self.position_of, range(len(self.symbols)))
        return [position for position in held if position is not None]

    def position_of(self, instrument: int) -> Position | None:
        """The open position of an instrument, None while flat or only pending."""
        row = self.holdings.positions[instrument]
        if row.status < OPEN:
            return None
        return _position(self.signals[row.signal], row)


def _position(signal: Signal, row: Row) -> Position:
    """From a POSITION or REPORT row: the two share these names."""
    return Position(
        strategy=signal.strategy,
        instrument=signal.instrument,
        side=signal.side,
        quantity=int(row.quantity),
        entry_price=float(row.entry_price),
        stop=float(row.stop),
        target=float(row.target),
        entry_ns=int(row.entry_ns),
        signal_id=signal.signal_id,
    )


def _column(records: Records, name: str, rows: Any) -> list[Any]:
    """A field of some records as plain Python values: an attribute of one record costs 2 us, a
    column little more."""
    values: list[Any] = records[name][rows].tolist()
    return values
