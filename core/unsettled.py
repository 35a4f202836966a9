"""Orders whose outcome nobody has told: what the broker's book proves of them, as reports.

Pure. What is seen settles at once; what is not seen only after as long as a book may be old, and
only while the positions agree: its end may bring another exit order, or hide a fill.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from core.orders import TERMINAL, Order, OrderState
from core.ports import BrokerReport, OrderCall, ReportKind
from core.reconciliation import STANDS_S, Ours, Theirs, has_terms
from core.session import ist_day
from core.types import OrderId

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
    sights: Mapping[Sight, float],
    ours: Ours,
    theirs: Theirs,
    unanswered: Collection[OrderId],
    now_ns: int,
) -> list[BrokerReport]:
    """What is known by now of orders that nobody told of.

    Args:
        sights: for how many seconds each has been so.
        unanswered: calls of a process that has ended: of others the broker's module tells.
        now_ns: of a market that is open: an exit that takes the place of another could be sent.
    """
    reports = []
    for (order, seen), for_s in sights.items():
        if seen is None:
            agrees = ours.positions.get(order.instrument, 0) == theirs.net(order.instrument)
            is_past = ist_day(order.created_ns) < ist_day(now_ns)  # orders are good for a day
            if agrees and (is_past or for_s >= ABSENT_S):
                reports.append(_ended(order, now_ns, is_past=is_past))
        elif seen.state not in TERMINAL:
            reports += _worked(order, seen, for_s, order.order_id in unanswered, now_ns)
    return reports


def _ended(order: Order, now_ns: int, *, is_past: bool) -> BrokerReport:
    kind = ReportKind.REJECTED if order.state in UNTAKEN else ReportKind.CANCELLED
    reason = (
        "it was good for an earlier day"
        if is_past
        else f"the broker's book has been without it for {ABSENT_S:g} s"
    )
    return BrokerReport(kind, order.order_id, now_ns, reason)


def _worked(
    order: Order, seen: Order, for_s: float, is_unanswered: bool, now_ns: int
) -> list[BrokerReport]:
    """The order works at the broker; what of the call that changes it."""
    call, kind, reason = OrderCall.SUBMIT, ReportKind.REJECTED, "the broker's book shows no change"
    if order.state is OrderState.LOST and for_s >= ABSENT_S:
        kind, reason = ReportKind.ACKNOWLEDGED, ""
    elif order.state is OrderState.MODIFYING and is_unanswered:
        call = OrderCall.MODIFY
        if has_terms(seen, order):
            kind, reason = ReportKind.ACKNOWLEDGED, ""
        elif for_s < STANDS_S:
            return []
    elif order.state is OrderState.CANCELLING and is_unanswered and for_s >= STANDS_S:
        call = OrderCall.CANCEL
    else:
        return []
    return [BrokerReport(kind, order.order_id, now_ns, reason, call=call)]
