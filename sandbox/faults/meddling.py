"""What happens to orders and positions that nobody at this desk asked for, as a fault.

Acts through the desk like anybody else; when is the schedule's affair.
"""

from functools import partial

from sandbox.faults import kinds
from sandbox.market.universe import Listing
from sandbox.market.world import MS_NS
from sandbox.orders.closing_times import ClosingTimes
from sandbox.orders.desk import Desk, OrderTold, Told
from sandbox.orders.matching import Execution, OrderType, Tick
from sandbox.orders.order import Order, Rejection, Status, Terms

OTHER_HAND = "SANDBX-WEB"
UNASKED = Rejection("Cancelled by the broker.", "RMS:Order cancelled by admin")


class Meddling:
    """With one desk."""

    def __init__(self, desk: Desk, closing: ClosingTimes) -> None:
        self._desk = desk
        self._closing = closing
        self._faults = desk.exchange.faults
        desk.listeners.append(self._hear)
        desk.watchers.append(self)
        self.day_began()

    def watched(self) -> list[Listing]:
        """It waits for no price."""
        return []

    def traded(self, listing: Listing, tick: Tick) -> None:
        """Nothing."""

    def day_began(self) -> None:
        """Plan what begins at a time, once the market is open."""
        desk, floor = self._desk, self._desk.floor
        shares = [one for one in desk.exchange.listed if not one.is_index]
        session = desk.hours.session(shares[0]) if shares else None
        if session is None:
            return
        opens_ms, closes_ms = session.open_ns // MS_NS, session.close_ns // MS_NS
        midnight_ms = floor.midnight_ms()
        for kind, action in (
            (kinds.BY_HAND, partial(self._buy, shares[0])),
            (kinds.SQUARE_OFF, partial(self._square_off, shares)),
        ):
            for fault in self._faults.of(kind):
                when_ms = max(midnight_ms + fault.from_ms, opens_ms)
                if floor.now_ms <= when_ms < closes_ms:
                    floor.at(when_ms, action)

    def _buy(self, listing: Listing) -> None:
        quantity = int(self._faults.amount(kinds.BY_HAND, self._desk.floor.now_ms) or 0)
        kind = OrderType.MARKET
        terms = Terms(listing=listing, sign=1, quantity=quantity, product="I", order_type=kind)
        self._desk.place([terms], OTHER_HAND)

    def _square_off(self, shares: list[Listing]) -> None:
        for listing in shares:
            self._closing.square_off(listing)

    def _hear(self, told: Told) -> None:
        if not isinstance(told, OrderTold):
            return
        floor, order = self._desk.floor, told.order
        cancel_s = self._faults.amount(kinds.CANCEL_UNASKED, floor.now_ms)
        if cancel_s is not None and told.state.status in (Status.OPEN, Status.TRIGGER_PENDING):
            floor.at(floor.now_ms + round(cancel_s * 1_000), partial(self._cancel, order))
        trade_s = self._faults.amount(kinds.FILL_CANCELLED, floor.now_ms)
        left = order.terms.quantity - order.filled
        if trade_s is not None and told.state.status is Status.CANCELLED and left:
            floor.at(floor.now_ms + round(trade_s * 1_000), partial(self._trade, order, left))

    def _cancel(self, order: Order) -> None:
        if not order.is_over:
            self._desk.drop(order, UNASKED)

    def _trade(self, order: Order, quantity: int) -> None:
        if order.filled < order.terms.quantity:
            price = self._desk.floor.last_paise(order.terms.listing)
            self._desk.execute(order, Execution(order.order_id, quantity, price))
