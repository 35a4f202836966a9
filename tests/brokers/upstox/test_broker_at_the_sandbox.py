"""The broker against the local exchange, fault by fault: one order per id, every trade once."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from core.orders import OrderState, OrderType
from core.ports import OrderCall, ReportKind
from sandbox.faults.kinds import CATALOGUE
from sandbox.orders.entry_rules import FAULTY
from tests.brokers.upstox.at_sandbox import Here, fills, run
from tests.brokers.upstox.rows import ENTRY, STOP
from tests.brokers.upstox.wire import Reader

K, C = ReportKind, OrderCall
TAPE = [(1_000 * second, 101.0, 50) for second in range(1, 120)]


@pytest.mark.parametrize(
    "fault",
    [
        "quiet@09:15-09:16",  # none
        "unanswered=1",
        "late-answer=10",
        "order-answer=taken-500",
        "order-answer=taken-html",
        "order-answer=taken-empty",
        "order-answer=taken-wrong-id",
        "double-updates",
        "late-updates=10",
        "lost-ack",
        "ack-after-fill",
        "stale-book=20",
        "partial=3",
        "overfill=5",
        "mute-updates",
        "drop-updates=7",
    ],
)
def test_an_entry_becomes_one_order_whose_trades_are_each_told_once(fault: str) -> None:
    async def test(here: Here) -> None:
        broker = here.broker()
        async with Reader(broker) as reader:
            await here.passes(1)
            answer = await broker.submit(ENTRY)
            again = await broker.submit(ENTRY)
            await here.passes(60, lambda: here.trades() == fills(reader.heard) != [])
            await here.passes(31)

        assert answer.kind in (K.ACKNOWLEDGED, K.LOST)
        assert K.REJECTED is again.kind
        assert [ENTRY.order_id] == here.tags()
        assert here.trades() == fills(reader.heard)
        assert sum(quantity for *_, quantity in here.trades()) >= 10
        acknowledged = [one.kind for one in reader.heard].count(K.ACKNOWLEDGED)
        assert (1 if answer.kind is K.LOST else 0) == acknowledged

    run(test, *TAPE, faults=[fault])


@pytest.mark.parametrize("fault", ["order-401", "order-429", "throttle@12:00:02-12:00:03"])
def test_a_refused_call_is_no_order_and_may_be_made_again(fault: str) -> None:
    name, _, times = fault.partition("@")

    async def test(here: Here) -> None:
        broker = here.broker()
        async with Reader(broker) as reader:
            await here.passes(2)
            refused = await broker.submit(STOP)
            await here.passes(2)
            taken = await broker.submit(STOP)
            await here.passes(2)

        assert [K.REJECTED, K.ACKNOWLEDGED] == [refused.kind, taken.kind]
        assert refused.reason
        assert [STOP.order_id] == here.tags()
        assert [] == fills(reader.heard)

    run(test, *TAPE, faults=[f"{name}@{times or '12:00:02-12:00:03'}"])


@pytest.mark.parametrize("fault", ["black-hole", "order-answer=500"])
def test_an_order_that_never_arrived_is_lost_and_said_to_be_absent(fault: str) -> None:
    async def test(here: Here) -> None:
        broker = here.broker()
        async with Reader(broker) as reader:
            await here.passes(1)
            answer = await broker.submit(ENTRY)
            await here.passes(125)

        assert K.LOST is answer.kind
        assert [] == here.tags()
        assert [K.LOST] == [one.kind for one in reader.heard]

    run(test, *TAPE, faults=[fault])


def test_a_rejected_order_is_told_with_the_brokers_text() -> None:
    async def test(here: Here) -> None:
        broker = here.broker()
        async with Reader(broker) as reader:
            await here.passes(1)
            await broker.submit(ENTRY)
            await here.passes(5)

        [report] = reader.heard
        assert (K.REJECTED, FAULTY["funds"].message) == (report.kind, report.reason)

    run(test, *TAPE, faults=["reject=funds"])


@pytest.mark.parametrize("fault", ["cancel-unasked=5", "cancel-unasked=5 mute-updates"])
def test_a_cancel_that_nobody_asked_for_is_told(fault: str) -> None:
    async def test(here: Here) -> None:
        broker = here.broker()
        async with Reader(broker) as reader:
            await here.passes(1)
            await broker.submit(STOP)
            await here.passes(40)

        assert [K.CANCELLED] == [one.kind for one in reader.heard]
        assert OrderState.CANCELLED is (await broker.book())[0].state

    run(test, *TAPE, faults=fault.split())


@pytest.mark.parametrize(
    "fault", ["quiet@09:15-09:16", "mute-updates", "stale-book=20", "unanswered=9"]
)
def test_the_stop_is_raised_and_then_made_the_target_as_one_order(fault: str) -> None:
    """A position has one exit order: protection first, and later the exit itself."""

    async def test(here: Here) -> None:
        broker = here.broker()
        async with Reader(broker) as reader:
            await here.passes(1)
            await broker.submit(ENTRY)
            await here.passes(30)
            await broker.submit(replace(STOP, quantity=5))
            await here.passes(30)
            await broker.modify(STOP)
            await here.passes(30)
            await broker.modify(replace(STOP, type=OrderType.MARKET, price=0.0))
            await here.passes(60)

        assert [ENTRY.order_id, STOP.order_id] == here.tags()
        assert here.trades() == fills(reader.heard)
        assert [(ENTRY.order_id, 10), (STOP.order_id, 10)] == [
            (tag, quantity) for tag, _, quantity in fills(reader.heard)
        ]
        changes = [one.kind for one in reader.heard if one.call is C.MODIFY]
        assert 2 * [K.ACKNOWLEDGED] == changes

    run(test, *[(1_000 * second, 101.0, 50) for second in range(1, 200)], faults=[fault])


def test_a_trade_of_a_cancelled_order_is_told_all_the_same() -> None:
    async def test(here: Here) -> None:
        broker = here.broker()
        async with Reader(broker) as reader:
            await here.passes(1)
            await broker.submit(STOP)
            await here.passes(2)
            await broker.cancel(STOP.order_id)
            await here.passes(30)

        assert [K.CANCELLED, K.FILLED] == [one.kind for one in reader.heard]
        assert here.trades() == fills(reader.heard)

    run(test, *TAPE, faults=["fill-cancelled=5"])


def test_a_cancel_that_a_fill_overtakes_is_refused_and_the_fill_told() -> None:
    async def test(here: Here) -> None:
        broker = here.broker()
        async with Reader(broker) as reader:
            await here.passes(0.75)
            await broker.submit(ENTRY)
            await here.passes(0.25)
            here.time.clock.move(here.time.clock.now_ns() - 240_000_000)
            answer = await broker.cancel(ENTRY.order_id)
            await here.passes(40)

        assert here.trades() == fills(reader.heard)
        outcomes = [one.kind for one in reader.heard if one.kind is not K.FILLED]
        assert answer.kind in (K.ACKNOWLEDGED, K.REJECTED)
        assert outcomes in ([], [K.REJECTED], [K.CANCELLED])

    run(test, *TAPE)


def test_a_process_that_died_after_sending_does_not_send_again_and_is_told_all() -> None:
    async def test(here: Here) -> None:
        before = here.broker()
        await before.submit(ENTRY)
        await here.passes(3)
        after = here.broker()
        async with Reader(after) as reader:
            again = await after.submit(ENTRY)
            await here.passes(3)

        assert K.REJECTED is again.kind
        assert [ENTRY.order_id] == here.tags()
        assert here.trades() == fills(reader.heard) != []
        assert K.ACKNOWLEDGED is reader.heard[0].kind

    run(test, *TAPE)


@pytest.mark.parametrize(
    ("fault", "word"), [("by-hand=10@12:00:05", "BUY 10"), ("square-off@12:00:05", "SELL 10")]
)
def test_what_another_hand_does_is_named_and_left_alone(fault: str, word: str) -> None:
    async def test(here: Here) -> None:
        broker = here.broker()
        async with Reader(broker) as reader:
            await here.passes(1)
            await broker.submit(ENTRY)
            await here.passes(40)

        [stranger] = [one for one in reader.heard if one.kind is K.STRANGER]
        assert word in stranger.reason
        assert 2 == len(here.tags())
        assert [ENTRY.order_id] == [order.order_id for order in await broker.book()]
        assert {ENTRY.order_id} == {tag for tag, *_ in fills(reader.heard)}

    run(test, *TAPE, faults=[fault])


def test_the_document_says_of_every_fault_of_orders_what_becomes_of_them() -> None:
    text = (Path(__file__).parents[3] / "docs/faults.md").read_text(encoding="utf-8")
    lines = text.split("## What becomes of orders")[1].splitlines()
    table = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]
    source = Path(__file__).read_text(encoding="utf-8")
    orders = list(CATALOGUE)[list(CATALOGUE).index("unanswered") :]

    assert orders == [row[0].strip("`") for row in table]
    for name, report, _, shown in table:
        fault = name.strip("`")
        assert CATALOGUE[fault].reports.replace(" ", ", ") == report.strip()
        assert f'"{fault}' in source
        assert all(f"def {test}(" in source for test in re.findall(r"`(test_\w+)`", shown))
