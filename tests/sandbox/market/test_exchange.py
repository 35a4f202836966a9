"""What the exchange says of its phases, and that it never tells what has not happened yet."""

import pytest

from core.session import at_ist, parse_day
from sandbox.market.exchange import STATUSES, hours
from sandbox.market.universe import INDICES, SHARES, Listing
from tests.sandbox.markets import DAY, exchange_at

RELIANCE = SHARES[0]
PLAIN = Listing(
    key="NSE_EQ|INX00000099", symbol="PLAIN", name="PLAIN", around=100.0,
    trades_per_minute=5.0, has_derivatives=False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("clock", "status", "auction"),
    [
        ("08:59", "NORMAL_CLOSE", None),
        ("09:00", "PRE_OPEN_START", None),
        ("09:15", "NORMAL_OPEN", None),
        ("15:14", "NORMAL_OPEN", None),
        ("15:15", "NORMAL_CLOSE", "CTS_CLOSE"),
        ("15:21", "NORMAL_CLOSE", "CAS_LM_START"),
        ("15:26", "NORMAL_CLOSE", "CAS_M_STOP"),
        ("15:31", "NORMAL_CLOSE", "CAS_STOP"),
        ("15:50", "CLOSING_START", "CAS_STOP"),
        ("16:00", "CLOSING_END", "CAS_STOP"),
    ],
)
def test_phases_follow_the_table_of_sessions(clock: str, status: str, auction: str | None) -> None:
    segments, steps = exchange_at(clock, listed=(RELIANCE,)).phases()

    assert status == STATUSES[segments["NSE_EQ"]]
    assert auction == (steps["NSE_EQ"][0] if steps else None)


def test_a_segment_is_as_open_as_its_most_open_shares() -> None:
    segments, steps = exchange_at("15:20", listed=(RELIANCE, PLAIN)).phases()

    assert "NORMAL_OPEN" == STATUSES[segments["NSE_EQ"]]
    assert "CAS_LM_START" == steps["NSE_EQ"][0]


def test_from_september_the_pre_open_ends_before_the_open() -> None:
    day = parse_day("2026-09-08")

    assert "PRE_OPEN_END" == STATUSES[exchange_at("09:13", day).phases().segments["NSE_EQ"]]


def test_on_a_holiday_everything_is_shut_and_prices_are_those_of_before() -> None:
    exchange = exchange_at("12:00", parse_day("2026-10-02"))
    quotes = exchange.quotes(RELIANCE.key)

    assert {"NORMAL_CLOSE"} == {STATUSES[one] for one in exchange.phases().segments.values()}
    assert exchange.cash_hours(exchange.day) is None
    assert quotes is not None
    assert quotes.at(exchange.now_ms()).price == quotes.tape.previous_close


def test_candles_end_with_the_last_completed_minute() -> None:
    exchange = exchange_at("12:00")
    candles = exchange.candles(RELIANCE, DAY)

    assert candles.open_ms[-1] * 1_000_000 == at_ist(DAY, "11:59")
    assert 0 == len(exchange.candles(RELIANCE, DAY + 1).open_ms)


def test_a_key_that_is_not_listed_has_no_quotes() -> None:
    assert exchange_at("12:00").quotes("NSE_EQ|NOBODY") is None


def test_days_outside_the_table_of_closures_have_hours_all_the_same() -> None:
    assert hours(RELIANCE, parse_day("2022-06-01")) is not None
    assert hours(RELIANCE, parse_day("2027-06-01")) is not None
    assert hours(INDICES[0], parse_day("2026-11-08")) is not None  # one source confirms it
