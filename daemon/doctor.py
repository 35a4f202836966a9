"""Readiness: what stands in the way of the next start, a line per check.

Decides what is a fault and what a warning, and names what to do. Reads only; the market file is
not touched while a daemon has it.
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from core.errors import AuthExpired, ConfigError, TradingdError
from core.ports import EventKind
from core.session import DAY_NS, day_text, ist_day, ist_text, live_session, parse_day
from core.session_table import FIRST_COVERED_DAY, LAST_COVERED_DAY
from core.types import SessionClass
from daemon.chores import BACKUP_FOLDER, backups
from daemon.intake.space import LOW_BYTES, SHORT_BYTES, free_bytes
from daemon.lock import running_pid
from daemon.proof.certificate import GREEN, kept_certificate
from providers.upstox.auth import LOGIN, Tokens
from stores.files import DiskFiles
from stores.ledger_reader import (
    HEAD_FILE,
    LEDGER_FILE,
    SCHEMA_VERSION,
    LedgerReader,
    open_read_only,
)
from stores.market import MARKET_FILE
from stores.market_tables import SCHEMA_VERSION as MARKET_SCHEMA_VERSION
from stores.query import ask
from stores.views import RowOrder

T = TypeVar("T")

WARN_BACKUP_DAYS = 7  # longer than any row of holidays
WARN_COVER_DAYS = 30
NAMED_FILES = 3  # in a message

_SEE_LEDGER = "see 'The ledger is refused' in docs/runbook.md"
_SEE_RED = "see 'A certificate is red' in docs/runbook.md"
_SEE_MARKET = "see 'The market store is refused' in docs/runbook.md"
_MARKET_FACTS = """
    SELECT (SELECT max(version) FROM schema_version), (SELECT count(*) FROM ticks),
        (SELECT count(*) FROM bar_rows)"""


class Verdict(StrEnum):
    """FAIL: the next start is refused, or is not to be trusted."""

    OK = "ok"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, what was found, and what to do about it.

    `heals`: what fails keeps entries off by itself, until it is put right: no reason to halt.
    """

    verdict: Verdict
    name: str
    found: str
    advice: str = ""
    heals: bool = False

    def __str__(self) -> str:
        advice = f": {self.advice}" if self.advice else ""
        return f"{self.verdict:<5} {self.name:<12} {self.found}{advice}"


def ok(name: str, found: str) -> Check:
    return Check(Verdict.OK, name, found)


def warn(name: str, found: str, advice: str) -> Check:
    return Check(Verdict.WARN, name, found, advice)


def fail(name: str, found: str, advice: str) -> Check:
    return Check(Verdict.FAIL, name, found, advice)


def examine(
    directory: Path,
    now_ns: int,
    accept: frozenset[int] = frozenset(),
    *,
    is_recorded: bool = False,
    tokens: Tokens | None = None,
) -> Iterator[Check]:
    """Every check of a state directory, and of the host it lies on, at `now_ns` of the host.

    Args:
        accept: unconfirmed sessions that the operator vouches for (`accept_session`).
        is_recorded: a recorded day is played, which asks neither the host's clock nor the calendar.
        tokens: of the broker; None: the feed needs none.
    """
    yield check_directory(directory)
    pid = running_pid(directory) if os.access(directory, os.R_OK | os.X_OK) else None
    yield ok("daemon", f"runs, PID {pid}" if pid else "does not run")
    yield check_disk(free_bytes(_existing(directory)))
    yield from check_ledger(directory, now_ns, pid)
    yield check_market(directory, pid)
    if not is_recorded:
        yield from check_calendar(now_ns, accept)
    if tokens is not None:
        yield check_token(tokens, now_ns, accept)


# --- the directory -------------------------------------------------------------------------------


def check_directory(directory: Path) -> Check:
    """It and what lies in it is its owner's alone, and can be written."""
    name = "directory"
    if not directory.exists():
        parent = _existing(directory)
        if os.access(parent, os.W_OK | os.X_OK):
            return ok(name, f"{directory} is not there yet, the first start makes it")
        return fail(name, f"{directory} is not there, {parent} is not writable", "give its rights")
    if not directory.is_dir():
        return fail(name, f"{directory} is no directory", "give another --state-dir")
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return fail(name, f"{directory} is not writable", "run as its owner, or mount it writable")
    paths = [directory, *sorted(directory.iterdir())]
    loose = [one for one in paths if stat.S_IMODE(one.lstat().st_mode) & 0o077]
    if loose:
        names = ", ".join(str(one) for one in loose[:NAMED_FILES])
        return warn(name, f"open to other users: {names}", "chmod 700 for folders, 600 for files")
    return ok(name, f"{directory} is writable, private")


def check_disk(free: int) -> Check:
    name, found = "disk", f"{free / 1e6:,.0f} MB free"
    if free < SHORT_BYTES:
        return fail(name, found, f"make room, {SHORT_BYTES / 1e6:.0f} MB at least")
    if free < LOW_BYTES:
        return warn(name, found, f"make room, below {LOW_BYTES / 1e6:,.0f} MB days run short")
    return ok(name, found)


def _existing(path: Path) -> Path:
    """`path` or the nearest folder above it that exists."""
    return next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())


# --- the stores ----------------------------------------------------------------------------------


def check_ledger(directory: Path, now_ns: int, pid: str | None) -> Iterator[Check]:
    """Opened, whole, as remembered, and its tables what its events say; its days and backups."""
    head = _tried("head", lambda: DiskFiles().read(directory / HEAD_FILE), _SEE_LEDGER)
    if isinstance(head, Check):
        yield head
        return
    if not (directory / LEDGER_FILE).exists():
        if head is None:
            yield ok("ledger", "none yet, the first start makes it")
        else:
            yield fail("ledger", f"{LEDGER_FILE} is missing beside {HEAD_FILE}", _SEE_LEDGER)
        return
    ledger = _tried("ledger", lambda: open_read_only(directory, RowOrder()), _SEE_LEDGER)
    if isinstance(ledger, Check):
        yield ledger
        return
    try:
        yield from _ledger_checks(ledger, directory, head, now_ns, pid)
    finally:
        ledger.close()


def _ledger_checks(
    ledger: LedgerReader, directory: Path, head: bytes | None, now_ns: int, pid: str | None
) -> Iterator[Check]:
    def opened() -> int:
        ledger.db.execute("BEGIN").fetchall()  # one moment for all checks, also beside a daemon
        return ledger.head()[0]

    events = _tried("ledger", opened, _SEE_LEDGER)
    if isinstance(events, Check):
        yield events
        return
    yield ok("ledger", f"opens, schema {SCHEMA_VERSION}, {events:,} events")
    chain = _tried("chain", lambda: check_chain(ledger), _SEE_LEDGER)
    yield chain
    yield _tried("head", lambda: check_head(ledger, head), _SEE_LEDGER)
    if chain.verdict is Verdict.FAIL:
        return  # what altered events say is of no use
    yield _tried("projections", lambda: check_projections(ledger), _SEE_LEDGER)
    days = _tried("last day", lambda: _days(ledger), _SEE_LEDGER)
    if isinstance(days, Check):
        yield days
        return
    opened_day, closed_day = days
    yield check_last_day(opened_day, closed_day, pid)
    yield check_backups(directory / BACKUP_FOLDER, closed_day, now_ns)
    yield _tried("certificate", lambda: check_certificate(directory, closed_day), _SEE_RED)


def check_chain(ledger: LedgerReader) -> Check:
    ledger.verify(full=True)
    return ok("chain", "verified from the first event to the last")


def check_head(ledger: LedgerReader, content: bytes | None) -> Check:
    """`content`: of HEAD_FILE, read before the ledger, so that a daemon is never behind it."""
    if content is not None or ledger.head()[0]:
        ledger.require_remembered(content)
    return ok("head", f"agrees with {HEAD_FILE}")


def check_projections(ledger: LedgerReader) -> Check:
    if differing := ledger.differing_views():
        found = f"{', '.join(differing)}: not what the events say"
        return fail("projections", found, "the tables were altered; the events are the authority")
    return ok("projections", "equal to the events")


def _days(ledger: LedgerReader) -> tuple[int, int]:
    """The last day opened and the last one closed; -1 for none."""
    last = {EventKind.DAY_OPENED: -1, EventKind.DAY_CLOSED: -1}
    for recorded in ledger.events(kinds=list(last)):
        last[recorded.event.kind] = int(str(recorded.event.payload["day"]))
    return last[EventKind.DAY_OPENED], last[EventKind.DAY_CLOSED]


def check_last_day(opened_day: int, closed_day: int, pid: str | None) -> Check:
    name = "last day"
    if opened_day < 0:
        return ok(name, "none yet")
    if opened_day == closed_day:
        return ok(name, f"{day_text(opened_day)}, closed")
    if pid:
        return ok(name, f"{day_text(opened_day)}, under way")
    found = f"{day_text(opened_day)} is unfinished"
    return warn(name, found, "the next start goes on after its last Minute")


def check_certificate(directory: Path, closed_day: int) -> Check:
    """The last closed day is what follows from its ticks; `closed_day` -1: none was closed."""
    name = "certificate"
    if closed_day < 0:
        return ok(name, "no day has been closed yet")
    day, kept = day_text(closed_day), kept_certificate(directory, closed_day)
    if kept is None:
        return warn(name, f"none of {day}", f"tradingd certify --day {day}")
    if kept["verdict"] != GREEN:
        return fail(name, f"{day} is {kept['verdict']}", _SEE_RED)
    return ok(name, f"{day} is {GREEN}")


def check_backups(folder: Path, closed_day: int, now_ns: int) -> Check:
    """There is one of the last closed day; `closed_day` -1: none was closed."""
    name, kept = "backups", backups(folder)
    if closed_day < 0:
        return ok(name, f"{len(kept)}, no day has been closed yet")
    advice = "look for chore_failed in the log; the next evening makes one"
    if not kept:
        return warn(name, f"none, {day_text(closed_day)} is closed", advice)
    age_days = max(0, now_ns - kept[-1].stat().st_mtime_ns) // DAY_NS
    found = f"{len(kept)}, newest {kept[-1].name}, {age_days} days old"
    if kept[-1].stem < f"ledger-{day_text(closed_day)}":
        return warn(name, f"{found}, {day_text(closed_day)} is closed", advice)
    if age_days > WARN_BACKUP_DAYS:
        return warn(name, found, "no day has been closed for long")
    return ok(name, found)


def check_market(directory: Path, pid: str | None) -> Check:
    """The file opens and has our schema; only its presence beside a running daemon."""
    name = "market store"
    if not (directory / MARKET_FILE).exists():
        if not (directory / LEDGER_FILE).exists():
            return ok(name, "none yet, the first start makes it")
        return warn(name, f"{MARKET_FILE} is missing", "ticks and bars are gone; a start makes one")
    if pid:
        return ok(name, "there, not opened: the daemon holds it")
    answer = _tried(name, lambda: ask(directory, _MARKET_FACTS), _SEE_MARKET)
    if isinstance(answer, Check):
        return answer
    [(version, ticks, bars)] = answer.rows
    if version != MARKET_SCHEMA_VERSION:
        return fail(
            name, f"schema {version}, this program knows {MARKET_SCHEMA_VERSION}", _SEE_MARKET
        )
    return ok(name, f"opens, schema {version}, {ticks:,} ticks, {bars:,} bars")


# --- the calendar and the clock ------------------------------------------------------------------


def check_calendar(now_ns: int, accept: frozenset[int]) -> Iterator[Check]:
    """The host's date against the session table."""
    today = ist_day(now_ns)
    first_day, last_day = parse_day(FIRST_COVERED_DAY), parse_day(LAST_COVERED_DAY)
    if today < first_day:
        found = f"the host says {ist_text(now_ns)}, before {FIRST_COVERED_DAY}"
        yield fail("clock", found, "set the host's clock")
        return
    yield ok("clock", f"the host says {ist_text(now_ns)}")
    left = last_day - today
    if left < 0:
        found = f"the session table ends {LAST_COVERED_DAY}, today lies behind it"
        yield warn("calendar", found, "install a newer version; only recorded days can be run")
        return
    found = f"the session table ends {LAST_COVERED_DAY}, in {left} days"
    if left < WARN_COVER_DAYS:
        yield warn("calendar", found, "install a newer version before")
    else:
        yield ok("calendar", found)
    yield check_session(today, accept)


def check_session(day: int, accept: frozenset[int]) -> Check:
    """Whether shares, with and without a closing auction, are traded on `day`, and when."""
    name = "session"
    try:
        shares = live_session(day, SessionClass.CASH, accept=accept)
        live_session(day, SessionClass.CASH_AUCTION, accept=accept)
    except ConfigError as error:
        return warn(name, str(error), "the exchange's circular decides")
    if shares is None:
        return ok(name, f"none on {day_text(day)}")
    hours = ", ".join(
        f"{ist_text(from_ns)[11:16]}-{ist_text(to_ns)[11:16]}" for from_ns, to_ns in shares.parts
    )
    return ok(name, f"{day_text(day)}, {hours}")


# --- the broker ----------------------------------------------------------------------------------


def check_token(tokens: Tokens, now_ns: int, accept: frozenset[int]) -> Check:
    """There is one, and it outlives the session of today. Whose it is goes into no log."""
    name = "token"
    try:
        tokens()
        held = tokens.held()
        assert held is not None
    except AuthExpired as error:
        return Check(Verdict.FAIL, name, str(error), heals=True)
    token = held.token
    kind = "read-only, " if token.is_read_only else ""
    if token.ends_ns is None:
        return ok(name, f"{held.place}, {kind}until the broker refuses it")
    found = f"{held.place}, {kind}until {ist_text(token.ends_ns)}"
    try:
        session = live_session(ist_day(now_ns), SessionClass.CASH, accept=accept)
    except ConfigError:  # what is wrong with the calendar is another check's matter
        session = None
    if session is not None and now_ns < session.close_ns and token.ends_ns < session.close_ns:
        return warn(name, f"{found}, before today's close", LOGIN)
    return ok(name, found)


def _tried(name: str, action: Callable[[], T], advice: str) -> T | Check:
    """The result of `action`, or the check that it has failed."""
    try:
        return action()
    except TradingdError as error:
        text = str(error)
        return fail(name, text, "" if "docs/runbook.md" in text else advice)
