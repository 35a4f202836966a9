"""The service manager hears every word, wherever its socket is, and none is ever waited for."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from daemon.pulse.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def ear(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@tradingd-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0", 1))
        listener.setblocking(False)
        yield listener, name


def test_what_is_told_arrives_in_one_message(ear: tuple[socket.socket, str]) -> None:
    listener, name = ear
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.tell("READY=1", "STATUS=playing 2026-07-27")
    notifier.close()

    assert b"READY=1\nSTATUS=playing 2026-07-27" == listener.recv(1_000)


def test_without_a_service_manager_nothing_is_told() -> None:
    notifier = Notifier({})
    notifier.tell("READY=1")
    notifier.close()

    assert notifier.watchdog_s is None


def test_an_ear_that_does_not_listen_is_never_waited_for(
    ear: tuple[socket.socket, str],
) -> None:
    _, name = ear
    notifier = Notifier({"NOTIFY_SOCKET": name})
    with structlog.testing.capture_logs() as logs:
        for _ in range(10_000):
            notifier.tell("STATUS=" + "x" * 1_000)
            if logs:
                break
    notifier.close()

    assert ["notify_failed"] == [log["event"] for log in logs]


def test_a_manager_that_has_gone_is_survived(tmp_path: Path) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    with structlog.testing.capture_logs() as logs:
        notifier.tell("WATCHDOG=1")
    notifier.close()

    assert ["warning"] == [log["log_level"] for log in logs]


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdogs_time_is_read_if_it_is_meant_for_us(
    environ: dict[str, str], seconds: float | None
) -> None:
    assert seconds == Notifier(environ).watchdog_s
