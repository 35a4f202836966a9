"""A modify and a cancel: taken, refused or lost, and what came of them told apart from that."""

import asyncio
from dataclasses import replace

import pytest

from brokers.upstox.known_orders import ABSENT_AFTER_S
from brokers.upstox.wording import CANCEL, MODIFY
from core.orders import OrderState
from core.ports import OrderCall, ReportKind
from tests.brokers.upstox.rows import STOP, failure, stop_row, success
from tests.brokers.upstox.wire import LOST, Answer, Reader, Wire, run

K, C = ReportKind, OrderCall


def test_a_stop_is_modified_by_the_brokers_id_and_told_when_that_is_in_force() -> None:
    async def test(wire: Wire) -> None:
        broker = wire.broker()
        more = replace(STOP, quantity=20)
        async with Reader(broker) as reader:
            await broker.submit(STOP)
            early = await broker.modify(more)
            wire.orders = [stop_row("trigger pending")]
            answer = await broker.modify(more)
            wire.tell(stop_row("modified", quantity=20))
            await asyncio.sleep(0.1)

        assert (K.REJECTED, C.MODIFY) == (early.kind, early.call)
        assert (K.ACKNOWLEDGED, C.MODIFY) == (answer.kind, answer.call)
        [[_, _, body]] = [one for one in wire.sent if one[1] == MODIFY]
        assert ("260805025000002", 20, "SL-M", 99.5) == tuple(
            body[name] for name in ("order_id", "quantity", "order_type", "trigger_price")
        )
        assert [(K.ACKNOWLEDGED, C.MODIFY)] == [(one.kind, one.call) for one in reader.heard]

    run(test)


def test_a_cancel_is_taken_and_then_told() -> None:
    async def test(wire: Wire) -> None:
        wire.orders = [stop_row("trigger pending")]
        broker = wire.broker()
        async with Reader(broker) as reader:
            await asyncio.sleep(1.0)
            answer = await broker.cancel(STOP.order_id)
            wire.tell(stop_row("cancelled"))
            await asyncio.sleep(0.1)
            late = await broker.cancel(STOP.order_id)

        assert (K.ACKNOWLEDGED, C.CANCEL) == (answer.kind, answer.call)
        assert [K.ACKNOWLEDGED, K.CANCELLED] == [one.kind for one in reader.heard]
        assert (K.REJECTED, "is over: cancelled") == (late.kind, late.reason[-18:])
        assert ["260805025000002"] == [
            body["order_id"] for _, path, body in wire.sent if path == CANCEL
        ]

    run(test)


@pytest.mark.parametrize("answer", [*LOST, (200, success({"order_id": "990101000000001"}))])
@pytest.mark.parametrize("call", [C.MODIFY, C.CANCEL])
def test_a_change_without_a_good_answer_is_lost_until_the_book_tells(
    call: OrderCall, answer: Answer
) -> None:
    async def test(wire: Wire) -> None:
        wire.orders = [stop_row("trigger pending")]
        wire.answers |= {MODIFY: answer, CANCEL: answer}
        broker = wire.broker()
        async with Reader(broker) as reader:
            if call is C.MODIFY:
                told = await broker.modify(replace(STOP, quantity=20))
            else:
                told = await broker.cancel(STOP.order_id)
            assert (K.LOST, call) == (told.kind, told.call)
            await asyncio.sleep(ABSENT_AFTER_S + 31.0)
            wire.orders = [stop_row("cancelled")]
            await asyncio.sleep(31.0)

        told_later = [(one.kind, one.call) for one in reader.heard]
        assert (K.LOST, call) in told_later
        assert (K.CANCELLED, C.SUBMIT) == told_later[-1]
        assert 1 == len(wire.sent)

    run(test)


def test_a_change_that_is_seen_before_its_answer_is_not_lost() -> None:
    async def test(wire: Wire) -> None:
        wire.orders = [stop_row("trigger pending")]
        wire.answers[CANCEL] = None
        broker = wire.broker()
        async with Reader(broker) as reader:
            await asyncio.sleep(1.0)
            asking = asyncio.create_task(broker.cancel(STOP.order_id))
            await asyncio.sleep(1.0)
            wire.tell(stop_row("cancelled"))
            answer = await asking

        assert (K.ACKNOWLEDGED, C.CANCEL) == (answer.kind, answer.call)
        assert [K.ACKNOWLEDGED, K.CANCELLED] == [one.kind for one in reader.heard]

    run(test)


def test_a_refused_change_leaves_the_order_as_it_was() -> None:
    async def test(wire: Wire) -> None:
        wire.orders = [stop_row("trigger pending")]
        wire.answers[MODIFY] = (400, failure("UDAPI100041", "Order is completed"))
        broker = wire.broker()
        async with Reader(broker) as reader:
            answer = await broker.modify(replace(STOP, quantity=20))
            [order] = await broker.book()
            await asyncio.sleep(ABSENT_AFTER_S + 31.0)

        assert (K.REJECTED, C.MODIFY) == (answer.kind, answer.call)
        assert (OrderState.OPEN, 10) == (order.state, order.quantity)
        assert [K.ACKNOWLEDGED] == [one.kind for one in reader.heard]  # nothing is waited for

    run(test)
