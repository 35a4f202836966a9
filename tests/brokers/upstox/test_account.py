"""The account as the broker's rows tell it: whole, in shares and paise, or not at all."""

from typing import Any

import httpx
import pytest

from brokers.upstox.account import FUNDS, POSITIONS, PROFILE, UpstoxAccount, available, unfit
from core.errors import BrokerError, ProtocolViolation
from core.orders import OrderState, OrderType
from core.reconciliation import Execution, Holding
from core.types import Side
from providers.upstox.rest import UpstoxRest
from tests.brokers.upstox.rows import ENTRY, KEY, STOP, failure, row, stop_row, success, trade
from tests.brokers.upstox.wire import Wire, run

ACTIVE = {"is_active": True, "exchanges": ["NSE", "BSE"], "products": ["D", "I"]}


def position(**other: object) -> dict[str, Any]:
    return {
        "instrument_token": KEY,
        "product": "I",
        "quantity": 10,
        "average_price": None,
        "overnight_quantity": 0,
        "day_buy_quantity": 10,
        "day_buy_value": 1_010.0,
        "day_sell_quantity": 0,
        "day_sell_value": 0.0,
    } | other


def told(wire: Wire, **other: object) -> None:
    """What the wire answers of the account."""
    rows = {"positions": [position()], "funds": {"total": 99_798.05}, "profile": ACTIVE} | other
    wire.answers |= {
        POSITIONS: (200, success(rows["positions"])),
        FUNDS: (200, success({"available_to_trade": rows["funds"]})),
        PROFILE: (200, success(rows["profile"])),
    }


def account(wire: Wire) -> UpstoxAccount:
    rest = UpstoxRest(lambda: "token", transport=httpx.MockTransport(wire))
    return UpstoxAccount(rest, {"RELIANCE": KEY})


def test_one_reading_has_all_of_ours_and_nothing_of_others() -> None:
    async def test(wire: Wire) -> None:
        told(wire)
        by_hand = row("complete", 5, tag=None, order_id="260805025000003", quantity=5)
        twice = row("open", order_id="260805025000004")
        wire.orders = [row("complete", 10), by_hand, stop_row("trigger pending"), twice]
        wire.trades = [trade(1, 10), trade(2, 5, order_id="260805025000003")]
        read = await account(wire).read()

        assert [ENTRY.order_id, STOP.order_id] == list(read.orders)
        entry, stop = read.orders.values()
        assert (OrderState.FILLED, 10, "RELIANCE") == (entry.state, entry.filled, entry.instrument)
        assert (OrderState.OPEN, OrderType.STOP_MARKET, 99.5) == (stop.state, stop.type, stop.price)
        bought = Execution("RELIANCE", Side.BUY, 10, 101_00)
        assert {(ENTRY.order_id, "1"): bought} == read.trades
        assert (Holding("RELIANCE", True, 10, 10, 1_010_00, 0, 0),) == read.holdings
        assert (10, 0) == (read.net("RELIANCE"), read.net("TCS"))
        assert (99_798_05, "") == (read.available_paise, read.unfit)

    run(test)


def test_what_other_hands_would_still_trade_is_added_up() -> None:
    async def test(wire: Wire) -> None:
        told(wire)
        by_hand = {"tag": None, "transaction_type": "SELL", "filled_quantity": 3}
        wire.orders = [
            row("open", order_id="1", **by_hand),
            row("open", order_id="2", **by_hand | {"filled_quantity": 0}),
            row("complete", order_id="3", **by_hand),
            row("open", order_id="4", **by_hand | {"product": "D"}),
            row("open", order_id="5"),
        ]
        assert {"RELIANCE": -17} == (await account(wire).read()).others

    run(test)


def test_positions_of_another_product_or_instrument_are_told_as_such() -> None:
    async def test(wire: Wire) -> None:
        other = position(instrument_token="BSE_EQ|INE002A01018", quantity=-4)
        told(wire, positions=[position(product="D", quantity=3.0), other])
        read = await account(wire).read()

        assert [("RELIANCE", False, 3), ("BSE_EQ|INE002A01018", True, -4)] == [
            holding[:3] for holding in read.holdings
        ]
        assert 0 == read.net("RELIANCE")

    run(test)


@pytest.mark.parametrize(
    "senseless",
    [
        {"quantity": "10"},
        {"quantity": 1.5},
        {"quantity": None},
        {"day_buy_quantity": -1},
        {"day_buy_value": float("nan")},
        {"instrument_token": ""},
        {"product": None},
    ],
)
def test_a_position_that_cannot_be_one_makes_the_reading_none(
    senseless: dict[str, object],
) -> None:
    async def test(wire: Wire) -> None:
        told(wire, positions=[position(), position(**senseless)])
        with pytest.raises(ProtocolViolation, match="no position"):
            await account(wire).read()

    run(test)


@pytest.mark.parametrize("rows", [{}, None, "none", [[]], [None]])
def test_what_is_no_list_of_positions_is_no_reading(rows: object) -> None:
    async def test(wire: Wire) -> None:
        told(wire, positions=rows)
        with pytest.raises(ProtocolViolation):
            await account(wire).read()

    run(test)


def test_a_book_with_a_hole_is_no_reading() -> None:
    async def test(wire: Wire) -> None:
        told(wire)
        wire.orders = [row("complete", 10), row("open", quantity=0)]
        with pytest.raises(ProtocolViolation, match="no order"):
            await account(wire).read()

    run(test)


@pytest.mark.parametrize("path", [POSITIONS, FUNDS, PROFILE])
def test_a_refused_question_is_no_reading(path: str) -> None:
    async def test(wire: Wire) -> None:
        told(wire)
        wire.answers[path] = (401, failure("UDAPI100050", "Invalid token"))
        with pytest.raises(BrokerError):
            await account(wire).read()

    run(test)


@pytest.mark.parametrize(
    "data", [None, {}, {"available_to_trade": {}}, {"available_to_trade": {"total": "12"}}]
)
def test_funds_are_a_number_or_no_funds(data: object) -> None:
    with pytest.raises(ProtocolViolation, match="no funds"):
        available(data)


def test_funds_are_paise_and_may_be_owed() -> None:
    assert -10_05 == available({"available_to_trade": {"total": -10.05}})


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (ACTIVE, ""),
        (ACTIVE | {"is_active": False}, "calls the account inactive"),
        (ACTIVE | {"exchanges": ["BSE"]}, "has it without NSE"),
        (ACTIVE | {"products": ["D"]}, "has it without product I"),
    ],
)
def test_an_account_that_may_not_trade_says_why(profile: object, said: str) -> None:
    assert said == unfit(profile)


@pytest.mark.parametrize(
    "profile", [None, {}, ACTIVE | {"is_active": 1}, ACTIVE | {"products": None}]
)
def test_a_profile_that_is_none_is_refused(profile: object) -> None:
    with pytest.raises(ProtocolViolation, match="no profile"):
        unfit(profile)
