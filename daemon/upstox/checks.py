"""Readiness of what the broker told: how old it is, what is different, what contradicts our table.

Reads what is kept and asks nobody. Only a contradiction about today, or a list that is days old, is
a fault.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from core.errors import ConfigError, ProtocolViolation, StoreFailed
from core.session import at_ist, day_text, ist_day, ist_text, live_session
from core.types import SessionClass
from daemon.doctor import Check, fail, ok, warn
from daemon.upstox.masters import Kept, KeptMasters
from daemon.upstox.morning import changes_since, kept_holidays
from providers.upstox.holidays import contradictions

NAMED = 3  # in a message
FAIL_SESSIONS = 3  # without an answer of the broker
WARN_HOLIDAY_DAYS = 7

_SEE = "see 'The instrument master' in docs/runbook.md"
_SEE_HOLIDAYS = "see 'The session table' in docs/runbook.md"


def broker_checks(
    directory: Path, now_ns: int, symbols: Sequence[str], watch: Sequence[str] = ()
) -> Iterator[Check]:
    """Of a state directory that is fed by the broker; `symbols` and `watch` as configured."""
    yield from check_instruments(directory, now_ns, symbols, watch)
    yield check_holidays(directory, now_ns)


def check_instruments(
    directory: Path, now_ns: int, symbols: Sequence[str], watch: Sequence[str]
) -> Iterator[Check]:
    name = "instruments"
    masters = KeptMasters(directory)
    try:
        kept = masters.in_force(ist_day(now_ns))
    except (ProtocolViolation, StoreFailed) as error:
        yield fail(name, str(error), f"the next start asks for it again; {_SEE}")
        return
    if kept is None:
        yield ok(name, "none kept yet, the first start asks for them")
        return
    yield _age(kept, now_ns)
    try:
        chosen = kept.master.choose(symbols, watch)
    except ConfigError as error:
        yield fail(name, str(error), _SEE)
        return
    if chosen.notices:
        yield warn(name, "; ".join(chosen.notices[:NAMED]), "write the new name")
    if changed := changes_since(masters, kept, [*symbols, *watch]):
        more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
        found = f"since {day_text(kept.since_day)}: {'; '.join(changed[:NAMED])}{more}"
        yield warn(name, found, "positions and limits may need another look")


def _age(kept: Kept, now_ns: int) -> Check:
    """By sessions that opened since the broker last told its list: nights and holidays do not
    count."""
    missed = sum(
        _opened(day, now_ns) for day in range(ist_day(kept.asked_ns) + 1, ist_day(now_ns) + 1)
    )
    asked = ist_text(kept.asked_ns)[:16].replace("T", " ")
    found = f"{len(kept.master.by_key):,} of NSE, as of {asked} IST"
    if missed == 0:
        return ok("instruments", found)
    found += f", {missed} sessions ago"
    return (fail if missed >= FAIL_SESSIONS else warn)("instruments", found, _SEE)


def _opened(day: int, now_ns: int) -> bool:
    try:
        session = live_session(day, SessionClass.CASH, accept=frozenset({day}))
    except ConfigError:  # beyond the table: the calendar's check says so
        return at_ist(day, "09:15") <= now_ns
    return session is not None and session.open_ns <= now_ns


def check_holidays(directory: Path, now_ns: int) -> Check:
    """The broker's holidays against our table, from today on."""
    name, today = "holidays", ist_day(now_ns)
    kept = kept_holidays(directory)
    if kept is None:
        return ok(name, "the broker's list is not kept yet, the next start asks for it")
    ahead = [one for one in contradictions(kept.told) if one.day >= today]
    found = "; ".join(one.text for one in ahead[:NAMED])
    if any(one.day == today for one in ahead):
        return fail(name, found, _SEE_HOLIDAYS)
    if ahead:
        return warn(name, found, _SEE_HOLIDAYS)
    asked_day = ist_day(kept.asked_ns)
    found = f"the broker's list of {day_text(asked_day)} agrees with our table"
    if today - asked_day > WARN_HOLIDAY_DAYS:
        return warn(name, found, "it is old; look for holidays_not_fetched in the log")
    return ok(name, found)
