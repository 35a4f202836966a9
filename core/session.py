"""When the market is open, and IST to nanoseconds: the only time-zone code of the program.

Pure: IST is a fixed offset (India has no DST), the day is an argument, the hours are the literals
of `session_table.py`. It never reads a clock or the host's time zone, and hard-codes no hour.
"""

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from core.errors import ConfigError
from core.session_table import (
    FIRST_COVERED_DAY,
    HOURS,
    LAST_COVERED_DAY,
    SPECIAL_DAYS,
    WEEKDAY_CLOSURES,
    Hours,
    Window,
)
from core.session_table import Phase as Phase
from core.session_table import SessionKind as SessionKind
from core.types import NEVER_NS, SESSION, Int64s, Row, SessionClass

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
DAY_NS = 24 * 60 * MINUTE_NS
IST_OFFSET_NS = 330 * MINUTE_NS  # +05:30


class PhaseWindow(NamedTuple):
    """One window of a day's time-table, `open_ns` included and `close_ns` not."""

    phase: Phase
    open_ns: int
    close_ns: int


@dataclass(frozen=True, slots=True)
class Session:
    """The continuous trading of one class on one day, in one or more parts.

    `around` holds the day's other windows where the table knows them: trades in those are stored
    and flagged, and never enter strategy bars.
    """

    day: int  # IST date as days since 1970-01-01; the UTC date for ALWAYS_OPEN
    session_class: SessionClass
    parts: tuple[tuple[int, int], ...]  # (open_ns, close_ns), in order, apart from each other
    kind: SessionKind
    source: str
    around: tuple[PhaseWindow, ...] = ()
    confirmed: bool = True  # False: one source only; live use asks the operator

    @property
    def open_ns(self) -> int:
        return self.parts[0][0]

    @property
    def close_ns(self) -> int:
        """The day's close: that of its last part."""
        return self.parts[-1][1]

    @property
    def minutes(self) -> int:
        """Minutes of continuous trading, the pauses between parts left out."""
        return sum(close_ns - open_ns for open_ns, close_ns in self.parts) // MINUTE_NS

    @property
    def phases(self) -> tuple[PhaseWindow, ...]:
        """Every known window of the day in order of time, the continuous parts among them."""
        parts = (PhaseWindow(Phase.CONTINUOUS, *part) for part in self.parts)
        return tuple(sorted((*self.around, *parts), key=lambda window: window.open_ns))

    def contains(self, ns: int) -> bool:
        """Whether `ns` is in continuous trading: a part's open is, its close is not."""
        return any(open_ns <= ns < close_ns for open_ns, close_ns in self.parts)


# --- which session a day has ---------------------------------------------------------------------


def recorded_session(day: int, session_class: SessionClass) -> Session | None:
    """The session by which recorded data of `day` is judged; None: its bars are not traded.

    Asks no calendar (cli.md 3): a special day, else any weekday, of any year; unconfirmed hours
    are left out. So a holiday has a session here, and data that has bars on it can be tested.
    """
    if session_class is SessionClass.ALWAYS_OPEN:
        return _utc_session(day)
    if _is_weekend(day) and day_text(day) not in SPECIAL_DAYS:
        return None
    return _session(day, session_class, _hours(day, session_class, confirmed_only=True))


def live_session(
    day: int, session_class: SessionClass, *, accept: frozenset[int] = frozenset()
) -> Session | None:
    """The session to trade on `day`; None on holidays and plain weekends.

    Args:
        accept: unconfirmed days the operator vouches for (configuration `accept_session`).

    Raises:
        ConfigError: `day` is outside the table's cover, or unconfirmed and not in `accept`.
    """
    if session_class is SessionClass.ALWAYS_OPEN:
        return _utc_session(day)
    _require_cover(day)
    if _is_closed(day):
        return None
    session = _session(day, session_class, _hours(day, session_class, confirmed_only=False))
    if not session.confirmed and day not in accept:
        raise ConfigError(
            f"the session of {day_text(day)} is unconfirmed ({session.source}): "
            f"set accept_session = {day_text(day)} to trade it"
        )
    return session


def next_live_session(
    after_day: int, session_class: SessionClass, *, accept: frozenset[int] = frozenset()
) -> Session:
    """The first session strictly after `after_day`.

    Raises:
        ConfigError: as `live_session`. An unconfirmed day on the way is refused, not skipped.
    """
    day = after_day + 1
    while (session := live_session(day, session_class, accept=accept)) is None:
        day += 1
    return session


def previous_live_sessions(
    before_day: int,
    count: int,
    session_class: SessionClass,
    *,
    accept: frozenset[int] = frozenset(),
) -> list[Session]:
    """The last `count` sessions strictly before `before_day`, oldest first.

    They say which history to load, so they are judged as recorded days: an unconfirmed one takes
    its accepted hours if it is in `accept`, else its recorded ones, and is never refused (one
    doubtful evening would lock live use out for months). Before the cover no holiday is known.

    Raises:
        ConfigError: a day on the way lies after the table's cover.
    """
    sessions: list[Session] = []
    day = before_day
    while len(sessions) < count:
        day -= 1
        session = past_session(day, session_class, accept=accept)
        if session is not None:
            sessions.append(session)
    return sessions[::-1]


def past_session(
    day: int, session_class: SessionClass, *, accept: frozenset[int] = frozenset()
) -> Session | None:
    """The session whose bars a history of `day` holds; None on holidays, where they are known.

    Judged as `previous_live_sessions` does. Raises ConfigError after the table's cover.
    """
    if session_class is SessionClass.ALWAYS_OPEN or day_text(day) < FIRST_COVERED_DAY:
        return recorded_session(day, session_class)
    if day in accept:
        return live_session(day, session_class, accept=accept)
    _require_cover(day)
    return None if _is_closed(day) else recorded_session(day, session_class)


def _require_cover(day: int) -> None:
    text = day_text(day)
    if not FIRST_COVERED_DAY <= text <= LAST_COVERED_DAY:
        raise ConfigError(
            f"{text} is outside the session table, "
            f"which covers {FIRST_COVERED_DAY} to {LAST_COVERED_DAY}"
        )


def _is_closed(day: int) -> bool:
    text = day_text(day)
    return text not in SPECIAL_DAYS and (_is_weekend(day) or text in WEEKDAY_CLOSURES)


def _is_weekend(day: int) -> bool:
    return (day + 3) % 7 >= 5  # 1970-01-01 was a Thursday


def _hours(day: int, session_class: SessionClass, *, confirmed_only: bool) -> Hours:
    """The last row of the class that has begun; the oldest row is as old as the calendar."""
    text = day_text(day)
    begun = (row for row in reversed(HOURS[session_class]) if row.first_day <= text)
    return next(row for row in begun if row.confirmed or not confirmed_only)


def _session(day: int, session_class: SessionClass, hours: Hours) -> Session:
    """The session of a trading day. On a day with parts of its own nothing else is known."""
    special = SPECIAL_DAYS.get(day_text(day))
    if special is not None and special.parts:
        parts = tuple(_window_ns(day, window) for window in special.parts)
        return Session(
            day, session_class, parts, special.kind, special.source, confirmed=special.confirmed
        )
    around = (
        (Phase.PRE_OPEN, hours.pre_open),
        (Phase.CLOSING_AUCTION, hours.closing_auction),
        (Phase.POST_CLOSE, hours.post_close),
    )
    return Session(
        day,
        session_class,
        parts=(_window_ns(day, hours.continuous),),
        kind=SessionKind.REGULAR if special is None else special.kind,
        source=hours.source if special is None else special.source,
        around=tuple(
            PhaseWindow(phase, *_window_ns(day, window)) for phase, window in around if window
        ),
        confirmed=hours.confirmed and (special is None or special.confirmed),
    )


def _utc_session(day: int) -> Session:
    parts = ((day * DAY_NS, (day + 1) * DAY_NS),)
    return Session(day, SessionClass.ALWAYS_OPEN, parts, SessionKind.ALWAYS_OPEN, "UTC day")


def _window_ns(day: int, window: Window) -> tuple[int, int]:
    return at_ist(day, window[0]), at_ist(day, window[1])


# --- a session as arrays -------------------------------------------------------------------------


def session_row(session: Session, *, last_entry_minutes: int, square_off_minutes: int) -> Row:
    """`session` as one SESSION record, its limits counted back from the close of the last part.

    A 24x7 market has neither limit nor close: all three are NEVER_NS.
    """
    row = closed_row(session.day)
    row.parts = len(session.parts)
    for index, (open_ns, close_ns) in enumerate(session.parts):
        row.part_open_ns[index] = open_ns
        row.part_close_ns[index] = close_ns
    if session.session_class is SessionClass.ALWAYS_OPEN:
        row.last_entry_ns = row.square_off_ns = row.close_ns = NEVER_NS
    else:
        row.last_entry_ns = session.close_ns - last_entry_minutes * MINUTE_NS
        row.square_off_ns = session.close_ns - square_off_minutes * MINUTE_NS
        row.close_ns = session.close_ns
    return row


def closed_row(day: int) -> Row:
    """The SESSION record of a day on which a group has no session: no parts, all times 0."""
    row: Row = np.zeros(1, SESSION)[0]
    row.day = day
    return row


def minute_closes(session: Session, base_ns: int) -> Int64s:
    """Closes of all base bars of `session`, increasing; a part's last bar ends with the part."""
    closes = [
        np.minimum(np.arange(open_ns, close_ns, base_ns, dtype=np.int64) + base_ns, close_ns)
        for open_ns, close_ns in session.parts
    ]
    return np.concatenate(closes)


# --- IST and days --------------------------------------------------------------------------------

# Python's int on purpose: NEVER_NS plus an offset wraps around in numpy's.


def ist_day(ns: int) -> int:
    """The IST date of `ns`, as days since 1970-01-01."""
    return (int(ns) + IST_OFFSET_NS) // DAY_NS


def utc_day(ns: int) -> int:
    """The UTC date of `ns`, as days since 1970-01-01."""
    return int(ns) // DAY_NS


def day_of(open_ns: int, session_class: SessionClass) -> int:
    """The day a Minute belongs to by its open: the IST date, for ALWAYS_OPEN the UTC date."""
    return utc_day(open_ns) if session_class is SessionClass.ALWAYS_OPEN else ist_day(open_ns)


def day_span_ns(day: int, session_class: SessionClass) -> tuple[int, int]:
    """From midnight to midnight of a session date."""
    start_ns = day * DAY_NS - (0 if session_class is SessionClass.ALWAYS_OPEN else IST_OFFSET_NS)
    return start_ns, start_ns + DAY_NS


def days_of(open_ns: Int64s, session_class: SessionClass) -> Int64s:
    """`day_of` for an array of opens."""
    offset_ns = 0 if session_class is SessionClass.ALWAYS_OPEN else IST_OFFSET_NS
    return (open_ns + offset_ns) // DAY_NS


_TWO = "([0-9]{2})"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_STAMP = re.compile(rf"({_DATE.pattern})T{_TWO}:{_TWO}:{_TWO}\+05:30")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_FIRST_DATE, _LAST_DATE = "1970-01-01", "2261-12-31"  # what int64 nanoseconds can tell


def parse_day(text: str) -> int:
    """The day written `2026-07-22`, as days since 1970-01-01.

    Raises:
        ConfigError: anything else, also the other spellings ISO 8601 has for a date.
    """
    try:
        parsed = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        parsed = None
    if parsed is None:
        raise ConfigError(f"date {text!r} is not a calendar date written YYYY-MM-DD")
    if not _FIRST_DATE <= text <= _LAST_DATE:
        raise ConfigError(f"date {text} is outside {_FIRST_DATE} to {_LAST_DATE}")
    return parsed.toordinal() - _EPOCH_ORDINAL


def day_text(day: int) -> str:
    """`2026-07-22`."""
    return date.fromordinal(day + _EPOCH_ORDINAL).isoformat()


@lru_cache(maxsize=1024)  # every signal of a Minute names the same bar
def ist_text(ns: int) -> str:
    """`2026-07-22T09:30:00+05:30`, the second in which `ns` lies."""
    day, rest_ns = divmod(int(ns) + IST_OFFSET_NS, DAY_NS)
    minutes, seconds = divmod(rest_ns // SECOND_NS, 60)
    return f"{day_text(day)}T{minutes // 60:02}:{minutes % 60:02}:{seconds:02}+05:30"


def ist_ns(text: str) -> int:
    """The inverse of `ist_text`. Raises ValueError for anything else, another zone among it."""
    match = _STAMP.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r:.40} is not a moment like 2026-07-22T09:30:00+05:30")
    hours, minutes, seconds = (int(part) for part in match.groups()[1:])
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError(f"{text} has no such time of day")
    past = (hours * 60 + minutes) * MINUTE_NS + seconds * SECOND_NS
    day = date.fromisoformat(match[1]).toordinal() - _EPOCH_ORDINAL
    return day * DAY_NS + past - IST_OFFSET_NS


def at_ist(day: int, clock: str) -> int:
    """Nanoseconds of `clock` ("09:15") on the IST date `day`.

    Raises:
        ConfigError: `clock` is not a time of day written HH:MM.
    """
    match = _CLOCK.fullmatch(clock)
    if match is None:
        raise ConfigError(f"time {clock!r} is not a time of day written HH:MM")
    minutes = int(match[1]) * 60 + int(match[2])
    return int(day) * DAY_NS + minutes * MINUTE_NS - IST_OFFSET_NS
