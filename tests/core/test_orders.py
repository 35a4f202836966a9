"""The order life cycle: every legal move, and every illegal one refused without a trace."""

import itertools
from dataclasses import replace

import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.strategies import sampled_from

from core.errors import IllegalTransition
from core.orders import (
    TERMINAL,
    TRANSITIONS,
    Order,
    OrderMove,
    OrderRole,
    OrderState,
    OrderType,
    moved,
    order_id_of,
)
from core.types import Side, SignalId

S, M = OrderState, OrderMove
SIGNAL_ID = SignalId("0123456789abcdef" * 4)

# Written down a second time, state by state, as pixity.md 7 and reliability.md tell the life.
LIFE: dict[OrderState, dict[OrderMove, OrderState]] = {
    S.INTENDED: {M.SEND: S.SUBMITTED, M.CANCEL: S.CANCELLED},
    S.SUBMITTED: {
        M.ACKNOWLEDGE: S.OPEN,
        M.FILL: S.FILLED,
        M.FILL_PART: S.OPEN,
        M.CANCEL: S.CANCELLED,
        M.REJECT: S.REJECTED,
        M.LOSE: S.LOST,
    },
    S.OPEN: {
        M.FILL: S.FILLED,
        M.FILL_PART: S.OPEN,
        M.ASK_CANCEL: S.CANCELLING,
        M.ASK_MODIFY: S.MODIFYING,
        M.CANCEL: S.CANCELLED,
        M.REJECT: S.REJECTED,
        M.REFUSE: S.OPEN,
        M.LOSE: S.LOST,
    },
    S.CANCELLING: {
        M.ACKNOWLEDGE: S.OPEN,
        M.CANCEL: S.CANCELLED,
        M.FILL: S.FILLED,
        M.FILL_PART: S.CANCELLING,
        M.REFUSE: S.OPEN,
        M.REJECT: S.REJECTED,
        M.LOSE: S.LOST,
    },
    S.MODIFYING: {
        M.ACKNOWLEDGE: S.OPEN,
        M.MODIFY: S.OPEN,
        M.REFUSE: S.OPEN,
        M.FILL: S.FILLED,
        M.FILL_PART: S.MODIFYING,
        M.CANCEL: S.CANCELLED,
        M.REJECT: S.REJECTED,
        M.LOSE: S.LOST,
    },
    S.LOST: {
        M.ACKNOWLEDGE: S.OPEN,
        M.MODIFY: S.OPEN,
        M.REFUSE: S.OPEN,
        M.FILL: S.FILLED,
        M.FILL_PART: S.LOST,
        M.CANCEL: S.CANCELLED,
        M.REJECT: S.REJECTED,
    },
    S.FILLED: {},
    S.CANCELLED: {},
    S.REJECTED: {},
}
LEGAL = [(state, move) for state, moves in LIFE.items() for move in moves]
ILLEGAL = [pair for pair in itertools.product(S, M) if pair not in LEGAL]


def order(state: OrderState = S.INTENDED) -> Order:
    return Order(
        order_id=order_id_of(SIGNAL_ID, OrderRole.ENTRY),
        signal_id=SIGNAL_ID,
        strategy="pixity",
        instrument="A",
        role=OrderRole.ENTRY,
        type=OrderType.MARKET,
        side=Side.BUY,
        quantity=10,
        price=0.0,
        created_ns=1,
        updated_ns=1,
        state=state,
    )


@pytest.mark.parametrize(("state", "move"), LEGAL)
def test_a_legal_move_changes_the_state_and_its_time_alone(
    state: OrderState, move: OrderMove
) -> None:
    before = order(state)

    assert replace(before, state=LIFE[state][move], updated_ns=7) == moved(before, move, 7)


@pytest.mark.parametrize(("state", "move"), ILLEGAL)
def test_an_illegal_move_is_refused_and_leaves_the_order(
    state: OrderState, move: OrderMove
) -> None:
    before = order(state)
    with pytest.raises(IllegalTransition, match=f"{before.order_id} is {state}: cannot {move}"):
        moved(before, move, 7)

    assert order(state) == before


def test_terminal_is_where_no_move_leads_on() -> None:
    assert frozenset(state for state, moves in LIFE.items() if not moves) == TERMINAL
    assert len(LEGAL) == len(TRANSITIONS)


@pytest.mark.parametrize(("role", "letter"), list(zip(OrderRole, "ESTXQKF", strict=True)))
def test_an_order_id_is_24_digits_of_the_signal_and_the_letter_of_its_role(
    role: OrderRole, letter: str
) -> None:
    assert f"0123456789abcdef01234567-{letter}" == order_id_of(SIGNAL_ID, role)


class OrderLife(RuleBasedStateMachine):
    """Any sequence of moves: an order that has ended stays as it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.order = order()
        self.ended: Order | None = None
        self.now_ns = 1

    @rule(move=sampled_from(M))
    def move(self, move: OrderMove) -> None:
        self.now_ns += 1
        target = LIFE[self.order.state].get(move)
        if target is None:
            with pytest.raises(IllegalTransition):
                moved(self.order, move, self.now_ns)
            return
        self.order = moved(self.order, move, self.now_ns)

        assert (target, self.now_ns) == (self.order.state, self.order.updated_ns)
        if target in TERMINAL:
            self.ended = self.order

    @invariant()
    def an_ended_order_never_changes(self) -> None:
        assert self.ended is None or self.ended == self.order


TestOrderLife = OrderLife.TestCase
