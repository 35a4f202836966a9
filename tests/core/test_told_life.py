"""Whatever a broker says, in whatever order: I3, I4, I5 hold, and there is one exit order."""

from collections import Counter

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.strategies import integers, sampled_from

from core.events import (
    Cancel,
    Commanded,
    Effect,
    Fill,
    FillBooked,
    Modify,
    OrderChanged,
    Submit,
    Tripped,
)
from core.orders import TERMINAL, Order, OrderRole
from core.ports import BrokerReport, OrderCall, ReportKind
from core.rules.fees import fees_paise
from core.rules.holdings import FLAT, PENDING_ENTRY
from core.types import Command, TradingState
from tests.told import RULES, Told

K = ReportKind
PRICES = sampled_from([97.95, 98.0, 99.35, 100.0, 100.05, 104.0])
SPOKEN = [K.ACKNOWLEDGED, K.REJECTED, K.CANCELLED, K.LOST]


class ToldLife(RuleBasedStateMachine):
    """One entry and everything that may be told of its orders, true or not."""

    @initialize(side=sampled_from([1, -1]))
    def enter(self, side: int) -> None:
        self.told = Told(side=side)
        self.told.until("09:20")
        self.fills: list[Fill] = []
        self.orders: dict[str, Order] = {}
        self.number = 0
        self.tripped = False
        self.read(self.told.effects)

    @rule(kind=sampled_from(SPOKEN), role=sampled_from("ESK"), call=sampled_from(OrderCall))
    def say(self, kind: ReportKind, role: str, call: OrderCall) -> None:
        self.read(self.told.say(kind, role, call=call))

    @rule(role=sampled_from("ESKT"), quantity=integers(-1, 260), price=PRICES)
    def fill(self, role: str, quantity: int, price: float) -> None:
        self.number += 1
        before = len(self.fills)
        report = BrokerReport(
            K.FILLED, self.told.id_of(role), self.told.now_ns, "", str(self.number), quantity, price
        )
        self.read(self.told.tell(report))
        assert [] == self.told.tell(report)  # a second time
        assert self.tripped or len(self.fills) == before + 1

    @rule(share=integers(1, 4), role=sampled_from("ESK"), price=PRICES)
    def fill_of_what_is_left(self, share: int, role: str, price: float) -> None:
        order = self.orders.get(self.told.id_of(role))
        if order is not None and order.state not in TERMINAL:
            self.fill(role, max(1, (order.quantity - order.filled) // share), price)

    @rule(price=PRICES)
    def touch(self, price: float) -> None:
        self.read(self.told.touch(price))

    @rule()
    def flatten(self) -> None:
        self.read(self.told.handle(Commanded(Command.FLATTEN, self.told.now_ns)))

    @rule(clock=sampled_from(["09:25", "09:40", "10:30", "15:11"]))
    def minutes(self, clock: str) -> None:
        self.read(self.told.until(clock))

    def read(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Submit(order):
                    assert order.order_id not in self.orders  # I1
                    self.orders[order.order_id] = order
                case Modify(order) | Cancel(order) | OrderChanged(order):
                    assert self.orders[order.order_id].state not in TERMINAL  # I5
                    assert order.filled <= order.quantity
                    self.orders[order.order_id] = order
                case FillBooked(fill, position):
                    self.fills.append(fill)
                    held = 0 if position is None else position.side * position.quantity
                    assert held == sum(one.side * one.quantity for one in self.fills)
                case Tripped():
                    self.tripped = True
                case _:
                    pass

    @invariant()
    def the_position_is_the_signed_sum_of_the_fills(self) -> None:
        held = sum(one.side * one.quantity for one in self.fills)
        assert held == self.told.row.side * self.told.shares

    @invariant()
    def cash_is_that_of_the_fills_to_the_paisa(self) -> None:
        if not self.told.trades:
            return
        values: Counter[int] = Counter()  # of both orders' sides
        for one in self.fills:
            values[one.side] += one.value_paise
        fees = sum(fees_paise(value, int(side), RULES) for side, value in values.items())
        gross = -sum(one.side * one.value_paise for one in self.fills)
        [trade] = self.told.trades
        assert (gross, fees) == (trade.gross_paise, trade.fees_paise)
        assert fees == sum(one.fees_paise for one in self.fills)
        assert gross - fees == self.told.engine.holdings.account[0].realised_paise

    @invariant()
    def one_exit_order_works_for_no_more_than_is_held(self) -> None:
        working = self.told.engine.orders.values()
        exits = [one for one in working if one.role is not OrderRole.ENTRY]
        assert len(exits) <= 1
        assert all(one.quantity - one.filled <= self.told.shares for one in exits)

    @invariant()
    def a_position_without_an_exit_order_is_halted(self) -> None:
        working = {one.role for one in self.told.engine.orders.values()}
        if self.told.shares and working <= {OrderRole.ENTRY}:
            assert TradingState.HALTED is self.told.state

    @invariant()
    def what_was_tripped_is_halted_and_what_was_not_is_not(self) -> None:
        assert self.tripped is (TradingState.HALTED is self.told.state)

    @invariant()
    def a_flat_book_has_no_order(self) -> None:
        if self.told.row.status == FLAT:
            assert {} == self.told.engine.orders == self.told.engine.signals
        if self.told.row.status == PENDING_ENTRY:
            assert 1 == len(self.told.engine.orders)


class TestToldLife(ToldLife.TestCase):  # type: ignore[misc, name-defined]
    settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
