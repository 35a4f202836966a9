"""A book whose fills are told, Minute by Minute, beside a broker that says what a test wants."""

from collections.abc import Iterable, Mapping

from core.bars import Resampler
from core.book import Book
from core.engine import StrategyNames
from core.events import (
    Cancel,
    Effect,
    Event,
    FillBooked,
    Modify,
    OrderReported,
    Released,
    Submit,
    TargetTouched,
    TradeClosed,
    Tripped,
)
from core.orders import Order
from core.ports import BrokerReport, OrderCall, ReportKind
from core.rules.brakes import trading_state
from core.session import MINUTE_NS
from core.told_engine import ToldEngine
from core.types import Refusal, Row, Trade, TradingState, minute_of
from tests.market import (
    BUY,
    CASH,
    FIVE_MINUTES_NS,
    BarTuple,
    Events,
    Scripted,
    at,
    flat,
    groups_of,
    holdings_of,
    rules_on,
    span_of,
)

RULES = rules_on("2026-07-22")
K = ReportKind
TAKEN, NOT_TAKEN = ReportKind.ACKNOWLEDGED, ReportKind.REJECTED
MODIFY, CANCEL = OrderCall.MODIFY, OrderCall.CANCEL


class Told:
    """Instrument A, entered at 09:20: 250 shares, stop and target 2 and 4 rupees away.

    `others`: beside it, entered whenever `entries` says so; `limits`: of the account.
    """

    def __init__(
        self,
        bars: Iterable[BarTuple] = (),
        *,
        side: int = BUY,
        terms: Mapping[str, float] | None = None,
        clock: str = "09:15",
        others: int = 0,
        entries: Events | None = None,
        limits: Mapping[str, float] | None = None,
    ) -> None:
        symbols, classes = list("ABC"[: others + 1]), [CASH] * (others + 1)
        self.engine = ToldEngine(
            scope="test",
            symbols=symbols,
            strategies=[StrategyNames("scripted", ("FIRST",), 500.0)],
            holdings=holdings_of(
                classes, limits={"fills_are_told": True} | dict(limits or {}), terms=terms
            ),
        )
        strategy = Scripted(entries or {(0, at(clock)): [(1, side)]})
        self._resampler = resampler = Resampler([FIVE_MINUTES_NS], MINUTE_NS, groups_of(classes))
        quiet = [row for i in range(len(symbols)) for row in flat("09:15", "15:30", instrument=i)]
        self._span = span_of([*quiet, *bars], classes=classes)
        self._book = Book("test", [strategy], self.engine, resampler.timeframes_ns.tolist())
        self._minute = 0
        self._fills = 0
        self.effects: list[Effect] = []

    @property
    def row(self) -> Row:
        return self.engine.holdings.positions[0]

    @property
    def shares(self) -> int:
        """Held now, by the account."""
        return int(self.row.quantity - self.row.exited) if self.row.status >= 2 else 0

    @property
    def state(self) -> TradingState:
        return trading_state(self.engine.holdings)

    @property
    def now_ns(self) -> int:
        return int(self._span.close_ns[self._minute - 1]) if self._minute else at("09:15")

    def until(self, clock: str) -> list[Effect]:
        """Minutes up to the one that closes at `clock`; what came of them."""
        effects: list[Effect] = []
        while self.now_ns < at(clock):
            span = self._resampler.resample(minute_of(self._span, self._minute))
            for step in self._book.run(span):
                effects += step.effects
            self._minute += 1
        self.effects += effects
        return effects

    def handle(self, event: Event) -> list[Effect]:
        effects = self.engine.handle(event)
        self.effects += effects
        return effects

    def say(
        self,
        kind: ReportKind,
        role: str,
        quantity: int = 0,
        price: float = 0.0,
        fill_id: str = "",
        call: OrderCall = OrderCall.SUBMIT,
    ) -> list[Effect]:
        """A report on the last order of a role."""
        return self.tell(
            BrokerReport(kind, self.id_of(role), self.now_ns, "why", fill_id, quantity, price, call)
        )

    def tell(self, report: BrokerReport) -> list[Effect]:
        return self.handle(OrderReported(report, RULES, self.now_ns))

    def refuse(self, order_id: str) -> list[Effect]:
        return self.tell(BrokerReport(K.REJECTED, order_id, self.now_ns, "why"))

    def say_of_nobody(self) -> list[Effect]:
        return self.tell(BrokerReport(K.STRANGER, "240722", self.now_ns, "why"))

    def fill(self, role: str, quantity: int, price: float) -> list[Effect]:
        self._fills += 1
        return self.say(K.FILLED, role, quantity, price, str(self._fills))

    def touch(self, price: float) -> list[Effect]:
        return self.handle(TargetTouched(0, price, self.now_ns))

    def id_of(self, role: str) -> str:
        return f"{self.signal_id[:24]}-{role}"

    @property
    def signal_id(self) -> str:
        return next(one.order.signal_id for one in self.effects if isinstance(one, Submit))

    def order(self, role: str) -> Order:
        return self.engine.orders[self.id_of(role)]  # type: ignore[index]

    @property
    def trades(self) -> list[Trade]:
        return [one.trade for one in self.effects if isinstance(one, TradeClosed)]


def entered(*parts: tuple[int, float], **given: object) -> Told:
    """Told, with these fills of its entry, and everything it asked for taken."""
    told = Told(**given)  # type: ignore[arg-type]
    told.until("09:20")
    told.say(K.ACKNOWLEDGED, "E")
    for quantity, price in parts:
        for effect in told.fill("E", quantity, price):
            answer(told, effect)
    return told


def answer(told: Told, effect: Effect) -> list[Effect]:
    """What an obliging broker says."""
    match effect:
        case Submit(order):
            kind, call = K.ACKNOWLEDGED, OrderCall.SUBMIT
        case Modify(order):
            kind, call = K.ACKNOWLEDGED, MODIFY
        case Cancel(order):
            kind, call = K.CANCELLED, CANCEL
        case _:
            return []
    return told.tell(BrokerReport(kind, order.order_id, told.now_ns, call=call))


def short(effects: Iterable[Effect]) -> list[str]:
    """Effects in a few words."""
    words = []
    for effect in effects:
        match effect:
            case Submit(order) | Modify(order):
                what = f"{order.quantity} {order.type.value} {order.price:g}"
                words.append(f"{type(effect).__name__} {order.role.value} {what}")
            case Cancel(order):
                words.append(f"Cancel {order.role.value}")
            case FillBooked(fill, position):
                left = 0 if position is None else position.quantity
                words.append(f"Fill {fill.order_id[-1]} {fill.quantity} of {left}")
            case Tripped(order_id, _, Refusal.UNKNOWN_ORDER):
                words.append(f"Tripped {order_id[-1]}")
            case Tripped(_, _, breaker) | Released(breaker):
                words.append(f"{type(effect).__name__} {breaker.name.lower()}")
            case TradeClosed(trade):
                words.append(f"Trade {trade.exit_reason.name} {trade.quantity}")
            case _:
                pass
    return words
