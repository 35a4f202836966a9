"""What the hours of a day do to orders unasked: the broker's square-off, the exchange's purge.

Times are those of the session table; nobody is asked, so a client learns of it from the stream or
from the book.
"""

from functools import partial

from sandbox.market.universe import Listing
from sandbox.market.world import MS_NS
from sandbox.orders.desk import Desk
from sandbox.orders.matching import OrderType, Tick
from sandbox.orders.order import WAITING_FOR_OPEN, Order, Rejection, Terms

BROKER = "RMS"  # who places a square-off
SQUARED_OFF = Rejection("Cancelled for the intraday square-off.", "RMS:Intraday square off")
PURGED = Rejection(
    "Cancelled by the exchange at the end of continuous trading.",
    "Order cancelled by the exchange: end of continuous session",
)


class ClosingTimes:
    """Those of one desk, from the day on which it stands."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        desk.watchers.append(self)
        self.day_began()

    def watched(self) -> list[Listing]:
        """Closing times wait for no price."""
        return []

    def traded(self, listing: Listing, tick: Tick) -> None:
        """Nothing."""

    def day_began(self) -> None:
        """Plan the day that the floor stands on."""
        floor, hours = self._desk.floor, self._desk.hours
        for listing in self._desk.exchange.listed:
            session = hours.session(listing)
            if session is None or listing.is_index:
                continue
            planned = [
                (hours.square_off_ms(session), self.square_off),
                (session.close_ns // MS_NS, self._purge),
                *((end_ms, self._purge_all) for end_ms in hours.auction_ends_ms(session)),
            ]
            for when_ms, action in planned:
                if when_ms >= floor.now_ms:
                    floor.at(when_ms, partial(action, listing))

    def square_off(self, listing: Listing) -> None:
        """The broker closes intraday positions, and cancels what works on them."""
        for order in self._of(listing):
            if order.terms.product == "I":
                self._desk.drop(order, SQUARED_OFF)
        net = self._desk.account.net(listing.key, "I")
        if net:
            sign, kind = (-1 if net > 0 else 1), OrderType.MARKET
            terms = Terms(
                listing=listing, sign=sign, quantity=abs(net), product="I", order_type=kind
            )
            self._desk.place([terms], BROKER)

    def _purge(self, listing: Listing) -> None:
        """The end of continuous trading: what may wait for a closing auction stays."""
        orders = self._of(listing)
        if not orders:
            return  # a band needs the tape, which is not made for nothing
        hours = self._desk.hours
        session = hours.session(listing)
        low = high = 0
        if session is not None and hours.auction_ends_ms(session):
            low, high = hours.auction_band_paise(listing, session)
        for order in orders:
            terms = order.terms
            waits = terms.order_type is OrderType.LIMIT and not terms.disclosed_quantity
            if not (waits and low <= terms.price_paise <= high):
                self._desk.drop(order, PURGED)

    def _purge_all(self, listing: Listing) -> None:
        for order in self._of(listing):
            self._desk.drop(order, PURGED)

    def _of(self, listing: Listing) -> list[Order]:
        return [
            order
            for order in self._desk.working()
            if order.terms.listing is listing and order.status not in WAITING_FOR_OPEN
        ]
