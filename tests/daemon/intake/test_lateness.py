"""Late Minutes: by a live clock, never where the day waits for us, and recorded as an input."""

from pathlib import Path

from core.ports import EventKind
from core.session import MINUTE_NS, SECOND_NS
from daemon.clocks import VirtualClock
from daemon.intake.lateness import Lateness
from providers.live import DayFrame
from tests.daemon.days import play, play_to, recorded
from tests.daemon.live_like import live_plan

PAUSE_MINUTES = 90


def late_minutes(directory: Path) -> list[bool]:
    return [bool(one.payload["late"]) for one in recorded(directory, [EventKind.MINUTE])]


def after_the_pause(frame: DayFrame, after_ns: int) -> int:
    return max(after_ns, frame.open_ns) + PAUSE_MINUTES * MINUTE_NS


def test_minutes_missed_by_a_restart_are_late_until_the_first_timely_one(tmp_path: Path) -> None:
    play_to(live_plan(), tmp_path, minutes=100)
    before = len(late_minutes(tmp_path))
    play_to(live_plan(starts=after_the_pause), tmp_path, minutes=before + PAUSE_MINUTES + 20)
    play(live_plan(), tmp_path)  # the late Minutes run again as recorded, or the start is refused
    late = late_minutes(tmp_path)

    # The last Minute of the pause ends with it and is handled in time.
    assert late[: before + PAUSE_MINUTES] == [False] * before + [True] * (PAUSE_MINUTES - 1) + [
        False
    ]
    assert not any(late[before + PAUSE_MINUTES :])
    assert len(late) == 375


def test_a_minute_is_late_behind_the_limit_and_not_on_it() -> None:
    lateness = Lateness(VirtualClock(100 * SECOND_NS), 30 * SECOND_NS)

    assert lateness.of(70 * SECOND_NS) is False
    assert lateness.of(70 * SECOND_NS - 1) is True


def test_no_minute_of_a_day_that_waits_is_late_however_slow_the_machine(tmp_path: Path) -> None:
    """Its clock has run far ahead of where the day stands."""
    plan = live_plan(starts=after_the_pause)
    plan.source.is_live = False
    play(plan, tmp_path)

    assert not any(late_minutes(tmp_path))
