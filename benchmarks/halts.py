"""How soon a halt is acknowledged while 2,400 instruments tick.

`python -m benchmarks.halts [HALTS INSTRUMENTS]`. The whole daemon on paper at the pace of life,
entered a minute before its first 15m bars close: over ten times the load of a watch list of 200.
Halts come at any moment of the second, as an operator's do: through the daemon's own line of
commands, to the answer that follows the commit. Acknowledged is durable.
"""

import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import data
from benchmarks.lag import BEGINS_NS, TICKS_PER_FRAME, Started, under_way
from benchmarks.live import TickedDay, WholeMarket, plan_of
from benchmarks.measured import Measurement, percentile
from benchmarks.w8 import INSTRUMENTS
from core.types import Command
from daemon import telemetry
from daemon.bootstrap import Daemon
from daemon.commands import Asked, Obeyed

HALTS = 200
APART_S = 0.8  # at most; the close of the first 15m bars falls among them


async def measure(halts: int, instruments: int, folder: Path) -> Measurement:
    vitals = Started()
    source = WholeMarket(TickedDay(instruments), BEGINS_NS, TICKS_PER_FRAME)
    daemon = Daemon(plan_of(source), folder, vitals=vitals)
    await daemon.open()
    day = await daemon.choose_day(None)
    assert day is not None
    daemon.prepare(day)
    stop = asyncio.Event()
    playing = asyncio.create_task(daemon.play(day, stop))
    await under_way(playing, vitals)
    begun_s, taken_s = time.perf_counter(), []
    for pause_s in (random.Random(0).uniform(0.0, APART_S) for _ in range(halts)):
        await asyncio.sleep(pause_s)
        asked_s = time.perf_counter()
        answer = await daemon.operator.ask(Asked(Command.HALT, "operator", 1))
        taken_s.append(time.perf_counter() - asked_s)
        assert isinstance(answer, Obeyed)
        await daemon.operator.ask(Asked(Command.RESUME, "operator", 1))
    seconds = time.perf_counter() - begun_s
    stop.set()
    await playing
    await daemon.close()
    return Measurement(
        items=halts,
        seconds=seconds,
        figures={
            "p50_ms": 1e3 * percentile(taken_s, 50),
            "p99_ms": 1e3 * percentile(taken_s, 99),
            "longest_ms": 1e3 * max(taken_s),
        },
    )


def main(*arguments: str) -> None:
    halts, instruments, *_ = (*arguments, HALTS, INSTRUMENTS)[:2]
    telemetry.configure()
    data.ROOT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data.ROOT) as folder:
        asyncio.run(measure(int(halts), int(instruments), Path(folder))).print()


if __name__ == "__main__":
    main(*sys.argv[1:])
