"""How a step is remembered: effects as ledger events, and ledger events as effects' rows.

Column names are those of the projections (`stores/views.py`) and of the files (cli.md 3).
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any, assert_never

from core.book import MAIN_BOOK
from core.doubts import ALL, Doubt, DoubtChange, DoubtKind
from core.events import (
    Cancel,
    Effect,
    FillBooked,
    Modify,
    OrderChanged,
    Position,
    Released,
    SignalDecided,
    Submit,
    TradeClosed,
    Tripped,
)
from core.orders import Order
from core.ports import BrokerReport, EventKind, LedgerEvent, OrderCall, ReportKind
from core.types import Command, MinuteSpan, Refusal, Side, Signal, SignalStatus, Trade
from stores.views import VIEWS

Row = dict[str, object]

TRIPPED, RELEASED = "breaker_tripped", "breaker_released"  # keys of a NOTE
SIGNAL_NAMES = list(VIEWS["signals"])
# Looked up, not asked for: `name` of an enum is computed at every call.
SIDE_NAMES = {side: side.name for side in Side}
STATUS_NAMES = {status: status.name for status in SignalStatus}
REFUSAL_NAMES = {refusal: refusal.name.lower() if refusal else None for refusal in Refusal}


def minute_event(
    span: MinuteSpan, day: int, *, late: bool, publication: Row | None = None
) -> LedgerEvent:
    """The input of one step: a Minute, its bars as a blob; `publication`: how it came about."""
    close_ns = int(span.close_ns[0])
    payload: Row = {"day": day, "close_ns": close_ns, "bars": len(span.bars), "late": late}
    return LedgerEvent(
        ts_ns=close_ns,
        kind=EventKind.MINUTE,
        key=str(close_ns),
        payload=payload | (publication or {}),
        blob=span.bars.tobytes(),
    )


def command_event(command: Command, user: str, pid: int, ts_ns: int) -> LedgerEvent:
    """The input of one step: what an operator commanded after the Minute that closed at `ts_ns`."""
    name = command.name.lower()
    payload: Row = {"command": name, "user": user, "pid": pid}
    return LedgerEvent(ts_ns=ts_ns, kind=EventKind.COMMAND, key=name, payload=payload)


def doubt_event(change: DoubtChange, symbols: Sequence[str], ts_ns: int) -> LedgerEvent:
    """An input: what was doubted, or no longer, after the Minute that closed at `ts_ns`."""
    kind = change.doubt.kind
    payload: Row = {
        "doubt": kind,
        "instrument": symbol_of(change.doubt, symbols),
        "open": change.is_open,
        "reason": change.reason,
    }
    return LedgerEvent(ts_ns=ts_ns, kind=EventKind.DOUBT, key=kind, payload=payload)


def doubt_change_of(payload: Row, symbols: Sequence[str]) -> DoubtChange:
    """What a DOUBT in the ledger says."""
    doubt = doubt_of(payload["doubt"], payload["instrument"], symbols)
    return DoubtChange(doubt, bool(payload["open"]), str(payload["reason"]))


def report_event(report: BrokerReport, ts_ns: int) -> LedgerEvent:
    """An input: what a broker told after the Minute that closed at `ts_ns`."""
    payload: Row = asdict(report) | {"kind": report.kind.value, "call": report.call.value}
    return LedgerEvent(
        ts_ns=ts_ns, kind=EventKind.BROKER_REPORT, key=report.order_id, payload=payload
    )


def report_of(payload: Row) -> BrokerReport:
    """What a BROKER_REPORT in the ledger says."""
    told: dict[str, Any] = dict(payload)
    kind, call = ReportKind(told["kind"]), OrderCall(told["call"])
    return BrokerReport(**told | {"kind": kind, "call": call})


def touch_event(symbol: str, price: float, touched_ns: int, ts_ns: int) -> LedgerEvent:
    """An input: a tick at a target after the Minute that closed at `ts_ns`."""
    payload: Row = {"instrument": symbol, "price": price, "touched_ns": touched_ns}
    return LedgerEvent(ts_ns=ts_ns, kind=EventKind.TARGET_TOUCHED, key=symbol, payload=payload)


def symbol_of(doubt: Doubt, symbols: Sequence[str]) -> str | None:
    """The instrument that is doubted; None: all."""
    return None if doubt.instrument == ALL else symbols[doubt.instrument]


def doubt_of(kind: object, symbol: object, symbols: Sequence[str]) -> Doubt:
    return Doubt(DoubtKind(str(kind)), ALL if symbol is None else symbols.index(str(symbol)))


def result_events(
    effects: Iterable[Effect], now_ns: int, day: int, book: str = MAIN_BOOK
) -> list[LedgerEvent]:
    """What a step led to in a book, in order; signals that follow each other are one event."""
    events: list[LedgerEvent] = []
    for is_signal, run in groupby(effects, lambda effect: isinstance(effect, SignalDecided)):
        if is_signal:
            signals = [one.signal for one in run if isinstance(one, SignalDecided)]
            events.append(signals_event(signals, now_ns, day, book))
        else:
            events += [result_event(effect, now_ns, day, book) for effect in run]
    return events


def result_event(effect: Effect, now_ns: int, day: int, book: str = MAIN_BOOK) -> LedgerEvent:
    key: str
    match effect:
        case SignalDecided(signal):
            return signals_event([signal], now_ns, day, book)
        case Submit(order) | Modify(order) | Cancel(order) | OrderChanged(order):
            kind, key, row = EventKind.ORDER, order.order_id, order_row(order, day)
        case FillBooked(fill, position):
            kind, key = EventKind.FILL, fill.order_id
            row = asdict(fill) | {"side": fill.side.name, "day": day}
            del row["strategy"]
            row["position"] = None if position is None else position_row(position) | {"book": book}
        case TradeClosed(trade):
            kind, key, row = EventKind.TRADE, trade.signal_id, trade_row(trade, day)
        case Tripped(order_id, reason, breaker):
            kind, key = EventKind.NOTE, TRIPPED
            row = {"breaker": REFUSAL_NAMES[breaker], "order_id": order_id, "reason": reason}
        case Released(breaker):
            kind, key, row = EventKind.NOTE, RELEASED, {"breaker": REFUSAL_NAMES[breaker]}
        case _:
            assert_never(effect)
    return LedgerEvent(ts_ns=now_ns, kind=kind, key=key, payload=row | {"book": book})


def signals_event(
    signals: Sequence[Signal], now_ns: int, day: int, book: str = MAIN_BOOK
) -> LedgerEvent:
    """Signals that follow each other: a whole market says hundreds in a Minute, and an event, a
    hash and a name for each value of each of them would cost more than deciding them."""
    rows = [_signal_values(signal, day, book) for signal in signals]
    payload: Row = {"day": day, "names": SIGNAL_NAMES, "rows": rows}
    return LedgerEvent(now_ns, EventKind.SIGNAL, signals[0].signal_id, payload)


def signal_row(signal: Signal, day: int, book: str = MAIN_BOOK) -> Row:
    """A row of `signals`; NaN is None."""
    return dict(zip(SIGNAL_NAMES, _signal_values(signal, day, book), strict=True))


def _signal_values(signal: Signal, day: int, book: str) -> list[object]:
    """In the order of `SIGNAL_NAMES`."""
    return [
        signal.strategy,
        signal.instrument,
        signal.kind,
        SIDE_NAMES[signal.side],
        signal.bar_open_ns,
        signal.bar_close_ns,
        _known(signal.close),
        _known(signal.atr),
        _known(signal.vwap),
        STATUS_NAMES[signal.status],
        REFUSAL_NAMES[signal.refusal],
        signal.signal_id,
        _known(signal.confidence),
        _known(signal.value),
        _known(signal.limit),
        signal.quantity,
        day,
        book,
    ]


def _known(value: float) -> float | None:
    return value if value == value else None  # NaN, without a call


def order_row(order: Order, day: int) -> Row:
    """A row of `orders`, and of one that was told filled in parts how far it is."""
    row = asdict(order)
    if not order.filled:
        del row["filled"]
    return row | {
        "role": order.role.name,
        "type": order.type.name,
        "state": order.state.name,
        "side": order.side.name,
        "day": day,
    }


def position_row(position: Position) -> Row:
    """A row of `positions`."""
    return asdict(position) | {"side": position.side.name}


def trade_row(trade: Trade, day: int) -> Row:
    """A row of `trades`."""
    return asdict(trade) | {
        "side": trade.side.name,
        "exit_reason": trade.exit_reason.name,
        "day": day,
    }
