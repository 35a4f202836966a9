"""`run --feed upstox` against an exchange in another process, on its own day, at its speed."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.ports import EventKind
from tests.daemon.days import recorded
from tests.e2e.processes import QUICK_DAY, STOP_S, result_of, running, wait_for_minutes

SPEED = "30"
SETS = QUICK_DAY[QUICK_DAY.index("--set") :]
TOKEN = {"TRADINGD_UPSTOX_TOKEN": "given-to-it"}


@pytest.fixture
def exchange() -> Iterator[str]:
    """The address of a sandbox that runs on."""
    sandbox = ("sandbox", "--day", "2025-10-21", "--speed", SPEED, "--seed", "5")
    with running(*sandbox, environ={"TRADINGD_SANDBOX_TOKEN": "given-to-it"}) as serving:
        yield serving.line_with("http://127.0.0.1:").split()[1].rstrip(",")


def live(address: str, directory: Path, *more: str) -> list[str]:
    place = ["--port", "0", "--state-dir", str(directory), "--symbols", "RELIANCE"]
    feed = ["run", "--feed", "upstox", "--speed", SPEED, *place, *more]
    return [*feed, *SETS, f"api={address}"]


def minutes_of(directory: Path) -> list[dict[str, object]]:
    return [one.payload for one in recorded(directory, [EventKind.MINUTE])]


@pytest.mark.slow
def test_it_follows_the_time_of_the_exchange_and_what_it_missed_comes_late(
    exchange: str, tmp_path: Path
) -> None:
    with running(*live(exchange, tmp_path), environ=TOKEN) as daemon:
        wait_for_minutes(daemon.address(), 4)
        daemon.send(signal.SIGTERM)
        assert 0 == daemon.ended(STOP_S)
    first = len(minutes_of(tmp_path))
    with running(*live(exchange, tmp_path), environ=TOKEN) as daemon:
        wait_for_minutes(daemon.address(), first + 6)
        daemon.send(signal.SIGTERM)
        assert 0 == daemon.ended(STOP_S)
    minutes = minutes_of(tmp_path)

    assert first >= 4
    assert [1] * len(minutes) == [one["bars"] for one in minutes]  # none is missing
    assert not any("in_future" in line for line in daemon.lines)


@pytest.mark.slow
def test_without_a_token_it_ends_in_one_line(exchange: str, tmp_path: Path) -> None:
    code, lines = result_of(*live(exchange, tmp_path))

    assert 4 == code
    assert "tradingd: no access token: run `tradingd login`" == lines[-1]


def test_what_cannot_be_run_is_refused_in_one_line(tmp_path: Path) -> None:
    place = ("--port", "0", "--state-dir", str(tmp_path))
    nothing = result_of("run", "--feed", "upstox", *place)
    paced = result_of("run", "--feed", "upstox", "--symbols", "TCS", "--speed", "60", *place)
    clear = result_of("run", "--feed", "upstox", *place, "--set", "api=http://broker.example")

    assert (2, "tradingd: feed upstox needs symbols, e.g. --symbols RELIANCE,TATAPOWER") == (
        nothing[0],
        nothing[1][-1],
    )
    assert (2, "tradingd: feed upstox: the broker's time is the host's, leave speed out") == (
        paced[0],
        paced[1][-1],
    )
    assert 2 == clear[0]
    assert "http://broker.example" in clear[1][-1]
