"""Ids: the same decision has the same one, and any one part that differs makes another."""

import hashlib

import pytest

from core.identity import backtest_scope, signal_id_of
from core.types import Side
from tests.market import DAY, at

PARTS: dict[str, object] = {
    "scope": "paper|main|book",
    "strategy": "pixity",
    "instrument": "TATAPOWER",
    "bar_open_ns": at("09:30", DAY),
    "side": Side.BUY,
    "kind": "TREND",
}
OTHER: dict[str, object] = {
    "scope": "paper|main|shadow",
    "strategy": "pixity2",
    "instrument": "RELIANCE",
    "bar_open_ns": at("09:45", DAY),
    "side": Side.SELL,
    "kind": "REVERSION",
}


def test_a_signal_id_is_the_sha256_of_its_parts_with_the_time_in_india() -> None:
    text = "paper|main|book|pixity|TATAPOWER|2026-07-22T09:30:00+05:30|BUY|TREND"

    assert hashlib.sha256(text.encode()).hexdigest() == signal_id_of(**PARTS)  # type: ignore[arg-type]


@pytest.mark.parametrize("part", PARTS)
def test_any_one_part_that_differs_makes_another_id(part: str) -> None:
    changed = {**PARTS, part: OTHER[part]}

    assert signal_id_of(**PARTS) != signal_id_of(**changed)  # type: ignore[arg-type]
    assert signal_id_of(**PARTS) == signal_id_of(**dict(PARTS))  # type: ignore[arg-type]


def test_a_backtest_scope_is_16_digits_whatever_the_order_of_parameters() -> None:
    scope = backtest_scope("pixity", {"a": 1, "b": 2.5}, "f00")

    assert 16 == len(scope)
    assert scope == backtest_scope("pixity", {"b": 2.5, "a": 1}, "f00")


@pytest.mark.parametrize(
    ("strategy", "parameters", "data_hash"),
    [
        ("ema_cross", {"a": 1}, "f00"),
        ("pixity", {"a": 2}, "f00"),
        ("pixity", {"b": 1}, "f00"),
        ("pixity", {"a": 1}, "f01"),
    ],
)
def test_a_backtest_scope_tells_strategy_parameters_and_data_apart(
    strategy: str, parameters: dict[str, object], data_hash: str
) -> None:
    assert backtest_scope("pixity", {"a": 1}, "f00") != backtest_scope(
        strategy, parameters, data_hash
    )
