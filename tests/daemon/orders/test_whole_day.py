"""A whole live day, and an operator in it: every way out is the one exit order, and nothing enters
after a halt."""

from pathlib import Path

import pytest

from core.orders import OrderRole, OrderState
from core.types import Command, TradingState
from daemon.commands import Obeyed
from sandbox.market.exchange import hours
from sandbox.market.world import GeneratedWorld
from sandbox.orders.order import Order, Status
from tests.daemon.days import rows
from tests.daemon.live_day import DAY, Kill, LiveDay, Stage, live_day
from tests.daemon.orders.test_live_days import check_agreed

EVERY_WAY_OUT = "every=7 time_stop_bars=5 atr_bps=6 tp_mult=0.8 square_off_minutes=18".split()


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> LiveDay:
    return live_day(tmp_path_factory.mktemp("whole"), assignments=EVERY_WAY_OUT)


@pytest.mark.slow
def test_every_way_out_is_the_one_protective_order(day: LiveDay) -> None:
    check_agreed(day)
    orders = day.at_exchange
    kinds = {
        str(trade["exit_reason"]): orders[f"{str(trade['signal_id'])[:24]}-S"].terms.order_type
        for trade in day.rows("trades")
    }

    assert {"STOP": "SL-M", "TARGET": "MARKET", "TIME": "MARKET", "SQUARE_OFF": "MARKET"} == kinds
    assert (True, {}) == (day.outcome.complete, day.held)


@pytest.mark.slow
def test_an_entry_pays_the_first_trade_of_the_tape_after_its_arrival(day: LiveDay) -> None:
    world, entries = GeneratedWorld(5, hours), of_role(day, "E")
    for order in entries:
        tape = world.tape(order.terms.listing, DAY)
        arrived_ms = next(one.time_ms for one in order.trail if one.status is Status.OPEN)
        first = int(tape.time_ms.searchsorted(arrived_ms))
        paid = order.trades[0]

        assert (tape.time_ms[first], tape.price[first]) == (paid.time_ms, paid.price_paise / 100)
    assert len(entries) > 5


@pytest.mark.slow
def test_a_stop_holds_whatever_its_entry_has_filled(day: LiveDay) -> None:
    in_parts = [order for order in of_role(day, "E") if len(order.trades) > 1]
    for order in in_parts:
        stop = day.at_exchange[f"{str(order.terms.tag)[:-1]}S"]

        assert order.filled == stop.filled == stop.terms.quantity
        assert order.trades[0].quantity == stop.trail[0].terms.quantity
    assert in_parts


def of_role(day: LiveDay, letter: str) -> list[Order]:
    return [order for tag, order in day.at_exchange.items() if tag.endswith(f"-{letter}")]


def test_what_is_sent_is_in_the_ledger_before(tmp_path: Path) -> None:
    known: list[int] = []

    def at(name: str, directory: Path) -> None:
        if name == "broker.submit.before":
            known.append(len(rows(directory, "orders")))

    day = live_day(tmp_path, until="13:49:30", at=at)

    assert len(known) == len(day.at_exchange) >= 3
    assert all(number <= count for number, count in enumerate(known, 1))


@pytest.mark.parametrize("moment", ["the stop works", "a fill is not known yet"])
def test_flatten_leaves_by_the_one_exit_order(moment: str, tmp_path: Path) -> None:
    answers: list[object] = []

    async def flatten(stage: Stage) -> None:
        is_protected = moment == "the stop works"
        await stage.when(lambda: protects(stage) if is_protected else bool(held(stage)))
        answers.append(await stage.command(Command.FLATTEN))
        await stage.when(lambda: not held(stage))

    day = live_day(tmp_path, script=flatten, until="13:48:30")
    check_agreed(day)

    [answer] = answers
    assert isinstance(answer, Obeyed)
    assert TradingState.REDUCING is answer.state
    assert answer.exits == (moment == "the stop works")
    assert 1 == answer.cancelled  # the rest of the entry, or all of it
    assert {"FLATTEN"} == {row["exit_reason"] for row in day.rows("trades")}
    assert {} == day.held


@pytest.mark.slow
def test_nothing_enters_after_a_halt_whatever_is_killed(tmp_path: Path) -> None:
    halted_ms: list[int] = []

    async def halt(stage: Stage) -> None:
        await stage.when(lambda: bool(held(stage)))
        assert isinstance(await stage.command(Command.HALT), Obeyed)
        halted_ms.append(stage.exchange.now_ms())

    day = live_day(tmp_path, script=halt, kills=[Kill("ledger.commit.after", 12)], until="13:52")
    check_agreed(day)

    [when_ms] = halted_ms
    assert when_ms >= max(order.trail[0].time_ms for order in of_role(day, "E"))
    assert {} == day.held  # exits have gone on
    assert TradingState.HALTED is day.state
    assert "state" in {row["refusal"] for row in day.rows("signals")}


def test_an_order_without_an_answer_halts_and_says_why(tmp_path: Path) -> None:
    shown: list[object] = []

    async def look(stage: Stage) -> None:
        assert stage.daemon is not None
        daemon = stage.daemon
        await stage.until("13:47:30")
        shown.append(daemon.snapshot()["daemon"])

    day = live_day(tmp_path, "black-hole@13:46-13:48", script=look, until="13:48")
    [facts] = shown

    assert isinstance(facts, dict)
    assert "HALTED" == facts["trading_state"]
    assert any("no answer" in breaker for breaker in facts["breakers"])
    assert day.logged("breaker_tripped")


def protects(stage: Stage) -> bool:
    """Whether a stop waits at the exchange, and the daemon knows it."""
    assert stage.daemon is not None
    assert stage.daemon.floor is not None
    orders = stage.daemon.floor.main.engine.orders.values()
    return any(one.role is OrderRole.STOP and one.state is OrderState.OPEN for one in orders)


def held(stage: Stage) -> list[int]:
    """What the exchange says that we hold."""
    positions = stage.desk.account.positions.values()
    return [one.net for one in positions if one.net]
