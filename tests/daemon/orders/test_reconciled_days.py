"""A day at the sandbox in which ledger and broker part: named, halted, and exits still made."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.ports import EventKind
from core.types import TradingState
from daemon.floor import Floor
from tests.daemon.brokered import TOLD
from tests.daemon.live_day import Kill, LiveDay, Row, live_day
from tests.daemon.test_told_floor import half_out


def differences(day: LiveDay) -> list[str]:
    """As the ledger was told them."""
    reports = day.inputs(EventKind.BROKER_REPORT)
    return [str(one["reason"]) for one in reports if one["kind"] == "DIFFERENCE"]


def events(day: LiveDay, *names: str) -> list[Row]:
    return [one for one in day.log if one["event"] in names]


def check_halted(day: LiveDay, expected: str) -> None:
    """One of the differences is this one; the ledger and the log name it, and the book halts."""
    assert TradingState.HALTED is day.state
    [text] = [one for one in differences(day) if one == expected]
    assert text in [one["reason"] for one in day.notes("breaker_tripped")]
    sides = [
        f"{one['ours']}, the broker {one['theirs']}" for one in day.logged("reconciliation_differs")
    ]
    assert any(text.endswith(one) for one in sides)


def roles(day: LiveDay) -> Sequence[str]:
    """Of the orders of the daemon at the exchange, in the order in which they came."""
    return [one.terms.tag[-1] for one in day.desk.orders.values() if one.terms.tag]


@pytest.mark.slow
def test_a_trade_by_hand_halts_and_the_position_is_closed_all_the_same(tmp_path: Path) -> None:
    day = live_day(tmp_path, "by-hand=5@13:49:10", until="13:52")

    check_halted(day, "position RELIANCE: the ledger has -52, the broker -47")
    tripped = [str(one["reason"]) for one in day.notes("breaker_tripped")]
    assert tripped[0].startswith("an order that is not ours: BUY 5 RELIANCE")
    assert {"RELIANCE": 5} == day.held  # what the hand has bought, and nothing of ours
    assert roles(day).count("E") == roles(day).count("S")
    last_entry = max(
        int(str(one["created_ns"])) for one in day.rows("orders") if one["role"] == "ENTRY"
    )
    assert datetime.fromisoformat("2025-10-21T13:49:10+05:30").timestamp() * 1e9 >= last_entry


@pytest.mark.slow
def test_a_square_off_by_the_broker_halts_and_names_both_sides(tmp_path: Path) -> None:
    day = live_day(tmp_path, "square-off@13:49:10", until="13:51")

    check_halted(day, "position RELIANCE: the ledger has -52, the broker +0")
    reports = day.inputs(EventKind.BROKER_REPORT)
    unsent = [one for one in reports if str(one["reason"]).startswith("not sent: the broker has")]

    assert {"K"} == {str(one["order_id"])[-1] for one in unsent}
    assert "K" not in roles(day)
    assert {} == day.held


@pytest.mark.slow
def test_a_position_whose_stop_was_never_sent_halts_within_seconds_and_is_closed(
    tmp_path: Path,
) -> None:
    """Killed between the fill and the stop: nobody knows whether it was sent."""
    day = live_day(tmp_path, kills=[Kill("broker.submit.before", 2)], until="13:51")
    bare = "protection RELIANCE: the ledger has one exit order of +52, the broker none"
    check_halted(day, bare)
    [settled] = day.logged("order_settled")
    told = [one["event"] for one in events(day, "reconciliation_differs", "order_settled")]

    assert "reconciliation_differs" == told[0]
    assert "REJECTED" == settled["kind"]
    assert ["E", "K"] == roles(day)
    assert {} == day.held
    assert (
        "reconciliation_agreed"
        == events(day, "reconciliation_agreed", "reconciliation_differs")[-1]["event"]
    )


def test_a_list_without_a_share_that_the_ledger_holds_is_refused() -> None:
    held = half_out()
    [position] = held.floor.main.engine.positions()
    others = tuple(one for one in TOLD.instruments if one.symbol != position.instrument)
    groups = TOLD.groups[: len(others)]
    floor = Floor((replace(TOLD, instruments=others, groups=groups),))

    with pytest.raises(ConfigError, match=f"open position or order in {position.instrument}"):
        floor.carry_over(held.floor.close_day(1))
