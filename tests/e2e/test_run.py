"""`run` as a process: a replayed day, a generated day, its page, its end, and who is refused."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from core.ports import EventKind
from tests.daemon.days import files_of, recorded, rows
from tests.datasets import generated
from tests.e2e.processes import (
    QUICK_DAY,
    STOP_S,
    Running,
    asked,
    result_of,
    running,
    wait_for_minutes,
)

DAY = "2026-07-22"
LIVELY = QUICK_DAY[QUICK_DAY.index("timeframe=5m") :]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated week as a file."""
    bars = generated("week", seed=2).bars
    path = tmp_path_factory.mktemp("data") / "week.parquet"
    pl.DataFrame(
        {
            "symbol": ["A"] * len(bars),
            "ts": pl.Series(bars["open_ns"]).cast(pl.Datetime("ns", "UTC")),
            **{name: bars[name] for name in ("open", "high", "low", "close", "volume")},
        }
    ).write_parquet(path)
    return path


def replay(data: Path, directory: Path, *more: str) -> list[str]:
    place = ["--data", str(data), "--port", "0", "--state-dir", str(directory)]
    sets = ["--closing-auction", "none", "--set", *LIVELY, *more]
    return ["run", "--feed", "replay", "--day", DAY, "--speed", "max", *place, *sets]


def generated_day(directory: Path, *, speed: str = "600", port: int = 0) -> list[str]:
    place = ["--port", str(port), "--state-dir", str(directory)]
    return ["run", "--speed", speed, *place, *QUICK_DAY]


@pytest.fixture(scope="module")
def replayed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory after a replayed day, in a process of one hash seed and zone."""
    directory = tmp_path_factory.mktemp("replayed") / "state"
    environ = {"PYTHONHASHSEED": "1", "TZ": "UTC"}
    code, lines = result_of(*replay(data, directory), environ=environ)
    assert code == 0, lines
    assert any("2026-07-22 complete: 375 of 375 Minutes" in line for line in lines)
    return directory


def test_a_finished_day_is_said_to_be_complete_and_nothing_is_written(
    data: Path, replayed: Path
) -> None:
    before = files_of(replayed)

    assert result_of(*replay(data, replayed)) == (0, [f"day {DAY} is complete"])
    assert files_of(replayed) == before


def test_the_state_directory_is_its_owners_alone(replayed: Path) -> None:
    paths = [replayed, *replayed.rglob("*")]
    loose = [
        path for path in paths if path.stat().st_mode & 0o777 != (0o700 if path.is_dir() else 0o600)
    ]

    assert [] == loose


def test_neither_hash_seed_nor_host_zone_changes_the_day(
    data: Path, replayed: Path, tmp_path: Path
) -> None:
    environ = {"PYTHONHASHSEED": "2", "TZ": "America/New_York"}
    code, lines = result_of(*replay(data, tmp_path), environ=environ)

    assert code == 0, lines
    assert recorded(tmp_path) == recorded(replayed)
    assert rows(tmp_path, "trades")


# --- a day under way ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def daemon(directory: Path) -> Iterator[tuple[Running, str]]:
    """A generated day at 600x with its page."""
    with running(*generated_day(directory)) as command:
        yield command, command.address()


def test_the_page_shows_the_scanner_state_and_time_moves(
    daemon: tuple[Running, str], directory: Path
) -> None:
    _, address = daemon
    first = asked(address, "/api/scanner-state")
    wait_for_minutes(address, 3)
    second = asked(address, "/api/scanner-state")

    assert (first["success"], first["count"]) == (True, 1)
    assert first["updated_at"] < second["updated_at"]
    [row] = second["data"]
    assert (row["book"], row["strategy"], row["instrument"]) == ("main", "pixity", "RELIANCE")
    assert row["status"] in ("RUNNING", "WAITING")
    [stored] = rows(directory, "runner_state")
    assert set(stored) == set(row)


def test_a_second_instance_is_refused_and_told_the_pid(
    daemon: tuple[Running, str], directory: Path
) -> None:
    command, _ = daemon
    code, lines = result_of(*generated_day(directory))

    assert code == 5
    assert len(lines) == 1
    assert f"already running, PID {command.process.pid}" in lines[0]


def test_a_termination_ends_in_order_within_five_seconds(
    daemon: tuple[Running, str], directory: Path
) -> None:
    command, address = daemon
    wait_for_minutes(address, 5)
    command.send(signal.SIGTERM)

    assert command.ended(STOP_S) == 0
    assert "left, the next start goes on here" in "\n".join(command.lines[-3:])
    assert 5 <= len(recorded(directory, [EventKind.MINUTE])) < 375


def test_an_interrupt_ends_in_order_too(tmp_path: Path) -> None:
    with running(*generated_day(tmp_path)) as command:
        wait_for_minutes(command.address(), 4)
        command.send(signal.SIGINT)

        assert command.ended(STOP_S) == 0
        assert "left, the next start goes on here" in "\n".join(command.lines[-3:])


def test_a_port_that_is_taken_is_one_line_and_the_day_can_go_on(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, lines = result_of(*generated_day(tmp_path, port=port))

    assert code == 2
    refusals = [line for line in lines if not line.startswith("{")]
    assert refusals == [f"tradingd: dashboard port {port} is taken: choose another one"]
    assert recorded(tmp_path) == []
    code, lines = result_of(*generated_day(tmp_path, speed="max"))
    assert code == 0, lines
    assert any("complete: 375 of 375 Minutes" in line for line in lines)


@pytest.mark.slow
def test_a_day_of_recorded_ticks_goes_through_the_whole_daemon(
    shared: Path, tmp_path: Path
) -> None:
    """2021-05-24: two connections in one file, a hole of two hours, and a reconnect."""
    ticks = shared / "data" / "nse_ticks_2021-04_2021-05.parquet"
    arguments = ["--data", str(ticks), "--day", "2021-05-24", "--symbols", "RELIANCE,SBIN"]
    place = ["--port", "0", "--state-dir", str(tmp_path)]
    code, lines = result_of("run", "--feed", "replay", "--speed", "max", *arguments, *place)
    told = "\n".join(lines)

    assert code == 0, told
    assert "complete: 375 of 375 Minutes" in told
    assert '"event": "feed_lost"' in told
    assert '"event": "day_certified"' in told
    minutes = recorded(tmp_path, [EventKind.MINUTE])
    assert [one.payload["bars"] for one in minutes[-3:]] == [2, 2, 2]
    assert len(minutes) == 375


def test_a_day_that_was_not_captured_is_refused_with_those_that_were(
    tmp_path: Path, shared: Path
) -> None:
    ticks = shared / "data" / "nse_ticks_2021-04_2021-05.parquet"
    place = ["--data", str(ticks), "--day", "2021-05-25", "--state-dir", str(tmp_path / "var")]
    code, lines = result_of("run", "--feed", "replay", *place)

    assert code == 3
    assert "holds 2021-04-30, 2021-05-06, 2021-05-11" in lines[-1]
    assert not (tmp_path / "var").exists()
