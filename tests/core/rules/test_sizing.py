"""Shares of an entry: what the risk allows, then each cap, in float64 as written."""

import math

import pytest

from core.rules.sizing import quantity
from tests.market import limits_of, terms_of


def shares(
    close: float = 100.0,
    atr: float = 2.0,
    *,
    equity: float = 100_000.0,
    exposure: float = 0.0,
    sl_mult: float = 1.0,
    **limits: float,
) -> float:
    terms = terms_of(sl_mult=sl_mult)
    return quantity(close, atr, equity, exposure, limits_of(**limits)[0], terms[0])


def test_sizing_check_of_the_specification_gives_250() -> None:
    assert 250.0 == shares(close=100.0, atr=2.0, sl_mult=1.0)


def test_a_wider_stop_makes_fewer_shares() -> None:
    assert math.floor(500.0 / (1.7 * 2.0)) == shares(sl_mult=1.7)


def test_equity_times_leverage_is_a_cap() -> None:
    assert 50.0 == shares(equity=1_010.0, leverage=5.0)


def test_exposure_and_the_entry_stay_within_the_gross_limit() -> None:
    assert 99.0 == shares(exposure=490_050.0, max_capital=100_000.0, leverage=5.0)


def test_max_quantity_is_a_cap() -> None:
    assert 7.0 == shares(max_quantity=7)


def test_notional_of_an_order_is_a_cap() -> None:
    assert 9.0 == shares(max_notional_per_order=999.99)


def test_a_limit_that_is_not_set_is_no_cap() -> None:
    assert 500_000.0 == shares(close=0.5, atr=0.001)


@pytest.mark.parametrize("atr", [math.nan, 0.0, -1.0])
def test_an_undefined_or_non_positive_atr_sizes_nothing(atr: float) -> None:
    assert 0.0 == shares(atr=atr)


@pytest.mark.parametrize("change", [{"equity": -5_000.0}, {"exposure": 600_000.0}])
def test_a_cap_below_nothing_refuses(change: dict[str, float]) -> None:
    assert shares(**change) < 1.0
