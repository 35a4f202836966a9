"""A tick at the target of an open position is told once, and what is no trade of it never."""

import math

import numpy as np
import pytest

from core.rules.holdings import OPEN, PENDING_EXIT, POSITION
from core.targets import Targets, Touched
from core.types import TICK, Records

LONG, SHORT = 1, -1


def positions(*rows: tuple[int, int, float]) -> Records:
    """Status, side and target of each instrument, entered at 100."""
    found: Records = np.zeros(len(rows), POSITION)
    for row, (status, side, target) in zip(found, rows, strict=True):
        row["status"], row["side"], row["target"], row["entry_ns"] = status, side, target, 100
    return found


def ticks(*rows: tuple[int, int, float]) -> Records:
    """Instrument, time of the trade and price; each is received at 500."""
    found: Records = np.zeros(len(rows), TICK)
    for row, (number, exch_ns, price) in zip(found, rows, strict=True):
        row["instrument"], row["exch_ns"], row["price"] = number, exch_ns, price
        row["recv_ns"] = 500
    return found


def watched(*rows: tuple[int, int, float]) -> Targets:
    targets = Targets(len(rows))
    targets.arm(positions(*rows))
    return targets


def told(targets: Targets, *rows: tuple[int, int, float]) -> list[Touched]:
    return list(targets.touched(ticks(*rows)))


def test_a_long_target_is_met_from_below_and_a_short_one_from_above() -> None:
    targets = watched((OPEN, LONG, 10.0), (OPEN, SHORT, 5.0))

    assert [] == told(targets, (0, 200, 9.99), (1, 200, 5.01))
    assert [Touched(0, 10.0, 201), Touched(1, 4.9, 202)] == told(
        targets, (0, 201, 10.0), (1, 202, 4.9)
    )


def test_a_target_is_told_once_until_it_is_watched_again() -> None:
    targets = watched((OPEN, LONG, 10.0))

    assert [Touched(0, 11.0, 201)] == told(targets, (0, 201, 11.0), (0, 202, 12.0))
    assert [] == told(targets, (0, 203, 13.0))
    targets.arm(positions((OPEN, LONG, 10.0)))
    assert [Touched(0, 13.0, 204)] == told(targets, (0, 204, 13.0))


def test_what_is_on_its_way_out_or_flat_is_not_watched() -> None:
    targets = watched((PENDING_EXIT, LONG, 10.0), (0, 0, 0.0))

    assert [] == told(targets, (0, 201, 11.0), (1, 201, 11.0), (2, 201, 11.0), (-1, 201, 11.0))


def test_a_trade_from_before_the_entry_is_told_again_and_says_nothing() -> None:
    assert [] == told(watched((OPEN, LONG, 10.0)), (0, 99, 11.0))


def test_a_trade_without_a_time_counts_from_when_it_came() -> None:
    assert [Touched(0, 11.0, 500)] == told(watched((OPEN, LONG, 10.0)), (0, 0, 11.0))


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf, 7.9, 12.1])
def test_what_is_no_price_of_the_day_touches_nothing(price: float) -> None:
    targets = watched((OPEN, SHORT, 20.0), (OPEN, LONG, 1.0))
    targets.limit_prices(np.array([[8.0, 12.0], [8.0, 12.0]]))

    assert [] == told(targets, (0, 201, price), (1, 201, price))
    assert [Touched(0, 8.0, 202), Touched(1, 12.0, 202)] == told(
        targets, (0, 202, 8.0), (1, 202, 12.0)
    )
