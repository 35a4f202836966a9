"""The doctor names what is wrong with a state directory, and changes nothing in it."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from core.ports import EventKind
from core.session import at_ist, parse_day
from daemon.chores import BACKUP_FOLDER
from daemon.doctor import (
    Check,
    Verdict,
    check_calendar,
    check_disk,
    check_last_day,
    examine,
)
from daemon.lock import StateLock
from stores.ledger import SqliteLedger
from stores.market import DuckMarketStore
from tests.daemon.days import files_of
from tests.stores.ledger_events import DAY, event, round_trip
from tests.stores.ledger_files import alter
from tests.stores.market_rows import INSTRUMENTS, bars, ticks

LAST_BACKUP = "ledger-2026-07-23.db"
CERTIFICATE = "certificates/2026-07-23.json"
NOW_NS = at_ist(parse_day("2026-07-27"), "08:50")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A state directory in which one day was traded, closed and backed up."""
    path = tmp_path / "var"
    previous = os.umask(0o077)
    try:
        with closing(SqliteLedger(path)) as ledger:
            for step in round_trip()[:-1]:
                ledger.append(step)
            ledger.append([event(EventKind.DAY_OPENED, str(DAY), day=DAY)])
            ledger.append([event(EventKind.DAY_CLOSED, str(DAY), day=DAY)])
            ledger.backup(path / BACKUP_FOLDER / LAST_BACKUP)
        (path / "certificates").mkdir()
        (path / CERTIFICATE).write_text('{"verdict": "green"}')
        with closing(DuckMarketStore(path / "market.duckdb", INSTRUMENTS)) as store:
            store.append_bars(bars((0, 0, 100.0)), "feed")
            store.append_ticks(ticks(3))
        with StateLock(path):
            pass
    finally:
        os.umask(previous)
    os.utime(path / BACKUP_FOLDER / LAST_BACKUP, ns=(NOW_NS, NOW_NS))
    return path


def found(directory: Path, now_ns: int = NOW_NS) -> dict[str, Check]:
    return {one.name: one for one in examine(directory, now_ns)}


def verdicts(checks: dict[str, Check]) -> dict[str, Verdict]:
    """Those that are not well; the disk is the host's."""
    return {
        name: one.verdict
        for name, one in checks.items()
        if one.verdict is not Verdict.OK and name != "disk"
    }


def test_a_day_left_in_order_is_well(directory: Path) -> None:
    checks = found(directory)

    assert {} == verdicts(checks)
    assert list(checks) == [
        *("directory", "daemon", "disk", "ledger", "chain", "head", "projections"),
        *("last day", "backups", "certificate", "market store", "clock", "calendar", "session"),
    ]
    assert str(checks["last day"]) == "ok    last day     2026-07-23, closed"
    assert checks["market store"].found == "opens, schema 2, 3 ticks, 1 bars"
    assert checks["backups"].found == "1, newest ledger-2026-07-23.db, 0 days old"


def test_a_first_start_is_well_and_nothing_is_made(tmp_path: Path) -> None:
    checks = found(tmp_path / "none")

    assert {} == verdicts(checks)
    assert not (tmp_path / "none").exists()


def test_looking_changes_no_file(directory: Path) -> None:
    before = files_of(directory)
    found(directory)
    after = files_of(directory)

    assert {name: after[name] for name in before} == before
    assert {*after} - {*before} <= {"ledger.db-shm", "ledger.db-wal"}


# --- what can be wrong ---------------------------------------------------------------------------


def write(path: Path, content: bytes = b"") -> None:
    path.write_bytes(content)
    path.chmod(0o600)


@pytest.mark.parametrize(
    ("name", "verdict", "damage"),
    [
        ("directory", "WARN", lambda path: path.chmod(0o755)),
        ("directory", "WARN", lambda path: (path / "ledger.db").chmod(0o644)),
        ("chain", "FAIL", lambda path: alter(path, "UPDATE events SET key = 'x' WHERE seq = 3")),
        ("chain", "FAIL", lambda path: alter(path, "UPDATE events SET payload = '{'")),
        ("chain", "FAIL", lambda path: alter(path, "UPDATE blobs SET bytes = x'00'")),
        ("projections", "FAIL", lambda path: alter(path, "UPDATE trades SET net_paise = 0")),
        ("head", "FAIL", lambda path: (path / "head.json").unlink()),
        ("head", "FAIL", lambda path: write(path / "head.json", b'{"seq": 99, "hash": ""}')),
        ("head", "FAIL", lambda path: write(path / "head.json", b"[]")),
        ("ledger", "FAIL", lambda path: write(path / "ledger.db", b"no database at all")),
        ("ledger", "FAIL", lambda path: (path / "ledger.db").unlink()),
        ("ledger", "FAIL", lambda path: alter(path, "PRAGMA user_version = 9")),
        ("market store", "WARN", lambda path: (path / "market.duckdb").unlink()),
        ("market store", "FAIL", lambda path: write(path / "market.duckdb", b"no database")),
        ("backups", "WARN", lambda path: (path / BACKUP_FOLDER / LAST_BACKUP).unlink()),
        ("certificate", "WARN", lambda path: (path / CERTIFICATE).unlink()),
        ("certificate", "FAIL", lambda path: write(path / CERTIFICATE, b'{"verdict": "red"}')),
        ("certificate", "FAIL", lambda path: write(path / CERTIFICATE, b"{}")),
        ("certificate", "FAIL", lambda path: write(path / CERTIFICATE, b'{"verdict": "so so"}')),
    ],
)
def test_what_is_wrong_is_named_alone_and_says_what_to_do(
    directory: Path, name: str, verdict: str, damage: object
) -> None:
    damage(directory)  # type: ignore[operator]
    checks = found(directory)

    assert {name: Verdict(verdict)} == verdicts(checks)
    assert checks[name].advice or "docs/runbook.md" in checks[name].found


def test_an_older_backup_than_the_last_closed_day_is_told(directory: Path) -> None:
    folder = directory / BACKUP_FOLDER
    (folder / LAST_BACKUP).rename(folder / "ledger-2026-07-22.db")

    assert "2026-07-23 is closed" in found(directory)["backups"].found


def test_a_place_that_is_no_directory_is_named(tmp_path: Path) -> None:
    write(tmp_path / "file")
    checks = found(tmp_path / "file")

    assert checks["directory"].verdict is Verdict.FAIL
    assert "no directory" in checks["directory"].found


def test_beside_a_daemon_its_market_file_is_not_touched(directory: Path) -> None:
    with StateLock(directory):
        write(directory / "market.duckdb", b"whatever it is")
        checks = found(directory)

    assert {} == verdicts(checks)
    assert checks["daemon"].found == f"runs, PID {os.getpid()}"
    assert "not opened" in checks["market store"].found


def test_an_unfinished_day_is_a_warning_unless_it_is_under_way() -> None:
    assert check_last_day(DAY, DAY - 1, None).verdict is Verdict.WARN
    assert check_last_day(DAY, DAY - 1, "77").verdict is Verdict.OK
    assert check_last_day(-1, -1, None).found == "none yet"


@pytest.mark.parametrize(
    ("megabytes", "verdict"), [(199, "FAIL"), (200, "WARN"), (999, "WARN"), (1_000, "ok")]
)
def test_free_space_has_two_bounds(megabytes: int, verdict: str) -> None:
    assert Verdict(verdict) is check_disk(megabytes * 1_000_000).verdict


# --- the host's date -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("date", "clock", "calendar", "session"),
    [
        ("1970-01-02", "FAIL", None, None),
        ("2026-07-27", "ok", "ok", "2026-07-27, 09:15-15:30"),
        ("2026-07-26", "ok", "ok", "none on 2026-07-26"),
        ("2024-03-02", "ok", "ok", "2024-03-02, 09:15-10:00, 11:30-12:30"),
        ("2026-12-02", "ok", "WARN", "2026-12-02, 09:15-15:30"),
        ("2027-01-04", "ok", "WARN", None),
    ],
)
def test_the_hosts_date_is_held_against_the_session_table(
    date: str, clock: str, calendar: str | None, session: str | None
) -> None:
    checks = {
        one.name: one for one in check_calendar(at_ist(parse_day(date), "08:50"), frozenset())
    }

    assert Verdict(clock) is checks["clock"].verdict
    assert calendar == (checks["calendar"].verdict if "calendar" in checks else None)
    assert session == (checks["session"].found if "session" in checks else None)


def test_an_unconfirmed_session_is_a_warning_until_it_is_accepted() -> None:
    day = parse_day("2026-12-08")  # shares with a closing auction: hours of one source only
    asked = [*check_calendar(at_ist(day, "08:50"), frozenset())][-1]
    accepted = [*check_calendar(at_ist(day, "08:50"), frozenset({day}))][-1]

    assert asked.verdict is Verdict.WARN
    assert "accept_session = 2026-12-08" in asked.found
    assert accepted.verdict is Verdict.OK


def test_a_recorded_day_of_any_year_asks_neither_the_hosts_clock_nor_the_calendar(
    tmp_path: Path,
) -> None:
    long_ago_ns = at_ist(parse_day("2021-05-06"), "08:30")
    recorded = {one.name for one in examine(tmp_path, long_ago_ns, is_recorded=True)}

    assert found(tmp_path, long_ago_ns)["clock"].verdict is Verdict.FAIL
    assert not recorded & {"clock", "calendar", "session"}
    assert recorded >= {"directory", "disk", "ledger"}
