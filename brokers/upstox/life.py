"""One order of ours as the broker tells it, in whatever order and how often: each thing said once.

Pure. A fill is a trade, by its id; the end of an order is said after the last of its trades, and
nothing is taken back: a row that comes late cannot reopen what is over.
"""

from dataclasses import dataclass, replace

from brokers.upstox.wording import CHANGING, NOT_CANCELLED, NOT_MODIFIED, OrderSeen, TradeSeen
from core.orders import TERMINAL, Order, OrderRole, OrderState, OrderType
from core.ports import BrokerReport, OrderCall, ReportKind
from core.types import OrderId, SignalId

ENDS = {OrderState.CANCELLED: ReportKind.CANCELLED, OrderState.REJECTED: ReportKind.REJECTED}


@dataclass(slots=True)
class Asked:
    """A call whose effect nobody has seen yet. `order`: what a modify asks for."""

    since_s: float
    order: Order | None = None
    said: bool = False  # that it is overdue


class OrderLife:
    """What is known of one order, and what of that has been said.

    Args:
        order: as we are about to send it; None: it was sent by a process before this one.
    """

    def __init__(self, tag: str, order: Order | None = None) -> None:
        self.tag = tag
        self.order = order
        self.seen: OrderSeen | None = None
        self.asked: dict[OrderCall, Asked] = {}
        self.is_acknowledged = False  # and that is said; `has_ended` likewise
        self.has_ended = False
        self._fills: set[str] = set()
        self._traded = 0

    @property
    def broker_id(self) -> str:
        """As a row with its tag told it."""
        return "" if self.seen is None else self.seen.broker_id

    @property
    def is_over(self) -> bool:
        return self.seen is not None and self.seen.state in TERMINAL

    @property
    def lacks_trades(self) -> bool:
        """The order has traded more than its trades say: they have to be read."""
        if self.seen is None:
            return False
        whole = self.seen.quantity if self.seen.state is OrderState.FILLED else 0
        return self._traded < max(self.seen.filled, whole)

    def heard(self, seen: OrderSeen, now_ns: int) -> list[BrokerReport]:
        """A row of the book, or an update."""
        self.asked.pop(OrderCall.SUBMIT, None)
        self.seen = self._merged(seen)
        reports = []
        if not self.is_acknowledged and self.seen.state is not OrderState.REJECTED:
            reports.append(self._report(ReportKind.ACKNOWLEDGED, now_ns))
        self.is_acknowledged = True
        return reports + self._effects(seen, now_ns) + self._end(now_ns)

    def traded(self, trade: TradeSeen, now_ns: int) -> list[BrokerReport]:
        """One of its trades, again or for the first time."""
        if trade.trade_id in self._fills:
            return []
        self._fills.add(trade.trade_id)
        self._traded += trade.quantity
        fill = replace(
            self._report(ReportKind.FILLED, now_ns),
            fill_id=trade.trade_id,
            quantity=trade.quantity,
            price=trade.price,
            exchange_ns=trade.exchange_ns,
        )
        return [fill, *self._end(now_ns)]

    def overdue(self, before_s: float, now_ns: int, said_of: str) -> list[BrokerReport]:
        """Calls made before then whose effect a fresh book does not show; each said once."""
        reports = []
        for call, asked in self.asked.items():
            if asked.since_s <= before_s and not asked.said:
                asked.said = True
                reports.append(self._report(ReportKind.LOST, now_ns, said_of, call))
        return reports

    def as_order(self, symbol: str, now_ns: int) -> Order:
        """As the broker has it. Of an order before this process only its tag tells whose it is."""
        seen = self.seen
        if seen is None:
            raise ValueError(f"order {self.tag} has not been seen")
        known = self.order or order_of(seen, symbol)
        return replace(
            known,
            type=seen.type,
            side=seen.side,
            quantity=seen.quantity,
            price=seen.price,
            state=seen.state,
            filled=seen.filled,
            updated_ns=now_ns,
        )

    # --- rules -----------------------------------------------------------------------------------

    def _merged(self, seen: OrderSeen) -> OrderSeen:
        """An end stays one, and shares that have traded stay traded."""
        before = self.seen
        if before is None:
            return seen
        filled = max(before.filled, seen.filled)
        return replace(before if before.state in TERMINAL else seen, filled=filled)

    def _effects(self, seen: OrderSeen, now_ns: int) -> list[BrokerReport]:
        """What has become of a modify or a cancel that was asked for."""
        over = f"the order is over: {self.seen.status}" if self.seen and self.is_over else ""
        reports = []
        if (asked := self.asked.get(OrderCall.MODIFY)) and asked.order is not None:
            if seen.status not in CHANGING and _has_terms(seen, asked.order):
                self.order = asked.order
                kind, reason = ReportKind.ACKNOWLEDGED, ""
            else:
                kind = ReportKind.REJECTED
                reason = (seen.reason or seen.status) if seen.status == NOT_MODIFIED else over
            if reason or kind is ReportKind.ACKNOWLEDGED:
                del self.asked[OrderCall.MODIFY]
                reports.append(self._report(kind, now_ns, reason, OrderCall.MODIFY))
        if OrderCall.CANCEL in self.asked:
            reason = (seen.reason or seen.status) if seen.status == NOT_CANCELLED else over
            if reason:
                del self.asked[OrderCall.CANCEL]
                if self.seen is None or self.seen.state is not OrderState.CANCELLED:
                    report = self._report(ReportKind.REJECTED, now_ns, reason, OrderCall.CANCEL)
                    reports.append(report)
        return reports

    def _end(self, now_ns: int) -> list[BrokerReport]:
        """Said after the last trade. FILLED has no word of its own: its trades are."""
        if self.has_ended or self.seen is None or not self.is_over or self.lacks_trades:
            return []
        self.has_ended = True
        kind = ENDS.get(self.seen.state)
        return [] if kind is None else [self._report(kind, now_ns, self.seen.reason)]

    def _report(
        self,
        kind: ReportKind,
        now_ns: int,
        reason: str = "",
        call: OrderCall = OrderCall.SUBMIT,
    ) -> BrokerReport:
        return BrokerReport(kind, self.tag, now_ns, reason, call=call)


def order_of(seen: OrderSeen, symbol: str) -> Order:
    """What a row with a tag of ours says alone: whose the order is says only its tag."""
    return Order(
        order_id=OrderId(seen.tag),
        signal_id=SignalId(seen.tag.partition("-")[0]),
        strategy="",
        instrument=symbol,
        role=OrderRole(seen.tag[-1]),
        type=seen.type,
        side=seen.side,
        quantity=seen.quantity,
        price=seen.price,
        created_ns=seen.placed_ns,
        updated_ns=seen.placed_ns,
        state=seen.state,
        filled=seen.filled,
    )


def _has_terms(seen: OrderSeen, order: Order) -> bool:
    price = 0.0 if order.type is OrderType.MARKET else order.price
    return (seen.type, seen.quantity, seen.price) == (order.type, order.quantity, price)
