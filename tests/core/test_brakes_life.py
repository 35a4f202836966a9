"""Whatever a broker, a feed and an operator do: no entry passes what is latched or full, every exit
is asked for, and the same history gives the same book (I10-I13)."""

import copy

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.strategies import booleans, integers, lists, sampled_from

from core.doubts import Doubt, DoubtKind
from core.events import (
    Cancel,
    Commanded,
    Doubted,
    Effect,
    Event,
    Modify,
    OrderReported,
    Released,
    SignalDecided,
    Submit,
    Tripped,
)
from core.orders import OrderRole, OrderState, OrderType
from core.ports import BrokerReport, OrderCall, ReportKind
from core.rules.account import exposure
from core.rules.brakes import latched, may_enter
from core.rules.holdings import OPEN
from core.types import Command, Refusal, SignalStatus
from tests.core.test_breakers import ALL_DAY
from tests.told import RULES, Told

K = ReportKind
CALLS = {Submit: OrderCall.SUBMIT, Modify: OrderCall.MODIFY, Cancel: OrderCall.CANCEL}
LIMITS = {
    "max_positions": 1,
    "max_exposure": 40_000,
    "max_orders_per_minute": 4,
    "max_orders_of_entries": 12,
    "max_rejects": 2,
    "max_feed_doubt_minutes": 3,
    "max_clock_doubt_minutes": 2,
    "max_daily_loss_paise": 60_000,
}
LATCHING = {Refusal.ORDER_RATE}  # at the very entry that it refuses


class BrakedLife(RuleBasedStateMachine):
    """Two instruments that are to be entered at every bar."""

    @initialize(tight=sampled_from([*LIMITS, ""]), honest=booleans())
    def begin(self, tight: str, honest: bool) -> None:
        """All is tight or one thing alone, which then comes about more often."""
        limits = {tight: LIMITS[tight]} if tight else LIMITS
        terms = {"cooldown_bars": 0, "time_stop_bars": 2}
        self.told = Told(others=1, entries=ALL_DAY, terms=terms, limits=limits)
        self.kinds = [K.REJECTED, K.FILLED, K.ACKNOWLEDGED] if honest else [*K]
        self.asked: list[Submit | Modify | Cancel] = []  # of the broker, without an answer
        self.on = set[Refusal]()  # latched, by what was told
        self.halted = False
        self.fills = 0
        self.twin = copy.deepcopy(self.told.engine)

    @rule(count=integers(1, 12))
    def minutes(self, count: int) -> None:
        clock_ns = self.told.now_ns // 60_000_000_000 + 330
        for minute in range(count):
            total = (clock_ns + minute + 1) % 1_440
            if total > 15 * 60 + 30:
                return
            self.read(self.told.until(f"{total // 60:02d}:{total % 60:02d}"))
        self.twin = copy.deepcopy(self.told.engine)

    @rule(choices=lists(integers(0, 59), min_size=1, max_size=4))
    def answer(self, choices: list[int]) -> None:
        """What was asked, or else of what works: anything, true or not."""
        for choice in choices:
            working = list(self.told.engine.orders.values())
            if not (self.asked or working):
                return
            asked = self.asked.pop(0) if self.asked else None
            order = asked.order if asked else working[choice % len(working)]
            call = CALLS[type(asked)] if asked else OrderCall.SUBMIT
            kind = self.kinds[choice % len(self.kinds)]
            self.fills += 1
            fill = (str(self.fills), max(1, order.quantity - order.filled), 99.0)
            what = fill if kind is K.FILLED else ("", 0, 0.0)
            self.tell(BrokerReport(kind, order.order_id, self.told.now_ns, "why", *what, call))

    @rule(kind=sampled_from([None, None, DoubtKind.FEED, DoubtKind.CLOCK, DoubtKind.STORE]))
    def doubt(self, kind: DoubtKind | None) -> None:
        self.give(Doubted(frozenset() if kind is None else frozenset({Doubt(kind)})))

    @rule(command=sampled_from([None, None, None, *Command]))
    def command(self, command: Command | None) -> None:
        if command is not None:
            self.give(Commanded(command, self.told.now_ns))
            self.halted = command is Command.HALT or (self.halted and command is not Command.RESUME)

    def tell(self, report: BrokerReport) -> None:
        self.give(OrderReported(report, RULES, self.told.now_ns))

    def give(self, event: Event) -> None:
        """To the book, and to one that was copied from it and has seen the same since."""
        effects = self.told.handle(event)
        assert effects == self.twin.handle(event)
        self.read(effects)

    def read(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case SignalDecided(signal) if signal.status is SignalStatus.ACTED:
                    assert not self.on
                    assert not self.halted
                case SignalDecided(signal):
                    self.on |= {signal.refusal} & LATCHING
                case Tripped(_, reason, breaker):
                    assert reason
                    self.on.add(breaker)
                case Released(breaker):
                    self.on.remove(breaker)
                case Submit() | Modify() | Cancel():
                    self.asked.append(effect)
                case _:
                    pass

    @invariant()
    def what_is_told_is_what_is_latched(self) -> None:
        engine = self.told.engine
        bits = latched(engine.holdings.account[0])
        assert bits == sum(1 << one for one in self.on)
        assert set(engine.breakers.tripped) == self.on
        assert not (self.on and may_enter(engine.holdings))

    @invariant()
    def no_cap_is_passed_by_an_entry(self) -> None:
        holdings, limits = self.told.engine.holdings, self.told.engine.holdings.limits[0]
        assert holdings.account[0].busy <= limits.max_positions
        pending = holdings.positions[holdings.positions["status"] < OPEN]
        if pending["status"].any():
            assert exposure(holdings) <= limits.max_exposure

    @invariant()
    def every_exit_that_is_wanted_is_asked_for(self) -> None:
        """It works at the market, or an answer is awaited, or it was refused and waits a Minute."""
        engine = self.told.engine
        for number, row in enumerate(engine.holdings.positions):
            held = engine.position_of(number)
            if held is None or row.exit_reason == 0 or row.exit_orders > 1:
                continue
            exits = [
                one
                for one in engine.orders.values()
                if one.instrument == held.instrument and one.role is not OrderRole.ENTRY
            ]
            for one in exits:
                waits = one.state is not OrderState.OPEN
                refused = Refusal.REJECTS in self.on or engine.holdings.account[0].rejects > 0
                assert waits or refused or one.type is OrderType.MARKET or row.exit_reason == 1


class TestBrakedLife(BrakedLife.TestCase):  # type: ignore[misc, name-defined]
    settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
