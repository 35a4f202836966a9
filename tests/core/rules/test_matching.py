"""The simulated exchange: which end of a bracket a bar touches, and what a market order pays."""

import numpy as np
import pytest

from core.rules.matching import (
    NO_EXIT,
    STOP_AT_OPEN,
    STOP_INSIDE,
    TARGET_AT_OPEN,
    TARGET_INSIDE,
    bracket_price,
    bracket_touched,
    market_price,
)
from core.types import BAR, Row
from tests.market import BUY, SELL, rules_on

ENTRY, STOP, TARGET = 100.0, 98.0, 104.0
RULES = rules_on("2026-07-22")


def row(open_: float, high: float, low: float) -> Row:
    bar = np.zeros(1, BAR)[0]
    bar.open, bar.high, bar.low, bar.close = open_, high, low, open_
    return bar


def mirrored(price: float) -> float:
    return 2 * ENTRY - price


CASES = [
    ("quiet", (100, 103, 99), False, NO_EXIT),
    ("check of the specification: both touched", (100, 105, 97), False, STOP_INSIDE),
    ("check of the specification: gap through the stop", (96, 97, 95), False, STOP_AT_OPEN),
    ("open on the stop", (98, 99, 98), False, STOP_AT_OPEN),
    ("low on the stop", (100, 101, 98), False, STOP_INSIDE),
    ("open on the target", (104, 105, 103), False, TARGET_AT_OPEN),
    ("gap through the target", (106, 107, 105), False, TARGET_AT_OPEN),
    ("high on the target", (100, 104, 99), False, TARGET_INSIDE),
    ("stop before a target at the open", (105, 106, 97), False, STOP_INSIDE),
    ("entry bar, stop", (100, 101, 98), True, STOP_INSIDE),
    ("entry bar, target", (100, 104, 99), True, TARGET_INSIDE),
    ("entry bar, both", (100, 105, 97), True, STOP_INSIDE),
    ("entry bar that opens beyond the stop", (97, 99, 96), True, STOP_INSIDE),
    ("entry bar that opens beyond the target", (105, 106, 104), True, TARGET_INSIDE),
    ("entry bar, quiet", (100, 103, 99), True, NO_EXIT),
]


@pytest.mark.parametrize(
    ("prices", "entered", "expected"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_a_bar_ends_a_position_stop_first_and_gaps_at_the_open(
    prices: tuple[float, float, float], entered: bool, expected: int
) -> None:
    open_, high, low = prices
    long = bracket_touched(row(open_, high, low), BUY, STOP, TARGET, entered)
    upside_down = row(mirrored(open_), mirrored(low), mirrored(high))
    short = bracket_touched(upside_down, SELL, mirrored(STOP), mirrored(TARGET), entered)

    assert (expected, expected) == (long, short)


@pytest.mark.parametrize(
    ("price", "side", "slippage_bps", "expected"),
    [
        (100.0, BUY, 2.0, 100.05),
        (100.0, SELL, 2.0, 99.95),
        (98.0, SELL, 2.0, 97.95),
        (100.0, BUY, 0.0, 100.0),
        (100.0, SELL, 5.0, 99.95),  # exactly on the grid
        (100.02, BUY, 0.0, 100.05),  # a price off the grid is rounded all the same
    ],
)
def test_a_market_order_pays_slippage_and_then_the_tick(
    price: float, side: int, slippage_bps: float, expected: float
) -> None:
    assert expected == market_price(price, side, slippage_bps, 5, RULES)


def test_the_tick_is_looked_up_with_the_price_being_rounded() -> None:
    assert 250.05 == market_price(249.99, BUY, 1.0, 0, RULES)  # 250.015: over the limit now
    assert 249.97 == market_price(250.0, SELL, 1.0, 0, RULES)  # 249.975: under it


def test_a_bracket_goes_to_the_tick_away_from_the_entry() -> None:
    assert (97.95, 104.05) == (
        bracket_price(97.99, -1, 5, RULES),
        bracket_price(104.01, 1, 5, RULES),
    )
