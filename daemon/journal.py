"""How a step is remembered: effects as ledger events, and ledger events as effects' rows.

Column names are those of the projections (`stores/views.py`) and of the files (cli.md 3).
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import assert_never

from core.events import (
    Cancel,
    Effect,
    FillBooked,
    OrderChanged,
    Position,
    SignalDecided,
    Submit,
    TradeClosed,
)
from core.orders import Order
from core.ports import EventKind, LedgerEvent
from core.types import Command, MinuteSpan, Signal, Trade

Row = dict[str, object]


def minute_event(span: MinuteSpan, day: int, *, late: bool) -> LedgerEvent:
    """The input of one step: a Minute, its bars as a blob."""
    close_ns = int(span.close_ns[0])
    return LedgerEvent(
        ts_ns=close_ns,
        kind=EventKind.MINUTE,
        key=str(close_ns),
        payload={"day": day, "close_ns": close_ns, "bars": len(span.bars), "late": late},
        blob=span.bars.tobytes(),
    )


def command_event(command: Command, user: str, pid: int, ts_ns: int) -> LedgerEvent:
    """The input of one step: what an operator commanded after the Minute that closed at `ts_ns`."""
    name = command.name.lower()
    payload: Row = {"command": name, "user": user, "pid": pid}
    return LedgerEvent(ts_ns=ts_ns, kind=EventKind.COMMAND, key=name, payload=payload)


def result_events(effects: Iterable[Effect], now_ns: int, day: int) -> list[LedgerEvent]:
    """What a step led to, in order."""
    return [result_event(effect, now_ns, day) for effect in effects]


def result_event(effect: Effect, now_ns: int, day: int) -> LedgerEvent:
    key: str
    match effect:
        case SignalDecided(signal):
            kind, key, row = EventKind.SIGNAL, signal.signal_id, signal_row(signal, day)
        case Submit(order) | Cancel(order) | OrderChanged(order):
            kind, key, row = EventKind.ORDER, order.order_id, order_row(order, day)
        case FillBooked(fill, position):
            kind, key = EventKind.FILL, fill.order_id
            row = asdict(fill) | {"side": fill.side.name, "day": day}
            del row["strategy"]
            row["position"] = None if position is None else position_row(position)
        case TradeClosed(trade):
            kind, key, row = EventKind.TRADE, trade.signal_id, trade_row(trade, day)
        case _:
            assert_never(effect)
    return LedgerEvent(ts_ns=now_ns, kind=kind, key=key, payload=row)


def signal_row(signal: Signal, day: int) -> Row:
    """A row of `signals`."""
    return {
        "strategy": signal.strategy,
        "instrument": signal.instrument,
        "kind": signal.kind,
        "side": signal.side.name,
        "bar_open_ns": signal.bar_open_ns,
        "bar_close_ns": signal.bar_close_ns,
        "close": signal.close,
        "atr": signal.atr,
        "vwap": signal.vwap,
        "status": signal.status.name,
        "refusal": signal.refusal.name.lower() if signal.refusal else None,
        "signal_id": signal.signal_id,
        "confidence": signal.confidence,
        "value": signal.value,
        "limit_value": signal.limit,
        "quantity": signal.quantity,
        "day": day,
    }


def order_row(order: Order, day: int) -> Row:
    """A row of `orders`."""
    return asdict(order) | {
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
