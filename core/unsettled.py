"""Orders whose outcome nobody has told: what the broker's book proves of them, as reports.

Pure. Nothing is proven before it has been seen so for as long as a call is looked for, and no end
while the positions differ: it may bring another exit order, or hide a fill.
"""

from collections.abc import Mapping
from typing import NamedTuple

from core.orders import TERMINAL, Order, OrderState
from core.ports import BrokerReport, ReportKind
from core.reconciliation import Ours, Theirs
from core.session import ist_day

ABSENT_S = 90.0  # as long as the broker's module looks for a call of its own (ADR 0032)
UNTAKEN = frozenset({OrderState.SUBMITTED, OrderState.LOST})


class Sight(NamedTuple):
    """An order of ours that works, and how the broker's book shows it; None: not at all."""

    order: Order
    seen: Order | None


class Sights:
    """How long each order has been seen just so, in every reading."""

    def __init__(self) -> None:
        self._since_s: dict[Sight, float] = {}

    def read(self, ours: Ours, theirs: Theirs, now_s: float) -> dict[Sight, float]:
        """Seconds of each sight of this reading."""
        sights = [Sight(order, theirs.orders.get(order.order_id)) for order in ours.working]
        self._since_s = {one: self._since_s.get(one, now_s) for one in sights}
        return {one: now_s - since_s for one, since_s in self._since_s.items()}


def proven(
    sights: Mapping[Sight, float], ours: Ours, theirs: Theirs, now_ns: int
) -> list[BrokerReport]:
    """What is known by now of orders that nobody told of.

    Args:
        sights: for how many seconds each has been so.
        now_ns: of a market that is open: an exit that takes the place of another could be sent.
    """
    reports = []
    for (order, seen), for_s in sights.items():
        if seen is None:
            agrees = ours.positions.get(order.instrument, 0) == theirs.net(order.instrument)
            is_past = ist_day(order.created_ns) < ist_day(now_ns)  # orders are good for a day
            if agrees and (is_past or for_s >= ABSENT_S):
                reports.append(_ended(order, now_ns, is_past=is_past))
        elif order.state is OrderState.LOST and seen.state not in TERMINAL and for_s >= ABSENT_S:
            reports.append(BrokerReport(ReportKind.ACKNOWLEDGED, order.order_id, now_ns))
    return reports


def _ended(order: Order, now_ns: int, *, is_past: bool) -> BrokerReport:
    kind = ReportKind.REJECTED if order.state in UNTAKEN else ReportKind.CANCELLED
    reason = (
        "it was good for an earlier day"
        if is_past
        else f"the broker's book has been without it for {ABSENT_S:g} s"
    )
    return BrokerReport(kind, order.order_id, now_ns, reason)
