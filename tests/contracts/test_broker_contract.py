"""What every Broker promises (core.ports.Broker), asked of each."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from brokers.paper import PaperBroker
from core.orders import Order, OrderRole, OrderType
from core.ports import Broker, ReportKind
from core.types import OrderId, Side, SignalId

NOW_NS = 1_785_000_000_000_000_000
ORDER = Order(
    order_id=OrderId("a" * 24 + "-E"),
    signal_id=SignalId("a" * 64),
    strategy="pixity",
    instrument="TCS",
    role=OrderRole.ENTRY,
    type=OrderType.MARKET,
    side=Side.BUY,
    quantity=250,
    price=0.0,
    created_ns=NOW_NS,
    updated_ns=NOW_NS,
)
OTHER = replace(ORDER, order_id=OrderId("b" * 24 + "-E"))

BROKERS: dict[str, Callable[[], Broker]] = {"paper": lambda: PaperBroker(lambda: NOW_NS)}


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest) -> Broker:
    return BROKERS[request.param]()


def run(main: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(main)


def test_an_order_is_taken_and_then_in_the_book(broker: Broker) -> None:
    async def main() -> None:
        answer = await broker.submit(ORDER)

        assert (answer.kind, answer.order_id) == (ReportKind.ACKNOWLEDGED, ORDER.order_id)
        assert [order.order_id for order in await broker.book()] == [ORDER.order_id]

    run(main())


def test_an_order_id_is_taken_once_only(broker: Broker) -> None:
    async def main() -> None:
        await broker.submit(ORDER)
        answer = await broker.submit(replace(ORDER, quantity=999))

        assert answer.kind is ReportKind.REJECTED
        assert ORDER.order_id in answer.reason
        assert [order.quantity for order in await broker.book()] == [ORDER.quantity]

    run(main())


def test_an_order_that_is_not_known_is_neither_modified_nor_cancelled(broker: Broker) -> None:
    async def main() -> None:
        await broker.submit(OTHER)
        for answer in (await broker.modify(ORDER), await broker.cancel(ORDER.order_id)):
            assert answer.kind is ReportKind.REJECTED
            assert answer.order_id == ORDER.order_id
            assert answer.reason
        assert [order.order_id for order in await broker.book()] == [OTHER.order_id]

    run(main())


def test_a_cancel_is_answered_for_the_order_it_names(broker: Broker) -> None:
    async def main() -> None:
        await broker.submit(ORDER)
        await broker.submit(OTHER)
        answer = await broker.cancel(OTHER.order_id)

        assert (answer.kind, answer.order_id) == (ReportKind.CANCELLED, OTHER.order_id)

    run(main())
