"""The watchdogs are fed by progress alone; lag is measured always and told of seldom."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from daemon.pulse.heart import BEAT_EVERY_S, WARN_EVERY_S, Heart, attended
from daemon.pulse.meters import Pulse
from daemon.pulse.notify import Notifier
from daemon.pulse.vitals import Vitals
from daemon.pulse.watchdog import Watchdog


class Fed(Watchdog):
    """Counts its meals."""

    def __init__(self) -> None:
        super().__init__(lambda code: None)
        self.beats = 0
        self.through = False

    def started(self) -> None:
        self.through = True

    def beat(self) -> None:
        self.beats += 1


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        yield listener


def heard(listener: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(listener.recv(1_000).decode())
        except BlockingIOError:
            return messages


@pytest.fixture
def notifier(ear: socket.socket) -> Iterator[Notifier]:
    """Of a manager that waits 30 s for a WATCHDOG=1."""
    environ = {"NOTIFY_SOCKET": ear.getsockname(), "WATCHDOG_USEC": "30000000"}
    notifier = Notifier(environ)
    yield notifier
    notifier.close()


# --- progress ----------------------------------------------------------------------------------


def test_trading_that_waits_for_work_gets_on() -> None:
    vitals, dog = Vitals(), Fed()
    heart = Heart(vitals, dog)
    for _ in range(3):
        heart.beat(0.0)

    assert 3 == dog.beats


def test_trading_that_works_and_works_off_gets_on() -> None:
    vitals, dog = Vitals(), Fed()
    vitals.trading = Pulse(idle=False)
    heart = Heart(vitals, dog)
    for _ in range(3):
        vitals.trading.turns += 1
        heart.beat(0.0)

    assert 3 == dog.beats


def test_a_loop_that_turns_while_trading_stands_still_feeds_nobody(
    ear: socket.socket, notifier: Notifier
) -> None:
    vitals, dog = Vitals(notifier), Fed()
    vitals.trading = Pulse(idle=False)
    heart = Heart(vitals, dog)
    for _ in range(2_000):
        heart.beat(0.0)

    assert 0 == dog.beats
    assert [] == heard(ear)


def test_the_service_manager_is_fed_three_times_within_its_patience(
    ear: socket.socket, notifier: Notifier
) -> None:
    heart = Heart(Vitals(notifier), Fed())
    for _ in range(round(30 / BEAT_EVERY_S) + 1):
        heart.beat(0.0)

    assert ["WATCHDOG=1"] * 3 == heard(ear)


def test_a_start_that_is_through_is_told_to_the_watchdog() -> None:
    vitals, dog = Vitals(), Fed()
    heart = Heart(vitals, dog)
    heart.beat(0.0)
    assert not dog.through
    vitals.started("playing")
    heart.beat(0.0)

    assert dog.through


# --- lag ---------------------------------------------------------------------------------------


def test_every_lag_is_measured_and_a_long_one_warned_of_once_in_a_while() -> None:
    vitals = Vitals()
    stood_still: list[float] = []
    vitals.lagged = stood_still.append
    heart = Heart(vitals, Fed())
    with structlog.testing.capture_logs() as logs:
        for lag_s in (0.001, 0.2, 0.3, 0.4, WARN_EVERY_S, 0.3):
            heart.beat(lag_s)

    assert 6 == vitals.meters.loop_lag.count
    assert [WARN_EVERY_S] == stood_still
    assert [("warning", 300), ("warning", 10_000)] == [
        (log["log_level"], log["lag_ms"]) for log in logs
    ]


# --- start and stop ----------------------------------------------------------------------------


def test_each_step_of_a_start_is_named_and_ready_is_said_once(
    ear: socket.socket, notifier: Notifier
) -> None:
    vitals = Vitals(notifier)
    for step in ("ledger", "history"):
        vitals.step(step)
    assert [True, False] == [step.seconds is not None for step in vitals.steps]
    vitals.started("playing 2026-07-27")
    vitals.step("history")  # of the second day
    vitals.started("playing 2026-07-28")
    vitals.stop()
    vitals.stop()

    assert heard(ear) == [
        "STATUS=starting: ledger",
        "STATUS=starting: history",
        "READY=1\nSTATUS=playing 2026-07-27",
        "STATUS=playing 2026-07-28",
        "STOPPING=1\nSTATUS=stopping",
    ]
    assert ["ledger", "history"] == [step.name for step in vitals.steps]


def test_every_status_begins_with_what_must_not_be_overlooked(
    ear: socket.socket, notifier: Notifier
) -> None:
    vitals = Vitals(notifier)
    vitals.headline = "LIVE upstox: "
    vitals.step("ledger")
    vitals.started("playing 2026-07-27")
    vitals.status("evening of 2026-07-27")

    assert heard(ear) == [
        "STATUS=LIVE upstox: starting: ledger",
        "READY=1\nSTATUS=LIVE upstox: playing 2026-07-27",
        "STATUS=LIVE upstox: evening of 2026-07-27",
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_what_runs_to_stop_and_starts_its_time(
    number: signal.Signals, ear: socket.socket, notifier: Notifier
) -> None:
    dog = Watchdog(lambda code: None)
    before = signal.getsignal(number)

    async def main() -> None:
        async with attended(Vitals(notifier), dog) as stop:
            os.kill(os.getpid(), number)
            await stop.wait()

    asyncio.run(main())

    assert dog.stopping
    assert ["STOPPING=1\nSTATUS=stopping"] == heard(ear)
    assert before is signal.getsignal(number)
