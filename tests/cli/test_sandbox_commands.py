"""What the local exchange alone begins with."""

from cli.sandbox_commands import HoursOnEnd
from core.session import MINUTE_NS, at_ist, parse_day

FRIDAY, MONDAY = parse_day("2026-07-31"), parse_day("2026-08-03")
SESSION_MINUTES = 375
AUCTION_DAY_MINUTES = 360  # from 2026-08-03 on, of shares with derivatives


def test_after_the_last_minute_of_a_week_comes_the_first_of_the_next() -> None:
    hours = HoursOnEnd(FRIDAY)

    assert at_ist(FRIDAY, "09:20") == hours.at(5 * MINUTE_NS)
    assert at_ist(FRIDAY, "15:30") - 1 == hours.at(SESSION_MINUTES * MINUTE_NS - 1)
    assert at_ist(MONDAY, "09:15") == hours.at(SESSION_MINUTES * MINUTE_NS)


def test_hours_go_on_over_weeks_of_days_that_are_shorter() -> None:
    passed_ns = (SESSION_MINUTES + 20 * AUCTION_DAY_MINUTES + 45) * MINUTE_NS

    assert at_ist(parse_day("2026-08-31"), "10:00") == HoursOnEnd(FRIDAY).at(passed_ns)
