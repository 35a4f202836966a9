"""Recorded rows as the values they were made of: the way back from `journal.py`."""

from collections.abc import Iterator, Mapping
from typing import Any

from core.orders import Order, OrderRole, OrderState, OrderType
from core.ports import EventKind, LedgerEvent
from core.types import ExitReason, Refusal, Side, Signal, SignalId, SignalStatus, Trade


def book_of(event: LedgerEvent) -> str:
    """The book that a result belongs to."""
    if event.kind is EventKind.SIGNAL:
        return str(next(signal_rows(event))["book"])
    return str(event.payload["book"])


def signal_rows(event: LedgerEvent) -> Iterator[dict[str, Any]]:
    """The rows of a SIGNAL event."""
    payload: Mapping[str, Any] = event.payload
    for values in payload["rows"]:
        yield dict(zip(payload["names"], values, strict=True))


def signal_of(row: Mapping[str, Any]) -> Signal:
    """A Signal out of its row (`journal.signal_row`)."""

    def number(name: str) -> float:
        return float("nan") if row[name] is None else float(row[name])

    return Signal(
        signal_id=SignalId(row["signal_id"]),
        strategy=row["strategy"],
        instrument=row["instrument"],
        kind=row["kind"],
        side=Side[row["side"]],
        bar_open_ns=row["bar_open_ns"],
        bar_close_ns=row["bar_close_ns"],
        close=number("close"),
        atr=number("atr"),
        vwap=number("vwap"),
        confidence=number("confidence"),
        status=SignalStatus[row["status"]],
        refusal=Refusal[row["refusal"].upper()] if row["refusal"] else Refusal.NONE,
        value=number("value"),
        limit=number("limit_value"),
        quantity=row["quantity"],
        features=tuple(row.get("features", ())),
    )


def order_of(row: Mapping[str, Any]) -> Order:
    """An Order out of its row (`journal.order_row`)."""
    return Order(
        order_id=row["order_id"],
        signal_id=row["signal_id"],
        strategy=row["strategy"],
        instrument=row["instrument"],
        role=OrderRole[row["role"]],
        type=OrderType[row["type"]],
        side=Side[row["side"]],
        quantity=row["quantity"],
        price=row["price"],
        created_ns=row["created_ns"],
        updated_ns=row["updated_ns"],
        state=OrderState[row["state"]],
        filled=row.get("filled", 0),
    )


def trade_of(row: Mapping[str, Any]) -> Trade:
    """A Trade out of its row (`journal.trade_row`)."""
    values = {name: value for name, value in row.items() if name not in ("day", "book")}
    side, exit_reason = Side[row["side"]], ExitReason[row["exit_reason"]]
    return Trade(**values | {"side": side, "exit_reason": exit_reason})
