"""A floor whose main book's fills are told, and brokers of a test that tell them."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

from core.events import Cancel, Effect, FillBooked, Modify, Submit
from core.orders import Order, OrderRole, OrderType
from core.ports import BrokerReport, EventKind, LedgerEvent, OrderCall, ReportKind
from core.rules.holdings import OPEN
from core.session import MINUTE_NS
from core.types import Command, MinuteSpan, TradingState, minute_of
from daemon.desk import DeskSetup
from daemon.floor import Done, Floor
from daemon.sources import groups_of
from providers.replay import ReplayProvider
from strategies.brakes import BrakeSettings
from tests.daemon.days import replay_plan
from tests.datasets import LIVELY, MARKETS, generated, request_on

K = ReportKind
STOP_MARKET, MODIFY = OrderType.STOP_MARKET, OrderCall.MODIFY
CALLS: Mapping[type[Effect], OrderCall] = {
    Submit: OrderCall.SUBMIT,
    Modify: OrderCall.MODIFY,
    Cancel: OrderCall.CANCEL,
}
DAYS = MARKETS["mixed auction"][0]
REQUEST = request_on(generated("mixed auction", seed=2), *LIVELY)
PLAN = replay_plan(REQUEST)


def setup_of(*assignments: str) -> DeskSetup:
    """On paper."""
    plan = replay_plan(request_on(REQUEST.dataset, *LIVELY, *assignments))
    return DeskSetup(
        name="main",
        scope="live|account|main",
        instruments=plan.source.instruments,
        groups=groups_of(plan.source.instruments),
        base_ns=MINUTE_NS,
        strategies=plan.strategies,
        risk=plan.risk,
    )


PAPER = setup_of()
TOLD = replace(PAPER, fills_are_told=True, brakes=BrakeSettings())
PROVIDER = ReplayProvider(REQUEST.dataset, PLAN.terms)


def opened(setup: DeskSetup, day: int) -> Floor:
    floor = Floor((setup,))
    floor.open_day(day, PROVIDER.day_spans(to_day=day - 1), 0)
    return floor


def minutes(day: int) -> Iterator[MinuteSpan]:
    for span in PROVIDER.day_spans(day, day):
        for index in range(len(span.close_ns)):
            yield minute_of(span, index)


class Brokered:
    """A day of a floor whose fills are told; `steps` is what its ledger holds."""

    def __init__(self, day: int, floor: Floor | None = None) -> None:
        self.floor = floor or opened(TOLD, day)
        self.steps: list[list[LedgerEvent]] = []

    @property
    def events(self) -> list[LedgerEvent]:
        return [event for step in self.steps for event in step]

    @property
    def noted(self) -> list[LedgerEvent]:
        return [event for event in self.events if event.kind is EventKind.NOTE]

    def minute(self, span: MinuteSpan) -> None:
        self._took(self.floor.minute(self.floor.resampler.resample(span)))

    def tell(self, report: BrokerReport) -> None:
        self._took(self.floor.reported(report))

    def touch(self, symbol: str, price: float, ts_ns: int) -> None:
        self._took(self.floor.touched(symbol, price, ts_ns))

    def _took(self, answer: tuple[list[Done], list[LedgerEvent]]) -> None:
        [one], events = answer
        self.steps.append(events)
        for effect in one.effects:
            self.sent(effect)

    def sent(self, effect: Effect) -> None:
        """Whatever is sent is taken."""
        if isinstance(effect, Submit | Modify | Cancel):
            order, call = effect.order, CALLS[type(effect)]
            kind = K.CANCELLED if call is OrderCall.CANCEL else K.ACKNOWLEDGED
            self.tell(BrokerReport(kind, order.order_id, order.updated_ns, call=call))


class AsOnPaper(Brokered):
    """Told exactly what the simulated exchange finds, each fill before the Minute of its bar."""

    def __init__(self, day: int, *assignments: str) -> None:
        setup = setup_of(*assignments)
        super().__init__(day, opened(replace(setup, fills_are_told=True), day))
        self.paper = opened(setup, day)
        self.found: list[LedgerEvent] = []  # what paper recorded

    def play(self, day: int) -> None:
        for span in minutes(day):
            self.play_minute(span)

    def play_minute(self, span: MinuteSpan) -> None:
        [one], events = self.paper.minute(self.paper.resampler.resample(span))
        self.found += events
        for effect in one.effects:
            if isinstance(effect, FillBooked):
                self._fill(effect)
        self.minute(span)

    def _fill(self, booked: FillBooked) -> None:
        fill = booked.fill
        role = OrderRole(fill.order_id[-1])
        if role is OrderRole.TARGET:
            self.touch(fill.instrument, fill.price, fill.ts_ns)
        ours = "E" if role is OrderRole.ENTRY else "S"
        order_id = f"{fill.order_id[:24]}-{ours}"
        self.tell(
            BrokerReport(
                K.FILLED, order_id, fill.ts_ns, "", fill.fill_id, fill.quantity, fill.price
            )
        )


class Silent(Brokered):
    """New orders are taken, and nothing else is ever answered."""

    def sent(self, effect: Effect) -> None:
        if isinstance(effect, Submit):
            super().sent(effect)


class Rough(Brokered):
    """An exchange of its own: parts, late, twice and shuffled, refusals, losses and cancels.

    Hard: orders are rejected, lost and cancelled by themselves, and an operator resumes each time.
    """

    def __init__(
        self, day: int, seed: int, *, hard: bool = True, brakes: BrakeSettings | None = None
    ) -> None:
        super().__init__(day, opened(replace(TOLD, brakes=brakes or TOLD.brakes), day))
        self._random = random.Random(seed)
        self._hard = hard
        self._book: dict[str, Order] = {}  # what works, `filled` as the exchange counts
        self._late: list[BrokerReport] = []
        self.tape: list[BrokerReport] = []  # every fill the exchange made

    def play(self, day: int, count: int | None = None) -> None:
        """The first Minutes of a day; None: all."""
        for span in islice(minutes(day), count):
            self.trade(span)
            self.minute(span)
            if self.floor.main.state is TradingState.HALTED:
                self._took(self.floor.obey(Command.RESUME, "operator", 1))
        while self._late:
            self._tell_all()

    def sent(self, effect: Effect) -> None:
        now_ns, chance = self.floor.now_ns, self._random.random()
        match effect:
            case Submit(order) if self._hard and chance < 0.03:
                self.tell(BrokerReport(K.REJECTED, order.order_id, now_ns, "no money"))
            case Submit(order):
                self._book[order.order_id] = order
                if self._hard and chance < 0.06:
                    self.tell(BrokerReport(K.LOST, order.order_id, now_ns, "no answer"))
                    self._late.append(BrokerReport(K.ACKNOWLEDGED, order.order_id, now_ns))
                elif chance < 0.9:
                    self.tell(BrokerReport(K.ACKNOWLEDGED, order.order_id, now_ns))
            case Modify(order) if order.order_id in self._book and chance < 0.8:
                filled = self._book[order.order_id].filled
                self._book[order.order_id] = replace(order, filled=filled)
                for _ in range(2):  # by the answer, and by what becomes of it
                    self.tell(BrokerReport(K.ACKNOWLEDGED, order.order_id, now_ns, call=MODIFY))
            case Cancel(order) if order.order_id in self._book and chance < 0.8:
                del self._book[order.order_id]
                self._tell_fills_of(order)
                self.tell(BrokerReport(K.CANCELLED, order.order_id, now_ns))
            case Modify(order) | Cancel(order):
                call = CALLS[type(effect)]
                self.tell(BrokerReport(K.REJECTED, order.order_id, now_ns, "too late", call=call))
            case _:
                pass

    def trade(self, span: MinuteSpan) -> None:
        """What happens at the exchange before the bar is known, and what is told of it."""
        rows, close_ns = self.floor.main.engine.holdings.positions, int(span.close_ns[0])
        opens = dict(zip(span.bars["instrument"].tolist(), span.bars["open"].tolist(), strict=True))
        for order in list(self._book.values()):
            number, chance = self.floor.symbols.index(order.instrument), self._random.random()
            if self._hard and chance > 0.995:
                del self._book[order.order_id]
                self._tell_fills_of(order)
                self.tell(BrokerReport(K.CANCELLED, order.order_id, close_ns, "15:15"))
            elif number in opens and chance < (0.1 if order.type is STOP_MARKET else 0.7):
                self._late.append(self._filled(order, opens[number], close_ns))
            if rows["status"][number] == OPEN and chance > 0.95:
                self.touch(order.instrument, float(rows["target"][number]), close_ns)
        self._tell_all()

    def _tell_all(self) -> None:
        """Out of order and twice, but for some, which are told later."""
        due = list(self._late)
        self._random.shuffle(due)
        for report in due:
            if report in self._late and self._random.random() < 0.9:
                self._late.remove(report)
                for _ in range(self._random.randint(1, 2)):
                    self.tell(report)

    def _tell_fills_of(self, order: Order) -> None:
        """Before it is told that no more of them come: so a Broker must (ADR 0033)."""
        for report in [one for one in self._late if one.order_id == order.order_id]:
            self._late.remove(report)
            self.tell(report)

    def _filled(self, order: Order, price: float, ts_ns: int) -> BrokerReport:
        left = order.quantity - order.filled
        part = self._random.choice([left, self._random.randint(1, left)])
        if part == left:
            del self._book[order.order_id]
        else:
            self._book[order.order_id] = replace(order, filled=order.filled + part)
        number = str(len(self.tape) + 1)
        report = BrokerReport(K.FILLED, order.order_id, ts_ns - 1, "", number, part, price)
        self.tape.append(report)
        return report
