"""What the ledger says of the main book, as the broker's account is compared with it."""

from collections.abc import Callable

from core.book import MAIN_BOOK
from core.orders import Order
from core.ports import Ledger
from core.reconciliation import Execution, Ours, paise
from core.rules.account import equity, exposure
from core.rules.holdings import Holdings
from core.session import ist_day
from core.types import OrderId, Side
from daemon.floor import Floor
from daemon.memory.recalled import order_of
from stores.owner import Owner


class LedgerSide:
    """Reads it anew each time: orders and fills of the day from the ledger, what works and what is
    held from the engine, which the ledger holds as well.

    Args:
        now_ns: of the broker's day, whose orders and trades are all that it tells.
    """

    def __init__(
        self, floor: Floor, ledger: Ledger, owner: Owner, now_ns: Callable[[], int]
    ) -> None:
        self._floor = floor
        self._ledger = ledger
        self._owner = owner
        self._now_ns = now_ns

    async def __call__(self) -> Ours:
        """Raises StoreFailed."""
        floor, rows, today = self._floor, self._ledger.rows, ist_day(self._now_ns())
        recorded = await self._owner.run(rows, "orders", today, MAIN_BOOK)
        filled = await self._owner.run(rows, "fills", today, MAIN_BOOK)
        engine = floor.main.engine
        orders: dict[OrderId, Order] = {order.order_id: order for order in map(order_of, recorded)}
        return Ours(
            symbols=floor.symbols,
            orders=orders | engine.orders,
            fills={(str(row["order_id"]), str(row["fill_id"])): _execution(row) for row in filled},
            positions={one.instrument: one.side * one.quantity for one in engine.positions()},
            needed_paise=_needed_paise(engine.holdings),
        )


def _execution(row: dict[str, object]) -> Execution:
    return Execution(
        instrument=str(row["instrument"]),
        side=Side[str(row["side"])],
        quantity=int(str(row["quantity"])),
        price_paise=paise(float(str(row["price"]))),
    )


def _needed_paise(holdings: Holdings) -> int:
    """The margin of the largest entry that the sizing may still ask for, at our own leverage."""
    limits = holdings.limits[0]
    free = limits.leverage * limits.max_capital - exposure(holdings)
    most = min(limits.leverage * equity(holdings), free, limits.max_notional_per_order)
    return max(0, int(most / limits.leverage * 100))
