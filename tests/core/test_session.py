"""Which session a day has, live and recorded, and what time it is in India."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from core.session import (
    DAY_NS,
    IST_OFFSET_NS,
    MINUTE_NS,
    Phase,
    Session,
    SessionKind,
    at_ist,
    closed_row,
    day_of,
    day_text,
    days_of,
    ist_day,
    ist_text,
    live_session,
    minute_closes,
    next_live_session,
    parse_day,
    previous_live_sessions,
    recorded_session,
    session_row,
    utc_day,
)
from core.session_table import FIRST_COVERED_DAY, LAST_COVERED_DAY, SPECIAL_DAYS
from core.types import MAX_PARTS, NEVER_NS, SESSION, SessionClass

CASH, AUCTION = SessionClass.CASH, SessionClass.CASH_AUCTION
DERIVATIVES, ALWAYS_OPEN = SessionClass.DERIVATIVES, SessionClass.ALWAYS_OPEN
NSE_CLASSES = [CASH, AUCTION, DERIVATIVES]

DAYS = st.integers(0, parse_day("2261-12-31"))
TRADING_DAYS = st.integers(parse_day("2010-01-01"), parse_day("2030-12-31"))
TIMES_NS = st.integers(0, parse_day("2261-12-31") * DAY_NS)


def hours(session):
    return [(ist_text(start)[11:16], ist_text(end)[11:16]) for start, end in session.parts]


def recorded(text, session_class=CASH):
    session = recorded_session(parse_day(text), session_class)
    assert session is not None
    return session


# --- recorded days -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "session_class", "close"),
    [
        ("2010-01-04", CASH, "15:30"),
        ("2010-01-04", DERIVATIVES, "15:30"),
        ("2026-07-31", AUCTION, "15:30"),
        ("2026-08-03", CASH, "15:30"),
        ("2026-08-03", AUCTION, "15:15"),
        ("2026-08-03", DERIVATIVES, "15:40"),
        ("2035-06-01", AUCTION, "15:15"),
    ],
)
def test_a_recorded_weekday_has_the_hours_of_its_class(text, session_class, close):
    session = recorded(text, session_class)

    assert hours(session) == [("09:15", close)]
    assert session.kind is SessionKind.REGULAR


@pytest.mark.parametrize(("session_class", "close"), [(AUCTION, "15:15"), (DERIVATIVES, "15:40")])
def test_unconfirmed_hours_are_left_out_of_recorded_days(session_class, close):
    assert hours(recorded("2026-12-07", session_class)) == [("09:15", close)]


@pytest.mark.parametrize("session_class", NSE_CLASSES)
def test_recorded_days_know_no_holiday_but_the_weekend(session_class):
    assert recorded_session(parse_day("2026-01-26"), session_class) is not None
    assert recorded_session(parse_day("2026-07-25"), session_class) is None
    assert recorded_session(parse_day("2026-07-26"), session_class) is None


@given(TRADING_DAYS, st.sampled_from(NSE_CLASSES))
def test_an_ordinary_recorded_day_has_375_360_or_385_minutes(day, session_class):
    session = recorded_session(day, session_class)
    weekend = date.fromisoformat(day_text(day)).weekday() >= 5

    if day_text(day) in SPECIAL_DAYS:
        assert session is not None
    elif weekend:
        assert session is None
    else:
        assert session is not None
        changed = day >= parse_day("2026-08-03")
        expected = {CASH: 375, AUCTION: 360, DERIVATIVES: 385}[session_class] if changed else 375
        assert session.minutes == expected


def test_minutes_of_two_parts_leave_the_pause_out():
    session = recorded("2024-03-02")

    assert session.minutes == 105
    assert ist_text(session.open_ns) == "2024-03-02T09:15:00+05:30"
    assert ist_text(session.close_ns) == "2024-03-02T12:30:00+05:30"


@pytest.mark.parametrize(
    ("clock", "inside"),
    [
        ("09:14", False),
        ("09:15", True),
        ("09:59", True),
        ("10:00", False),
        ("11:29", False),
        ("11:30", True),
        ("12:29", True),
        ("12:30", False),
    ],
)
def test_a_session_contains_a_parts_open_and_not_its_close(clock, inside):
    session = recorded("2024-03-02")

    assert session.contains(at_ist(session.day, clock)) is inside


# --- 24x7 --------------------------------------------------------------------------------------


@given(TRADING_DAYS)
def test_a_24x7_market_is_open_all_of_every_utc_day(day):
    session = recorded_session(day, ALWAYS_OPEN)

    assert session == live_session(day, ALWAYS_OPEN)
    assert session is not None
    assert session.parts == ((day * DAY_NS, (day + 1) * DAY_NS),)
    assert session.minutes == 1440
    assert session.kind is SessionKind.ALWAYS_OPEN
    assert [window.phase for window in session.phases] == [Phase.CONTINUOUS]


def test_sessions_of_a_24x7_market_follow_each_other_beyond_any_cover():
    day = parse_day("2027-03-06")

    assert next_live_session(day, ALWAYS_OPEN).day == day + 1
    assert [s.day for s in previous_live_sessions(day, 2, ALWAYS_OPEN)] == [day - 2, day - 1]


# --- live days ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["2026-01-26", "2026-07-25", "2026-12-12", "2026-12-25"])
@pytest.mark.parametrize("session_class", NSE_CLASSES)
def test_live_has_no_session_on_holidays_and_weekends(text, session_class):
    assert live_session(parse_day(text), session_class) is None


def test_a_muhurat_evening_on_a_closed_weekday_is_a_live_session():
    session = live_session(parse_day("2025-10-21"), CASH)

    assert session is not None
    assert session.kind is SessionKind.MUHURAT
    assert hours(session) == [("13:45", "14:45")]


@pytest.mark.parametrize("text", ["2023-12-29", "2023-12-31", "2027-01-01", "2027-01-02"])
def test_live_refuses_a_date_beyond_the_cover_even_at_a_weekend(text):
    with pytest.raises(ConfigError, match=f"{text} is outside .*2024-01-01 to 2026-12-31"):
        live_session(parse_day(text), CASH)


def test_the_ends_of_the_cover_are_covered():
    assert live_session(parse_day(FIRST_COVERED_DAY), CASH) is not None
    assert live_session(parse_day(LAST_COVERED_DAY), CASH) is not None


@pytest.mark.parametrize(
    ("text", "session_class", "close"),
    [
        ("2026-11-08", CASH, "19:15"),
        ("2026-11-08", DERIVATIVES, "19:15"),
        ("2026-12-07", AUCTION, "15:30"),
        ("2026-12-31", DERIVATIVES, "15:45"),
    ],
)
def test_live_refuses_an_unconfirmed_day_until_it_is_accepted(text, session_class, close):
    day = parse_day(text)
    with pytest.raises(ConfigError, match=rf"{text} is unconfirmed .* accept_session = {text}"):
        live_session(day, session_class, accept=frozenset({day - 1, day + 1}))

    session = live_session(day, session_class, accept=frozenset({day}))
    assert session is not None
    assert not session.confirmed
    assert hours(session)[-1][1] == close


def test_the_unconfirmed_row_leaves_plain_cash_alone():
    session = live_session(parse_day("2026-12-07"), CASH)

    assert session is not None
    assert session.confirmed
    assert hours(session) == [("09:15", "15:30")]


def test_the_next_session_skips_weekends_and_holidays():
    after = parse_day("2026-01-23")  # a Friday; Monday 26 is Republic Day

    assert day_text(next_live_session(after, CASH).day) == "2026-01-27"
    assert day_text(next_live_session(parse_day("2026-01-30"), CASH).day) == "2026-02-01"


def test_the_next_session_is_refused_where_it_is_unconfirmed_or_unknown():
    with pytest.raises(ConfigError, match="2026-11-08 is unconfirmed"):
        next_live_session(parse_day("2026-11-06"), CASH)
    with pytest.raises(ConfigError, match="2027-01-01 is outside"):
        next_live_session(parse_day("2026-12-31"), CASH)

    accept = frozenset({parse_day("2026-11-08")})
    session = next_live_session(parse_day("2026-11-06"), CASH, accept=accept)
    assert session.kind is SessionKind.MUHURAT


def test_history_goes_back_over_holidays_in_the_cover_and_weekdays_before_it():
    sessions = previous_live_sessions(parse_day("2024-01-23"), 17, CASH)

    days = [day_text(session.day) for session in sessions]
    assert days[-2:] == ["2024-01-19", "2024-01-20"]  # 01-22 was closed
    assert days[:3] == ["2023-12-29", "2024-01-01", "2024-01-02"]
    assert days == sorted(set(days))
    assert previous_live_sessions(parse_day("2024-01-23"), 0, CASH) == []


def test_history_takes_a_muhurat_evening_older_than_the_cover():
    (session,) = previous_live_sessions(parse_day("2023-11-13"), 1, CASH)

    assert session == recorded("2023-11-12")


def test_history_judges_an_unconfirmed_day_as_recorded_unless_it_is_accepted():
    days = {text: parse_day(text) for text in ("2026-11-08", "2026-12-07", "2026-12-08")}

    assert previous_live_sessions(days["2026-11-08"] + 1, 1, AUCTION)[0].day == days["2026-11-08"]
    doubted = previous_live_sessions(days["2026-12-08"], 2, AUCTION)
    assert [hours(session)[0][1] for session in doubted] == ["15:15", "15:15"]
    accept = frozenset({days["2026-12-07"]})
    trusted = previous_live_sessions(days["2026-12-08"], 2, AUCTION, accept=accept)
    assert [hours(session)[0][1] for session in trusted] == ["15:15", "15:30"]


def test_history_is_refused_where_it_would_pass_days_after_the_cover():
    with pytest.raises(ConfigError, match="2027-01-01 is outside"):
        previous_live_sessions(parse_day("2027-01-02"), 1, CASH)


# --- a session as arrays -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "session_class", "last_entry", "square_off"),
    [
        ("2026-07-22", AUCTION, "14:45", "15:10"),
        ("2026-08-03", CASH, "14:45", "15:10"),
        ("2026-08-03", AUCTION, "14:30", "14:55"),
        ("2023-11-12", CASH, "18:30", "18:55"),
        ("2024-03-02", CASH, "11:45", "12:10"),
    ],
)
def test_limits_count_back_from_the_close_of_the_last_part(
    text, session_class, last_entry, square_off
):
    session = recorded(text, session_class)
    row = session_row(session, last_entry_minutes=45, square_off_minutes=20)

    assert row.last_entry_ns == at_ist(session.day, last_entry)
    assert row.square_off_ns == at_ist(session.day, square_off)
    assert row.close_ns == session.close_ns
    assert row.day == session.day


def test_a_row_holds_the_parts_and_goes_into_an_array_of_sessions():
    session = recorded("2024-03-02")
    rows = np.zeros((1, 2), SESSION)
    rows[0, 1] = session_row(session, last_entry_minutes=45, square_off_minutes=20)

    row = rows[0, 1]
    assert row.parts == 2
    assert list(zip(row.part_open_ns, row.part_close_ns, strict=True)) == list(session.parts)


def test_a_24x7_row_has_neither_limit_nor_close():
    day = parse_day("2026-07-25")
    session = live_session(day, ALWAYS_OPEN)
    assert session is not None
    row = session_row(session, last_entry_minutes=45, square_off_minutes=20)

    assert [row.last_entry_ns, row.square_off_ns, row.close_ns] == [NEVER_NS] * 3
    assert (row.parts, row.part_open_ns[0], row.part_close_ns[0]) == (
        1,
        day * DAY_NS,
        (day + 1) * DAY_NS,
    )


def test_a_closed_row_has_its_day_and_no_part():
    row = closed_row(parse_day("2026-07-25"))

    assert (row.day, row.parts, row.close_ns) == (parse_day("2026-07-25"), 0, 0)


def test_the_last_bar_of_each_part_closes_with_it():
    session = recorded("2024-05-18")

    closes = [ist_text(ns)[11:16] for ns in minute_closes(session, 25 * MINUTE_NS)]
    assert closes == ["09:40", "10:00", "11:55", "12:20", "12:30"]


def test_a_day_has_25_bars_of_15_minutes_and_24_under_the_closing_auction():
    assert len(minute_closes(recorded("2026-07-22", AUCTION), 15 * MINUTE_NS)) == 25
    assert len(minute_closes(recorded("2026-08-03", AUCTION), 15 * MINUTE_NS)) == 24


@given(
    st.lists(st.integers(1, 600), min_size=2, max_size=2 * MAX_PARTS).filter(
        lambda lengths: len(lengths) % 2 == 0
    ),
    st.integers(1, 700),
)
def test_bars_cover_every_part_once_and_none_spans_two(lengths, base_minutes):
    edges = np.cumsum(lengths) * MINUTE_NS
    parts = tuple((int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True))
    session = Session(0, CASH, parts, SessionKind.REGULAR, "generated")

    closes = minute_closes(session, base_minutes * MINUTE_NS)
    assert closes.dtype == np.int64
    assert (np.diff(closes) > 0).all()
    for open_ns, close_ns in parts:
        own = closes[(closes > open_ns) & (closes <= close_ns)]
        lengths_ns = np.diff(own, prepend=open_ns)
        assert own[-1] == close_ns
        assert (lengths_ns[:-1] == base_minutes * MINUTE_NS).all()
        assert 0 < lengths_ns[-1] <= base_minutes * MINUTE_NS
    assert len(closes) == sum(-((a - b) // (base_minutes * MINUTE_NS)) for a, b in parts)


# --- IST and days ------------------------------------------------------------------------------


@given(DAYS)
def test_a_day_reads_back_as_it_was_written(day):
    assert parse_day(day_text(day)) == day


def test_days_count_from_1970():
    assert parse_day("1970-01-01") == 0
    assert parse_day("2026-07-22") == 20656
    assert day_text(20656) == "2026-07-22"


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "today",
        "2026-7-22",
        "20260722",
        "2026-W30-3",
        "2026-02-30",
        "2026-07-22 ",
        "2026-07-22\n",
        "22-07-2026",
        "2026-07-22T00:00",
        "\u0662\u0660\u0662\u0666-\u0660\u0667-\u0662\u0662",  # Arabic digits
    ],
)
def test_junk_is_no_day_and_the_message_quotes_it(junk):
    with pytest.raises(ConfigError) as caught:
        parse_day(junk)

    assert str(caught.value) == f"date {junk!r} is not a calendar date written YYYY-MM-DD"


@pytest.mark.parametrize("text", ["1969-12-31", "2262-01-01", "9999-12-31"])
def test_a_day_that_nanoseconds_cannot_tell_is_refused(text):
    with pytest.raises(ConfigError, match=f"date {text} is outside 1970-01-01 to 2261-12-31"):
        parse_day(text)


@pytest.mark.parametrize(
    "junk", ["", "9:15", "24:00", "09:60", "09:15:00", "0915", "\u0660\u0669:\u0661\u0665"]
)
def test_junk_is_no_time_of_day(junk):
    with pytest.raises(ConfigError, match="is not a time of day written HH:MM"):
        at_ist(0, junk)


def test_ist_is_ahead_of_utc():
    assert (
        at_ist(parse_day("2026-07-22"), "09:15")
        == parse_day("2026-07-22") * DAY_NS + (3 * 60 + 45) * MINUTE_NS
    )
    assert at_ist(0, "05:30") == 0


def test_text_keeps_the_second_and_drops_what_is_finer():
    nine_thirty = at_ist(parse_day("2026-07-22"), "09:30")

    assert ist_text(nine_thirty) == "2026-07-22T09:30:00+05:30"
    assert ist_text(nine_thirty + 1_999_999_999) == "2026-07-22T09:30:01+05:30"
    assert ist_text(nine_thirty - 1) == "2026-07-22T09:29:59+05:30"
    assert ist_text(np.int64(nine_thirty)) == "2026-07-22T09:30:00+05:30"


def test_the_ist_date_changes_at_1830_utc():
    midnight = at_ist(parse_day("2026-07-22"), "00:00")

    assert midnight == utc_day(midnight) * DAY_NS + (18 * 60 + 30) * MINUTE_NS
    assert day_text(ist_day(midnight)) == "2026-07-22"
    assert day_text(ist_day(midnight - 1)) == "2026-07-21"
    assert day_text(utc_day(midnight)) == "2026-07-21"


@given(TIMES_NS)
def test_a_time_lies_in_the_day_it_is_said_to_be_of(ns):
    day = day_of(ns, CASH)
    assert 0 <= ns - at_ist(day, "00:00") < DAY_NS
    assert ist_text(ns).startswith(day_text(day))

    day = day_of(ns, ALWAYS_OPEN)
    assert 0 <= ns - day * DAY_NS < DAY_NS


@given(st.lists(TIMES_NS, max_size=5), st.sampled_from(SessionClass))
def test_days_of_an_array_are_those_of_its_times(times_ns, session_class):
    array = np.array(times_ns, np.int64)

    assert days_of(array, session_class).tolist() == [day_of(ns, session_class) for ns in times_ns]


def test_never_is_a_late_day_and_does_not_wrap_around():
    assert ist_day(np.int64(NEVER_NS)) == (NEVER_NS + IST_OFFSET_NS) // DAY_NS
