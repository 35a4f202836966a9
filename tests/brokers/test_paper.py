"""The paper broker: it takes an order once, keeps it, and never fills anything itself."""

import asyncio
from dataclasses import replace

from brokers.paper import PaperBroker
from core.ports import BrokerReport, ReportKind
from tests.contracts.test_broker_contract import ORDER

NOW_NS = 1_785_000_000_000_000_000


def test_answers_bear_the_time_of_the_clock() -> None:
    now_ns = iter(range(NOW_NS, NOW_NS + 3))
    broker = PaperBroker(lambda: next(now_ns))

    async def main() -> list[BrokerReport]:
        return [
            await broker.submit(ORDER),
            await broker.modify(ORDER),
            await broker.cancel(ORDER.order_id),
        ]

    assert [one.ts_ns for one in asyncio.run(main())] == [NOW_NS, NOW_NS + 1, NOW_NS + 2]


def test_fills_are_the_simulated_exchanges_part() -> None:
    broker = PaperBroker(lambda: NOW_NS)

    async def main() -> list[BrokerReport]:
        await broker.submit(ORDER)
        return [report async for report in broker.reports()]

    assert asyncio.run(main()) == []


def test_a_modified_order_is_what_the_book_shows() -> None:
    broker = PaperBroker(lambda: NOW_NS)
    moved = replace(ORDER, price=99.5)

    async def main() -> list[float]:
        await broker.submit(ORDER)
        answer = await broker.modify(moved)
        assert answer.kind is ReportKind.ACKNOWLEDGED
        return [order.price for order in await broker.book()]

    assert asyncio.run(main()) == [99.5]
