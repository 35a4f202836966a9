"""2,000 instruments in `full` mode through a socket to bars and the store: whole, and bounded."""

import asyncio
from pathlib import Path

import pytest

from benchmarks import w5, wire
from benchmarks.frames import entries
from benchmarks.live import TickedDay
from daemon.ingest import MAX_UNSTORED_TICKS

FRAMES_PER_SECOND = 40.0  # forty times market time


@pytest.mark.slow
def test_two_thousand_instruments_lose_nothing_and_pile_up_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "frames"
    with path.open("wb") as file:
        file.writelines(entries(wire.MINUTE_S))
    measured = asyncio.run(
        w5.measure(path, wire.INSTRUMENTS, FRAMES_PER_SECOND, tmp_path, wire.MINUTE_S)
    )
    day = TickedDay(wire.INSTRUMENTS)
    closes = day.prices.close[0] * 0.05

    assert 0 == measured.checks["lost"]
    assert wire.INSTRUMENTS == measured.checks["bars"]
    assert day.prices.volume[0].sum() == measured.checks["volume_sum"]
    assert closes.sum() == pytest.approx(measured.checks["close_sum"])
    assert measured.figures["unstored_most"] < MAX_UNSTORED_TICKS
