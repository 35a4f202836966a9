"""A running daemon is halted over its socket, killed, started again, resumed and flattened."""

import getpass
import signal
from pathlib import Path

from core.ports import EventKind
from tests.daemon.days import recorded, rows
from tests.e2e.processes import QUICK_DAY, result_of, running, wait_for_minutes


def day(directory: Path) -> list[str]:
    return ["run", "--speed", "600", "--port", "0", "--state-dir", str(directory), *QUICK_DAY]


def told(directory: Path, verb: str) -> tuple[int, str]:
    """The answer in one line; where parameters came from is `status`'s second."""
    code, lines = result_of(verb, "--state-dir", str(directory))
    shown = ["evidence     pixity: no evidence"] if verb == "status" and code == 0 else []
    assert lines[1:] == shown
    return code, lines[0]


def test_an_operator_halts_a_daemon_and_a_kill_does_not_forget_it(tmp_path: Path) -> None:
    with running(*day(tmp_path)) as daemon:
        wait_for_minutes(daemon.address(), 2)
        before = told(tmp_path, "status")
        halted = told(tmp_path, "halt")
        socket_mode = (tmp_path / "control.sock").stat().st_mode & 0o777
        daemon.send(signal.SIGKILL)
        daemon.ended()

    assert (before[0], before[1][:6], socket_mode) == (0, "ACTIVE", 0o600)
    assert halted == (0, "HALTED       no entry until `tradingd resume`; exits pass")
    assert told(tmp_path, "status")[0] == 75
    [command] = recorded(tmp_path, [EventKind.COMMAND])
    assert (command.key, command.payload["user"]) == ("halt", getpass.getuser())
    assert int(str(command.payload["pid"])) > 0
    entries = len(rows(tmp_path, "orders"))

    with running(*day(tmp_path)) as daemon:
        wait_for_minutes(daemon.address(), 40)
        assert told(tmp_path, "status")[1].startswith("HALTED ")
        assert len(rows(tmp_path, "orders")) == entries
        (tmp_path / "HALT").touch()
        code, line = told(tmp_path, "resume")
        assert (code, line) == (
            1,
            f"tradingd: resume: {tmp_path}/HALT halts the daemon: remove it first",
        )
        (tmp_path / "HALT").unlink()
        assert told(tmp_path, "resume") == (0, "ACTIVE       entries are allowed")
        assert told(tmp_path, "flatten")[1].startswith("REDUCING ")
        daemon.send(signal.SIGTERM)
        assert daemon.ended() == 0

    assert not (tmp_path / "control.sock").exists()
    assert ["halt", "resume", "flatten"] == [
        event.key for event in recorded(tmp_path, [EventKind.COMMAND])
    ]


def test_a_running_daemon_is_asked_in_sql_over_what_it_holds(tmp_path: Path) -> None:
    def asked(sql: str) -> tuple[int, list[str]]:
        return result_of("sql", sql, "--state-dir", str(tmp_path))

    with running(*day(tmp_path)) as daemon:
        wait_for_minutes(daemon.address(), 3)
        code, lines = asked("SELECT count(*) > 0 AS is_live FROM bars")
        refused = asked("SELECT nothing FROM bars")
        both = asked("SELECT count(*) FROM bars, trades")
        ledger = asked("SELECT kind FROM events WHERE seq = 1")
        daemon.send(signal.SIGTERM)
        assert daemon.ended() == 0

    assert (code, lines) == (0, ["is_live", "true"])
    assert (refused[0], len(refused[1])) == (2, 1)
    assert (both[0], len(both[1])) == (3, 1)
    assert ledger == (0, ["kind", "RUN_START"])
