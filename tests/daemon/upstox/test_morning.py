"""What the broker is asked every morning, and what is made of its answers."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from core.errors import ConfigError, ConnectionLost
from core.session import at_ist, parse_day
from core.types import Instrument
from daemon.doctor import Verdict
from daemon.upstox.checks import broker_checks
from daemon.upstox.masters import FOLDER
from daemon.upstox.morning import HOLIDAYS, Morning
from providers.upstox.assets import INTRADAY, MASTER
from sandbox.answers import holidays
from tests.daemon.upstox.test_masters import DAY, OTHER_TICK, Assets
from tests.providers.upstox.masters import TATAPOWER, intraday, packed
from tests.providers.upstox.test_holidays import closed
from tests.sandbox.markets import exchange_at

WEEK_LATER = DAY + 7


class Broker(Assets):
    """Its files and its holidays; `rows` None: no answer."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Any] | None = list(holidays(exchange_at("08:00"))["data"])
        self.questions = 0

    async def holidays(self) -> list[Any]:
        self.questions += 1
        if self.rows is None:
            raise ConnectionLost("/v2/market/holidays: HTTP 503")
        return self.rows


def morning(
    directory: Path,
    broker: Broker,
    day: int = DAY,
    symbols: tuple[str, ...] = ("TATAPOWER",),
    watch: tuple[str, ...] = ("NIFTY 50",),
) -> tuple[Instrument, ...]:
    asked = Morning(directory, "upstox", broker.fetch, broker.holidays, symbols, watch)
    return asyncio.run(asked.instruments(at_ist(day, "08:30")))


def checks(directory: Path, day: int = DAY, clock: str = "08:30") -> list[tuple[Verdict, str]]:
    told = broker_checks(directory, at_ist(day, clock), ("TATAPOWER",), ("NIFTY 50",))
    return [(one.verdict, f"{one.name}: {one.found}") for one in told]


def test_a_morning_asks_once_and_gives_the_instruments_of_the_day(tmp_path: Path) -> None:
    broker = Broker()
    traded, watched = morning(tmp_path, broker)
    morning(tmp_path, broker)

    assert (TATAPOWER, 5, False) == (traded.id, traded.tick_paise, traded.is_watched)
    assert ("NIFTY 50", True) == (watched.symbol, watched.is_watched)
    assert (2, 1) == (len(broker.asked), broker.questions)
    assert [
        (Verdict.OK, "instruments: 9 of NSE, as of 2026-08-05 08:30 IST"),
        (Verdict.OK, "holidays: the broker's list of 2026-08-05 agrees with our table"),
    ] == checks(tmp_path)


def test_what_may_not_be_traded_any_more_is_named(tmp_path: Path) -> None:
    broker = Broker()
    morning(tmp_path, broker)
    broker.files = {**(broker.files or {}), INTRADAY: intraday(["NSE_EQ|INE155A01022"])}

    with pytest.raises(ConfigError, match=r"TATAPOWER .* does not allow it intraday"):
        morning(tmp_path, broker, DAY + 1)
    _, fault, *_ = checks(tmp_path, DAY + 1)

    assert Verdict.FAIL is fault[0]
    assert "does not allow it intraday: name it in watch" in fault[1]


def test_what_has_changed_over_night_is_logged_and_stays_in_readiness(tmp_path: Path) -> None:
    broker = Broker()
    morning(tmp_path, broker)
    broker.files = {**(broker.files or {}), MASTER: packed(OTHER_TICK)}

    with capture_logs() as logs:
        [traded, _] = morning(tmp_path, broker, DAY + 1)

    told = [one["change"] for one in logs if one["event"] == "instrument_changed"]
    assert 10 == traded.tick_paise
    assert [f"TATAPOWER ({TATAPOWER}): tick, paise 5 -> 10"] == told
    assert (
        Verdict.WARN,
        f"instruments: since 2026-08-06: {told[0]}",
    ) in checks(tmp_path, DAY + 1)


def test_an_old_name_is_told_of_in_one_line(tmp_path: Path) -> None:
    broker = Broker()
    broker.files = {**(broker.files or {}), INTRADAY: intraday(["NSE_EQ|INE155A01022"])}

    with capture_logs() as logs:
        morning(tmp_path, broker, symbols=("TATAMOTORS",), watch=())

    [told] = [one["notice"] for one in logs if one["event"] == "instrument_renamed"]
    assert told.startswith("TATAMOTORS is TMPV (NSE_EQ|INE155A01022) since 2025-10-24: ")


def test_the_age_of_a_list_is_counted_in_sessions(tmp_path: Path) -> None:
    """The fifth of August 2026 is a Wednesday."""
    broker = Broker()
    morning(tmp_path, broker)

    ages = [
        checks(tmp_path, DAY + later, clock)[0]
        for later, clock in ((1, "09:00"), (1, "09:15"), (4, "12:00"), (5, "12:00"))
    ]

    assert [Verdict.OK, Verdict.WARN, Verdict.WARN, Verdict.FAIL] == [one for one, _ in ages]
    assert "2 sessions ago" in ages[2][1]


def test_a_mute_broker_leaves_holidays_as_they_were_told(tmp_path: Path) -> None:
    broker = Broker()
    morning(tmp_path, broker)
    broker.rows = None

    with capture_logs() as logs:
        morning(tmp_path, broker, DAY + 1)

    assert "holidays_not_fetched" in {one["event"] for one in logs}
    assert Verdict.OK is checks(tmp_path, DAY + 1)[1][0]
    assert Verdict.WARN is checks(tmp_path, DAY + 8)[1][0]


@pytest.mark.parametrize(("later", "verdict"), [(0, Verdict.FAIL), (1, Verdict.WARN)])
def test_a_holiday_that_we_do_not_know_stops_its_own_day_and_warns_before(
    tmp_path: Path, later: int, verdict: Verdict
) -> None:
    broker = Broker()
    assert broker.rows is not None
    broker.rows.append(closed("2026-08-06", "NSE"))
    morning(tmp_path, broker)

    [_, told] = checks(tmp_path, parse_day("2026-08-06") - later, "09:00")

    assert verdict is told[0]
    assert "2026-08-06: no session by the broker's holidays" in told[1]


def test_a_contradiction_that_is_past_is_past(tmp_path: Path) -> None:
    broker = Broker()
    assert broker.rows is not None
    broker.rows.append(closed("2026-08-04", "NSE"))
    morning(tmp_path, broker)

    assert Verdict.OK is checks(tmp_path)[1][0]


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"rows": [], "asked_ns": 1}'])
def test_holidays_that_cannot_be_read_are_asked_for_again(tmp_path: Path, content: bytes) -> None:
    broker = Broker()
    morning(tmp_path, broker)
    (tmp_path / FOLDER / HOLIDAYS).write_bytes(content)

    morning(tmp_path, broker)

    assert 2 == broker.questions
    assert Verdict.OK is checks(tmp_path)[1][0]


def test_nothing_kept_is_no_fault_before_the_first_start(tmp_path: Path) -> None:
    assert {Verdict.OK} == {verdict for verdict, _ in checks(tmp_path)}


def test_a_damaged_list_is_a_fault(tmp_path: Path) -> None:
    morning(tmp_path, Broker())
    [path] = (tmp_path / FOLDER).glob(f"{MASTER}-*")
    path.write_bytes(b"x")

    assert (Verdict.FAIL, "instruments: instrument master: not gzip but b'x'") == checks(tmp_path)[
        0
    ]
