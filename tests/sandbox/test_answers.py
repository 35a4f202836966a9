"""The answers of the REST side: the broker's shapes, its caps and its error codes."""

from collections.abc import Callable
from typing import Any

import pytest

from core.session import at_ist
from sandbox import account_answers, answers
from sandbox.answers import Refused
from sandbox.market.exchange import Exchange
from sandbox.market.universe import INDICES, SHARES, listings
from tests.sandbox.markets import DAY, exchange_at

RELIANCE, NIFTY = SHARES[0].key, INDICES[0].key
TODAY, YESTERDAY = "2026-08-05", "2026-08-04"


def noon() -> Exchange:
    return exchange_at("12:00")


def test_a_candle_is_stamped_by_its_open_in_india_and_the_newest_comes_first() -> None:
    told = answers.historical(noon(), RELIANCE, "minutes", "15", YESTERDAY, YESTERDAY)
    rows = told["data"]["candles"]

    assert ["2026-08-04T15:00:00+05:30", "2026-08-04T09:15:00+05:30"] == [rows[0][0], rows[-1][0]]
    assert (24, 7) == (len(rows), len(rows[0]))


def test_longer_candles_are_made_of_the_minutes() -> None:
    def rows(unit: str, interval: str) -> list[list[Any]]:
        told = answers.historical(noon(), RELIANCE, unit, interval, YESTERDAY, YESTERDAY)
        found: list[list[Any]] = told["data"]["candles"]
        return found

    minutes, [day] = rows("minutes", "1"), rows("days", "1")

    assert day[:2] == ["2026-08-04T00:00:00+05:30", minutes[-1][1]]
    assert (day[2], day[3]) == (max(row[2] for row in minutes), min(row[3] for row in minutes))
    assert (day[4], day[5]) == (minutes[0][4], sum(row[5] for row in minutes))
    assert sum(row[5] for row in rows("hours", "1")) == day[5]


def test_history_does_not_hold_today_and_today_holds_completed_minutes() -> None:
    history = answers.historical(noon(), RELIANCE, "minutes", "1", TODAY, TODAY)
    today = answers.intraday(noon(), RELIANCE, "minutes", "1")["data"]["candles"]

    assert [] == history["data"]["candles"]
    assert "2026-08-05T11:59:00+05:30" == today[0][0]


@pytest.mark.parametrize(
    ("unit", "interval", "to", "since", "code"),
    [
        ("minutes", "1", TODAY, "2026-07-01", "UDAPI1148"),
        ("minutes", "30", TODAY, "2026-04-01", "UDAPI1148"),
        ("minutes", "1", YESTERDAY, TODAY, "UDAPI1148"),
        ("minutes", "301", TODAY, TODAY, "UDAPI1147"),
        ("minutes", "x", TODAY, TODAY, "UDAPI1147"),
        ("ticks", "1", TODAY, TODAY, "UDAPI1146"),
        ("days", "1", "05-08-2026", TODAY, "UDAPI1088"),
    ],
)
def test_a_wrong_question_is_refused_by_its_code(
    unit: str, interval: str, to: str, since: str, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        answers.historical(noon(), RELIANCE, unit, interval, to, since)

    assert (400, code) == (refused.value.status, refused.value.code)


def test_quotes_are_named_with_a_colon_and_hold_the_key() -> None:
    told = answers.last_prices(noon(), f"{RELIANCE},{NIFTY},NSE_EQ|NOBODY")["data"]

    assert {"NSE_EQ:RELIANCE": RELIANCE, "NSE_INDEX:NIFTY 50": NIFTY} == {
        name: one["instrument_token"] for name, one in told.items()
    }


def test_the_completed_minute_and_the_forming_one_are_told_apart() -> None:
    exchange = exchange_at("12:00")
    exchange.clock = type(exchange.clock)(at_ist(DAY, "12:00") + 30_000_000_000)
    told = answers.ohlc(exchange, RELIANCE, "I1")["data"]["NSE_EQ:RELIANCE"]

    assert at_ist(DAY, "11:59") == told["prev_ohlc"]["ts"] * 1_000_000
    assert at_ist(DAY, "12:00") == told["live_ohlc"]["ts"] * 1_000_000


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda: answers.last_prices(noon(), ""), "UDAPI1009"),
        (lambda: answers.last_prices(noon(), ",".join(map(str, range(501)))), "UDAPI100042"),
        (lambda: answers.last_prices(noon(), "NSE_EQ|NOBODY"), "UDAPI100011"),
        (lambda: answers.ohlc(noon(), RELIANCE, "I5"), "UDAPI1147"),
        (lambda: answers.status(noon(), "NYSE"), "UDAPI1089"),
        (lambda: answers.timings(noon(), "today"), "UDAPI1088"),
        (lambda: account_answers.brokerage(noon(), RELIANCE, "x", "BUY", "1"), "UDAPI1024"),
        (lambda: account_answers.brokerage(noon(), RELIANCE, "1", "HOLD", "1"), "UDAPI1024"),
    ],
)
def test_what_cannot_be_answered_is_refused(ask: Callable[[], object], code: str) -> None:
    with pytest.raises(Refused) as refused:
        ask()

    assert code == refused.value.code


def test_the_market_says_when_it_is_open() -> None:
    exchange = exchange_at("15:21")

    assert {"exchange": "NSE", "status": "NORMAL_OPEN"}.items() <= (
        answers.status(exchange, "NSE")["data"].items()
    )  # shares without derivatives trade on
    assert "CAS_LM_START" == answers.status(exchange, "NSE")["data"]["cas_eligible_status"]
    assert [] == answers.timings(exchange, "2026-10-02")["data"]
    assert "SPECIAL_TIMING" == answers.holidays(exchange, "2026-02-01")["data"][0]["holiday_type"]
    assert "TRADING_HOLIDAY" == answers.holidays(exchange, "2026-10-02")["data"][0]["holiday_type"]
    assert 18 == len(answers.holidays(exchange)["data"])


def test_charges_are_those_of_the_tariff() -> None:
    def total(side: str) -> float:
        told = account_answers.brokerage(noon(), RELIANCE, "100", side, "1000")
        found: float = told["data"]["charges"]["total"]
        return found

    assert 82.68 == round(total("BUY") + total("SELL"), 2)  # market.md 6


def test_the_master_lists_everything_and_its_ticks_in_paise() -> None:
    rows = {row["instrument_key"]: row for row in account_answers.master(listings(40))}
    tradable = {row["instrument_key"] for row in account_answers.intraday_master(listings(40))}

    assert (10.0, True) == (rows[RELIANCE]["tick_size"], rows[RELIANCE]["cas_eligible"])
    assert "isin" not in rows[NIFTY]
    assert RELIANCE in tradable
    assert NIFTY not in tradable
    assert any(not row.get("cas_eligible", True) for row in rows.values())
