"""The order desk: takes orders, carries them to the book and through their statuses, books trades.

Decides what becomes of an order and when, in market time; what it may ask for is read elsewhere,
what is refused is in `entry_rules.py`, how it trades in `matching.py`.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from core.session import day_text
from sandbox.accounts import USER
from sandbox.answers import Refused
from sandbox.entry_rules import (
    CLOSED,
    broker_rejection,
    exchange_rejection,
    is_entry_time,
    is_too_late_intraday,
)
from sandbox.exchange import Exchange
from sandbox.floor import Floor
from sandbox.matching import Execution, OrderType, Resting, Tick, meet
from sandbox.order_hours import OrderHours
from sandbox.orders import WAITING_FOR_OPEN, Order, Rejection, State, Status, Terms, Trade
from sandbox.positions import Account, Position
from sandbox.universe import Listing
from sandbox.world import MS_NS, SLOT_MS

TRANSIT_MS = 20  # from the broker to the exchange's book
IOC_LIVES_MS = SLOT_MS  # what trades at once is what trades in the slot that follows
FIRST_ORDER = 25_000_000
USER_ID = str(USER["user_id"])
BROKER = "RMS"  # who places a square-off

SQUARED_OFF = Rejection("Cancelled for the intraday square-off.", "RMS:Intraday square off")
UNMATCHED = Rejection("IOC order was not matched.", "16388 : Unmatched IOC order is cancelled")
PURGED = Rejection(
    "Cancelled by the exchange at the end of continuous trading.",
    "Order cancelled by the exchange: end of continuous session",
)
KILLED = Rejection("Segment is disabled by the kill switch.", "RMS:Blocked by user kill switch")


class OrderTold(NamedTuple):
    """A new state of an order."""

    order: Order
    state: State


Told = OrderTold | Position
Listener = Callable[[Told], None]


class Desk:
    """One user's orders, trades and positions.

    `listeners` hear of every state in order. Every question begins with `settle`.
    """

    def __init__(self, exchange: Exchange, cash_paise: int) -> None:
        self.exchange = exchange
        self.account = Account(cash_paise)
        self.orders: dict[str, Order] = {}
        self.trades: list[Trade] = []
        self.listeners: set[Listener] = set()
        self.blocked_segments: set[str] = set()
        self.floor = Floor(exchange)
        self._hours = OrderHours(exchange, self.floor)
        self._books: dict[str, list[Resting]] = {}
        self._orders_made = self._trades_made = self._entries = 0
        self._begin_day()

    # --- calls -----------------------------------------------------------------------------------

    def settle(self) -> None:
        """Come up to the exchange's clock."""
        self.floor.run(self)

    def place(self, asked: Iterable[Terms], placed_by: str = USER_ID) -> list[str]:
        """Take orders; their ids. What is refused from here on is an order that is `rejected`."""
        orders = [self._take(terms, placed_by) for terms in asked]
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
        self._become(order, Status.MODIFY_VALIDATION_PENDING)
        if (why := self._cannot_pay(replace(terms, is_after_market=False), order)) is not None:
            self._become(order, Status.NOT_MODIFIED, why)
            self._become(order, order.standing)
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

    # --- the way of an order -----------------------------------------------------------------

    def _take(self, terms: Terms, placed_by: str) -> Order:
        self._orders_made += 1
        day = day_text(self.floor.day)[2:].replace("-", "")
        order = Order(f"{day}{FIRST_ORDER + self._orders_made:09}", terms, placed_by)
        session = self._hours.session(terms.listing)
        shut = session is None or not is_entry_time(session, terms.order_type, self.floor.now_ms)
        self.orders[order.order_id] = order
        open_ms = self._hours.next_open_ms(terms.listing) if shut else None
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
        session = self._hours.session(terms.listing)
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
        session = self._hours.session(terms.listing)
        if session is None or not is_entry_time(session, terms.order_type, self.floor.now_ms):
            return CLOSED
        last = self.floor.last_paise(terms.listing)
        return exchange_rejection(terms, last, self._hours.band_paise(terms.listing, session))

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
        self._tell(OrderTold(order, order.become(status, self.floor.now_ms, why)))

    def _tell(self, told: Told) -> None:
        for listener in self.listeners:
            listener(told)

    def _in_transit(self, action: Callable[[], None]) -> None:
        self.floor.at(self.floor.now_ms + TRANSIT_MS, action)

    # --- the book --------------------------------------------------------------------------------

    def _enter_book(self, order: Order) -> None:
        terms, self._entries = order.terms, self._entries + 1
        waits = order.standing is Status.TRIGGER_PENDING
        resting = Resting(
            order_id=order.order_id,
            sign=terms.sign,
            quantity=terms.quantity - order.filled,
            limit_paise=terms.price_paise if terms.order_type.has_limit else None,
            trigger_paise=terms.trigger_paise if waits else None,
            protection_percent=terms.protection_percent,
            place=self._entries,
        )
        if not waits:
            resting.enter(self.floor.last_paise(terms.listing), terms.listing.tick_paise)
        self._books.setdefault(terms.listing.key, []).append(resting)
        self.floor.watch(terms.listing)
        if terms.is_ioc:
            entry = self._entries
            self.floor.at(self.floor.now_ms + IOC_LIVES_MS, partial(self._expire, order, entry))

    def _expire(self, order: Order, entry: int) -> None:
        """The end of an IOC order, unless it has been entered anew since."""
        book = self._books.get(order.terms.listing.key, ())
        if any(one.order_id == order.order_id and one.place == entry for one in book):
            self.drop(order, UNMATCHED)

    def _leave_book(self, order: Order) -> None:
        key = order.terms.listing.key
        book = [one for one in self._books.get(key, ()) if one.order_id != order.order_id]
        self._books[key] = book
        if not book:
            self.floor.unwatch(key)

    def traded(self, listing: Listing, tick: Tick) -> None:
        """A trade of the tape meets our orders."""
        book = self._books.get(listing.key, [])
        executions, triggered = meet(book, tick, listing.tick_paise)
        for resting in triggered:
            order = self.orders[resting.order_id]
            order.has_triggered = True
            self._become(order, Status.OPEN)
        for execution in executions:
            self._execute(self.orders[execution.order_id], execution)

    def _execute(self, order: Order, execution: Execution) -> None:
        terms, now_ms = order.terms, self.floor.now_ms
        self._trades_made += 1
        trade_id = f"{FIRST_ORDER + self._trades_made}"
        trade = Trade(order, trade_id, execution.quantity, execution.price_paise, now_ms)
        order.trades.append(trade)
        self.trades.append(trade)
        order.exchange_ms = now_ms
        position = self.account.take(terms, execution.quantity, execution.price_paise)
        if order.filled == terms.quantity:
            self._leave_book(order)
            self._become(order, Status.COMPLETE)
        else:
            self._become(order, order.status)
        self._tell(position)

    # --- the day ---------------------------------------------------------------------------------

    def day_began(self) -> None:
        """Yesterday's orders are gone, its result is cash; what waits for the open is kept."""
        self.orders = {one.order_id: one for one in self.working()}
        self.trades = []
        self._books = {}
        self.account.close_day()
        self._begin_day()

    def _begin_day(self) -> None:
        """What the hours of the day will do to orders."""
        floor = self.floor
        for listing in self.exchange.listed:
            session = self._hours.session(listing)
            if session is None or listing.is_index:
                continue
            planned = [
                (self._hours.square_off_ms(session), self._square_off),
                (session.close_ns // MS_NS, self._purge),
                *((end_ms, self._purge_all) for end_ms in self._hours.auction_ends_ms(session)),
            ]
            for when_ms, action in planned:
                if when_ms >= floor.now_ms:
                    floor.at(when_ms, partial(action, listing))

    def _square_off(self, listing: Listing) -> None:
        """The broker closes intraday positions, and cancels what works on them."""
        for order in self._of(listing):
            if order.terms.product == "I":
                self.drop(order, SQUARED_OFF)
        net = self.account.net(listing.key, "I")
        if net:
            sign, kind = (-1 if net > 0 else 1), OrderType.MARKET
            terms = Terms(
                listing=listing, sign=sign, quantity=abs(net), product="I", order_type=kind
            )
            self.place([terms], BROKER)

    def _purge(self, listing: Listing) -> None:
        """The end of continuous trading: what may wait for a closing auction stays."""
        session = self._hours.session(listing)
        low = high = 0
        if session is not None and self._hours.auction_ends_ms(session):
            low, high = self._hours.auction_band_paise(listing, session)
        for order in self._of(listing):
            terms = order.terms
            waits = terms.order_type is OrderType.LIMIT and not terms.disclosed_quantity
            if not (waits and low <= terms.price_paise <= high):
                self.drop(order, PURGED)

    def _purge_all(self, listing: Listing) -> None:
        for order in self._of(listing):
            self.drop(order, PURGED)

    def _of(self, listing: Listing) -> list[Order]:
        return [
            order
            for order in self.working()
            if order.terms.listing is listing and order.status not in WAITING_FOR_OPEN
        ]
