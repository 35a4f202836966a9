"""The paper broker: takes every order once and says so; fills come from the simulated exchange.

It is asked only after the ledger has the order's intent, so its answer is never ahead of the disk.
"""

from collections.abc import AsyncIterator, Callable, Sequence

from core.orders import Order
from core.ports import BrokerReport, ReportKind


class PaperBroker:
    """Acknowledges at once; a second order of the same id is rejected, never taken twice.

    Args:
        now_ns: the time put on its answers.
    """

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._orders: dict[str, Order] = {}

    async def submit(self, order: Order) -> BrokerReport:
        if order.order_id in self._orders:
            reason = f"order id {order.order_id} was taken before"
            return BrokerReport(ReportKind.REJECTED, order.order_id, self._now_ns(), reason)
        self._orders[order.order_id] = order
        return BrokerReport(ReportKind.ACKNOWLEDGED, order.order_id, self._now_ns())

    async def modify(self, order: Order) -> BrokerReport:
        if order.order_id not in self._orders:
            return self._unknown(order.order_id)
        self._orders[order.order_id] = order
        return BrokerReport(ReportKind.ACKNOWLEDGED, order.order_id, self._now_ns())

    async def cancel(self, order_id: str) -> BrokerReport:
        if order_id not in self._orders:
            return self._unknown(order_id)
        return BrokerReport(ReportKind.CANCELLED, order_id, self._now_ns())

    async def book(self) -> Sequence[Order]:
        return list(self._orders.values())

    async def reports(self) -> AsyncIterator[BrokerReport]:
        """None of its own: the simulated exchange reports inside the Minute."""
        nothing: tuple[BrokerReport, ...] = ()
        for report in nothing:
            yield report

    def _unknown(self, order_id: str) -> BrokerReport:
        reason = f"order id {order_id} is not known"
        return BrokerReport(ReportKind.REJECTED, order_id, self._now_ns(), reason)
