"""A state directory that cannot be trusted or taken: one line, its exit code, nothing written.

The runbook has a section for each of these lines (`tests/test_runbook.py`).
"""

import fcntl
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
import structlog

from core.ports import EventKind
from daemon.lock import LOCK_FILE
from daemon.memory.start import open_market
from stores.ledger_reader import HEAD_FILE, LEDGER_FILE
from stores.market import MARKET_FILE, DuckMarketStore
from tests.cli.command import ROOT, Answer, call
from tests.daemon.days import play, play_to, recorded, rows, synthetic_plan
from tests.e2e.processes import QUICK_DAY
from tests.runbook import explained

KEPT = (LEDGER_FILE, HEAD_FILE)


@dataclass(frozen=True)
class Bad:
    """What is done to the directory, how the start must end, and the words it must say."""

    damage: Callable[[Path], object]
    code: int
    told: tuple[str, ...]
    options: tuple[str, ...] = ()


RUN = ("run", "--feed", "synthetic", "--port", "0", "--state-dir")


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of an unfinished day."""
    directory = tmp_path_factory.mktemp("left")
    play_to(synthetic_plan(), directory, minutes=3, open_store=DuckMarketStore)
    return directory


@pytest.fixture
def directory(left: Path, tmp_path: Path) -> Iterator[Path]:
    umask = os.umask(0o077)
    yield Path(shutil.copytree(left, tmp_path / "state"))
    os.umask(umask)
    structlog.reset_defaults()


def in_ledger(*statements: str) -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        with closing(sqlite3.connect(directory / LEDGER_FILE, isolation_level=None)) as db:
            for statement in statements:
                db.execute(statement)

    return damage


def written(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda directory: (directory / name).write_bytes(content) and None


def remembered_further(directory: Path) -> None:
    head = json.loads((directory / HEAD_FILE).read_bytes())
    (directory / HEAD_FILE).write_text(json.dumps(head | {"seq": head["seq"] + 5}))


def newer_market_schema(directory: Path) -> None:
    with duckdb.connect(str(directory / MARKET_FILE)) as db:
        db.execute("UPDATE schema_version SET version = 99")


def nothing(directory: Path) -> None:
    """Only the options are wrong."""


NO_TRIGGER = "DROP TRIGGER events_are_not_updated"
RUNBOOK = "nothing was changed; see 'The ledger is refused' in docs/runbook.md"
CASES = {
    "newer ledger": Bad(
        in_ledger("PRAGMA user_version = 99"), 70, ("ledger.db has schema 99", "knows", RUNBOOK)
    ),
    "altered event": Bad(
        in_ledger(NO_TRIGGER, "UPDATE events SET key = 'x' WHERE seq = 3"),
        70,
        ("chain broken at event 3", RUNBOOK),
    ),
    "event taken away": Bad(
        in_ledger(
            "DROP TRIGGER events_are_not_deleted",
            "PRAGMA foreign_keys = OFF",
            "DELETE FROM events WHERE seq = 3",
        ),
        70,
        ("chain broken at event 3", RUNBOOK),
    ),
    "altered bars": Bad(
        in_ledger("UPDATE blobs SET bytes = x'00' WHERE seq = 3"),
        70,
        ("blob of event 3 is not the recorded one", RUNBOOK),
    ),
    "no snapshot": Bad(
        in_ledger("DELETE FROM blobs WHERE seq = 2"), 70, ("snapshot of the day is not there",)
    ),
    "ledger of another kind": Bad(
        written(LEDGER_FILE, b"no database" * 99), 70, ("ledger.db cannot be opened", RUNBOOK)
    ),
    "ledger behind its head": Bad(
        remembered_further, 70, ("ledger.db ends at event", "remembered is", RUNBOOK)
    ),
    "no head": Bad(
        lambda directory: (directory / HEAD_FILE).unlink(),
        70,
        ("head.json is missing beside ledger.db", RUNBOOK),
    ),
    "unreadable head": Bad(written(HEAD_FILE, b"{"), 70, ("head.json is not readable", RUNBOOK)),
    "newer market store": Bad(newer_market_schema, 70, ("market.duckdb has schema 99", "knows")),
    "another mode": Bad(
        nothing, 2, ("belongs to mode paper", "this is mode observe"), ("--mode", "observe")
    ),
    "another source": Bad(nothing, 2, ("synthetic seed 1", "synthetic seed 2"), ("--seed", "2")),
}


@pytest.mark.parametrize("name", CASES)
def test_a_directory_that_cannot_be_trusted_is_refused_in_one_line(
    name: str, directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    case = CASES[name]
    case.damage(directory)
    before = {kept: _content(directory / kept) for kept in KEPT}

    answer = call(capfd, *RUN, str(directory), *case.options)

    [line] = [line for line in answer.err.splitlines() if line.startswith("tradingd: ")]
    assert answer.code == case.code, answer
    assert [word for word in case.told if word not in line] == [], line
    assert explained(line), f"the runbook does not know: {line}"
    assert "Traceback" not in answer.err
    assert {kept: _content(directory / kept) for kept in KEPT} == before


def test_a_directory_in_use_is_refused_with_the_pid(
    directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with (directory / LOCK_FILE).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write("4711")
        held.flush()
        answer = call(capfd, *RUN, str(directory))

    assert answer.code == 5
    assert f"state directory {directory} is in use: already running, PID 4711" in answer.err
    assert explained(answer.err)


def _content(path: Path) -> object:
    """The database as others see it: opening one may fold its log in, and change no row."""
    if not path.exists():
        return None
    if path.name == LEDGER_FILE:
        try:
            with closing(sqlite3.connect(path)) as db:
                return db.execute("SELECT count(*), max(seq) FROM events").fetchall()
        except sqlite3.DatabaseError:
            return path.read_bytes()
    return path.read_bytes()


# --- a damaged market store ---------------------------------------------------------------------


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])


@pytest.mark.parametrize(
    "damage", [lambda file: file.write_bytes(b"no database" * 999), truncated], ids=["text", "cut"]
)
def test_a_damaged_market_store_is_put_aside_and_the_days_bars_come_back(
    damage: Callable[[Path], object], directory: Path
) -> None:
    with duckdb.connect(str(directory / MARKET_FILE)) as db:
        day = "SELECT open_ns, close FROM bars WHERE source = 'feed' ORDER BY open_ns"
        [bars] = [db.execute(day).fetchall()]
        db.execute("CHECKPOINT")
    damage(directory / MARKET_FILE)
    with structlog.testing.capture_logs() as logs:
        [outcome] = play(synthetic_plan(), directory, open_store=open_market)

    assert outcome.complete
    [replaced] = [log for log in logs if log["event"] == "market_store_replaced"]
    assert (directory / replaced["kept"]).exists()
    with duckdb.connect(str(directory / MARKET_FILE)) as db:
        assert db.execute(day).fetchall()[: len(bars)] == bars
    assert len(bars) >= 3


# --- a full disk -------------------------------------------------------------------------------

FULL = (
    "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}));"
    "from cli.main import main; main()"
)


def day_on(directory: Path, no_file_over: int) -> Answer:
    """A generated day on a disk on which no file can grow beyond so many bytes."""
    words = ["run", "--speed", "max", "--port", "0", "--state-dir", str(directory), *QUICK_DAY]
    done = subprocess.run(
        [sys.executable, "-c", FULL.format(no_file_over), *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def test_a_disk_that_is_full_at_the_first_start_is_one_line(tmp_path: Path) -> None:
    answer = day_on(tmp_path, 200_000)

    [line] = [line for line in answer.err.splitlines() if not line.startswith("{")]
    assert answer.code == 70, answer
    assert line.startswith("tradingd: market.duckdb cannot be used")
    assert "File too large" in line
    assert rows(tmp_path, "signals") == []


@pytest.mark.slow
def test_a_disk_that_fills_in_the_middle_of_a_day_costs_market_data_and_no_minute(
    tmp_path: Path,
) -> None:
    full, whole = day_on(tmp_path / "full", 1_000_000), day_on(tmp_path / "whole", 2**30)

    assert (full.code, whole.code) == (0, 0), full
    assert [line for line in full.err.splitlines() if not line.startswith("{")] == []
    assert '"event": "market_store_failed"' in full.err
    minutes = [
        [event.blob for event in recorded(tmp_path / name, [EventKind.MINUTE])]
        for name in ("full", "whole")
    ]
    assert minutes[0] == minutes[1]
    again = day_on(tmp_path / "full", 2**30)
    assert again.code == 0, again
    assert len(recorded(tmp_path / "full", [EventKind.DAY_CLOSED])) == 2
