"""The price grid: the table by date, rounding in both directions, and the nearest double."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.ticks import instrument_tick_paise, rounded, tick_change_days, tick_of
from core.session import day_text
from core.types import Instrument, InstrumentId, SessionClass
from tests.market import rules_on

TICKS = st.sampled_from([1, 5, 10, 50, 100, 500])
UP, DOWN = 1, -1


@pytest.mark.parametrize(
    ("date", "price", "tick_paise"),
    [
        ("2024-06-09", 100.0, 5),
        ("2024-06-09", 30_000.0, 5),
        ("2024-06-10", 249.99, 1),
        ("2024-06-10", 250.0, 5),
        ("2025-04-14", 249.99, 1),
        ("2025-04-14", 6_000.0, 5),
        ("2025-04-15", 249.99, 1),
        ("2025-04-15", 250.0, 5),
        ("2025-04-15", 999.95, 5),
        ("2025-04-15", 1_000.0, 10),
        ("2025-04-15", 4_999.9, 10),
        ("2025-04-15", 5_000.0, 50),
        ("2025-04-15", 10_000.0, 100),
        ("2025-04-15", 19_999.0, 100),
        ("2025-04-15", 20_000.0, 500),
        ("2026-07-22", 1e9, 500),
    ],
)
def test_tick_is_that_of_the_day_and_a_limit_has_the_larger(
    date: str, price: float, tick_paise: int
) -> None:
    assert tick_paise == tick_of(price, 0, rules_on(date))


def test_the_tick_of_an_instrument_wins_over_the_table() -> None:
    assert 25 == tick_of(100.0, 25, rules_on("2026-07-22"))


def test_every_day_on_which_a_table_begins_is_known() -> None:
    begins = {day_text(day) for day in tick_change_days()} - {"1970-01-01"}

    assert {"2024-06-10", "2025-04-15"} == begins


@pytest.mark.parametrize(
    ("tick_paise", "always_open", "expected"),
    [(None, False, 0), (None, True, 1), (10, False, 10), (10, True, 10)],
)
def test_an_instrument_without_a_tick_has_its_markets(
    tick_paise: int | None, always_open: bool, expected: int
) -> None:
    instrument = Instrument(InstrumentId("X"), "X", SessionClass.CASH, tick_paise)

    assert expected == instrument_tick_paise(instrument, always_open=always_open)


@pytest.mark.parametrize(
    ("price", "up", "down"),
    [
        (100.01, 100.05, 100.0),
        (100.0499, 100.05, 100.0),
        (100.05, 100.05, 100.05),
        (100.05 + 4e-8, 100.05, 100.05),  # within 1e-6 tick of the grid is on it
        (100.05 - 4e-8, 100.05, 100.05),
        (100.05 + 6e-8, 100.1, 100.05),
        (100.05 - 6e-8, 100.05, 100.0),
    ],
)
def test_rounding_goes_the_way_it_is_told(price: float, up: float, down: float) -> None:
    assert (up, down) == (rounded(price, UP, 5), rounded(price, DOWN, 5))


@given(st.integers(1, 10**7), TICKS)
def test_a_price_on_the_grid_stays_the_double_nearest_to_its_decimal(k: int, tick: int) -> None:
    price = float(Decimal(k * tick) / 100)

    assert (price, price) == (rounded(price, UP, tick), rounded(price, DOWN, tick))


@given(st.floats(0.05, 1e6), TICKS)
def test_a_rounded_price_is_the_neighbour_on_the_grid(price: float, tick: int) -> None:
    up, down = rounded(price, UP, tick), rounded(price, DOWN, tick)
    steps = Decimal(price) * 100 / tick

    for found in (up, down):
        assert found == float(Decimal(round(found * 100 / tick) * tick) / 100)
    assert -1e-5 < Decimal(round(up * 100 / tick)) - steps < 1
    assert -1e-5 < steps - Decimal(round(down * 100 / tick)) < 1
