"""The broker's list of holidays, and where it contradicts our own table of sessions.

Decides by what the list says of NSE alone: on the holiday of another exchange it may be open. The
hours of a row stand for the whole day. Which of the two is right is a person's matter.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from core.errors import ConfigError, ProtocolViolation
from core.session import DAY_NS, Session, at_ist, day_text, ist_text, live_session, parse_day
from core.session_table import FIRST_COVERED_DAY, LAST_COVERED_DAY
from core.types import SessionClass

PATH = "/v2/market/holidays"
EXCHANGE = "NSE"
MS_NS = 1_000_000
MAX_ROWS = 1_000


class Told(NamedTuple):
    """What the broker says NSE does on a day; `hours` None: it is closed."""

    day: int
    description: str
    hours: tuple[int, int] | None


class Contradiction(NamedTuple):
    """A day on which the broker's list and our table differ, in words."""

    day: int
    text: str


def told_of(data: Any) -> list[Told]:
    """The rows that say something of NSE. Raises ProtocolViolation for what is no such list."""
    if not isinstance(data, list) or not 0 < len(data) <= MAX_ROWS:
        raise ProtocolViolation(f"holidays: no list of days but {data!r:.60}")
    try:
        rows = [_told(row) for row in data]
    except (ConfigError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise ProtocolViolation(f"holidays: no row of a day: {error}") from error
    return [row for row in rows if row is not None]


def contradictions(told: Sequence[Told]) -> list[Contradiction]:
    """Over the years that the broker tells of, as far as our table covers them."""
    by_day = {one.day: one for one in told}
    found = []
    for year in sorted({day_text(one.day)[:4] for one in told}):
        first = max(f"{year}-01-01", FIRST_COVERED_DAY)
        last = min(f"{year}-12-31", LAST_COVERED_DAY)
        for day in range(parse_day(first), parse_day(last) + 1):
            text = _contradiction(day, by_day)
            if text is not None:
                found.append(Contradiction(day, f"{day_text(day)}: {text}"))
    return found


def _contradiction(day: int, by_day: Mapping[int, Told]) -> str | None:
    ours = live_session(day, SessionClass.CASH, accept=frozenset({day}))
    theirs = by_day.get(day)
    if theirs is None:
        is_weekend = (day + 3) % 7 >= 5  # 1970-01-01 was a Thursday
        if (ours is None) == is_weekend:
            return None
        usual = "no session at that weekend" if is_weekend else "an ordinary day"
        return f"{usual} by the broker's holidays, {_hours_text(_hours(ours))} by our table"
    if theirs.hours == _hours(ours):
        return None
    return (
        f"{_hours_text(theirs.hours)} by the broker's holidays ({theirs.description}),"
        f" {_hours_text(_hours(ours))} by our table"
    )


def _hours(session: Session | None) -> tuple[int, int] | None:
    return None if session is None else (session.open_ns, session.close_ns)


def _hours_text(hours: tuple[int, int] | None) -> str:
    if hours is None:
        return "no session"
    return "-".join(ist_text(ns)[11:16] for ns in hours)


def _told(row: Mapping[str, Any]) -> Told | None:
    """None: the row says nothing of NSE."""
    day = parse_day(str(row["date"]))
    description = str(row.get("description", ""))[:60]
    for one in row["open_exchanges"]:
        if one["exchange"] == EXCHANGE:
            hours = int(one["start_time"]) * MS_NS, int(one["end_time"]) * MS_NS
            midnight_ns = at_ist(day, "00:00")
            if not midnight_ns <= hours[0] < hours[1] <= midnight_ns + DAY_NS:
                raise ValueError(f"{day_text(day)} has no such hours: {one!r:.80}")
            return Told(day, description, hours)
    return Told(day, description, None) if EXCHANGE in row["closed_exchanges"] else None
