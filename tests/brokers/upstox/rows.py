"""Orders of ours, and rows and answers as the broker writes them (its documentation's samples)."""

import json
from dataclasses import replace
from typing import Any

from core.orders import Order, OrderRole, OrderType, order_id_of
from core.types import Side, SignalId

NOW_NS = 1_785_000_000_000_000_000
KEY = "NSE_EQ|INE002A01018"
SIGNAL = SignalId("0123456789abcdef" * 4)

ENTRY = Order(
    order_id=order_id_of(SIGNAL, OrderRole.ENTRY),
    signal_id=SIGNAL,
    strategy="pixity",
    instrument="RELIANCE",
    role=OrderRole.ENTRY,
    type=OrderType.MARKET,
    side=Side.BUY,
    quantity=10,
    price=0.0,
    created_ns=NOW_NS,
    updated_ns=NOW_NS,
)
STOP = replace(
    ENTRY,
    order_id=order_id_of(SIGNAL, OrderRole.STOP),
    role=OrderRole.STOP,
    type=OrderType.STOP_MARKET,
    side=Side.SELL,
    price=99.5,
)


def row(status: str, filled: int = 0, **other: object) -> dict[str, Any]:
    """A row of the order book: of ENTRY, but for what is said otherwise."""
    return {
        "exchange": "NSE",
        "product": "I",
        "price": 0.0,
        "quantity": 10,
        "status": status,
        "guid": None,
        "tag": ENTRY.order_id,
        "instrument_token": KEY,
        "placed_by": "AB1234",
        "trading_symbol": "RELIANCE",
        "tradingsymbol": "RELIANCE",
        "order_type": "MARKET",
        "validity": "DAY",
        "trigger_price": 0.0,
        "disclosed_quantity": 0,
        "transaction_type": "BUY",
        "average_price": 0.0,
        "filled_quantity": filled,
        "pending_quantity": 10 - filled,
        "status_message": None,
        "status_message_raw": None,
        "exchange_order_id": "",
        "parent_order_id": None,
        "order_id": "260805025000001",
        "variety": "SIMPLE",
        "order_timestamp": "2026-08-05 12:00:00",
        "exchange_timestamp": None,
        "is_amo": False,
        "order_request_id": "1",
        "order_ref_id": "25000001",
    } | other


def stop_row(status: str, **other: object) -> dict[str, Any]:
    terms = {"order_type": "SL-M", "transaction_type": "SELL", "trigger_price": 99.5}
    ids = {"tag": STOP.order_id, "order_id": "260805025000002"}
    return row(status) | terms | ids | other


def trade(number: int, quantity: int, price: float = 101.0, **other: object) -> dict[str, Any]:
    return {
        "exchange": "NSE",
        "instrument_token": KEY,
        "transaction_type": "BUY",
        "quantity": quantity,
        "order_id": "260805025000001",
        "exchange_timestamp": "2026-08-05 12:00:01",
        "average_price": price,
        "trade_id": str(number),
    } | other


def success(data: object) -> bytes:
    return json.dumps({"status": "success", "data": data, "metadata": {"latency": 12}}).encode()


def failure(code: str, message: str) -> bytes:
    problem = {"errorCode": code, "error_code": code, "message": message}
    return json.dumps({"status": "error", "errors": [problem]}).encode()


PLACED = success({"order_ids": ["260805025000001"]})
