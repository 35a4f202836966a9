"""W5, ours, without socket and decoding: frames of ticks to published Minutes, and to the store.

`python -m benchmarks.w5 TICKS_PER_FRAME`. A recorded stretch of TickBatches through the ingest
task: validation, merging, prices for the page, bars, ticks and bars appended and committed before
each Minute is handed on. The clock stops when the last frame is taken. `frame_p99_ms` is how long
the feed waits until ingest asks for the next frame.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks import data
from benchmarks.live import GRACE_NS, TickedDay, WholeMarket, plan_of
from benchmarks.measured import Measurement, percentile
from core.minutes import BarBuilder
from core.ports import FeedItem, FeedUp, TickBatch
from core.session import MINUTE_NS, SECOND_NS, minute_closes
from core.types import NEVER_NS, Instrument, Records
from daemon.clocks import VirtualClock
from daemon.ingest import FeedFacts, Ingest
from providers.live import LiveProvider, day_frame
from stores.market import DuckMarketStore
from stores.owner import OwnerThread

INSTRUMENTS = 2_400
TICKS = {1: 300_000, 50: 900_000}  # by ticks per frame: two and six Minutes
YIELD_EVERY = 64  # frames: as a socket would, others get their turn


class RecordedFrames:
    """Frames as they were received, as fast as they are taken; how long each took, and when all
    were."""

    def __init__(self, frames: Sequence[Records], clock: VirtualClock) -> None:
        self._frames = frames
        self._clock = clock
        self.seconds: list[float] = []
        self.taken_s = 0.0

    async def stream(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        yield FeedUp(self._clock.now_ns())
        for number, frame in enumerate(self._frames):
            recv_ns = int(frame["recv_ns"][0])
            if recv_ns > self._clock.now_ns():
                await self._clock.sleep_until(recv_ns)  # Minutes close in time, as they would
            elif number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            began_s = time.perf_counter()
            yield TickBatch(recv_ns, frame)
            self.taken_s = time.perf_counter()
            self.seconds.append(self.taken_s - began_s)


def frames_of(day: TickedDay, per_frame: int, ticks: int) -> list[Records]:
    seconds = -(-ticks // day.instruments)
    stretch = np.concatenate([day.second(one // 60, one % 60) for one in range(seconds)])
    stretch["seq"] = np.arange(len(stretch))
    return [stretch[first : first + per_frame] for first in range(0, ticks, per_frame)]


async def measure(per_frame: int, folder: Path) -> Measurement:
    day = TickedDay(INSTRUMENTS)
    source = WholeMarket(day, 0, per_frame)
    frames = frames_of(day, per_frame, TICKS[per_frame])
    [session] = source.sessions(day.day)
    assert session is not None
    frame = day_frame(day.day, [session], plan_of(source).terms, MINUTE_NS, NEVER_NS)
    clock = VirtualClock(frame.open_ns - SECOND_NS)
    store = DuckMarketStore(folder / "market.duckdb", source.instruments)
    owner = OwnerThread("market-store")
    live, facts = LiveProvider(), FeedFacts()
    ingest = Ingest(clock=clock, store=store, owner=owner, live=live, frame=frame, facts=facts)
    feed = RecordedFrames(frames, clock)
    closes_ns = minute_closes(session, MINUTE_NS).tolist()
    builder = BarBuilder([session] * INSTRUMENTS, grace_ns=GRACE_NS)
    taking = asyncio.create_task(_take(live))
    began_s = time.perf_counter()
    await ingest.run_feed(feed, source.instruments, builder, closes_ns, GRACE_NS, to_its_end=True)
    published = await taking
    stored = await owner.run(store.tick_count, 0, NEVER_NS)
    await owner.run(store.close)
    owner.close()
    return Measurement(
        items=facts.ticks,
        seconds=feed.taken_s - began_s,
        checks={"lost": facts.ticks - stored, "minutes_missing": frame.minutes - published},
        figures={"frame_p99_ms": 1e3 * percentile(feed.seconds, 99)},
    )


async def _take(live: LiveProvider) -> int:
    return len([span async for span in live.spans()])


def main(per_frame: str) -> None:
    data.ROOT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data.ROOT) as folder:
        asyncio.run(measure(int(per_frame), Path(folder))).print()


if __name__ == "__main__":
    main(*sys.argv[1:])
