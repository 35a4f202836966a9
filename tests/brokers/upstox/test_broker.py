"""One order per id, every trade once: whatever the wire does. In virtual time."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from structlog.testing import capture_logs

from brokers.upstox.known_orders import ABSENT_AFTER_S
from brokers.upstox.limits import OrderLimits
from brokers.upstox.wording import BOOK, PLACE
from core.errors import ProtocolViolation
from core.ports import OrderCall, ReportKind
from tests.brokers.upstox.rows import ENTRY, STOP, failure, row, stop_row, success, trade
from tests.brokers.upstox.wire import HTML, LOST, Answer, Reader, Wire, now_s, run

K, C = ReportKind, OrderCall


def placed(wire: Wire) -> list[str]:
    return [body["tag"] for _, path, body in wire.sent if path == PLACE]


def test_an_entry_is_placed_by_its_tag_and_its_trades_are_told_once() -> None:
    async def test(wire: Wire) -> None:
        broker = wire.broker()
        async with Reader(broker) as reader:
            answer = await broker.submit(ENTRY)
            wire.orders = [row("complete", 10)]
            wire.trades = [trade(1, 6), trade(2, 4)]
            for told in (row("open"), row("open", 6), row("complete", 10), row("complete", 10)):
                wire.tell(told)
            await asyncio.sleep(300.0)

        assert K.ACKNOWLEDGED is answer.kind
        assert [ENTRY.order_id] == placed(wire)
        assert [("1", 6), ("2", 4)] == [(one.fill_id, one.quantity) for one in reader.heard]

    run(test)


def test_a_fill_is_told_within_a_second_of_its_update_and_however_late_its_trade() -> None:
    async def test(wire: Wire) -> None:
        async with Reader(wire.broker()) as reader:
            await asyncio.sleep(10.0)
            wire.trades = [trade(1, 4)]
            wire.tell(row("open", 4))
            await asyncio.sleep(0.6)
            first = [one.fill_id for one in reader.heard]
            wire.tell(row("open", 8))
            await asyncio.sleep(3.0)
            wire.trades = [trade(1, 4), trade(2, 4)]
            await asyncio.sleep(2.0)

        assert ["", "1"] == first
        assert ["", "1", "2"] == [one.fill_id for one in reader.heard]

    run(test)


@pytest.mark.parametrize("answer", LOST)
def test_an_order_without_a_good_answer_is_lost_looked_for_and_never_sent_again(
    answer: Answer,
) -> None:
    async def test(wire: Wire) -> None:
        broker = wire.broker()
        wire.answers[PLACE] = answer
        async with Reader(broker) as reader:
            await asyncio.sleep(20.0)
            sent_s = now_s()
            assert K.LOST is (await broker.submit(ENTRY)).kind
            again = await broker.submit(ENTRY)
            await asyncio.sleep(ABSENT_AFTER_S + 31.0)

        assert K.REJECTED is again.kind
        assert [ENTRY.order_id] == placed(wire)
        looks = [at - sent_s for at in wire.looks_s if at > sent_s]
        assert [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0, 90.0, 120.0] == looks
        [report] = reader.heard
        assert (K.LOST, "the order book does not show it after 90 s") == (
            report.kind,
            report.reason,
        )

    run(test)


def test_a_lost_order_is_told_when_the_book_shows_it() -> None:
    async def test(wire: Wire) -> None:
        broker = wire.broker()
        wire.answers[PLACE] = (502, HTML)
        async with Reader(broker) as reader:
            await broker.submit(ENTRY)
            await asyncio.sleep(5.0)
            assert [] == reader.heard
            wire.orders, wire.trades = [row("complete", 10)], [trade(1, 10)]
            await asyncio.sleep(3.1)

        assert [K.ACKNOWLEDGED, K.FILLED] == [one.kind for one in reader.heard]

    run(test)


@pytest.mark.parametrize("status", ["open", "rejected"])
def test_an_order_that_is_seen_needs_no_answer_and_what_comes_of_it_is_told_after(
    status: str,
) -> None:
    async def test(wire: Wire) -> None:
        broker = wire.broker()
        async with Reader(broker) as reader:
            await asyncio.sleep(1.0)
            wire.answers[PLACE] = None
            wire.on_place = lambda: wire.tell(row(status))
            answer = await broker.submit(ENTRY)
            answered_s, heard = now_s(), list(reader.heard)
            await asyncio.sleep(0.1)

        assert (K.ACKNOWLEDGED, 1.0, []) == (answer.kind, answered_s, heard)
        assert ([K.REJECTED] if status == "rejected" else []) == [one.kind for one in reader.heard]

    run(test)


@pytest.mark.parametrize(
    "answer",
    [
        (400, failure("UDAPI1119", "tag must be at most 40 characters")),
        (401, failure("UDAPI100050", "Invalid token")),
        (429, failure("UDAPI10005", "Too Many Request Sent")),
        httpx.ConnectError("no route"),
        httpx.ConnectTimeout("no route"),
    ],
)
def test_what_is_no_order_is_rejected_and_may_be_tried_again(answer: Answer) -> None:
    async def test(wire: Wire) -> None:
        broker = wire.broker()
        wire.answers[PLACE], good = answer, wire.answers[PLACE]
        first = await broker.submit(STOP)
        wire.answers[PLACE] = good
        second = await broker.submit(STOP)

        assert [K.REJECTED, K.ACKNOWLEDGED] == [first.kind, second.kind]
        assert first.reason

    run(test)


def test_an_order_that_a_process_before_sent_is_not_sent_again() -> None:
    async def test(wire: Wire) -> None:
        wire.orders = [row("open")]
        answer = await wire.broker().submit(ENTRY)

        assert (K.REJECTED, []) == (answer.kind, placed(wire))

    run(test)


@pytest.mark.parametrize("book", [(502, HTML), (200, success({})), (200, success(["order"]))])
def test_nothing_is_sent_before_the_book_has_been_read(book: Answer) -> None:
    async def test(wire: Wire) -> None:
        wire.answers[BOOK] = book
        broker = wire.broker()
        answer = await broker.submit(ENTRY)

        assert (K.REJECTED, []) == (answer.kind, placed(wire))
        assert answer.reason.startswith("not sent: ")
        del wire.answers[BOOK]
        assert K.ACKNOWLEDGED is (await broker.submit(ENTRY)).kind

    run(test)


def test_an_order_without_room_or_key_is_not_sent_and_an_exit_is() -> None:
    async def test(wire: Wire) -> None:
        broker = wire.broker(OrderLimits(per_day=10, kept_for_exits=10))
        refused = await broker.submit(ENTRY)
        unknown = await broker.submit(replace(ENTRY, instrument="TCS"))
        taken = await broker.submit(STOP)

        assert [K.REJECTED, K.REJECTED, K.ACKNOWLEDGED] == [
            one.kind for one in (refused, unknown, taken)
        ]
        assert [STOP.order_id] == placed(wire)
        assert "kept for exits" in refused.reason
        assert "TCS has no key" in unknown.reason

    run(test)


def test_the_book_and_the_trades_are_read_after_every_reconnect() -> None:
    async def test(wire: Wire) -> None:
        async with Reader(wire.broker()) as reader:
            await asyncio.sleep(10.0)
            wire.orders, wire.trades = [row("complete", 10)], [trade(1, 10)]
            wire.connections[-1].put_nowait(ConnectionResetError("cut"))
            await asyncio.sleep(2.0)

        assert 2 == len(wire.connections)
        assert [K.ACKNOWLEDGED, K.FILLED] == [one.kind for one in reader.heard]

    run(test)


def test_a_mute_stream_is_noticed_and_the_book_read_more_often_until_it_speaks() -> None:
    async def test(wire: Wire) -> None:
        with capture_logs() as logs:
            async with Reader(wire.broker()):
                for status in ("put order req received", "open pending", "open"):
                    wire.orders = [row(status)]
                    await asyncio.sleep(31.0)
                began_s = now_s()
                await asyncio.sleep(20.0)
                mute = [at for at in wire.looks_s if at > began_s]
                wire.tell(row("open"))
                await asyncio.sleep(100.0)

        assert 4 == len(mute)
        assert 3 >= len([at for at in wire.looks_s if at > began_s + 26.0])
        assert 1 == [one["event"] for one in logs].count("order_stream_mute")

    run(test)


def test_an_update_that_cannot_be_read_is_looked_up() -> None:
    async def test(wire: Wire) -> None:
        async with Reader(wire.broker()) as reader:
            await asyncio.sleep(10.0)
            wire.orders = [row("open")]
            wire.tell('{"update_type": "order", "order_id": 7}')
            wire.tell('{"update_type": "position"}')
            await asyncio.sleep(0.6)

        assert [K.ACKNOWLEDGED] == [one.kind for one in reader.heard]

    run(test)


@settings(max_examples=40)
@given(
    some.lists(
        some.text(max_size=30) | some.sampled_from(["[]", "null", "{}", "[" * 9]), max_size=5
    )
)
def test_a_stream_of_garbage_harms_nothing(garbage: list[str]) -> None:
    async def test(wire: Wire) -> None:
        broker = wire.broker()
        async with Reader(broker) as reader:
            await asyncio.sleep(1.0)
            for text in garbage:
                wire.tell(text)
            wire.tell(row("open"))
            await asyncio.sleep(1.0)

        assert [K.ACKNOWLEDGED] == [one.kind for one in reader.heard]

    run(test)


def test_a_book_with_a_row_that_makes_no_sense_tells_the_others_and_not_what_is_absent() -> None:
    async def test(wire: Wire) -> None:
        broker = wire.broker()
        wire.answers[PLACE] = (502, HTML)
        async with Reader(broker) as reader:
            await broker.submit(ENTRY)
            spoilt: list[Any] = [stop_row("open"), stop_row("open", quantity="10")]
            wire.orders = spoilt
            await asyncio.sleep(300.0)
            with pytest.raises(ProtocolViolation):
                await broker.book()

        assert [(K.ACKNOWLEDGED, STOP.order_id)] == [
            (one.kind, one.order_id) for one in reader.heard
        ]

    run(test)


def test_trades_that_make_no_sense_keep_no_others_back() -> None:
    async def test(wire: Wire) -> None:
        broker = wire.broker()
        wire.orders, wire.trades = [row("open", 8)], [trade(1, 4), trade(2, 4, 0.0)]
        async with Reader(broker) as reader:
            await asyncio.sleep(2.0)
            assert ["", "1"] == [one.fill_id for one in reader.heard]
            wire.trades = [trade(1, 4), trade(2, 4)]
            await asyncio.sleep(31.0)

        assert [(K.ACKNOWLEDGED, ""), (K.FILLED, "1"), (K.FILLED, "2")] == [
            (one.kind, one.fill_id) for one in reader.heard
        ]
        assert K.ACKNOWLEDGED is (await broker.submit(STOP)).kind

    run(test)


def test_a_flood_of_senseless_updates_is_told_of_a_few_times() -> None:
    async def test(wire: Wire) -> None:
        with capture_logs() as logs:
            async with Reader(wire.broker()):
                await asyncio.sleep(1.0)
                for number in range(100):
                    wire.tell(str(number))
                await asyncio.sleep(1.0)

        assert 5 == [one["event"] for one in logs].count("order_update_refused")

    run(test)


def test_no_line_of_the_log_has_the_token_or_the_code_of_the_address() -> None:
    async def test(wire: Wire) -> None:
        wire.answers[PLACE] = (500, failure("UDAPI100500", "Bearer token is odd"))
        with capture_logs() as logs:
            async with Reader(wire.broker()) as reader:
                await asyncio.sleep(1.0)
                answer = await wire.broker().submit(ENTRY)
                wire.connections[-1].put_nowait(ConnectionResetError("cut"))
                await asyncio.sleep(1.0)

        assert "token" not in f"{answer} {logs} {reader.heard}"
        assert "secret" not in f"{logs}"

    run(test)
