"""The engine of a book whose broker is real: fills are told, not found.

Decides what follows from a broker's words: one protective order per position, whose quantity grows
with the fills and which every other exit only modifies. Never guesses: what cannot be halts.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from core.breakers import Breakers
from core.engine import Engine
from core.events import (
    Cancel,
    Commanded,
    Effect,
    Event,
    EventsRaised,
    Fill,
    FillBooked,
    MinuteEnded,
    MinutePassed,
    Modify,
    OrderChanged,
    OrderReported,
    Position,
    Submit,
    TargetTouched,
    TradeClosed,
)
from core.orders import (
    TERMINAL,
    TRANSITIONS,
    Order,
    OrderMove,
    OrderRole,
    OrderState,
    OrderType,
    moved,
    order_id_of,
)
from core.ports import BrokerReport, OrderCall, ReportKind
from core.rules.account import ask_exit
from core.rules.brakes import count_orders, count_reject, end_rejects, withdraw_entries
from core.rules.holdings import (
    CLOSING,
    ENTRY_CANCELLED,
    EXIT_ASKED,
    EXITED,
    FLAT,
    OPEN,
    PENDING_ENTRY,
    PENDING_EXIT,
)
from core.rules.told import book_entry, book_exit, end_entry, settle_one
from core.types import Command, ExitReason, OrderId, Refusal, Row, Signal

MOVES = {
    (ReportKind.ACKNOWLEDGED, OrderCall.SUBMIT): OrderMove.ACKNOWLEDGE,
    (ReportKind.ACKNOWLEDGED, OrderCall.MODIFY): OrderMove.MODIFY,
    (ReportKind.REJECTED, OrderCall.SUBMIT): OrderMove.REJECT,
    (ReportKind.REJECTED, OrderCall.MODIFY): OrderMove.REFUSE,
    (ReportKind.REJECTED, OrderCall.CANCEL): OrderMove.REFUSE,
    **{(ReportKind.CANCELLED, call): OrderMove.CANCEL for call in OrderCall},
    **{(ReportKind.LOST, call): OrderMove.LOSE for call in OrderCall},
}  # that a cancel was taken moves nothing: its end is told
EXITS = (OrderRole.STOP, OrderRole.FLATTEN)  # the protective order, and what replaces a lost one


class ToldEngine(Engine):
    """An Engine whose orders work at a broker, until it says otherwise."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.booked: set[tuple[str, str]] = set()  # fills: order id and the broker's own id
        self.changing: dict[OrderId, Order] = {}  # as they were before their last change
        self.strangers: set[str] = set()  # orders that are not ours; each process is told them anew
        self.breakers = Breakers(self.holdings)
        self._numbers = {symbol: number for number, symbol in enumerate(self.symbols)}

    def handle(self, event: Event) -> list[Effect]:
        match event:
            case OrderReported(report, rules, seen_ns):
                effects = self._reported(report, rules, seen_ns)
                changes = self.breakers.changes(report.ts_ns, report.order_id, report.reason)
            case TargetTouched(instrument, price, ts_ns):
                effects, changes = self._touched(instrument, price, ts_ns), []
            case MinutePassed(span, minute) | EventsRaised(span, minute):
                effects = super().handle(event)
                changes = self.breakers.changes(int(span.close_ns[minute]))
            case MinuteEnded(span, minute):  # what was refused is asked for again
                close_ns = int(span.close_ns[minute])
                effects = super().handle(event) + self._pursue_all(close_ns)
                changes = self.breakers.changes(close_ns)
            case Commanded(command, ts_ns):
                effects = super().handle(event)
                if command is Command.HALT:
                    withdraw_entries(self.holdings)
                    effects += self._pursue_all(ts_ns)
                changes = self.breakers.changes(ts_ns)
            case _:
                return super().handle(event)
        count_orders(self.holdings.account[0], sum(map(_is_uncounted, effects)))
        return effects + changes

    def position_of(self, instrument: int) -> Position | None:
        """What of it is not out."""
        held, exited = super().position_of(instrument), self._row(instrument).exited
        if held is None or held.quantity == exited:
            return None
        return replace(held, quantity=held.quantity - int(exited))

    def _keep(self, order: Order) -> Order:
        if order.state in TERMINAL:
            self.changing.pop(order.order_id, None)
        return super()._keep(order)

    def _row(self, instrument: int) -> Row:
        return self.holdings.positions[instrument]

    # --- what a broker told ----------------------------------------------------------------------

    def _reported(self, report: BrokerReport, rules: Row, seen_ns: int) -> list[Effect]:
        if report.kind is ReportKind.DIFFERENCE:
            return [
                self.breakers.trip(report.order_id, report.reason, report.ts_ns, Refusal.DIFFERENCE)
            ]
        if report.kind is ReportKind.STRANGER:
            if report.order_id in self.strangers:
                return []
            self.strangers.add(report.order_id)
            stranger = f"an order that is not ours: {report.reason}"
            return [self.breakers.trip(report.order_id, stranger, report.ts_ns)]
        order = self.orders.get(OrderId(report.order_id))
        if report.kind is ReportKind.FILLED:
            key = (report.order_id, report.fill_id)
            if key in self.booked:
                return []
            self.booked.add(key)
            wrong = _wrong_fill(order, report)
            if order is None or wrong:
                return [self.breakers.trip(report.order_id, wrong, report.ts_ns)]
            effects = self._fill(order, report, rules)
            end_rejects(self.holdings.account[0])
        else:
            move = MOVES.get((report.kind, report.call))
            if move is None or order is None or (order.state, move) not in TRANSITIONS:
                return []  # told twice, overtaken, or no news
            effects = self._change(order, move, report)
            if move is OrderMove.REFUSE and order.order_id in self.orders:
                return effects  # asked for again at the end of the next Minute, not at once
        number = self._numbers[order.instrument]
        effects += self._pursue(number, report.ts_ns)
        return effects + self._out(number, seen_ns)

    def _fill(self, order: Order, report: BrokerReport, rules: Row) -> list[Effect]:
        number, is_entry = self._numbers[order.instrument], order.role is OrderRole.ENTRY
        row, fill_ns = self._row(number), report.exchange_ns or report.ts_ns
        before = 0 if row.status == PENDING_ENTRY else _value(row, is_entry)
        book = book_entry if is_entry else book_exit
        fees = book(self.holdings, number, report.quantity, report.price, fill_ns, rules)
        order = replace(order, filled=order.filled + report.quantity)
        is_whole = order.filled == order.quantity
        move = OrderMove.FILL if is_whole else OrderMove.FILL_PART
        order = self._keep(moved(order, move, fill_ns))
        fill = Fill(
            order_id=order.order_id,
            fill_id=report.fill_id,
            strategy=order.strategy,
            instrument=order.instrument,
            side=order.side,
            quantity=report.quantity,
            price=report.price,
            value_paise=_value(row, is_entry) - before,
            fees_paise=int(fees),
            ts_ns=fill_ns,
        )
        return [OrderChanged(order), FillBooked(fill, self.position_of(number))]

    def _change(self, order: Order, move: OrderMove, report: BrokerReport) -> list[Effect]:
        """Every report but a fill, which is a move of the order."""
        account = self.holdings.account[0]
        if move in (OrderMove.REJECT, OrderMove.REFUSE):
            count_reject(account, self.holdings.limits[0])
        elif move in (OrderMove.MODIFY, OrderMove.CANCEL):
            end_rejects(account)
        order = moved(order, move, report.ts_ns)
        was = self.changing.get(order.order_id)
        if was is not None and move is OrderMove.REFUSE:
            order = replace(order, type=was.type, quantity=was.quantity, price=was.price)
            if order.filled >= order.quantity:  # it was done when it should have been changed
                order = moved(order, OrderMove.FILL, report.ts_ns)
        if move is OrderMove.REFUSE:
            self.changing.pop(order.order_id, None)
        effects: list[Effect] = [OrderChanged(self._keep(order))]
        if move is OrderMove.ACKNOWLEDGE and was is not None:
            # Lost in a change, or left in one by a process that ended: to ask for the same once
            # more can do no harm.
            order = moved(order, OrderMove.ASK_MODIFY, report.ts_ns)
            effects.append(Modify(self._keep(order)))
        if move is OrderMove.LOSE:
            why = f"no answer: {report.reason}"
            effects.append(self.breakers.trip(order.order_id, why, report.ts_ns))
        if order.role is OrderRole.ENTRY and order.state in TERMINAL:
            number = self._numbers[order.instrument]
            end_entry(self.holdings, number)
            if self._row(number).status == FLAT:
                self.signals.pop(int(self._row(number).signal))
        return effects

    def _touched(self, instrument: int, price: float, ts_ns: int) -> list[Effect]:
        """The target is watched here and not at the exchange: that exit is asked for, too."""
        row = self._row(instrument)
        if row.status != OPEN or row.side * (price - row.target) < 0:
            return []
        ask_exit(self.holdings, instrument, int(ExitReason.TARGET), 0)
        return self._pursue(instrument, ts_ns)

    # --- what is asked for -----------------------------------------------------------------------

    def _pursue_all(self, now_ns: int) -> list[Effect]:
        return [one for number in range(len(self.symbols)) for one in self._pursue(number, now_ns)]

    def _pursue(self, number: int, now_ns: int) -> list[Effect]:
        """Ask for what is not yet as it should be; what was asked and not answered is awaited."""
        row, effects = self._row(number), list[Effect]()
        if row.status in (FLAT, CLOSING):
            return effects
        signal = self.signals[int(row.signal)]
        entry = self.orders.get(order_id_of(signal.signal_id, OrderRole.ENTRY))
        is_over = row.exit_reason != 0 or row.withdrawn
        if is_over and entry is not None and entry.state is OrderState.OPEN:
            entry = self._keep(moved(entry, OrderMove.ASK_CANCEL, now_ns))
            effects.append(Cancel(entry))
        if row.status == PENDING_ENTRY or row.quantity == row.exited:
            return effects
        ids = (order_id_of(signal.signal_id, role) for role in EXITS)
        order = next((self.orders[one] for one in ids if one in self.orders), None)
        if order is None:
            return effects + self._protect(signal, row, now_ns)
        if order.state is not OrderState.OPEN:
            return effects
        wanted = self._wanted(order, row)
        if wanted != order:
            self.changing[order.order_id] = order
            wanted = self._keep(moved(wanted, OrderMove.ASK_MODIFY, now_ns))
            effects.append(Modify(wanted))
        return effects

    def _wanted(self, order: Order, row: Row) -> Order:
        """The exit order as it should be: of all that is held, at the market once that is asked."""
        quantity = int(row.quantity - row.exited) + order.filled
        if _at_market(row) or order.type is OrderType.MARKET:
            return replace(order, quantity=quantity, type=OrderType.MARKET, price=0.0)
        return replace(order, quantity=quantity)

    def _protect(self, signal: Signal, row: Row, now_ns: int) -> list[Effect]:
        """Nothing works against an open position: its first exit order, or one in its place."""
        sent = int(row.exit_orders)
        if sent > len(EXITS):
            return []
        row.exit_orders = sent + 1
        effects: list[Effect] = []
        if sent > 0:
            last = order_id_of(signal.signal_id, EXITS[sent - 1])
            why = f"{signal.instrument} is held without an exit order"
            effects.append(self.breakers.trip(last, why, now_ns))
        if sent == len(EXITS):
            return effects
        role = EXITS[sent]
        if role is OrderRole.FLATTEN and row.status == OPEN:
            row.status, row.exit_reason = PENDING_EXIT, int(ExitReason.FLATTEN)
        at_market = role is OrderRole.FLATTEN or _at_market(row)
        type_ = OrderType.MARKET if at_market else OrderType.STOP_MARKET
        price = 0.0 if at_market else float(row.stop)
        sized = signal._replace(quantity=int(row.quantity - row.exited))
        submit: Submit = self._submit(sized, role, type_, price, now_ns)
        return [*effects, submit]

    def _out(self, number: int, seen_ns: int) -> list[Effect]:
        """All is out and nothing more will come in: settled in the Minute of the last fill, at once
        if that is over."""
        row = self._row(number)
        if row.status < OPEN or row.quantity != row.exited:
            return []
        entry = order_id_of(self.signals[int(row.signal)].signal_id, OrderRole.ENTRY)
        if entry in self.orders:
            return []
        row.status = CLOSING
        if row.exit_ns >= seen_ns:
            return []
        self._reports = settle_one(self.holdings, number, 0)
        return self._named(seen_ns)

    # --- what a Minute brought -------------------------------------------------------------------

    def _asked(self, report: Row, now_ns: int) -> list[Effect]:
        return self._pursue(int(report.instrument), now_ns)

    def _settled(self, report: Row, now_ns: int) -> list[Effect]:
        signal = self.signals.pop(int(report.signal))
        return [TradeClosed(self._trade(signal, report, ExitReason(report.reason)))]

    _name_of: ClassVar[dict[int, Callable[[Any, Row, int], list[Effect]]]] = {
        EXIT_ASKED: _asked,
        EXITED: _settled,
        ENTRY_CANCELLED: _asked,
    }


def _is_uncounted(effect: Effect) -> bool:
    """A call to the broker that was not counted as it was decided, as an entry is."""
    match effect:
        case Submit(order):
            return order.role is not OrderRole.ENTRY
        case Modify() | Cancel():
            return True
        case _:
            return False


def _value(row: Row, is_entry: bool) -> int:
    return int(row.entry_value_paise if is_entry else row.exit_value_paise)


def _at_market(row: Row) -> bool:
    """Whether an exit is asked for other than by the stop's own price."""
    return bool(row.exit_reason != 0 and row.exit_reason != ExitReason.STOP)


def _wrong_fill(order: Order | None, report: BrokerReport) -> str:
    """Why this fill cannot be booked; empty if it can."""
    told = f"{report.quantity} at {report.price}"
    if order is None:
        return f"fill {report.fill_id} of {told}: no such order works"
    if not (report.quantity > 0 and math.isfinite(report.price) and report.price > 0.0):
        return f"fill {report.fill_id} of {told} is none"
    left = order.quantity - order.filled
    return (
        f"fill {report.fill_id} of {told}: only {left} are left" if report.quantity > left else ""
    )
