"""The ledger's book against the broker's: every difference, with what each side says.

Pure, in whole shares and paise. Decides what is a difference and which ones halt; never which side
is right, and nothing is changed here.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from core.orders import TERMINAL, Order, OrderRole, OrderState, OrderType
from core.types import OrderId, Side

STANDS_S = 35.0  # a difference that outlasts books which are half a minute old
ASKED = frozenset({OrderState.SUBMITTED, OrderState.MODIFYING, OrderState.CANCELLING})


class Matter(StrEnum):
    """What differs."""

    ORDER = "order"
    FILL = "fill"
    POSITION = "position"
    PROTECTION = "protection"  # a position has not exactly one exit order, of its own size
    ACCOUNT = "account"  # it may not trade what we trade
    TURNOVER = "turnover"  # bought and sold today, shares and value
    FUNDS = "funds"  # less than the next entry may need
    FOREIGN = "foreign"  # a position that is none of ours


ONLY_TOLD = frozenset({Matter.TURNOVER, Matter.FUNDS, Matter.FOREIGN})


class Difference(NamedTuple):
    """One thing on which the two sides do not agree."""

    matter: Matter
    name: str  # of the order, the fill, the instrument
    instrument: str
    ours: str
    theirs: str

    @property
    def halts(self) -> bool:
        return self.matter not in ONLY_TOLD

    @property
    def is_past(self) -> bool:
        """Nothing that anybody does can end it: who resumes, knowing of it, accepts it."""
        return self.matter is Matter.FILL

    def __str__(self) -> str:
        return f"{self.matter} {self.name}: the ledger has {self.ours}, the broker {self.theirs}"


# --- the two sides -------------------------------------------------------------------------------


class Execution(NamedTuple):
    """A fill of the ledger, or a trade of the broker's."""

    instrument: str
    side: Side
    quantity: int
    price_paise: int


Executions = Mapping[tuple[str, str], Execution]  # by order id and fill id


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What the ledger says of the book whose broker is real.

    Args:
        symbols: configured.
        orders: of the day, and those of earlier days that work.
        positions: signed shares that are not out.
        needed_paise: what an entry may still put at work, at our own leverage.
    """

    symbols: Collection[str]
    orders: Mapping[OrderId, Order]
    fills: Executions
    positions: Mapping[str, int]
    needed_paise: int = 0

    @property
    def working(self) -> list[Order]:
        return [order for order in self.orders.values() if order.state not in TERMINAL]


class Holding(NamedTuple):
    """A position row of the broker's: net shares, and today's part of both sides."""

    instrument: str
    is_intraday: bool
    quantity: int
    bought: int
    bought_paise: int
    sold: int
    sold_paise: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    """One fresh and whole reading of the broker.

    Args:
        orders: those that carry an id of ours. `trades`: theirs.
        available_paise: for new orders.
        others: signed intraday shares that working orders of other hands would still trade.
        unfit: why the account may not trade what we trade; empty if it may.
    """

    orders: Mapping[OrderId, Order]
    trades: Executions
    holdings: Sequence[Holding]
    available_paise: int
    others: Mapping[str, int] = field(default_factory=dict)
    unfit: str = ""

    def net(self, instrument: str) -> int:
        """Intraday shares, signed."""
        return sum(
            one.quantity
            for one in self.holdings
            if one.is_intraday and one.instrument == instrument
        )


def opens(order: Order, theirs: Theirs) -> str:
    """Why an exit would not close what the broker holds but open something else; empty: it closes.

    Who squares a position off cancels its stop, and an exit in its place would come second."""
    net, others = theirs.net(order.instrument), theirs.others.get(order.instrument, 0)
    if -order.side * (net + others) >= order.quantity:
        return ""
    return f"the broker has {net:+d} {order.instrument}, and orders of others for {others:+d}"


# --- what differs --------------------------------------------------------------------------------


def differences(
    ours: Ours, theirs: Theirs, moving: Collection[str] = frozenset()
) -> list[Difference]:
    """All of them, but those of the instruments that are `moving`."""
    found = [
        *_accounts(ours, theirs),
        *_orders(ours, theirs),
        *_fills(ours, theirs),
        *_positions(ours, theirs),
        *_protection(ours, theirs),
    ]
    return [one for one in found if one.instrument not in moving]


def in_flight(before: Ours, after: Ours, unanswered: Collection[OrderId]) -> set[str]:
    """Instruments of which a reading between the two says nothing: an answer is awaited, or
    something has happened meanwhile.

    Args:
        unanswered: calls of a process that has ended; nobody waits for their answers.
    """
    asked = [
        order.instrument
        for order in after.orders.values()
        if order.state in ASKED and order.order_id not in unanswered
    ]
    orders = set(before.orders.values()) ^ set(after.orders.values())
    fills = set(before.fills.items()) ^ set(after.fills.items())
    held = set(before.positions.items()) ^ set(after.positions.items())
    return {
        *asked,
        *(order.instrument for order in orders),
        *(fill.instrument for _, fill in fills),
        *(symbol for symbol, _ in held),
    }


def _accounts(ours: Ours, theirs: Theirs) -> Iterable[Difference]:
    if theirs.unfit:
        yield Difference(Matter.ACCOUNT, "account", "", "intraday orders", theirs.unfit)
    if theirs.available_paise < ours.needed_paise:
        needed, there = _rupees(ours.needed_paise), _rupees(theirs.available_paise)
        yield Difference(Matter.FUNDS, "funds", "", f"{needed} for entries", f"{there} available")
    for one in theirs.holdings:
        if one.quantity and not (one.is_intraday and one.instrument in ours.symbols):
            product = "intraday" if one.is_intraday else "delivery"
            held = f"{one.quantity:+d} {product}"
            yield Difference(Matter.FOREIGN, one.instrument, one.instrument, "none", held)


def _orders(ours: Ours, theirs: Theirs) -> Iterable[Difference]:
    for order_id, seen in theirs.orders.items():
        order = ours.orders.get(order_id)
        if order is None:
            if seen.state not in TERMINAL:  # what came of one that is over is told by its fills
                yield _of_order(seen, "none", said(seen))
        elif (order.state in TERMINAL) is not (seen.state in TERMINAL) or (
            order.state is OrderState.OPEN and not _has_terms(seen, order)
        ):
            yield _of_order(order, said(order), said(seen))
    for order in ours.working:
        if order.order_id not in theirs.orders:
            yield _of_order(order, said(order), "none")


def _has_terms(seen: Order, order: Order) -> bool:
    """Whether the broker's order is as ours. An order at the market has no price of its own, and
    the broker may show it as another type."""
    if (seen.instrument, seen.side, seen.quantity) != (
        order.instrument,
        order.side,
        order.quantity,
    ):
        return False
    if order.type is not OrderType.STOP_MARKET:
        return seen.type is not OrderType.STOP_MARKET
    return seen.type is order.type and paise(seen.price) == paise(order.price)


def _fills(ours: Ours, theirs: Theirs) -> Iterable[Difference]:
    for key in sorted({*ours.fills, *theirs.trades}):
        here, there = ours.fills.get(key), theirs.trades.get(key)
        if here != there:
            one = here or there
            assert one is not None
            name = f"{key[0]} {key[1]}"
            yield Difference(Matter.FILL, name, one.instrument, _executed(here), _executed(there))


def _positions(ours: Ours, theirs: Theirs) -> Iterable[Difference]:
    for symbol in sorted({*ours.symbols, *ours.positions}):
        here, there = ours.positions.get(symbol, 0), theirs.net(symbol)
        if here != there:
            yield Difference(Matter.POSITION, symbol, symbol, f"{here:+d}", f"{there:+d}")
        ours_today = _turnover(one for one in ours.fills.values() if one.instrument == symbol)
        theirs_today = _told_turnover(theirs, symbol)
        if ours_today != theirs_today:
            texts = _turned(ours_today), _turned(theirs_today)
            yield Difference(Matter.TURNOVER, symbol, symbol, *texts)


def _protection(ours: Ours, theirs: Theirs) -> Iterable[Difference]:
    """Where the position itself differs, that is what is said."""
    for symbol, quantity in ours.positions.items():
        if theirs.net(symbol) != quantity:
            continue
        exits = [
            order
            for order in theirs.orders.values()
            if order.instrument == symbol
            and order.role is not OrderRole.ENTRY
            and order.state not in TERMINAL
        ]
        left = [order.quantity - order.filled for order in exits]
        if left != [abs(quantity)]:
            found = ", ".join(f"{one.order_id} {said(one)}" for one in exits) or "none"
            texts = f"one exit order of {quantity:+d}", found
            yield Difference(Matter.PROTECTION, symbol, symbol, *texts)


# --- which of them stand -------------------------------------------------------------------------


class Standing:
    """Which differences were found in every reading for so long that no lag can explain them."""

    def __init__(self) -> None:
        self._since_s: dict[Difference, float] = {}

    def is_new(self, now_s: float) -> bool:
        """Whether the reading of this moment was the first to find one that halts, if it stands."""
        return any(one.halts and since_s == now_s for one, since_s in self._since_s.items())

    def read(self, found: Iterable[Difference], now_s: float) -> list[Difference]:
        """Those of a reading that stand. A position without protection does at the second one: to
        wait is worse than to halt for nothing."""
        self._since_s = {one: self._since_s.get(one, now_s) for one in found}
        return [
            one
            for one, since_s in self._since_s.items()
            if now_s - since_s >= STANDS_S or (one.matter is Matter.PROTECTION and now_s > since_s)
        ]


# --- parts ---------------------------------------------------------------------------------------


def paise(price: float) -> int:
    """Rupees of a price, a whole number of ticks."""
    return round(price * 100)


def said(order: Order) -> str:
    """An order as a person reads it."""
    price = f" {order.price:.2f}" if order.type is not OrderType.MARKET else ""
    part = f", {order.filled} filled" if order.filled else ""
    return f"{order.side.name} {order.quantity} {order.type}{price} {order.state}{part}"


def _of_order(order: Order, here: str, there: str) -> Difference:
    return Difference(Matter.ORDER, order.order_id, order.instrument, here, there)


def _executed(one: Execution | None) -> str:
    if one is None:
        return "none"
    return f"{one.side.name} {one.quantity} {one.instrument} at {_rupees(one.price_paise)}"


def _turnover(fills: Iterable[Execution]) -> tuple[int, int, int, int]:
    """Bought and sold: shares and paise of each."""
    bought = bought_paise = sold = sold_paise = 0
    for one in fills:
        if one.side is Side.BUY:
            bought += one.quantity
            bought_paise += one.quantity * one.price_paise
        else:
            sold += one.quantity
            sold_paise += one.quantity * one.price_paise
    return bought, bought_paise, sold, sold_paise


def _told_turnover(theirs: Theirs, symbol: str) -> tuple[int, int, int, int]:
    rows = [one for one in theirs.holdings if one.is_intraday and one.instrument == symbol]
    return (
        sum(one.bought for one in rows),
        sum(one.bought_paise for one in rows),
        sum(one.sold for one in rows),
        sum(one.sold_paise for one in rows),
    )


def _turned(turnover: tuple[int, int, int, int]) -> str:
    bought, bought_paise, sold, sold_paise = turnover
    return f"bought {bought} for {_rupees(bought_paise)}, sold {sold} for {_rupees(sold_paise)}"


def _rupees(amount_paise: int) -> str:
    sign = "-" if amount_paise < 0 else ""
    return f"{sign}{abs(amount_paise) // 100:,}.{abs(amount_paise) % 100:02}"
