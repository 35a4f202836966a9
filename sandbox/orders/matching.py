"""Our orders against the trades of the tape: when an order trades, at what price, how much of it.

A function of the tape and of the moments of arrival alone. It knows no account, no status and no
clock, and shares nothing with the rules by which the daemon trades on paper (ADR 0031).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

# What "automatic" market protection is, percent of the last price, up to a price in rupees.
AUTOMATIC = -1.0
AUTOMATIC_PERCENT = ((100_00, 2.0), (500_00, 1.0))
AUTOMATIC_PERCENT_ABOVE = 0.5


class OrderType(StrEnum):
    """The broker's four."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    SL = "SL"
    SL_M = "SL-M"

    @property
    def has_limit(self) -> bool:
        return self in (OrderType.LIMIT, OrderType.SL)

    @property
    def has_trigger(self) -> bool:
        return self in (OrderType.SL, OrderType.SL_M)


class Tick(NamedTuple):
    """A burst of the tape. `is_print`: of an auction, whose price is everybody's."""

    time_ms: int
    price_paise: int
    quantity: int
    is_print: bool = False


class Execution(NamedTuple):
    """One trade of ours."""

    order_id: str
    quantity: int
    price_paise: int


@dataclass(slots=True, kw_only=True)
class Resting:
    """An order in the book; `sign` is +1 to buy.

    `limit_paise` None: at any price. `trigger_paise` None: it never waited for one, or no longer
    does. `is_taker`: it met the other side as it came, so it trades at the tape's price and not at
    its own. `place` breaks ties: who came first. `most`: shares of one execution.
    """

    order_id: str
    sign: int
    quantity: int
    limit_paise: int | None
    trigger_paise: int | None
    protection_percent: float
    place: int
    most: int
    is_taker: bool = False

    def enter(self, last_paise: int, tick_paise: int) -> None:
        """Become active in the book when `last_paise` was the last trade."""
        self.trigger_paise = None
        if self.limit_paise is None:
            self.limit_paise = protected_paise(
                self.sign, last_paise, tick_paise, self.protection_percent
            )
        self.is_taker = self.limit_paise is None or self.sign * (self.limit_paise - last_paise) >= 0


def meet(
    orders: Iterable[Resting], tick: Tick, tick_paise: int
) -> tuple[list[Execution], list[Resting]]:
    """What one burst of the tape does to our orders: their trades, and those it triggered.

    Orders of one side share the burst's quantity, best price first, then who came first. An order
    that a trade triggers enters behind that trade, and meets the next one.
    """
    executions: list[Execution] = []
    triggered: list[Resting] = []
    left = {+1: tick.quantity, -1: tick.quantity}
    for order in sorted(orders, key=_rank):
        if order.trigger_paise is not None:
            if order.sign * (tick.price_paise - order.trigger_paise) >= 0:
                order.enter(tick.price_paise, tick_paise)
                triggered.append(order)
            continue
        price_paise = _price_paise(order, tick)
        if price_paise is None:
            order.is_taker = False
            continue
        quantity = min(order.quantity, left[order.sign], order.most)
        if quantity > 0:
            left[order.sign] -= quantity
            order.quantity -= quantity
            executions.append(Execution(order.order_id, quantity, price_paise))
    return executions, triggered


def protected_paise(
    sign: int, last_paise: int, tick_paise: int, protection_percent: float
) -> int | None:
    """The worst price at which a market order may trade, on the tick grid; None: any."""
    percent = protection_percent
    if percent == AUTOMATIC:
        slabs = (share for below, share in AUTOMATIC_PERCENT if last_paise < below)
        percent = next(slabs, AUTOMATIC_PERCENT_ABOVE)
    if percent == 0.0:
        return None
    ticks = last_paise * (1.0 + sign * percent / 100.0) / tick_paise
    return round(ticks) * tick_paise


def _rank(order: Resting) -> tuple[bool, int, int]:
    limit = order.limit_paise
    return limit is not None, 0 if limit is None else -order.sign * limit, order.place


def _price_paise(order: Resting, tick: Tick) -> int | None:
    """At what price the burst would have met the order; None: beyond its limit."""
    limit = order.limit_paise
    if limit is None:
        return tick.price_paise
    if order.sign * (limit - tick.price_paise) < 0:
        return None
    return tick.price_paise if order.is_taker or tick.is_print else limit
