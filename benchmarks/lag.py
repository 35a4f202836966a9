"""How late the event loop is while 2,400 instruments tick and a browser watches.

`python -m benchmarks.lag [SECONDS INSTRUMENTS]`. The whole daemon at the pace of life, entered a
minute before its first 15m bars close: ingest, market store, decisions, ledger, page. A viewer in a
process of its own reads the stream of the page, as a browser does. Lag is taken every 5 ms.
"""

import asyncio
import json
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

from benchmarks import data
from benchmarks.live import TickedDay, WholeMarket, plan_of
from benchmarks.measured import Measurement, percentile
from benchmarks.w8 import INSTRUMENTS
from core.session import MINUTE_NS
from daemon import telemetry
from daemon.bootstrap import Daemon
from daemon.dashboard.server import DashboardServer
from daemon.pulse.vitals import Vitals

SECONDS = 100
BEGINS_NS = 14 * MINUTE_NS
TICKS_PER_FRAME = 50
SAMPLE_EVERY_S = 0.005
SETTLED_S = 5.0  # the Minutes before the beginning, and kernels loaded from their cache


class Started(Vitals):
    """Says when the start-up path is through."""

    def __init__(self) -> None:
        super().__init__()
        self.through = asyncio.Event()

    def started(self, status: str) -> None:
        super().started(status)
        self.through.set()


async def measure(seconds: float, instruments: int, folder: Path) -> Measurement:
    source = WholeMarket(TickedDay(instruments), BEGINS_NS, TICKS_PER_FRAME)
    vitals = Started()
    daemon = Daemon(plan_of(source), folder, vitals=vitals)
    server = DashboardServer(daemon.source, daemon.queries, port=0)
    await daemon.open()
    day = await daemon.choose_day(None)
    assert day is not None
    daemon.prepare(day)
    stop = asyncio.Event()
    playing = asyncio.create_task(daemon.play(day, stop))
    await under_way(playing, vitals)
    viewing = ["-m", "benchmarks.lag", "watch", await server.start(), str(seconds)]
    viewer = await asyncio.create_subprocess_exec(
        sys.executable, *viewing, stdout=asyncio.subprocess.PIPE
    )
    lags = await sampled(seconds)
    watched, _ = await viewer.communicate()
    stop.set()
    await playing
    await server.stop()
    await daemon.close()
    meters = vitals.meters
    events, size = json.loads(watched)
    return Measurement(
        items=meters.tick_outcomes()["merged"],
        seconds=seconds + SETTLED_S,
        figures={
            "p50_ms": 1e3 * percentile(lags, 50),
            "p99_ms": 1e3 * percentile(lags, 99),
            "longest_ms": 1e3 * max(lags),
            "decision_longest_ms": 1e3 * meters.decision.longest_s,
            "page_events": events,
            "page_mb": size / 1e6,
        },
    )


async def under_way(playing: asyncio.Task[object], vitals: Started) -> None:
    """The day goes on and has settled; raises what it ended with instead."""
    through = asyncio.create_task(vitals.through.wait())
    await asyncio.wait({playing, through}, return_when=asyncio.FIRST_COMPLETED)
    if playing.done():
        playing.result()
    await asyncio.sleep(SETTLED_S)


async def sampled(seconds: float) -> list[float]:
    """Lags, over so many seconds."""
    lags = []
    ends_s = time.perf_counter() + seconds
    while (asked_s := time.perf_counter()) < ends_s:
        await asyncio.sleep(SAMPLE_EVERY_S)
        lags += held_up(time.perf_counter() - asked_s - SAMPLE_EVERY_S)
    return lags


def held_up(lag_s: float) -> list[float]:
    """How late those would have been that asked while a lag lasted.

    Whoever asks again only after it would see a block of 100 ms as one late sample among many
    quiet ones; but an event of the feed comes at any moment.
    """
    return np.arange(max(lag_s, 0.0), -1e-9, -SAMPLE_EVERY_S).tolist()


def watch(address: str, seconds: float) -> tuple[int, int]:
    """Events of the page's stream and their bytes, over so many seconds."""
    events = size = 0
    ends_s = time.perf_counter() + seconds
    with urllib.request.urlopen(f"{address}/api/stream") as stream:
        while time.perf_counter() < ends_s:
            line = stream.readline()
            events += line.startswith(b"data:")
            size += len(line)
    return events, size


def main(*arguments: str) -> None:
    match arguments:
        case ["watch", address, seconds]:
            print(json.dumps(watch(address, float(seconds))))
        case _:
            seconds, instruments, *_ = (*arguments, SECONDS, INSTRUMENTS)[:2]
            telemetry.configure()
            data.ROOT.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=data.ROOT) as folder:
                asyncio.run(measure(float(seconds), int(instruments), Path(folder))).print()


if __name__ == "__main__":
    main(*sys.argv[1:])
