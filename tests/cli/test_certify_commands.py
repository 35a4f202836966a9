"""`tradingd certify`: what it prints, and how it ends."""

import json
from pathlib import Path

import duckdb
import pytest

from daemon.lock import StateLock
from stores.market import MARKET_FILE, DuckMarketStore
from tests.cli.command import call
from tests.daemon.days import play, synthetic_plan
from tests.datasets import LIVELY

DAY = "2026-07-27"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("state")
    play(synthetic_plan(*LIVELY), place, open_store=DuckMarketStore)
    return place


def test_a_green_day_ends_with_0_and_a_file_for_its_owner_alone(
    directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = call(capfd, "certify", "--day", DAY, "--state-dir", str(directory))
    path = directory / "certificates" / f"{DAY}.json"

    assert (0, "") == (answer.code, answer.err)
    assert "verdict      green" in answer.out.splitlines()
    assert "1 runs" in answer.out
    assert json.loads(path.read_bytes())["certificate"] in answer.out
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_day_that_is_not_there_ends_with_3(
    directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = call(capfd, "certify", "--day", "2026-07-28", "--state-dir", str(directory))
    empty = call(capfd, "certify", "--day", DAY, "--state-dir", str(directory / "backups"))

    assert (3, "") == (other.code, other.out)
    assert "holds no day 2026-07-28: it holds 2026-07-27 to 2026-07-27" in other.err
    assert empty.code == 2


def test_beside_a_running_daemon_it_ends_with_5(
    directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with StateLock(directory):
        answer = call(capfd, "certify", "--day", DAY, "--state-dir", str(directory))

    assert answer.code == 5
    assert "already running, PID" in answer.err


def test_a_red_day_ends_with_1_and_names_the_tick(
    directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The last test of the module: its directory is altered."""
    with duckdb.connect(str(directory / MARKET_FILE)) as db:
        db.execute("UPDATE ticks SET volume = volume + 1 WHERE seq = 1234")
    answer = call(capfd, "certify", "--day", DAY, "--state-dir", str(directory))
    last = answer.out.splitlines()[-1]

    assert answer.code == 1
    assert "verdict      red" in answer.out.splitlines()
    assert last.startswith("first        tick: RELIANCE 2026-07-27T")
    assert "seq 1234" in last
