"""One reading of the whole account: orders, trades, positions, funds, and whether it may trade.

For reconciliation (`core/reconciliation.py`). A row that makes no sense is no reading: of an
account with holes nobody can say what is not in it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from brokers.upstox.fields import SENSELESS, count_of, number_of, said_of, text_of
from brokers.upstox.life import order_of
from brokers.upstox.wording import (
    BOOK,
    INTRADAY,
    OUR_TAG,
    TRADES,
    OrderSeen,
    Row,
    order_seen,
    sound,
    trade_seen,
)
from core.errors import ProtocolViolation
from core.orders import TERMINAL, Order
from core.reconciliation import Execution, Holding, Theirs, paise
from core.types import OrderId
from providers.upstox.rest import UpstoxRest

POSITIONS = "/v2/portfolio/short-term-positions"
FUNDS = "/v3/user/get-funds-and-margin"
PROFILE = "/v2/user/profile"
EXCHANGE = "NSE"
MOST_SHORT = -(10**12)  # shares: a quantity may be negative


class UpstoxAccount:
    """The account as the broker tells it.

    Args:
        reads: the host of all but order calls.
        keys: of the instruments, by their symbols.
    """

    def __init__(self, reads: UpstoxRest, keys: Mapping[str, str]) -> None:
        self._reads = reads
        self._symbols = {key: symbol for symbol, key in keys.items()}
        self._unfit: str | None = None  # asked for until it is told

    async def read(self) -> Theirs:
        """Everything, fresh and whole. Raises BrokerError."""
        if self._unfit is None:
            self._unfit = unfit(await self._reads.get(PROFILE))
        seen = _whole(order_seen, await self._reads.get(BOOK))
        orders, broker_ids = self._orders(seen)
        trades = self._trades(await self._reads.get(TRADES), broker_ids)
        holdings = _whole(self._holding, await self._reads.get(POSITIONS))
        available_paise = available(await self._reads.get(FUNDS))
        return Theirs(
            orders=orders,
            trades=trades,
            holdings=tuple(holdings),
            available_paise=available_paise,
            others=self._others(seen),
            unfit=self._unfit,
        )

    def _orders(self, rows: Iterable[OrderSeen]) -> tuple[dict[OrderId, Order], dict[str, Order]]:
        """Those with a tag of ours, by it and by the broker's id. A second one with the same tag
        is a stranger, as the broker's module says (`known_orders.py`)."""
        by_tag: dict[OrderId, Order] = {}
        by_broker_id: dict[str, Order] = {}
        for seen in rows:
            if OUR_TAG.fullmatch(seen.tag) and seen.tag not in by_tag:
                order = order_of(seen, self._symbols.get(seen.key, seen.key))
                by_tag[order.order_id] = by_broker_id[seen.broker_id] = order
        return by_tag, by_broker_id

    def _others(self, rows: Iterable[OrderSeen]) -> dict[str, int]:
        """What orders of other hands would still do to our positions."""
        found: Counter[str] = Counter()
        for seen in rows:
            if seen.state in TERMINAL or seen.product != INTRADAY or OUR_TAG.fullmatch(seen.tag):
                continue
            found[self._symbols.get(seen.key, seen.key)] += seen.side * (
                seen.quantity - seen.filled
            )
        return dict(found)

    def _trades(self, data: Any, orders: Mapping[str, Order]) -> dict[tuple[str, str], Execution]:
        """Those of our orders."""
        found: dict[tuple[str, str], Execution] = {}
        for trade in _whole(trade_seen, data):
            if (order := orders.get(trade.broker_id)) is not None:
                made = Execution(order.instrument, order.side, trade.quantity, paise(trade.price))
                found[order.order_id, trade.trade_id] = made
        return found

    def _holding(self, row: Any) -> Holding:
        """A position. Raises ProtocolViolation for what cannot be one; its average price may be
        anything, null too, and is not looked at."""
        try:
            key = text_of(row, "instrument_token")
            return Holding(
                instrument=self._symbols.get(key, key),
                is_intraday=text_of(row, "product") == INTRADAY,
                quantity=count_of(row, "quantity", least=MOST_SHORT),
                bought=count_of(row, "day_buy_quantity", least=0),
                bought_paise=paise(number_of(row, "day_buy_value")),
                sold=count_of(row, "day_sell_quantity", least=0),
                sold_paise=paise(number_of(row, "day_sell_value")),
            )
        except SENSELESS as error:
            raise ProtocolViolation(said_of("no position", error)) from error


def available(data: Any) -> int:
    """Paise for new orders. Raises ProtocolViolation."""
    try:
        return paise(number_of(data["available_to_trade"], "total"))
    except SENSELESS as error:
        raise ProtocolViolation(said_of("no funds", error)) from error


def unfit(data: Any) -> str:
    """Why the account may not trade what we trade; empty if it may. Raises ProtocolViolation."""
    try:
        if not isinstance(data["is_active"], bool):
            raise ValueError("is_active")
        exchanges, products = list(data["exchanges"]), list(data["products"])
    except SENSELESS as error:
        raise ProtocolViolation(said_of("no profile", error)) from error
    if not data["is_active"]:
        return "calls the account inactive"
    if EXCHANGE not in exchanges:
        return f"has it without {EXCHANGE}"
    return "" if INTRADAY in products else f"has it without product {INTRADAY}"


def _whole(read: Callable[[Any], Row], data: Any) -> list[Row]:
    rows, refused = sound(read, data)
    if refused is not None:
        raise refused
    return rows
