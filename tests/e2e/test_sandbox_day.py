"""`run` on its own sandbox as a process: killed and begun again, it is the same day."""

import signal
from pathlib import Path

import pytest

from tests.daemon.days import told
from tests.e2e.processes import QUICK_DAY, result_of, running, wait_for_minutes

SETS = QUICK_DAY[QUICK_DAY.index("--symbols") :]


def day(directory: Path, speed: str) -> list[str]:
    """An hour: the first and the last bars of a Muhurat day are minutes apart."""
    place = ["--port", "0", "--state-dir", str(directory)]
    return ["run", "--day", "2025-10-21", "--speed", speed, *place, *SETS]


@pytest.mark.slow
def test_a_killed_day_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    code, lines = result_of(*day(tmp_path / "whole", "max"))
    assert code == 0, lines
    with running(*day(tmp_path / "killed", "300")) as command:
        wait_for_minutes(command.address(), 11)
        command.send(signal.SIGKILL)
        command.ended()
    code, lines = result_of(*day(tmp_path / "killed", "max"))

    assert code == 0, lines
    assert any("complete: 60 of 60 Minutes" in line for line in lines)
    assert any('"event": "day_certified"' in line for line in lines)
    assert told(tmp_path / "whole") == told(tmp_path / "killed")
