"""A market of our own making for orders: a tape written by hand, a clock that a test moves."""

from collections.abc import Sequence

import numpy as np

from core.session import at_ist
from sandbox.faults.meddling import Meddling
from sandbox.faults.schedule import Faults, fault_of
from sandbox.market.exchange import Exchange, hours
from sandbox.market.universe import SHARES, Listing
from sandbox.market.world import MS_NS, Tape
from sandbox.orders.closing_times import ClosingTimes
from sandbox.orders.desk import Desk
from sandbox.orders.matching import OrderType
from sandbox.orders.order import Order, Status, Terms
from tests.sandbox.markets import DAY, HandClock

SHARE = SHARES[0]  # tick 10 paise, takes part in the closing auction
CASH_PAISE = 1_000_000_00
NOON_MS = at_ist(DAY, "12:00") // MS_NS

Burst = tuple[int, float, int]  # milliseconds after 12:00, rupees, shares


class WrittenWorld:
    """Trades as a test writes them; nothing trades on another day or in another share."""

    def __init__(self, bursts: Sequence[Burst], previous_close: float, prints: Sequence[int]):
        times = np.array([NOON_MS + one[0] for one in bursts], np.int64)
        quantity = np.array([one[2] for one in bursts], np.int64)
        self.asked: set[str] = set()
        self._tape = Tape(
            time_ms=times,
            price=np.array([one[1] for one in bursts], np.float64),
            quantity=quantity,
            last_quantity=quantity,
            volume=np.cumsum(quantity),
            continuous=np.array([one[0] not in prints for one in bursts], np.bool_),
            previous_close=previous_close,
        )

    def tape(self, listing: Listing, day: int) -> Tape:
        self.asked.add(listing.key)
        if listing.key == SHARE.key and day == DAY:
            return self._tape
        return self._tape._replace(**{name: getattr(self._tape, name)[:0] for name in COLUMNS})


COLUMNS = ("time_ms", "price", "quantity", "last_quantity", "volume", "continuous")


def faults_of(texts: Sequence[str]) -> Faults:
    return Faults([fault_of(text) for text in texts])


class Market:
    """A desk at 12:00 of the day, and its clock."""

    def __init__(
        self,
        *bursts: Burst,
        at_ms: int = 0,
        previous_close: float = 100.0,
        prints: Sequence[int] = (),
        listed: Sequence[Listing] = SHARES,
        faults: Sequence[str] = (),
    ) -> None:
        self.clock = HandClock((NOON_MS + at_ms) * MS_NS)
        self.world = WrittenWorld(bursts, previous_close, prints)
        exchange = Exchange(listed, self.world, hours, self.clock, faults_of(faults))
        self.desk = Desk(exchange, CASH_PAISE)
        Meddling(self.desk, ClosingTimes(self.desk))

    def at(self, ms: int) -> None:
        """It is `ms` after 12:00."""
        self.clock.move((NOON_MS + ms) * MS_NS)
        self.desk.settle()

    def place(self, terms: Terms) -> Order:
        self.desk.settle()
        return self.desk.orders[self.desk.place([terms])[0]]


def terms(
    sign: int,
    quantity: int,
    kind: OrderType = OrderType.MARKET,
    *,
    price: float = 0.0,
    trigger: float = 0.0,
    product: str = "I",
    is_ioc: bool = False,
    protection: float = 0.0,
    is_after_market: bool = False,
    disclosed: int = 0,
    listing: Listing = SHARE,
) -> Terms:
    return Terms(
        listing=listing,
        sign=sign,
        quantity=quantity,
        product=product,
        order_type=kind,
        is_ioc=is_ioc,
        price_paise=round(price * 100),
        trigger_paise=round(trigger * 100),
        protection_percent=protection,
        is_after_market=is_after_market,
        disclosed_quantity=disclosed,
    )


def trades_of(order: Order) -> list[tuple[int, float, int]]:
    """Milliseconds after 12:00, rupees, shares."""
    return [(one.time_ms - NOON_MS, one.price_paise / 100, one.quantity) for one in order.trades]


def trail_of(order: Order) -> list[Status]:
    return [state.status for state in order.trail]
