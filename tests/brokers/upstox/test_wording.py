"""What the broker's words are worth: taken, refused, or unknown; an order, or no sense at all."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from brokers.upstox.wording import (
    CANCEL,
    MODIFY,
    PLACE,
    STATES,
    Refused,
    Taken,
    Unknown,
    answer_of,
    modifying,
    order_seen,
    placing,
    sound,
    trade_seen,
)
from core.errors import ProtocolViolation
from core.orders import OrderState, OrderType
from core.session import at_ist, parse_day
from core.types import Side
from sandbox.orders.order import TERMINAL, Status
from tests.brokers.upstox.rows import (
    ENTRY,
    KEY,
    PLACED,
    STOP,
    failure,
    row,
    stop_row,
    success,
    trade,
)

HTML = b"<html>error code: 1010</html>"
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20),
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(
            some.sampled_from(["status", "data", "errors", "order_ids", "order_id", "x"]),
            inner | some.just("success") | some.just("error"),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PLACE, PLACED),
        (MODIFY, success({"order_id": "260805025000001"})),
        (CANCEL, success({"order_id": "260805025000001"})),
    ],
)
def test_a_call_is_taken_by_the_id_in_its_answer(path: str, body: bytes) -> None:
    assert Taken("260805025000001") == answer_of(path, 200, body)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, failure("UDAPI100010", "Order not found"), "Order not found"),
        (401, failure("UDAPI100050", "Invalid token"), "tradingd login"),
        (403, failure("UDAPI100067", "API not permitted"), "read-only"),
        (403, failure("UDAPI1154", "Static IP is not registered"), "Static IP"),
        (429, failure("UDAPI10005", "Too Many Request Sent"), "Too Many"),
    ],
)
def test_a_refusal_is_the_brokers_own_json_with_its_text(
    status: int, body: bytes, words: str
) -> None:
    answer = answer_of(PLACE, status, body)

    assert isinstance(answer, Refused)
    assert words in answer.reason


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, failure("UDAPI100500", "Something went wrong")),
        (502, HTML),
        (403, HTML),
        (401, HTML),
        (429, HTML),
        (408, failure("UDAPI100500", "Timed out")),
        (200, b""),
        (200, HTML),
        (200, b"[]"),
        (200, success(None)),
        (200, success({})),
        (200, success({"order_ids": []})),
        (200, success({"order_ids": [260805025000001]})),
        (200, success({"order_ids": ["1", "2"]})),
        (200, success({"order_ids": "260805025000001"})),
        (200, failure("UDAPI100050", "Invalid token")),
        (400, json.dumps({"status": "error", "errors": []}).encode()),
        (302, b""),
    ],
)
def test_anything_else_leaves_the_outcome_unknown(status: int, body: bytes) -> None:
    assert isinstance(answer_of(PLACE, status, body), Unknown)


@given(
    some.integers(100, 599), some.binary(max_size=80) | JSON.map(lambda v: json.dumps(v).encode())
)
def test_garbage_is_never_a_refusal_unless_the_broker_says_so(status: int, body: bytes) -> None:
    for path in (PLACE, MODIFY, CANCEL):
        answer = answer_of(path, status, body)

        if isinstance(answer, Refused):
            assert 400 <= status < 500
            assert json.loads(body)["status"] == "error"
        if isinstance(answer, Taken):
            assert status == 200
            assert json.loads(body)["status"] == "success"


def test_an_order_is_asked_for_by_its_tag_intraday_and_protected() -> None:
    body = placing(STOP, KEY)

    assert (STOP.order_id, "I", "DAY", KEY) == (
        body["tag"],
        body["product"],
        body["validity"],
        body["instrument_token"],
    )
    assert ("SL-M", 99.5, 0, "SELL", -1) == (
        body["order_type"],
        body["trigger_price"],
        body["price"],
        body["transaction_type"],
        body["market_protection"],
    )
    assert ("MARKET", 0, 0) == tuple(
        placing(ENTRY, KEY)[name] for name in ("order_type", "trigger_price", "price")
    )
    assert {"order_id": "7"}.items() <= modifying(STOP, "7").items()


def test_the_documented_statuses_are_known_and_end_where_the_exchange_says() -> None:
    assert {status.value for status in Status} == STATES.keys()
    ends = {OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED}
    assert {one.value for one in TERMINAL} == {text for text, at in STATES.items() if at in ends}


def test_an_unknown_status_is_no_end() -> None:
    assert OrderState.LOST is order_seen(row("frozen by the regulator")).state


def test_a_row_is_an_order() -> None:
    seen = order_seen(stop_row("trigger pending", status_message="  so\n so "))

    assert (STOP.order_id, KEY, OrderState.OPEN) == (seen.tag, seen.key, seen.state)
    assert (OrderType.STOP_MARKET, Side.SELL, 10, 0, 99.5) == (
        seen.type,
        seen.side,
        seen.quantity,
        seen.filled,
        seen.price,
    )
    assert ("so so", at_ist(parse_day("2026-08-05"), "12:00")) == (seen.reason, seen.placed_ns)


@pytest.mark.parametrize(
    "spoilt",
    [
        None,
        [],
        "order",
        {},
        row("open", quantity="10"),
        row("open", quantity=True),
        row("open", quantity=0),
        row("open", quantity=10**400),
        row("open", quantity=1.5),
        row("open", filled=-1),
        row("open", order_id=7),
        row("open", order_id="../1"),
        row("open", order_type="ICEBERG"),
        row("open", transaction_type="HOLD"),
        row("open", order_type="LIMIT", price=float("nan")),
        row("", tag=None),
        row("open", instrument_token=None),
    ],
)
def test_a_row_that_makes_no_sense_is_refused(spoilt: Any) -> None:
    with pytest.raises(ProtocolViolation):
        order_seen(spoilt)


@given(JSON, some.sampled_from(sorted(row("open"))))
def test_a_row_with_anything_in_it_is_an_order_or_refused(value: Any, name: str) -> None:
    for read, told in ((order_seen, row("open")), (trade_seen, trade(1, 10))):
        for spoilt in (told | {name: value}, value):
            with suppress(ProtocolViolation):
                seen = read(spoilt)
                assert seen.quantity >= 1
                assert 0.0 <= seen.price < float("inf")


@pytest.mark.parametrize("spoilt", [None, trade(1, 0), trade(1, 5, 0.0), trade(1, 5, trade_id=7)])
def test_a_trade_that_makes_no_sense_is_refused(spoilt: Any) -> None:
    with pytest.raises(ProtocolViolation):
        trade_seen(spoilt)


def test_a_moment_that_is_not_told_is_none() -> None:
    for stamp in (None, "", "yesterday", "2026-08-05 25:00:00", 7):
        assert 0 == trade_seen(trade(1, 5, exchange_timestamp=stamp)).exchange_ns


def test_the_sound_rows_of_a_book_are_read_and_a_book_is_a_list() -> None:
    rows, refused = sound(trade_seen, [trade(1, 5), {}, trade(2, 5)])

    assert ["1", "2"] == [one.trade_id for one in rows]
    assert refused is not None
    assert (["1"], None) == ([one.trade_id for one in sound(trade_seen, [trade(1, 5)])[0]], None)
    with pytest.raises(ProtocolViolation):
        sound(order_seen, {"orders": []})


def test_neither_a_reason_nor_a_refusal_names_the_account() -> None:
    raw = "RMS:Margin Exceeds for entity account-AB1234 across exchange"
    seen = order_seen(row("rejected", status_message_raw=raw))
    with pytest.raises(ProtocolViolation) as refused:
        order_seen({"user_id": "AB1234"} | row("open", placed_by="AB1234", quantity="10"))

    assert "RMS:Margin Exceeds for entity account-*** across exchange" == seen.reason
    assert "no order: ValueError quantity" == str(refused.value)
