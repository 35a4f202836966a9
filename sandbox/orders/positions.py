"""What one account holds: net positions from its trades, margin, and whether an order can be paid.

Exact in paise. Profits of the day cannot be spent before they are settled, losses are gone at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sandbox.market.universe import Listing
from sandbox.orders.order import Order, Rejection, Terms

MARGIN_PERCENT = {"I": 20, "D": 100}  # five times the money for intraday


@dataclass(slots=True)
class Position:
    """One instrument and product; quantities and values of both sides, over night and today."""

    listing: Listing
    product: str
    carried: int = 0  # net, from an earlier day
    carried_paise: int = 0  # its value, signed as the quantity
    bought: int = 0
    bought_paise: int = 0
    sold: int = 0
    sold_paise: int = 0

    @property
    def net(self) -> int:
        return self.carried + self.bought - self.sold

    @property
    def buys(self) -> tuple[int, int]:
        """Shares and paise, what was carried in included."""
        carried = max(self.carried, 0)
        return self.bought + carried, self.bought_paise + max(self.carried_paise, 0)

    @property
    def sells(self) -> tuple[int, int]:
        carried = max(-self.carried, 0)
        return self.sold + carried, self.sold_paise + max(-self.carried_paise, 0)

    @property
    def average_paise(self) -> float:
        """Of the side that is open; 0 when flat."""
        quantity, value = self.buys if self.net > 0 else self.sells
        return value / quantity if self.net else 0.0

    @property
    def realised_paise(self) -> int:
        (bought, paid), (sold, got) = self.buys, self.sells
        closed = min(bought, sold)
        return round(got * closed / sold - paid * closed / bought) if closed else 0

    def take(self, sign: int, quantity: int, price_paise: int) -> None:
        if sign > 0:
            self.bought += quantity
            self.bought_paise += quantity * price_paise
        else:
            self.sold += quantity
            self.sold_paise += quantity * price_paise


@dataclass(slots=True)
class Account:
    """Cash at the start of the day, and the day's positions by key and product."""

    cash_paise: int
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)

    def take(self, terms: Terms, quantity: int, price_paise: int) -> Position:
        """Book one trade."""
        place = (terms.listing.key, terms.product)
        position = self.positions.setdefault(place, Position(terms.listing, terms.product))
        position.take(terms.sign, quantity, price_paise)
        return position

    def net(self, key: str, product: str) -> int:
        position = self.positions.get((key, product))
        return 0 if position is None else position.net

    @property
    def is_flat(self) -> bool:
        return not any(one.net for one in self.positions.values())

    @property
    def realised_paise(self) -> int:
        return sum(one.realised_paise for one in self.positions.values())

    def used_paise(self, orders: Iterable[Order], prices: dict[str, int]) -> int:
        """Margin of positions and of orders that would add to one."""
        used = sum(
            round(abs(one.net) * one.average_paise) * MARGIN_PERCENT[one.product] // 100
            for one in self.positions.values()
        )
        working: dict[tuple[str, str, int], list[Order]] = {}
        for order in orders:
            if order.pending:
                terms = order.terms
                side = (terms.listing.key, terms.product, terms.sign)
                working.setdefault(side, []).append(order)
        for (key, product, sign), group in working.items():
            closing = max(0, -sign * self.net(key, product))
            for order in group:
                adding = max(0, order.pending - closing)
                closing = max(0, closing - order.pending)
                used += margin_paise(order.terms, adding, prices[key])
        return used

    def available_paise(self, orders: Iterable[Order], prices: dict[str, int]) -> int:
        return self.cash_paise + min(0, self.realised_paise) - self.used_paise(orders, prices)

    def adding(self, terms: Terms, orders: Iterable[Order]) -> int:
        """Shares of an order, which is not among `orders`, that would not close anything."""
        place = (terms.listing.key, terms.product)
        waiting = sum(
            one.pending
            for one in orders
            if (one.terms.listing.key, one.terms.product) == place and one.terms.sign == terms.sign
        )
        closing = max(0, -terms.sign * self.net(*place) - waiting)
        return max(0, terms.quantity - closing)

    def rejection(
        self, terms: Terms, orders: list[Order], prices: dict[str, int], user: str
    ) -> Rejection | None:
        """Whether the order, which is not among `orders`, can be paid."""
        adding = self.adding(terms, orders)
        if adding and terms.product == "D" and terms.sign < 0:
            return Rejection(
                f"You do not hold {terms.quantity} shares of {terms.listing.symbol}.",
                f"RMS:Rule: Check holdings including BTST, required:{terms.quantity}",
            )
        needed = margin_paise(terms, adding, prices[terms.listing.key])
        free = self.available_paise(orders, prices)
        return None if needed <= free else short_of_funds(needed, free, user)

    def close_day(self) -> None:
        """Settle: what is flat becomes cash, the rest is carried."""
        carried = {}
        for place, one in self.positions.items():
            self.cash_paise += one.realised_paise
            if one.net:
                value = round(one.net * one.average_paise)
                carried[place] = Position(one.listing, one.product, one.net, value)
        self.positions = carried


def margin_paise(terms: Terms, quantity: int, last_paise: int) -> int:
    """What the broker keeps for `quantity` shares."""
    price = terms.price_paise or max(terms.trigger_paise, last_paise)
    return quantity * price * MARGIN_PERCENT.get(terms.product, 100) // 100


def short_of_funds(needed_paise: int, free_paise: int, user: str) -> Rejection:
    """In the broker's wording (its page of the order book)."""
    needed, free = needed_paise / 100, free_paise / 100
    return Rejection(
        f"You need to add Rs. {needed - free:.2f} in your account to place this trade.",
        f"RMS:Margin Exceeds,Required:{needed:.2f}, Available:{free:.2f} for entity "
        f"account-{user} across exchange across segment across product ",
    )
