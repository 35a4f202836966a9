"""Windows of a walk-forward: what is learned from ends before what it is tried on, and no session
is tried twice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError, DataError
from core.session import day_text, parse_day
from core.types import Int64s
from research.walk.windows import Length, Scheme, length_of, windows_of


def weekdays(first: str, last: str) -> Int64s:
    days = np.arange(parse_day(first), parse_day(last) + 1)
    return days[np.is_busday(days.astype("datetime64[D]"))]


DAYS = weekdays("2021-01-01", "2022-06-30")


def dates(scheme: Scheme, days: Int64s = DAYS) -> list[tuple[str, ...]]:
    return [
        tuple(day_text(day) for day in (*one.train, *one.test)) for one in windows_of(days, scheme)
    ]


def test_months_are_those_of_the_calendar_and_roll_by_the_test_length() -> None:
    assert dates(Scheme(Length(12, "m"), Length(3, "m"), embargo_sessions=0)) == [
        ("2021-01-01", "2021-12-31", "2022-01-03", "2022-03-31"),
        ("2021-04-01", "2022-03-31", "2022-04-01", "2022-06-30"),
    ]


def test_the_embargo_is_taken_from_the_end_of_train() -> None:
    assert dates(Scheme(Length(12, "m"), Length(6, "m"), embargo_sessions=2)) == [
        ("2021-01-01", "2021-12-29", "2022-01-03", "2022-06-30"),
    ]


def test_anchored_windows_all_begin_with_the_data() -> None:
    scheme = Scheme(Length(12, "m"), Length(3, "m"), anchored=True, embargo_sessions=0)
    assert [one[:2] for one in dates(scheme)] == [
        ("2021-01-01", "2021-12-31"),
        ("2021-01-01", "2022-03-31"),
    ]


def test_days_are_sessions_and_the_last_window_may_be_short() -> None:
    days = np.arange(100, 111)
    scheme = Scheme(Length(5, "d"), Length(2, "d"), embargo_sessions=1)
    found = windows_of(days, scheme)
    assert [(one.train, one.test) for one in found] == [
        ((100, 103), (105, 106)),
        ((102, 105), (107, 108)),
        ((104, 107), (109, 110)),
    ]
    assert not any(one.is_short for one in found)
    cut = windows_of(days[:-1], scheme)
    assert [(one.test, one.is_short) for one in cut[-2:]] == [
        ((107, 108), False),
        ((109, 109), True),
    ]
    assert windows_of(days[:-1], scheme._replace(drop_short=True)) == cut[:-1]


def test_a_last_month_is_whole_though_it_ends_with_a_weekend_and_short_without_its_last_weeks() -> (
    None
):
    scheme = Scheme(Length(12, "m"), Length(3, "m"))
    whole = windows_of(weekdays("2021-01-01", "2022-06-27"), scheme)
    assert not whole[-1].is_short
    short = windows_of(weekdays("2021-01-01", "2022-06-15"), scheme)
    assert short[-1].is_short
    assert day_text(short[-1].test[1]) == "2022-06-15"


def test_a_longer_step_leaves_sessions_untried_and_a_hole_in_the_data_makes_no_window() -> None:
    scheme = Scheme(Length(3, "m"), Length(1, "m"), Length(6, "m"), embargo_sessions=0)
    assert [one[2:] for one in dates(scheme)] == [
        ("2021-04-01", "2021-04-30"),
        ("2021-10-01", "2021-10-29"),
        ("2022-04-01", "2022-04-29"),
    ]
    april = (DAYS >= parse_day("2021-04-01")) & (DAYS <= parse_day("2021-04-30"))
    assert [one.number for one in windows_of(DAYS[~april], scheme)] == [1, 2]
    assert len(dates(scheme, DAYS[~april])) == 2


@settings(max_examples=40)
@given(
    train=st.integers(2, 40),
    test=st.integers(1, 20),
    extra=st.integers(0, 10),
    embargo=st.integers(0, 1),
    unit=st.sampled_from("md"),
    anchored=st.booleans(),
)
def test_no_session_is_tried_twice_or_learned_from_before_it_is_tried(
    train: int, test: int, extra: int, embargo: int, unit: str, anchored: bool
) -> None:
    lengths = [Length(count, unit) for count in (train, test, test + extra)]  # type: ignore[arg-type]
    days = weekdays("2015-01-01", "2021-06-30")
    found = windows_of(days, Scheme(*lengths, anchored=anchored, embargo_sessions=embargo))
    before = 0
    for one in found:
        assert before < one.test[0] <= one.test[1]
        assert one.train[0] <= one.train[1] < one.test[0]
        between = ((days > one.train[1]) & (days < one.test[0])).sum()
        assert between == embargo
        assert (one.train[0] == days[0]) or not anchored
        before = one.test[1]


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        (Scheme(Length(18, "m"), Length(3, "m")), "no window fits: train 18m and test 3m, the data"
         " has 18 calendar months, 2021-01-01 to 2022-06-30"),
        (Scheme(Length(390, "d"), Length(1, "d")), "the data has 390 sessions"),
        (Scheme(Length(12, "m"), Length(20, "d")), "are not all in months"),
        (Scheme(Length(12, "m"), Length(3, "m"), Length(1, "m")), "test windows would overlap"),
        (Scheme(Length(5, "d"), Length(3, "d"), embargo_sessions=5), "leaves no session of train"),
        (Scheme(Length(5, "d"), Length(3, "d"), embargo_sessions=-1), "embargo -1"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(scheme: Scheme, said: str) -> None:
    with pytest.raises((ConfigError, DataError), match=said):
        windows_of(DAYS, scheme)


def test_data_without_a_session_has_no_window() -> None:
    with pytest.raises(DataError, match="no session of the data"):
        windows_of(DAYS[:0], Scheme(Length(1, "m"), Length(1, "m")))


@pytest.mark.parametrize("text", ["0m", "12", "3w", "-1d", "", "1.5m", "99999d"])
def test_a_length_is_months_or_sessions(text: str) -> None:
    assert length_of("--test", "250d") == Length(250, "d")
    with pytest.raises(ConfigError, match="--train"):
        length_of("--train", text)
