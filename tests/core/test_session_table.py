"""The session table against market.md, two calendar packages and real data."""

import os
import time
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.session import (
    Phase,
    SessionKind,
    at_ist,
    day_text,
    ist_text,
    live_session,
    parse_day,
    recorded_session,
)
from core.session_table import (
    FIRST_COVERED_DAY,
    HOURS,
    LAST_COVERED_DAY,
    SPECIAL_DAYS,
    WEEKDAY_CLOSURES,
)
from core.types import MAX_PARTS, SessionClass

DATA = Path(__file__).parents[3] / "shared" / "data"
NSE_CLASSES = [SessionClass.CASH, SessionClass.CASH_AUCTION, SessionClass.DERIVATIVES]

FULL = ["09:15-15:30"]
TWO_PART = ["09:15-10:00", "11:30-12:30"]
EVENING = ["18:15-19:15"]

# market.md 2, once more by hand.
SPECIAL = [
    ("2015-02-28", SessionKind.FULL_WEEKEND, FULL),
    ("2020-02-01", SessionKind.FULL_WEEKEND, FULL),
    ("2024-01-20", SessionKind.FULL_WEEKEND, FULL),
    ("2025-02-01", SessionKind.FULL_WEEKEND, FULL),
    ("2026-02-01", SessionKind.FULL_WEEKEND, FULL),
    ("2024-03-02", SessionKind.TWO_PART, TWO_PART),
    ("2024-05-18", SessionKind.TWO_PART, TWO_PART),
    ("2019-10-27", SessionKind.MUHURAT, EVENING),
    ("2020-11-14", SessionKind.MUHURAT, EVENING),
    ("2021-11-04", SessionKind.MUHURAT, EVENING),
    ("2022-10-24", SessionKind.MUHURAT, EVENING),
    ("2023-11-12", SessionKind.MUHURAT, EVENING),
    ("2026-11-08", SessionKind.MUHURAT, EVENING),
    ("2024-11-01", SessionKind.MUHURAT, ["18:00-19:00"]),
    ("2025-10-21", SessionKind.MUHURAT, ["13:45-14:45"]),
    ("2021-02-24", SessionKind.OUTAGE, ["09:15-15:30", "15:45-17:00"]),
]

# upstox.md 6.6, once more by hand, Muhurat days included.
CLOSED = {
    "2024": "01-22 01-26 03-08 03-25 03-29 04-11 04-17 05-01 05-20 06-17 07-17 08-15 10-02 11-01"
    " 11-15 11-20 12-25",
    "2025": "02-26 03-14 03-31 04-10 04-14 04-18 05-01 08-15 08-27 10-02 10-21 10-22 11-05 12-25",
    "2026": "01-15 01-26 03-03 03-26 03-31 04-03 04-14 05-01 05-28 06-26 09-14 10-02 10-20 11-10"
    " 11-24 12-25",
}

UNCONFIRMED = frozenset({parse_day("2026-11-08")})


def written(parts):
    """Windows as people write them: 09:15-15:30."""
    return [f"{ist_text(part[0])[11:16]}-{ist_text(part[1])[11:16]}" for part in parts]


def every_day(first, last):
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(start + timedelta(days=n)).isoformat() for n in range((end - start).days + 1)]


@pytest.mark.parametrize("session_class", NSE_CLASSES)
@pytest.mark.parametrize(("text", "kind", "parts"), SPECIAL)
def test_every_special_day_has_its_hours_in_every_nse_class(text, kind, parts, session_class):
    session = recorded_session(parse_day(text), session_class)

    assert session is not None
    assert (session.kind, written(session.parts)) == (kind, parts)
    assert session.source == SPECIAL_DAYS[text].source


def test_the_table_has_no_special_day_beside_those_of_the_market_rules():
    assert set(SPECIAL_DAYS) == {text for text, _, _ in SPECIAL}


@pytest.mark.parametrize("text", [text for text, _, _ in SPECIAL if text >= FIRST_COVERED_DAY])
def test_live_hours_of_a_special_day_are_the_recorded_ones(text):
    day = parse_day(text)

    for session_class in NSE_CLASSES:
        recorded = recorded_session(day, session_class)
        assert live_session(day, session_class, accept=UNCONFIRMED) == recorded


@pytest.mark.parametrize(
    ("text", "session_class", "expected"),
    [
        ("2010-10-15", SessionClass.CASH, ["C 09:15-15:30"]),
        ("2010-10-18", SessionClass.CASH, ["O 09:00-09:15", "C 09:15-15:30", "P 15:40-16:00"]),
        ("2026-07-31", SessionClass.CASH, ["O 09:00-09:15", "C 09:15-15:30", "P 15:40-16:00"]),
        ("2026-08-03", SessionClass.CASH, ["O 09:00-09:15", "C 09:15-15:30", "P 15:50-16:00"]),
        ("2026-09-07", SessionClass.CASH, ["O 09:00-09:12", "C 09:15-15:30", "P 15:50-16:00"]),
        (
            "2026-07-31",
            SessionClass.CASH_AUCTION,
            ["O 09:00-09:15", "C 09:15-15:30", "P 15:40-16:00"],
        ),
        (
            "2026-08-03",
            SessionClass.CASH_AUCTION,
            ["O 09:00-09:15", "C 09:15-15:15", "A 15:15-15:35", "P 15:50-16:00"],
        ),
        (
            "2026-09-07",
            SessionClass.CASH_AUCTION,
            ["O 09:00-09:12", "C 09:15-15:15", "A 15:15-15:35", "P 15:50-16:00"],
        ),
        (
            "2026-12-07",
            SessionClass.CASH_AUCTION,
            ["O 09:00-09:12", "C 09:15-15:30", "A 15:30-15:40", "P 15:50-16:00"],
        ),
        ("2026-07-31", SessionClass.DERIVATIVES, ["C 09:15-15:30"]),
        ("2026-08-03", SessionClass.DERIVATIVES, ["C 09:15-15:40"]),
        ("2026-12-07", SessionClass.DERIVATIVES, ["C 09:15-15:45"]),
        ("2024-03-02", SessionClass.CASH, ["C 09:15-10:00", "C 11:30-12:30"]),
        ("2026-02-01", SessionClass.CASH, ["O 09:00-09:15", "C 09:15-15:30", "P 15:40-16:00"]),
    ],
)
def test_each_row_of_the_time_table_rules_from_its_first_day(text, session_class, expected):
    letter = {
        Phase.PRE_OPEN: "O",
        Phase.CONTINUOUS: "C",
        Phase.CLOSING_AUCTION: "A",
        Phase.POST_CLOSE: "P",
    }
    day = parse_day(text)
    if text < FIRST_COVERED_DAY:
        session = recorded_session(day, session_class)
    else:
        session = live_session(day, session_class, accept=frozenset({day}))

    assert session is not None
    windows = written([window[1:] for window in session.phases])
    names = [letter[window.phase] for window in session.phases]
    assert [f"{name} {window}" for name, window in zip(names, windows, strict=True)] == expected


def test_rows_stand_in_order_and_say_where_they_come_from():
    for rows in HOURS.values():
        assert [row.first_day for row in rows] == sorted({row.first_day for row in rows})
        assert rows[0].confirmed
        assert all(row.source for row in rows)
    assert all(special.source for special in SPECIAL_DAYS.values())


def test_only_the_rows_of_one_source_are_unconfirmed():
    doubtful = {
        (r.first_day, name) for name, rows in HOURS.items() for r in rows if not r.confirmed
    }

    assert doubtful == {
        ("2026-12-07", SessionClass.CASH_AUCTION),
        ("2026-12-07", SessionClass.DERIVATIVES),
    }
    assert {text for text, day in SPECIAL_DAYS.items() if not day.confirmed} == {"2026-11-08"}


def test_windows_are_in_order_and_fit_a_session_record():
    for text in every_day("2015-01-01", LAST_COVERED_DAY):
        for session_class in NSE_CLASSES:
            session = recorded_session(parse_day(text), session_class)
            if session is None:
                continue
            assert 1 <= len(session.parts) <= MAX_PARTS
            edges = [edge for window in session.phases for edge in window[1:]]
            assert edges == sorted(edges)
            assert all(window.open_ns < window.close_ns for window in session.phases)


def test_the_closures_are_those_the_exchange_announced():
    announced = {f"{year}-{day}" for year, days in CLOSED.items() for day in days.split()}

    assert announced == WEEKDAY_CLOSURES


def test_closures_are_weekdays_inside_the_cover_and_as_many_as_the_exchange_announced():
    assert all(date.fromisoformat(text).weekday() < 5 for text in WEEKDAY_CLOSURES)
    assert all(FIRST_COVERED_DAY <= text <= LAST_COVERED_DAY for text in WEEKDAY_CLOSURES)

    plain = WEEKDAY_CLOSURES - set(SPECIAL_DAYS)
    assert WEEKDAY_CLOSURES - plain == {"2024-11-01", "2025-10-21"}
    counts = {
        year: sum(text.startswith(year) for text in plain) for year in ("2024", "2025", "2026")
    }
    assert counts == {"2024": 16, "2025": 13, "2026": 16}


def test_ist_is_utc_plus_0530_on_each_date_of_the_table():
    zone = ZoneInfo("Asia/Kolkata")
    dates = {row.first_day for rows in HOURS.values() for row in rows} - {"0001-01-01"}

    for text in dates | set(SPECIAL_DAYS) | WEEKDAY_CLOSURES:
        noon = datetime.fromisoformat(f"{text}T12:00:00").replace(tzinfo=zone)
        assert noon.utcoffset() == timedelta(hours=5, minutes=30)
        fixed = noon.replace(tzinfo=timezone(timedelta(hours=5, minutes=30)))
        assert at_ist(parse_day(text), "12:00") == int(fixed.timestamp()) * 1_000_000_000


@pytest.fixture
def host_zone():
    """Sets the host's zone; the old one is back after the test."""
    before = os.environ.get("TZ")

    def set_zone(name):
        os.environ["TZ"] = name
        time.tzset()

    yield set_zone
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


# The US changes its clocks on 2026-03-08 and 2026-11-01, Europe on 2026-03-29 and 2026-10-25.
@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Pacific/Auckland"])
def test_a_host_in_a_zone_with_summer_time_changes_nothing(host_zone, zone):
    def everything():
        days = range(parse_day("2026-03-01"), parse_day("2026-11-07"))
        sessions = [live_session(day, SessionClass.CASH_AUCTION) for day in days]
        texts = [ist_text(session.open_ns) for session in sessions if session]
        return sessions, texts, [parse_day(day_text(day)) for day in days]

    host_zone("UTC")
    expected = everything()
    host_zone(zone)

    assert time.daylight
    assert everything() == expected


# --- cross-checks ------------------------------------------------------------------------------

COVERED_WEEKDAYS = {
    text
    for text in every_day(FIRST_COVERED_DAY, LAST_COVERED_DAY)
    if date.fromisoformat(text).weekday() < 5
}


@pytest.mark.filterwarnings("ignore")  # theirs, not ours
def test_pandas_market_calendars_agrees_on_weekdays_and_on_weekday_muhurats():
    calendars = pytest.importorskip("pandas_market_calendars")
    hours = calendars.get_calendar("NSE").schedule(FIRST_COVERED_DAY, LAST_COVERED_DAY)
    open_days = {stamp.date().isoformat() for stamp in hours.index}
    special = WEEKDAY_CLOSURES & set(SPECIAL_DAYS)

    assert COVERED_WEEKDAYS - open_days == WEEKDAY_CLOSURES - special
    for text in special:
        session = live_session(parse_day(text), SessionClass.CASH)
        row = hours.loc[text]
        assert session is not None
        bounds = (row.market_open.timestamp(), row.market_close.timestamp())
        assert (session.open_ns, session.close_ns) == tuple(int(s) * 10**9 for s in bounds)


@pytest.mark.filterwarnings("ignore")
def test_exchange_calendars_agrees_on_weekdays_apart_from_muhurats():
    calendars = pytest.importorskip("exchange_calendars")
    calendar = calendars.get_calendar("XBOM", start=FIRST_COVERED_DAY, end=LAST_COVERED_DAY)
    open_days = {stamp.date().isoformat() for stamp in calendar.sessions}

    assert COVERED_WEEKDAYS - open_days == WEEKDAY_CLOSURES


def recorded_stamps(name):
    """Distinct bar or session stamps of a file of real data; skips where it is absent."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no real data: {path.name}")
    polars = pytest.importorskip("polars")
    frame = polars.scan_parquet(path)
    column = "date" if "date" in frame.collect_schema() else "ts"
    stamps = frame.select(polars.col(column).unique().sort()).collect()[column]
    return stamps.dt.epoch("ns").to_list() if column == "ts" else stamps.dt.to_string().to_list()


@pytest.mark.slow
def test_every_day_the_exchange_published_in_2024_is_a_live_session_and_no_other():
    published = {
        text
        for text in recorded_stamps("nse_daily_raw_2019-08_2024-12.parquet")
        if text.startswith("2024")
    }

    days = every_day("2024-01-01", "2024-12-31")
    assert {text for text in days if live_session(parse_day(text), SessionClass.CASH)} == published


@pytest.mark.slow
def test_every_weekend_day_the_exchange_published_is_a_special_day():
    published = recorded_stamps("nse_daily_raw_2019-08_2024-12.parquet")
    weekend = {text for text in published if date.fromisoformat(text).weekday() >= 5}

    assert weekend == {
        text
        for text in SPECIAL_DAYS
        if published[0] <= text <= published[-1] and date.fromisoformat(text).weekday() >= 5
    }


@pytest.mark.slow
def test_recorded_minutes_of_three_and_a_half_years_lie_in_their_sessions():
    stamps = recorded_stamps("nse_1m_BAJAJFINSV_2021-01_2024-06.parquet")
    seen = {}
    for stamp in stamps:
        day = day_text((stamp + 330 * 60 * 10**9) // (24 * 3600 * 10**9))
        seen[day] = seen.get(day, 0) + 1
        session = recorded_session(parse_day(day), SessionClass.CASH)
        assert session is not None, day
        assert session.contains(stamp), ist_text(stamp)

    assert len(seen) == 865
    for text in SPECIAL_DAYS.keys() & seen.keys() - {"2021-02-24"}:  # the outage has a hole
        assert seen[text] == recorded_session(parse_day(text), SessionClass.CASH).minutes
