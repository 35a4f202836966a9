"""The exchange's order book as far as we are in it: which of our orders rest where.

Keeps them and lets the tape meet them; what an execution means is the desk's affair.
"""

from sandbox.faults import kinds
from sandbox.market.universe import Listing
from sandbox.orders.floor import Floor
from sandbox.orders.matching import Execution, Resting, Tick, meet
from sandbox.orders.order import Order, Status


class Book:
    """Resting orders by instrument; a watched instrument is one that the tape is read of."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._resting: dict[str, list[Resting]] = {}
        self._entries = 0

    def enter(self, order: Order) -> int:
        """Put an order at the end of the queue; a number by which to know this entry again."""
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
            most=-(-terms.quantity // self._parts()),
        )
        if not waits:
            resting.enter(self._floor.last_paise(terms.listing), terms.listing.tick_paise)
        self._resting.setdefault(terms.listing.key, []).append(resting)
        self._floor.watch(terms.listing)
        return self._entries

    def leave(self, order: Order) -> None:
        """Take an order out, if it is in."""
        key = order.terms.listing.key
        left = [one for one in self._resting.get(key, ()) if one.order_id != order.order_id]
        self._resting[key] = left

    def holds(self, order: Order, entry: int) -> bool:
        """Whether the order still rests as it was entered then."""
        resting = self._resting.get(order.terms.listing.key, ())
        return any(one.order_id == order.order_id and one.place == entry for one in resting)

    def is_empty(self, listing: Listing) -> bool:
        return not self._resting.get(listing.key)

    def meet(self, listing: Listing, tick: Tick) -> tuple[list[Execution], list[str]]:
        """Executions of a trade of the tape, and the ids of the orders that it triggered."""
        resting = self._resting.get(listing.key, [])
        executions, triggered = meet(resting, tick, listing.tick_paise)
        return executions, [one.order_id for one in triggered]

    def _parts(self) -> int:
        parts = self._floor.exchange.faults.amount(kinds.PARTIAL, self._floor.now_ms)
        return round(parts or 1.0)

    def clear(self) -> None:
        self._resting = {}
