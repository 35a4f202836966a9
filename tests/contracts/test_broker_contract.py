"""What every Broker promises (core.ports.Broker), asked of each."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import pytest

from brokers.paper import PaperBroker
from core.orders import Order, OrderRole, OrderType
from core.ports import Broker, ReportKind
from core.types import OrderId, Side, SignalId
from tests.brokers.upstox.at_sandbox import at_sandbox

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

Opened = Callable[[], AbstractAsyncContextManager[Broker]]


@asynccontextmanager
async def paper() -> AsyncIterator[Broker]:
    yield PaperBroker(lambda: NOW_NS)


@asynccontextmanager
async def upstox() -> AsyncIterator[Broker]:
    async with at_sandbox() as here:
        yield here.broker()


BROKERS: dict[str, Opened] = {"paper": paper, "upstox": upstox}


@pytest.fixture(params=BROKERS)
def opened(request: pytest.FixtureRequest) -> Opened:
    return BROKERS[request.param]


def run(opened: Opened, test: Callable[[Broker], Awaitable[None]]) -> None:
    async def main() -> None:
        async with opened() as broker:
            await test(broker)

    asyncio.run(main())


def test_an_order_is_taken_and_then_in_the_book(opened: Opened) -> None:
    async def test(broker: Broker) -> None:
        answer = await broker.submit(ORDER)

        assert (answer.kind, answer.order_id) == (ReportKind.ACKNOWLEDGED, ORDER.order_id)
        assert [order.order_id for order in await broker.book()] == [ORDER.order_id]

    run(opened, test)


def test_an_order_id_is_taken_once_only(opened: Opened) -> None:
    async def test(broker: Broker) -> None:
        await broker.submit(ORDER)
        answer = await broker.submit(replace(ORDER, quantity=999))

        assert answer.kind is ReportKind.REJECTED
        assert ORDER.order_id in answer.reason
        assert [order.quantity for order in await broker.book()] == [ORDER.quantity]

    run(opened, test)


def test_an_order_that_is_not_known_is_neither_modified_nor_cancelled(opened: Opened) -> None:
    async def test(broker: Broker) -> None:
        await broker.submit(OTHER)
        for answer in (await broker.modify(ORDER), await broker.cancel(ORDER.order_id)):
            assert answer.kind is ReportKind.REJECTED
            assert answer.order_id == ORDER.order_id
            assert answer.reason
        assert [order.order_id for order in await broker.book()] == [OTHER.order_id]

    run(opened, test)


def test_a_cancel_is_done_or_taken_for_the_order_it_names(opened: Opened) -> None:
    async def test(broker: Broker) -> None:
        await broker.submit(ORDER)
        await broker.submit(OTHER)
        answer = await broker.cancel(OTHER.order_id)

        assert answer.kind in (ReportKind.CANCELLED, ReportKind.ACKNOWLEDGED)
        assert answer.order_id == OTHER.order_id

    run(opened, test)
