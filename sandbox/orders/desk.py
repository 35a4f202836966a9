"""The order desk: takes orders, carries them to the book and through their statuses, books trades.

Decides what becomes of an order and when, in market time; what it may ask for is read elsewhere,
what is refused is in `entry_rules.py`, how it trades in `matching.py`.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import NamedTuple, Protocol

from core.session import day_text
from sandbox.accounts import USER
from sandbox.answers import Refused
from sandbox.faults import kinds
from sandbox.market.exchange import Exchange
from sandbox.market.universe import Listing
from sandbox.market.world import SLOT_MS
from sandbox.orders.book import Book
from sandbox.orders.entry_rules import (
    CLOSED,
    FAULTY,
    broker_rejection,
    exchange_rejection,
    is_entry_time,
    is_too_late_intraday,
)
from sandbox.orders.floor import Floor
from sandbox.orders.gtt_rules import Gtt
from sandbox.orders.hours import OrderHours
from sandbox.orders.matching import Execution, Tick
from sandbox.orders.order import WAITING_FOR_OPEN, Order, Rejection, State, Status, Terms, Trade
from sandbox.orders.positions import Account, Position

TRANSIT_MS = 20  # from the broker to the exchange's book
IOC_LIVES_MS = SLOT_MS  # what trades at once is what trades in the slot that follows
FIRST_ORDER = 25_000_000
USER_ID = str(USER["user_id"])

UNMATCHED = Rejection("IOC order was not matched.", "16388 : Unmatched IOC order is cancelled")
KILLED = Rejection("Segment is disabled by the kill switch.", "RMS:Blocked by user kill switch")


class OrderTold(NamedTuple):
    """A new state of an order."""

    order: Order
    state: State


Told = OrderTold | Position | Gtt
Listener = Callable[[Told], None]


class Watcher(Protocol):
    """Who acts on the desk unasked, when a price or a time comes."""

    def day_began(self) -> None:
        """A new day, whose book is empty."""

    def watched(self) -> list[Listing]:
        """What it waits for."""

    def traded(self, listing: Listing, tick: Tick) -> None:
        """After our orders have met the trade."""


class Desk:
    """One user's orders, trades and positions.

    `listeners` hear of every state in order. Every question begins with `settle`.
    """

    def __init__(self, exchange: Exchange, cash_paise: int) -> None:
        self.exchange = exchange
        self.account = Account(cash_paise)
        self.orders: dict[str, Order] = {}
        self.trades: list[Trade] = []
        self.listeners: list[Listener] = []
        self.watchers: list[Watcher] = []
        self.blocked_segments: set[str] = set()
        self.floor = Floor(exchange)
        self.hours = OrderHours(exchange, self.floor)
        self._book = Book(self.floor)
        self._orders_made = self._trades_made = 0

    # --- calls -----------------------------------------------------------------------------------

    def settle(self) -> None:
        """Come up to the exchange's clock."""
        self.floor.run(self)

    def place(
        self, asked: Iterable[Terms], placed_by: str = USER_ID, reference: str = ""
    ) -> list[str]:
        """Take orders; their ids. What is refused from here on is an order that is `rejected`.

        Args:
            reference: of what placed them, else their own.
        """
        orders = [self._take(terms, placed_by, reference) for terms in asked]
        return [order.order_id for order in orders]

    def modify(self, order_id: str, changed: Callable[[Terms], Terms]) -> None:
        """Ask for other terms. Raises Refused."""
        order = self.order(order_id)
        if order.is_over:
            raise Refused(400, "UDAPI100041", "Order is cancelled, rejected or completed")
        terms = changed(order.terms)
        order.requests += 1
        if order.status in WAITING_FOR_OPEN:
            order.terms = terms
            self._become(order, Status.AFTER_MARKET_MODIFIED)
            return
        before = order.status
        self._become(order, Status.MODIFY_VALIDATION_PENDING)
        if (why := self._cannot_pay(terms, order)) is not None:
            self._become(order, Status.NOT_MODIFIED, why)
            self._become(order, before)
            return
        self._become(order, Status.MODIFY_PENDING)
        self._in_transit(partial(self._modify, order, terms))

    def cancel(self, order_id: str) -> None:
        """Ask for a cancel. Raises Refused."""
        order = self.order(order_id)
        if order.is_over:
            raise Refused(400, "UDAPI100040", "Order is cancelled, rejected or completed")
        order.requests += 1
        if order.status in WAITING_FOR_OPEN:
            self._become(order, Status.AFTER_MARKET_CANCELLED)
            return
        self._become(order, Status.CANCEL_PENDING)
        self._in_transit(partial(self._cancel, order))

    def order(self, order_id: str) -> Order:
        """Raises Refused for an id that no order has."""
        if order_id not in self.orders:
            raise Refused(400, "UDAPI100010", "Order not found")
        return self.orders[order_id]

    def drop(self, order: Order, why: Rejection) -> None:
        """Cancel an order that nobody asked to cancel."""
        self._leave_book(order)
        self._become(order, Status.CANCELLED, why)

    def working(self) -> list[Order]:
        """Orders that may still trade."""
        return [order for order in self.orders.values() if not order.is_over]

    def prices(self) -> dict[str, int]:
        """Last price by key, of everything that is held or worked, paise."""
        listings = {one.terms.listing.key: one.terms.listing for one in self.orders.values()}
        listings |= {one.listing.key: one.listing for one in self.account.positions.values()}
        return {key: self.floor.last_paise(one) for key, one in listings.items()}

    def price_and_close(self, listing: Listing) -> tuple[int, int]:
        """The last price and yesterday's close, paise."""
        close = self.exchange.tape(listing, self.floor.day).previous_close
        return self.floor.last_paise(listing), round(close * 100)

    # --- the way of an order ---------------------------------------------------------------------

    def _take(self, terms: Terms, placed_by: str, reference: str) -> Order:
        self._orders_made += 1
        day = day_text(self.floor.day)[2:].replace("-", "")
        number = f"{FIRST_ORDER + self._orders_made:09}"
        order = Order(day + number, terms, placed_by, reference or number)
        session = self.hours.session(terms.listing)
        shut = session is None or not is_entry_time(session, terms.order_type, self.floor.now_ms)
        self.orders[order.order_id] = order
        open_ms = self.hours.next_open_ms(terms.listing) if shut else None
        if terms.is_after_market and open_ms is not None:
            self._become(order, Status.AFTER_MARKET)
            self.floor.at(open_ms, partial(self._release, order))
        else:
            self._become(order, Status.RECEIVED)
            self._validate(order)
        return order

    def _release(self, order: Order) -> None:
        if not order.is_over:
            self._become(order, Status.RECEIVED)
            self._validate(order)

    def _validate(self, order: Order) -> None:
        self._become(order, Status.VALIDATION_PENDING)
        why = self._broker_rejection(order)
        if why is not None:
            self._become(order, Status.REJECTED, why)
            return
        self._become(order, Status.OPEN_PENDING)
        self._in_transit(partial(self._arrive, order))

    def _broker_rejection(self, order: Order) -> Rejection | None:
        terms = order.terms
        session = self.hours.session(terms.listing)
        if (word := self.exchange.faults.word(kinds.REJECT, self.floor.now_ms)) is not None:
            return FAULTY[word]
        if terms.listing.segment in self.blocked_segments:
            return KILLED
        if (why := broker_rejection(terms, session, self.floor.now_ms)) is not None:
            return why
        others = [one for one in self.working() if one is not order]
        is_late = session is not None and is_too_late_intraday(session, self.floor.now_ms)
        if is_late and terms.product == "I" and self.account.adding(terms, others):
            return CLOSED
        return self._cannot_pay(terms, order)

    def _cannot_pay(self, terms: Terms, order: Order) -> Rejection | None:
        others = [one for one in self.working() if one is not order]
        left = replace(terms, quantity=terms.quantity - order.filled)
        return self.account.rejection(left, others, self.prices(), USER_ID)

    def _arrive(self, order: Order) -> None:
        """At the exchange."""
        if order.is_over:
            return
        why = self._exchange_rejection(order.terms)
        if why is not None:
            self._become(order, Status.REJECTED, why)
            return
        order.exchange_order_id = f"13{int(order.order_id):014}"
        order.exchange_ms = self.floor.now_ms
        self._enter_book(order)
        self._become(order, order.standing)

    def _exchange_rejection(self, terms: Terms) -> Rejection | None:
        session = self.hours.session(terms.listing)
        if session is None or not is_entry_time(session, terms.order_type, self.floor.now_ms):
            return CLOSED
        last = self.floor.last_paise(terms.listing)
        return exchange_rejection(terms, last, self.hours.band_paise(terms.listing, session))

    def _modify(self, order: Order, terms: Terms) -> None:
        """At the exchange, which may have traded the order meanwhile."""
        if order.is_over:
            self._again(order, Status.NOT_MODIFIED)
            return
        why = self._exchange_rejection(terms)
        if terms.quantity <= order.filled:
            why = Rejection(
                f"Quantity {terms.quantity} is not more than the traded {order.filled}.",
                "16247 : Modified quantity is less than the traded quantity",
            )
        elif order.has_triggered and terms.order_type.has_trigger:
            why = Rejection("The order has been triggered.", "16115 : Order is already triggered")
        if why is not None:
            self._become(order, Status.NOT_MODIFIED, why)
        else:
            self._leave_book(order)
            order.terms = terms
            order.exchange_ms = self.floor.now_ms
            self._enter_book(order)
            self._become(order, Status.MODIFIED)
        self._become(order, order.standing)

    def _cancel(self, order: Order) -> None:
        if order.is_over:
            self._again(order, Status.NOT_CANCELLED)
        else:
            order.exchange_ms = self.floor.now_ms
            self._leave_book(order)
            self._become(order, Status.CANCELLED)

    def _again(self, order: Order, status: Status) -> None:
        """What came too late is told, and then how the order ended."""
        ended = order.trail[-1]
        self._become(order, status, Rejection("Order has ended already.", "16134 : No such order"))
        why = None if ended.message is None else Rejection(ended.message, ended.raw or "")
        self._become(order, ended.status, why)

    def _become(self, order: Order, status: Status, why: Rejection | None = None) -> None:
        self.tell(OrderTold(order, order.become(status, self.floor.now_ms, why)))

    def tell(self, told: Told) -> None:
        """Say it to everybody who listens."""
        for listener in self.listeners:
            listener(told)

    def _in_transit(self, action: Callable[[], None]) -> None:
        self.floor.at(self.floor.now_ms + TRANSIT_MS, action)

    # --- the book --------------------------------------------------------------------------------

    def _enter_book(self, order: Order) -> None:
        entry = self._book.enter(order)
        if order.terms.is_ioc:
            self.floor.at(self.floor.now_ms + IOC_LIVES_MS, partial(self._expire, order, entry))

    def _expire(self, order: Order, entry: int) -> None:
        """The end of an IOC order, unless it has been entered anew since."""
        if self._book.holds(order, entry):
            self.drop(order, UNMATCHED)

    def _leave_book(self, order: Order) -> None:
        listing = order.terms.listing
        self._book.leave(order)
        if self._book.is_empty(listing) and listing not in self._watched():
            self.floor.unwatch(listing.key)

    def traded(self, listing: Listing, tick: Tick) -> None:
        """A trade of the tape meets our orders."""
        executions, triggered = self._book.meet(listing, tick)
        for order_id in triggered:
            order = self.orders[order_id]
            order.has_triggered = True
            self._become(order, Status.OPEN)
        for execution in executions:
            order = self.orders[execution.order_id]
            if order.filled + execution.quantity == order.terms.quantity:
                more = self.exchange.faults.amount(kinds.OVERFILL, self.floor.now_ms) or 0.0
                execution = execution._replace(quantity=execution.quantity + round(more))
            self.execute(order, execution)
        for watcher in self.watchers:
            watcher.traded(listing, tick)

    def _watched(self) -> list[Listing]:
        return [listing for watcher in self.watchers for listing in watcher.watched()]

    def execute(self, order: Order, execution: Execution) -> None:
        """Book a trade, whatever the order's state."""
        terms, now_ms = order.terms, self.floor.now_ms
        self._trades_made += 1
        trade_id = f"{FIRST_ORDER + self._trades_made}"
        trade = Trade(order, trade_id, execution.quantity, execution.price_paise, now_ms)
        order.trades.append(trade)
        self.trades.append(trade)
        order.exchange_ms = now_ms
        position = self.account.take(terms, execution.quantity, execution.price_paise)
        if order.filled >= terms.quantity and not order.is_over:
            self._leave_book(order)
            self._become(order, Status.COMPLETE)
        else:
            self._become(order, order.status)
        self.tell(position)

    # --- the day ---------------------------------------------------------------------------------

    def day_began(self) -> None:
        """Yesterday's orders are gone, its result is cash; what waits for the open is kept."""
        self.orders = {one.order_id: one for one in self.working()}
        self.trades = []
        self._book.clear()
        self.account.close_day()
        for listing in self._watched():
            self.floor.watch(listing)
        for watcher in self.watchers:
            watcher.day_began()
