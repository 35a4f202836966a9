"""Focus: bars around candidates, when a full replay is as good, and what a comparison tells."""

import numpy as np
import polars as pl
import pytest

from backtest.files import TRADE_SCHEMA
from backtest.focus import COMPARED, Plan, around, differences

CALENDAR = np.array([*range(10, 20), *((1 << 40) + k for k in range(5))])  # of two instruments


@pytest.mark.parametrize(
    ("places", "window", "wanted"),
    [
        ([3], 0, [3]),
        ([3], 2, [1, 2, 3, 4, 5]),
        ([0, 9], 2, [0, 1, 2, 7, 8, 9]),  # clipped where an instrument's bars begin and end
        ([10], 2, [10, 11, 12]),
        ([2, 4], 1, [1, 2, 3, 4, 5]),  # merged
        ([], 3, []),
        ([7], 99, [*range(10)]),
    ],
)
def test_bars_around_are_those_of_the_instrument_each_once(
    places: list[int], window: int, wanted: list[int]
) -> None:
    assert wanted == around(CALENDAR, np.array(places, np.int64), window).tolist()


@pytest.mark.parametrize(
    ("covered", "candidates", "window", "told"),
    [
        (66, 5, 1, "66.0% of the bars are covered, over 65%"),
        (65, 5, 1, None),
        (40, 16, 1, "16.0% of the bars are candidates, over 15%"),
        (40, 15, 1, None),
        (90, 90, 0, None),  # exact: it is what was asked for
    ],
)
def test_a_plan_falls_back_where_a_window_leaves_little_out(
    covered: int, candidates: int, window: int, told: str | None
) -> None:
    assert told == Plan(np.arange(covered), 100, candidates, window).falls_back


def trades(*rows: tuple[str, int, float, int]) -> pl.DataFrame:
    """(instrument, entry_ns, entry_price, quantity)"""
    whole = [
        {"instrument": a, "side": "BUY", "entry_ns": b, "entry_price": c, "exit_ns": b + 1}
        | {"exit_price": 1.0, "quantity": d}
        for a, b, c, d in rows
    ]
    schema = {name: TRADE_SCHEMA[name] for name in COMPARED}
    return pl.DataFrame(whole, schema)


def test_equal_trades_do_not_differ() -> None:
    one = trades(("A", 1, 1.0, 5), ("B", 1, 2.0, 5))

    assert [] == [*differences(one, one)]
    assert [] == [*differences(trades(), trades())]


def test_every_difference_is_named_with_its_trade() -> None:
    full = trades(("A", 0, 1.0, 5), ("B", 0, 2.0, 5), ("A", 60_000_000_000, 3.0, 5))
    other = trades(("A", 0, 1.5, 6), ("A", 60_000_000_000, 3.0, 5), ("C", 0, 1.0, 1))

    assert [
        "A entered 1970-01-01T05:30:00+05:30: entry_price 1.0 in full, 1.5 focused",
        "A entered 1970-01-01T05:30:00+05:30: quantity 5 in full, 6 focused",
        "B entered 1970-01-01T05:30:00+05:30: missing in the focused replay",
        "C entered 1970-01-01T05:30:00+05:30: in the focused replay alone",
    ] == [*differences(full, other)]
