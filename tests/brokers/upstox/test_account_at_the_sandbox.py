"""The account of a local exchange beside what our orders made there: both sides agree, or say why
they do not."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from brokers.upstox.account import UpstoxAccount
from core.orders import Order, OrderRole, OrderState, OrderType
from core.ports import BrokerReport, ReportKind
from core.reconciliation import Execution, Ours, differences, paise
from core.types import OrderId, Side
from tests.brokers.upstox.at_sandbox import Here, run
from tests.brokers.upstox.rows import ENTRY, STOP
from tests.brokers.upstox.wire import Reader

TAPE = [(1_000 * second, 100.1, 50) for second in range(1, 60)]


def ours(reports: Sequence[BrokerReport], *orders: Order) -> Ours:
    """A ledger that was told `reports`."""
    sides = {order.order_id: order.side for order in orders}
    fills = {
        (one.order_id, one.fill_id): Execution(
            "RELIANCE", sides[one.order_id], one.quantity, paise(one.price)
        )
        for one in reports
        if one.kind is ReportKind.FILLED
    }
    held = sum(one.side * one.quantity for one in fills.values())
    return Ours(
        symbols=("RELIANCE",),
        orders={order.order_id: order for order in orders},
        fills=fills,
        positions={"RELIANCE": held} if held else {},
    )


FILLED = replace(ENTRY, state=OrderState.FILLED, filled=10)
WORKS = replace(STOP, state=OrderState.OPEN)


async def entered(here: Here) -> Ours:
    """Bought, and protected; what our ledger then says."""
    broker = here.broker()
    async with Reader(broker) as reader:
        await here.passes(1)
        await broker.submit(ENTRY)
        await here.passes(3)
        await broker.submit(STOP)
        await here.passes(20)
    return ours(reader.heard, FILLED, WORKS)


def account(here: Here) -> UpstoxAccount:
    return UpstoxAccount(here.rest(), {"RELIANCE": here.key})


def test_what_our_orders_made_is_what_the_broker_has_to_the_paisa() -> None:
    async def test(here: Here) -> None:
        mine = await entered(here)
        read = await account(here).read()

        assert {"RELIANCE": 10} == mine.positions
        assert [] == differences(mine, read)
        assert 0 < read.available_paise < 1_000_000_00

    run(test, *TAPE)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("by-hand=5@12:00:10", ["position RELIANCE: the ledger has +10, the broker +15"]),
        (
            "cancel-unasked=5",
            [
                f"order {STOP.order_id}: the ledger has SELL 10 STOP_MARKET 99.50 OPEN,"
                " the broker SELL 10 STOP_MARKET 99.50 CANCELLED",
                "protection RELIANCE: the ledger has one exit order of +10, the broker none",
            ],
        ),
        ("square-off@12:00:10", ["position RELIANCE: the ledger has +10, the broker +0"]),
        ("overfill=2", ["position RELIANCE: the ledger has +10, the broker +12"]),
    ],
)
def test_what_others_do_is_named_with_both_sides(fault: str, said: list[str]) -> None:
    async def test(here: Here) -> None:
        mine = await entered(here)
        mine = replace(mine, positions={"RELIANCE": 10})
        found = [str(one) for one in differences(mine, await account(here).read()) if one.halts]

        for text in said:
            assert [one for one in found if one.startswith(text)], found

    run(test, *TAPE, faults=[fault])


def test_an_exit_that_the_ledger_does_not_know_of_is_named() -> None:
    async def test(here: Here) -> None:
        mine = await entered(here)
        other = replace(mine, orders={ENTRY.order_id: FILLED})
        [unknown] = differences(other, await account(here).read())

        assert "the ledger has none, the broker SELL 10 STOP_MARKET 99.50 OPEN" in str(unknown)
        assert Side.SELL is STOP.side

    run(test, *TAPE)


@pytest.mark.parametrize(
    ("fault", "is_sent"),
    [("square-off@12:00:10", False), ("cancel-unasked=5", True)],
)
def test_an_exit_in_place_of_a_lost_stop_does_not_come_second(fault: str, is_sent: bool) -> None:
    """Who squares a position off cancels the stop on it: what is sold already is not sold again."""

    async def test(here: Here) -> None:
        await entered(here)
        broker = here.broker()
        market = replace(STOP, type=OrderType.MARKET, price=0.0, role=OrderRole.FLATTEN)
        exit_ = replace(market, order_id=OrderId(f"{STOP.order_id[:-1]}K"))
        answer = await broker.submit(exit_)
        await here.passes(3)

        assert is_sent is (answer.kind is ReportKind.ACKNOWLEDGED)
        assert is_sent is (exit_.order_id in here.tags())

    run(test, *TAPE, faults=[fault])
