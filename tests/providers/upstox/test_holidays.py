"""The broker's holidays: read by what they say of NSE, and held against our table."""

from typing import Any

import pytest

from core.errors import ProtocolViolation
from core.session import at_ist, parse_day
from providers.upstox.holidays import Told, contradictions, told_of
from sandbox.answers import holidays
from tests.sandbox.markets import exchange_at

SPECIAL = "2026-02-01"  # the Budget, on a Sunday


def broker() -> list[dict[str, Any]]:
    """The rows of the local exchange, whose table is ours."""
    return list(holidays(exchange_at("08:00"))["data"])


def opened(date: str, opens: str, closes: str, *closed: str) -> dict[str, Any]:
    day = parse_day(date)
    hours = {
        name: at_ist(day, clock) // 1_000_000
        for name, clock in (("start_time", opens), ("end_time", closes))
    }
    return {
        "date": date,
        "description": "Special",
        "holiday_type": "TRADING_HOLIDAY",
        "closed_exchanges": list(closed),
        "open_exchanges": [{"exchange": "NSE", **hours}],
    }


def closed(date: str, *exchanges: str) -> dict[str, Any]:
    return {
        "date": date,
        "description": "Holiday",
        "holiday_type": "TRADING_HOLIDAY",
        "closed_exchanges": list(exchanges),
        "open_exchanges": [],
    }


def differing(rows: list[dict[str, Any]]) -> list[str]:
    return [one.text for one in contradictions(told_of(rows))]


def test_the_list_of_the_local_exchange_contradicts_nothing() -> None:
    rows = broker()

    assert len(rows) > 15
    assert [] == differing(rows)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (
            [closed("2026-08-06", "NSE")],
            "2026-08-06: no session by the broker's holidays (Holiday), 09:15-15:30 by our table",
        ),
        (
            [opened("2026-08-08", "10:00", "11:00", "BSE")],
            "2026-08-08: 10:00-11:00 by the broker's holidays (Special), no session by our table",
        ),
        (
            [opened("2026-08-06", "09:15", "12:30")],
            "2026-08-06: 09:15-12:30 by the broker's holidays (Special), 09:15-15:30 by our table",
        ),
    ],
)
def test_a_day_on_which_both_differ_is_told_with_both_sides(
    rows: list[dict[str, Any]], told: str
) -> None:
    assert [told] == differing(broker() + rows)


@pytest.mark.parametrize(
    "row",
    [
        closed("2026-08-06", "MCX", "CDS"),  # another exchange's holiday
        closed("2026-08-06"),  # of settlement alone
        opened("2026-08-06", "09:15", "15:30", "MCX"),
    ],
)
def test_a_holiday_that_is_none_of_nse_is_no_contradiction(row: dict[str, Any]) -> None:
    assert [] == differing([*broker(), row])


@pytest.mark.parametrize(
    ("left_out", "told"),
    [
        ("2026-10-02", "an ordinary day by the broker's holidays, no session by our table"),
        (SPECIAL, "no session at that weekend by the broker's holidays, 09:15-15:30 by our table"),
    ],
)
def test_what_the_broker_leaves_out_is_a_contradiction_too(left_out: str, told: str) -> None:
    assert [f"{left_out}: {told}"] == differing(
        [row for row in broker() if row["date"] != left_out]
    )


def test_a_year_beyond_our_table_is_not_compared() -> None:
    assert [] == differing([closed("2027-08-06", "NSE"), closed("2023-08-04", "NSE")])


def test_who_is_open_wins_over_who_is_closed() -> None:
    [told] = told_of([opened(SPECIAL, "09:15", "15:30", "NSE")])

    assert isinstance(told, Told)
    assert told.hours is not None


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        ["x"],
        [{"date": "2026-13-01"}],
        [{"date": "2026-08-06"}],
        [closed("2026-08-06") | {"open_exchanges": [{"exchange": "NSE"}]}],
        [opened("2026-08-06", "15:30", "09:15")],
        [opened("2026-08-06", "09:15", "15:30") | {"date": "2026-08-07"}],
    ],
)
def test_what_is_no_list_of_days_is_refused(data: Any) -> None:
    with pytest.raises(ProtocolViolation, match="holidays: no"):
        told_of(data)
