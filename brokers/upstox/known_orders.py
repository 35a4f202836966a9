"""The orders of the day by tag: which are ours, which the broker has, which nobody has seen.

Pure. What carries no tag of ours, or a tag that another order has, is a stranger: named once, and
never touched.
"""

from collections.abc import Iterable, Mapping

from brokers.upstox.life import Asked, OrderLife
from brokers.upstox.wording import OUR_TAG, SIDES, OrderSeen, TradeSeen
from core.orders import Order
from core.ports import BrokerReport, OrderCall, ReportKind

ABSENT_AFTER_S = 90.0  # books that are half a minute old have been seen
UNTOLD_S = 3.0  # shares that traded and that no trade tells of cannot be protected


class KnownOrders:
    """What the broker told of the day's orders.

    Args:
        symbols: of the instruments, by the broker's keys.
    """

    def __init__(self, symbols: Mapping[str, str]) -> None:
        self._symbols = symbols
        self._lives: dict[str, OrderLife] = {}  # by tag
        self._tags: dict[str, str] = {}  # by the broker's id, as rows told them
        self._strangers: set[str] = set()
        self._untold_since_s: dict[str, float] = {}  # by tag

    def begin(self, order: Order, now_s: float) -> OrderLife | None:
        """About to be sent; None: its id was taken before."""
        tag = str(order.order_id)
        if tag in self._lives:
            return None
        life = self._lives[tag] = OrderLife(tag, order)
        life.asked[OrderCall.SUBMIT] = Asked(now_s)
        return life

    def forget(self, life: OrderLife) -> None:
        """It was never taken: there is no order under its tag, and there may be one later."""
        del self._lives[life.tag]

    def life(self, tag: str) -> OrderLife | None:
        return self._lives.get(tag)

    def is_news(self, seen: OrderSeen) -> bool:
        """Whether a row of one of ours says what nobody has said yet."""
        life = self._lives.get(seen.tag)
        if life is None or life.is_over:
            return False
        before = life.seen
        return before is None or (before.status, before.filled) != (seen.status, seen.filled)

    def heard(self, seen: OrderSeen, now_ns: int) -> list[BrokerReport]:
        """A row of the book or an update, again or for the first time."""
        if not OUR_TAG.fullmatch(seen.tag):
            return self._stranger(seen, now_ns, f"tag {seen.tag or 'none'}")
        life = self._lives.setdefault(seen.tag, OrderLife(seen.tag))
        if life.seen is not None and life.seen.broker_id != seen.broker_id:
            return self._stranger(seen, now_ns, f"tag {seen.tag} is that of {life.seen.broker_id}")
        self._tags[seen.broker_id] = seen.tag
        return life.heard(seen, now_ns)

    def traded(self, trades: Iterable[TradeSeen], now_ns: int) -> list[BrokerReport]:
        """The day's trades; those of orders that are not ours are passed over."""
        reports = []
        for trade in trades:
            if (tag := self._tags.get(trade.broker_id)) is not None:
                reports += self._lives[tag].traded(trade, now_ns)
        return reports

    def overdue(self, now_s: float, now_ns: int) -> list[BrokerReport]:
        """Of a book that was read fresh and whole: what it ought to show by now and does not."""
        said = f"the order book does not show it after {ABSENT_AFTER_S:g} s"
        return [
            report
            for life in self._lives.values()
            for report in life.overdue(now_s - ABSENT_AFTER_S, now_ns, said)
        ]

    def untold(self, now_s: float, now_ns: int) -> list[BrokerReport]:
        """Orders that have traded more than their trades say, for too long; each said once."""
        before = self._untold_since_s
        lacking = [life for life in self._lives.values() if life.lacks_trades]
        self._untold_since_s = {one.tag: before.get(one.tag, now_s) for one in lacking}
        reports = []
        for life in lacking:
            if now_s - self._untold_since_s[life.tag] >= UNTOLD_S:
                self._untold_since_s[life.tag] = float("inf")
                said = f"the order has traded, its trades have not been told for {UNTOLD_S:g} s"
                reports.append(BrokerReport(ReportKind.DIFFERENCE, life.tag, now_ns, said))
        return reports

    def orders(self, broker_ids: Iterable[str], now_ns: int) -> list[Order]:
        """Ours among the orders of a book."""
        lives = [self._lives[self._tags[one]] for one in broker_ids if one in self._tags]
        return [life.as_order(self._symbol(life), now_ns) for life in lives]

    @property
    def lack_trades(self) -> bool:
        return any(life.lacks_trades for life in self._lives.values())

    def _symbol(self, life: OrderLife) -> str:
        key = "" if life.seen is None else life.seen.key
        return self._symbols.get(key, key)

    def _stranger(self, seen: OrderSeen, now_ns: int, why: str) -> list[BrokerReport]:
        if seen.broker_id in self._strangers:
            return []
        self._strangers.add(seen.broker_id)
        name = self._symbols.get(seen.key, seen.key)
        what = f"{SIDES[seen.side]} {seen.quantity} {name}, {seen.status}, {why}"
        return [BrokerReport(ReportKind.STRANGER, seen.broker_id, now_ns, what)]
