"""Which day is traded on an exchange that goes on while nobody looks."""

import pytest

from core.session import at_ist, parse_day
from daemon.clocks import VirtualClock
from daemon.upstox.source import HostVenue

DAY = parse_day("2026-07-27")  # a Monday


@pytest.mark.parametrize(
    ("now", "after", "expected"),
    [
        ("08:00", -1, DAY),
        ("12:00", -1, DAY),
        ("16:00", -1, DAY + 1),
        ("12:00", DAY, DAY + 1),
    ],
)
def test_the_session_that_is_on_or_comes_next_by_the_exchanges_time(
    now: str, after: int, expected: int
) -> None:
    venue = HostVenue("upstox", VirtualClock(at_ist(DAY, now)), accept=frozenset())

    assert expected == venue.next_day(after)
