"""The page is told the last price of each instrument once, and never what is no price."""

import math

import numpy as np
import pytest

from core.latest import Latest
from core.types import TICK, Records


def ticks(*rows: tuple[int, int, float]) -> Records:
    found: Records = np.zeros(len(rows), TICK)
    for row, (number, exch_ns, price) in zip(found, rows, strict=True):
        row["instrument"], row["exch_ns"], row["price"] = number, exch_ns, price
    return found


def test_the_last_price_counts_and_is_told_once() -> None:
    latest = Latest(3)
    latest.note(ticks((2, 10, 5.0), (0, 11, 7.0)))
    latest.note(ticks((2, 12, 5.5)))

    assert latest.take() == {0: (7.0, 11), 2: (5.5, 12)}
    assert latest.take() == {}


def test_strangers_are_counted() -> None:
    latest = Latest(1)

    assert latest.note(ticks((-1, 1, 5.0), (0, 1, 5.0), (1, 1, 5.0))) == 2
    assert latest.take() == {0: (5.0, 1)}


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_price_leaves_the_one_before(price: float) -> None:
    latest = Latest(1)
    latest.note(ticks((0, 1, 5.0), (0, 2, price)))

    assert latest.take() == {0: (5.0, 1)}
