"""How long a position has stood without the one exit order that it must have.

Pure. Only an order that the broker has said it has, and of just what is held, counts: one that was
asked for and not answered protects nobody who can prove it. Never asks for an order: that is the
engine's affair.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.orders import Order, OrderRole, OrderState
from core.rules.holdings import OPEN, PENDING_EXIT
from core.types import Records

UNPROTECTED_S = 3.0  # of the five that are allowed: what is told has to be taken as well


class Unprotected(NamedTuple):
    """A position that has stood so for too long. `name`: of its exit order, if one is asked for."""

    instrument: str
    shares: int  # signed
    name: str

    def __str__(self) -> str:
        return (
            f"{self.instrument} {self.shares:+d} has been without a working exit order of its size"
            f" for {UNPROTECTED_S:g} s"
        )


class Exposure:
    """Of the positions of one book, look by look."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._symbols = tuple(symbols)
        self._since_s: dict[str, float] = {}

    def look(self, positions: Records, orders: Iterable[Order], now_s: float) -> list[Unprotected]:
        """Those that have stood too long; each is said again after as long again.

        Args:
            orders: that work or are asked for.
        """
        exits = {one.instrument: one for one in orders if one.role is not OrderRole.ENTRY}
        since_s, said = self._since_s, []
        self._since_s = {}
        for symbol, row in zip(self._symbols, positions, strict=True):
            held, order = int(row["quantity"] - row["exited"]), exits.get(symbol)
            if row["status"] not in (OPEN, PENDING_EXIT) or held == 0 or _covers(order, held):
                continue
            since = self._since_s[symbol] = since_s.get(symbol, now_s)
            if now_s - since >= UNPROTECTED_S:
                self._since_s[symbol] = now_s
                name = symbol if order is None else order.order_id
                said.append(Unprotected(symbol, int(row["side"]) * held, name))
        return said


def _covers(order: Order | None, held: int) -> bool:
    return (
        order is not None
        and order.state is OrderState.OPEN
        and order.quantity - order.filled == held
    )
