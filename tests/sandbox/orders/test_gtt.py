"""Orders that wait for a price: what triggers them, and what comes of the other leg."""

from typing import Any

import pytest

from sandbox.answers import Refused
from sandbox.orders.gtt import Gtts
from sandbox.orders.gtt_rules import gtt_row
from tests.sandbox.order_market import SHARE, Burst, Market, trades_of


def rule(strategy: str, trigger: float, kind: str = "IMMEDIATE", **asked: float) -> dict[str, Any]:
    return {"strategy": strategy, "trigger_type": kind, "trigger_price": trigger} | asked


def asked(*rules: dict[str, Any], side: str = "BUY") -> dict[str, Any]:
    return {
        "type": "SINGLE" if len(rules) == 1 else "MULTIPLE",
        "quantity": 10,
        "product": "I",
        "instrument_token": SHARE.key,
        "transaction_type": side,
        "rules": list(rules),
    }


def market(*bursts: Burst) -> tuple[Market, Gtts]:
    made = Market((0, 100.0, 1), *bursts, at_ms=1)
    return made, Gtts(made.desk)


def statuses(gtts: Gtts) -> list[str]:
    [gtt] = gtts.of(None)
    return [one["status"] for one in gtt_row(gtt)["rules"]]


@pytest.mark.parametrize(("kind", "price"), [("ABOVE", 102.0), ("BELOW", 98.0)])
def test_an_entry_is_an_order_once_its_price_has_come(kind: str, price: float) -> None:
    here, gtts = market((100, 100.0, 50), (200, price, 50), (300, 101.0, 50))
    gtt_id = gtts.place(asked(rule("ENTRY", price, kind)))
    here.at(150)
    assert {} == here.desk.orders
    here.at(1_000)
    [order] = here.desk.orders.values()

    assert ([(300, 101.0, 10)], gtt_id) == (trades_of(order), order.reference)
    assert ["TRIGGERED"] == statuses(gtts)


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (105.0, ["TRIGGERED", "TRIGGERED", "CANCELLED"]),
        (95.0, ["TRIGGERED", "CANCELLED", "TRIGGERED"]),
    ],
)
def test_of_target_and_stop_the_first_to_come_cancels_the_other(
    price: float, expected: list[str]
) -> None:
    here, gtts = market(
        (50, 105.0, 1), (100, 100.0, 50), (150, 100.0, 50), (500, price, 50), (900, price, 50)
    )
    gtts.place(asked(rule("ENTRY", 0.0), rule("TARGET", 105.0), rule("STOPLOSS", 95.0)))
    here.at(400)
    assert ["TRIGGERED", "SCHEDULED", "SCHEDULED"] == statuses(gtts)
    here.at(1_000)

    assert expected == statuses(gtts)
    assert here.desk.account.is_flat
    assert 2 == len(here.desk.orders)


def test_an_entry_that_is_rejected_ends_what_waits_for_it() -> None:
    here, gtts = market((100, 100.0, 50))
    rules = (rule("ENTRY", 0.0), rule("STOPLOSS", 95.0))
    gtts.place(asked(*rules) | {"quantity": 90_000})  # more than there is money for
    here.at(1_000)

    assert ["TRIGGERED", "CANCELLED"] == statuses(gtts)


def test_a_stop_with_a_gap_follows_the_price() -> None:
    prices = (100.0, 100.0, 100.0, 104.0, 102.0, 102.0)
    here, gtts = market(*((100 * n, price, 50) for n, price in enumerate(prices, 1)))
    gtts.place(asked(rule("ENTRY", 0.0), rule("STOPLOSS", 95.0, trailing_gap=2.0)))
    here.at(1_000)

    assert ["TRIGGERED", "TRIGGERED"] == statuses(gtts)
    assert here.desk.account.is_flat


def test_one_waits_over_night_and_ends_by_a_cancel() -> None:
    here, gtts = market((100, 100.0, 50))
    gtt_id = gtts.place(asked(rule("ENTRY", 90.0, "BELOW")))
    here.at(24 * 3_600_000)
    gtts.modify({"gtt_order_id": gtt_id} | asked(rule("ENTRY", 80.0, "BELOW")))
    assert 80.0 == gtt_row(gtts.of(gtt_id)[0])["rules"][0]["trigger_price"]
    gtts.cancel({"gtt_order_id": gtt_id})

    assert ["CANCELLED"] == statuses(gtts)
    with pytest.raises(Refused, match="over"):
        gtts.cancel({"gtt_order_id": gtt_id})


@pytest.mark.parametrize(
    "change",
    [
        {"instrument_token": "NSE_EQ|NOBODY"},
        {"transaction_type": "HOLD"},
        {"quantity": 0},
        {"type": "TRIPLE"},
        {"rules": None},
        {"rules": [rule("TARGET", 1.0)]},
        {"rules": [rule("ENTRY", float("nan"))]},
        {"rules": [rule("ENTRY", 1.0, "SIDEWAYS")]},
    ],
)
def test_what_is_no_rule_is_refused(change: dict[str, Any]) -> None:
    _, gtts = market()
    with pytest.raises(Refused):
        gtts.place(asked(rule("ENTRY", 90.0)) | change)

    assert [] == gtts.of(None)


def test_one_that_is_unknown_is_not_found() -> None:
    _, gtts = market()
    with pytest.raises(Refused, match="not found"):
        gtts.of("GTT-C1")
