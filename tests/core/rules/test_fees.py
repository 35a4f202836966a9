"""Charges: the worked example, every dated rate, rounding to the paisa, and no overflow."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from core.rules.fees import FeeProfile, fee_change_days, fees_paise, share_paise, value_paise
from core.session import day_text
from tests.market import BUY, SELL, rules_on

TEN_LAKH_PAISE = 100_000_000
MOST_PAISE = 10**15
UPSTOX, FLAT20, BPS = FeeProfile.UPSTOX, FeeProfile.FLAT20_STT, FeeProfile.BPS

# market.md 6, in per cent, written down a second time: the source of these tests.
TRANSACTION = {"2000-01-01": "0.00345", "2024-10-01": "0.00297", "2026-03-01": "0.0030699"}
IPFT = {"2000-01-01": "0.0001", "2026-03-01": "0.0000001"}
STAMP = {"2000-01-01": "0", "2020-07-01": "0.003"}
DATES = [
    "2020-06-30",
    "2020-07-01",
    "2024-09-30",
    "2024-10-01",
    "2026-02-28",
    "2026-03-01",
]


def per_cent(table: dict[str, str], date: str) -> Fraction:
    return Fraction(table[max(first for first in table if first <= date)]) / 100


def half_up(amount: Fraction) -> int:
    return (2 * amount.numerator + amount.denominator) // (2 * amount.denominator)


def charges(value: int, side: int, date: str) -> int:
    """The `upstox` profile in exact arithmetic."""
    brokerage = half_up(min(Fraction(2000), Fraction(value, 1000)))
    transaction = half_up(value * per_cent(TRANSACTION, date))
    sebi = half_up(Fraction(value, 1_000_000))
    gst = half_up((brokerage + transaction + sebi) * Fraction(18, 100))
    own = Fraction(value, 4000) if side == SELL else value * per_cent(STAMP, date)
    ipft = half_up(value * per_cent(IPFT, date))
    return brokerage + transaction + sebi + gst + ipft + half_up(own)


def test_round_trip_of_the_specification_costs_82_68() -> None:
    rules, value = rules_on("2026-03-02"), value_paise(100, 1000.0)

    assert (3034, 5234) == (fees_paise(value, BUY, rules), fees_paise(value, SELL, rules))


@pytest.mark.parametrize(
    ("date", "buy", "sell"),
    [
        ("2020-06-30", 6_649, 31_649),  # no stamp duty yet
        ("2020-07-01", 9_649, 31_649),
        ("2024-09-30", 9_649, 31_649),
        ("2024-10-01", 9_083, 31_083),  # exchange charge 0.00297 %
        ("2026-02-28", 9_083, 31_083),
        ("2026-03-01", 9_101, 31_101),  # exchange charge 0.0030699 %, IPFT all but gone
    ],
)
def test_a_rate_is_in_force_from_its_day_on(date: str, buy: int, sell: int) -> None:
    rules = rules_on(date)

    assert buy == fees_paise(TEN_LAKH_PAISE, BUY, rules)
    assert sell == fees_paise(TEN_LAKH_PAISE, SELL, rules)


def test_every_day_on_which_a_rate_begins_is_known() -> None:
    begins = {day_text(day) for day in fee_change_days()} - {"1970-01-01"}

    assert {"2020-07-01", "2024-10-01", "2026-03-01"} == begins


@given(st.integers(1, MOST_PAISE), st.sampled_from([BUY, SELL]), st.sampled_from(DATES))
def test_charges_equal_exact_fractions_up_to_1e15_paise(value: int, side: int, date: str) -> None:
    assert charges(value, side, date) == fees_paise(value, side, rules_on(date))


@given(st.integers(0, MOST_PAISE), st.integers(0, 10**9), st.sampled_from([1, 7, 4_000, 10**9]))
def test_a_share_is_rounded_half_up_and_never_overflows(value: int, num: int, den: int) -> None:
    num %= den + 1  # a share of at most all of it

    assert half_up(Fraction(value * num, den)) == share_paise(value, num, den)


def test_half_a_paisa_is_rounded_up_and_less_is_dropped() -> None:
    rules = rules_on("2026-07-22", BPS)

    assert (1, 0) == (fees_paise(500, BUY, rules), fees_paise(499, BUY, rules))


@pytest.mark.parametrize("value", [1, 1_999_999, MOST_PAISE])
def test_flat20_stt_takes_20_rupees_an_order_and_stt_on_sells_alone(value: int) -> None:
    rules = rules_on("2026-07-22", FLAT20)

    assert 2_000 == fees_paise(value, BUY, rules)
    assert 2_000 + half_up(Fraction(value, 4_000)) == fees_paise(value, SELL, rules)


@given(st.integers(0, MOST_PAISE), st.decimals(0, 10_000, places=5), st.sampled_from([BUY, SELL]))
def test_bps_takes_its_share_of_both_sides(value: int, fee_bps: Decimal, side: int) -> None:
    rules = rules_on("2026-07-22", BPS, float(fee_bps))

    assert half_up(value * Fraction(fee_bps) / 10_000) == fees_paise(value, side, rules)


@pytest.mark.parametrize("fee_bps", [-0.1, 0.000001])
def test_a_fee_that_is_no_exact_fraction_is_refused(fee_bps: float) -> None:
    with pytest.raises(ConfigError, match="fee_bps"):
        rules_on("2026-07-22", BPS, fee_bps)


@given(st.integers(1, 10**6), st.integers(1, 10**8))
def test_value_of_a_price_in_paise_is_exact(quantity: int, price_paise: int) -> None:
    assert quantity * price_paise == value_paise(quantity, price_paise / 100)


def test_value_of_a_price_between_paise_is_rounded_half_up() -> None:
    assert [101, 100] == [value_paise(1, 1.005), value_paise(1, 1.00499)]
