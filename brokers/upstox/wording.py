"""Orders and trades in the broker's words: what we ask for, and what its rows and answers mean.

Pure. A row that lacks what it must have is refused, never guessed at; and an answer is a refusal
only where the broker itself says so: anything else leaves the outcome unknown.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from brokers.upstox.fields import (
    SENSELESS,
    count_of,
    id_of,
    is_id,
    moment_ns,
    number_of,
    said_of,
    text_of,
    words_of,
)
from core.errors import BrokerError, ProtocolViolation
from core.orders import Order, OrderRole, OrderState, OrderType
from core.types import Side
from providers.upstox.rest import data_of, problem_of

ORDER_HOST = "https://api-hft.upstox.com"  # of these three calls, and of nothing else
PLACE, MODIFY, CANCEL = "/v3/order/place", "/v3/order/modify", "/v3/order/cancel"
BOOK, TRADES = "/v2/order/retrieve-all", "/v2/order/trades/get-trades-for-day"

AUTOMATIC_PROTECTION = -1  # as the exchange wants it of a program's market orders (2026-04-01)
INTRADAY, DAY = "I", "DAY"
OUR_TAG = re.compile(rf"[0-9a-f]{{24}}-[{''.join(role.value for role in OrderRole)}]")
REQUEST_TIMEOUT = 408  # a 4xx that says nothing of the order

Row = TypeVar("Row")

TYPES = {
    OrderType.MARKET: "MARKET",
    OrderType.STOP_MARKET: "SL-M",
    OrderType.LIMIT: "LIMIT",
}
TYPES_BY_WORD = {word: kind for kind, word in TYPES.items()} | {"SL": OrderType.STOP_MARKET}
SIDES = {Side.BUY: "BUY", Side.SELL: "SELL"}
SIDES_BY_WORD = {word: side for side, word in SIDES.items()}

# The documented 17. Any other text is unknown, and so no end: LOST, to be read again.
STATES = {
    "put order req received": OrderState.SUBMITTED,
    "validation pending": OrderState.SUBMITTED,
    "open pending": OrderState.SUBMITTED,
    "after market order req received": OrderState.SUBMITTED,
    "modify after market order req received": OrderState.SUBMITTED,
    "open": OrderState.OPEN,
    "trigger pending": OrderState.OPEN,
    "modify validation pending": OrderState.OPEN,
    "modify pending": OrderState.OPEN,
    "modified": OrderState.OPEN,
    "not modified": OrderState.OPEN,
    "not cancelled": OrderState.OPEN,
    "cancel pending": OrderState.CANCELLING,
    "complete": OrderState.FILLED,
    "cancelled": OrderState.CANCELLED,
    "cancelled after market order": OrderState.CANCELLED,
    "rejected": OrderState.REJECTED,
}
NOT_MODIFIED, NOT_CANCELLED = "not modified", "not cancelled"
CHANGING = frozenset(
    ("modify validation pending", "modify pending")
)  # terms: asked for, not in force


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSeen:
    """An order as a row of the book or an update told it. `price`: trigger or limit, rupees."""

    broker_id: str
    tag: str
    key: str
    product: str
    status: str
    state: OrderState
    type: OrderType
    side: Side
    quantity: int
    filled: int
    price: float
    reason: str
    placed_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeSeen:
    """One execution. `exchange_ns`: to the second; 0: not told."""

    broker_id: str
    trade_id: str
    quantity: int
    price: float
    exchange_ns: int


# --- what we ask ---------------------------------------------------------------------------------


def placing(order: Order, key: str) -> dict[str, object]:
    """The body of a place call; the tag is our order id."""
    return _terms(order) | {
        "product": INTRADAY,
        "instrument_token": key,
        "transaction_type": SIDES[order.side],
        "is_amo": False,
        "tag": order.order_id,
    }


def modifying(order: Order, broker_id: str) -> dict[str, object]:
    """The body of a modify call: the order as it shall be."""
    return _terms(order) | {"order_id": broker_id}


def _terms(order: Order) -> dict[str, object]:
    is_limit, is_stop = order.type is OrderType.LIMIT, order.type is OrderType.STOP_MARKET
    terms: dict[str, object] = {
        "quantity": order.quantity,
        "validity": DAY,
        "price": order.price if is_limit else 0,
        "order_type": TYPES[order.type],
        "disclosed_quantity": 0,
        "trigger_price": order.price if is_stop else 0,
    }
    return terms if is_limit else terms | {"market_protection": AUTOMATIC_PROTECTION}


# --- what it answers -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taken:
    """The call was taken, for the order of this id of the broker's."""

    broker_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The broker says no: there is no such order, or it is as it was."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Whether the call was taken is not known."""

    reason: str


def answer_of(path: str, status: int, body: bytes) -> Taken | Refused | Unknown:
    """What an answer to an order call is worth."""
    try:
        data = data_of(path, status, body)
    except BrokerError as error:
        return Refused(str(error)) if _is_refusal(status, body) else Unknown(str(error))
    told = data if isinstance(data, dict) else {}
    ids = told.get("order_ids") if path == PLACE else [told.get("order_id")]
    if isinstance(ids, list) and len(ids) == 1 and is_id(ids[0]):
        return Taken(ids[0])
    return Unknown(f"{path}: HTTP {status} without the id of an order")


def _is_refusal(status: int, body: bytes) -> bool:
    """An error of the broker's own making, in JSON and with its code; a page of a gate is none."""
    if not 400 <= status < 500 or status == REQUEST_TIMEOUT:
        return False
    try:
        told = json.loads(body)
    except ValueError:
        return False
    return isinstance(told, dict) and told.get("status") == "error" and problem_of(told)[0] != ""


# --- what its rows say ---------------------------------------------------------------------------


def order_seen(row: Any) -> OrderSeen:
    """Raises ProtocolViolation for what cannot be an order."""
    try:
        status = text_of(row, "status")
        kind = TYPES_BY_WORD[text_of(row, "order_type")]
        return OrderSeen(
            broker_id=id_of(row, "order_id"),
            tag=words_of(row.get("tag")),
            key=text_of(row, "instrument_token"),
            product=words_of(row.get("product")),
            status=status,
            state=STATES.get(status, OrderState.LOST),
            type=kind,
            side=SIDES_BY_WORD[text_of(row, "transaction_type")],
            quantity=count_of(row, "quantity", least=1),
            filled=count_of(row, "filled_quantity", least=0),
            price=_price_of(row, kind),
            reason=words_of(row.get("status_message")) or words_of(row.get("status_message_raw")),
            placed_ns=moment_ns(row.get("order_timestamp")),
        )
    except SENSELESS as error:
        raise ProtocolViolation(said_of("no order", error)) from error


def trade_seen(row: Any) -> TradeSeen:
    """Raises ProtocolViolation for what cannot be a trade."""
    try:
        price = number_of(row, "average_price")
        if price <= 0:
            raise ValueError(price)
        return TradeSeen(
            broker_id=id_of(row, "order_id"),
            trade_id=text_of(row, "trade_id"),
            quantity=count_of(row, "quantity", least=1),
            price=price,
            exchange_ns=moment_ns(row.get("exchange_timestamp")),
        )
    except SENSELESS as error:
        raise ProtocolViolation(said_of("no trade", error)) from error


def sound(read: Callable[[Any], Row], data: Any) -> tuple[list[Row], ProtocolViolation | None]:
    """The rows of a book that make sense, and why another one does not. Raises ProtocolViolation
    for what is no book."""
    if not isinstance(data, list):
        raise ProtocolViolation(f"no rows: {type(data).__name__}")
    rows: list[Row] = []
    refused = None
    for row in data:
        try:
            rows.append(read(row))
        except ProtocolViolation as error:
            refused = error
    return rows, refused


def _price_of(row: Mapping[str, Any], kind: OrderType) -> float:
    match kind:
        case OrderType.LIMIT:
            return number_of(row, "price")
        case OrderType.STOP_MARKET:
            return number_of(row, "trigger_price")
        case OrderType.MARKET:
            return 0.0
