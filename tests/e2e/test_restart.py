"""kill -9 in the middle of a day, again and again: the day ends as if nothing had happened."""

import signal
from collections import Counter
from pathlib import Path

import pytest

from core.ports import EventKind
from stores.ledger import SqliteLedger
from tests.daemon.days import recorded, rows, told
from tests.e2e.processes import QUICK_DAY, result_of, running, wait_for_minutes


def day(directory: Path, speed: str) -> list[str]:
    return ["run", "--speed", speed, "--port", "0", "--state-dir", str(directory), *QUICK_DAY]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("whole")
    code, lines = result_of(*day(directory, "max"))
    assert code == 0, lines
    return directory


def kill_when(directory: Path, moment: str | int) -> None:
    """Kill a day at 600x once it has printed `moment`, or handled so many Minutes."""
    with running(*day(directory, "600")) as command:
        if isinstance(moment, int):
            wait_for_minutes(command.address(), moment)
        else:
            command.line_with(moment)
        command.send(signal.SIGKILL)

        assert command.ended() == -signal.SIGKILL


def assert_as_if_nothing_had_happened(directory: Path, whole: Path) -> None:
    code, lines = result_of(*day(directory, "max"))
    assert code == 0, lines

    assert told(directory) == told(whole)
    assert rows(directory, "trades") == rows(whole, "trades") != []
    intents = Counter(
        event.key
        for event in recorded(directory, [EventKind.ORDER])
        if event.payload["state"] == "INTENDED"
    )
    assert {*intents.values()} == {1}
    ledger = SqliteLedger(directory)
    try:
        ledger.verify(full=True)
        assert ledger.differing_views() == []
    finally:
        ledger.close()


def test_a_day_killed_with_a_position_open_goes_on(whole: Path, tmp_path: Path) -> None:
    kill_when(tmp_path, "order_filled")

    assert_as_if_nothing_had_happened(tmp_path, whole)


@pytest.mark.slow
def test_a_day_killed_again_and_again_goes_on(whole: Path, tmp_path: Path) -> None:
    for moment in ("day_opened", 3, "signal_decided", "order_filled", "trade_closed", 60, 90):
        kill_when(tmp_path, moment)

    assert_as_if_nothing_had_happened(tmp_path, whole)
    assert len(recorded(tmp_path, [EventKind.RUN_START])) == 8
