"""W5, ours: from a socket to decoded ticks to 1m bars, and to the store.

`python -m benchmarks.w5 most PATH TICKS_PER_FRAME`: as fast as it goes; the clock stops when the
last frame is taken. `live PATH TICKS_PER_FRAME FRAMES_PER_SECOND`: at a given pace, on one core:
how late frames are taken, how late the event loop is. The feed of the broker, validation, merging,
prices for the page, bars, and ticks and bars committed before each Minute is handed on.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np

from backtest.run import session_terms
from benchmarks import data, frames, wire
from benchmarks.lag import sampled
from benchmarks.live import GRACE_NS, RISK
from benchmarks.measured import Measurement, percentile
from core.errors import ConnectionLost
from core.minutes import BarBuilder
from core.ports import FeedDown, FeedItem, TickBatch
from core.session import MINUTE_NS, SECOND_NS, Session, minute_closes, recorded_session
from core.types import NEVER_NS, Float64s, Instrument, InstrumentId, Records, SessionClass
from daemon.ingest import FeedFacts, Ingest
from providers.live import LiveProvider, day_frame
from providers.upstox.feed import UpstoxFeed
from stores.market import DuckMarketStore
from stores.owner import OwnerThread

LIVE_S = frames.SECONDS
UNJUDGED_TICKS = 2 * wire.INSTRUMENTS  # the beginning: kernels are loaded from their cache
UNJUDGED_S = 2.0  # of a live run, likewise
FIRST_DAY = wire.FIRST_MS // 86_400_000


class ToldClock:
    """Market time as the frames tell it: it stands still until somebody moves it."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns
        self._waiting: list[tuple[int, Callable[[], None]]] = []

    def now_ns(self) -> int:
        return self._now_ns

    def move(self, now_ns: int) -> None:
        self._now_ns = max(now_ns, self._now_ns)
        due = [one for one in self._waiting if one[0] <= self._now_ns]
        self._waiting = [one for one in self._waiting if one[0] > self._now_ns]
        for _, function in due:
            function()

    async def sleep_until(self, ns: int) -> None:
        if ns > self._now_ns:
            reached = asyncio.Event()
            self._waiting.append((ns, reached.set))
            await reached.wait()

    def call_at(self, when_ns: int, function: Callable[[], None]) -> Callable[[], None]:
        entry = (when_ns, function)
        self._waiting.append(entry)
        return lambda: self._waiting.remove(entry) if entry in self._waiting else None

    def held(self) -> AbstractContextManager[None]:
        return nullcontext()


class Once:
    """A feed until it is lost for the first time; when each of its ticks was taken."""

    def __init__(self, feed: UpstoxFeed, clock: ToldClock, ingest: Ingest) -> None:
        self._feed = feed
        self._clock = clock
        self._ingest = ingest
        self.unstored_most = 0
        self.ended_for = ""
        self.taken: list[tuple[int, float]] = []  # ticks so far, and when ingest asked for more
        self.began: tuple[int, float, float] | None = None  # ticks and seconds, ours of them

    async def stream(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        ticks = 0
        async for item in self._feed.stream(instruments):
            match item:
                case TickBatch(_, batch):
                    ticks += len(batch)
                    last_ns = int(batch["exch_ns"][-1])
                    yield item
                    self.unstored_most = max(self.unstored_most, self._ingest.unstored)
                    self.taken.append((ticks, time.perf_counter()))
                    if self.began is None and ticks >= UNJUDGED_TICKS:
                        self.began = (ticks, time.perf_counter(), time.process_time())
                    self._clock.move(last_ns + SECOND_NS)
                case FeedDown(_, reason):
                    self.ended_for = reason
                    self._clock.move(NEVER_NS)  # nothing more comes: let the day end
                    return
                case _:
                    yield item


async def measure(
    path: Path, per_frame: int, per_second: float, folder: Path, seconds: int
) -> Measurement:
    """`seconds` of market time; `per_second` 0: as fast as it goes."""
    session = session_of(seconds // 60)
    listed = [
        Instrument(InstrumentId(key), key.partition("|")[2], SessionClass.CASH) for key in wire.KEYS
    ]
    frame = day_frame(session.day, [session], session_terms(RISK), MINUTE_NS, NEVER_NS)
    clock = ToldClock(frame.open_ns - SECOND_NS)
    store = DuckMarketStore(folder / "market.duckdb", listed)
    owner, live, facts = OwnerThread("market-store"), LiveProvider(), FeedFacts()
    ingest = Ingest(
        clock=clock, store=store, owner=owner, live=live, frame=frame, facts=facts, is_live=True
    )
    closes_ns = minute_closes(session, MINUTE_NS).tolist()
    builder = BarBuilder([session] * len(listed), grace_ns=GRACE_NS)
    sent = folder / "sent"
    pace = (str(per_second), str(sent)) if per_second else ()
    taking = asyncio.create_task(_take(live))
    with wire.exchange(sys.executable, str(path), str(per_frame), str(seconds), *pace) as address:
        feed = Once(UpstoxFeed(lambda: _given(address), clock), clock, ingest)
        sampling = asyncio.create_task(
            _lags(seconds * wire.INSTRUMENTS / per_frame / per_second if per_second else 0.0)
        )
        await ingest.run_feed(feed, listed, builder, closes_ns, GRACE_NS, to_its_end=True)
        busy_s = time.process_time()
    bars = np.concatenate(await taking)
    stored = await owner.run(store.tick_count, 0, NEVER_NS)
    await owner.run(store.close)
    owner.close()
    assert feed.began is not None
    if feed.taken[-1][0] != seconds * wire.INSTRUMENTS:
        raise ConnectionLost(feed.ended_for)
    before, began_s, began_busy_s = feed.began
    took_s = feed.taken[-1][1] - began_s
    figures = {
        "core_share": (busy_s - began_busy_s) / took_s,
        "unstored_most": float(feed.unstored_most),
    }
    if per_second:
        lags = await sampling
        figures |= timeliness(feed.taken, np.fromfile(sent), per_frame)
        figures |= {"lag_p99_ms": 1e3 * percentile(lags, 99), "lag_longest_ms": 1e3 * max(lags)}
    return Measurement(
        items=facts.ticks - before,
        seconds=took_s,
        checks={
            "lost": facts.ticks - stored,
            "bars": len(bars),
            "high_sum": round(float(bars["high"].sum()), 2),
            "close_sum": round(float(bars["close"].sum()), 2),
            "volume_sum": int(bars["volume"].sum()),
        },
        figures=figures,
    )


async def _lags(seconds: float) -> list[float]:
    """Of the event loop, over a run of so many seconds without its ends."""
    if seconds <= 2 * UNJUDGED_S:
        return [0.0]
    await asyncio.sleep(UNJUDGED_S)
    return await sampled(seconds - 2 * UNJUDGED_S)


async def _given(address: str) -> str:
    return address


async def _take(live: LiveProvider) -> list[Records]:
    return [span.bars async for span in live.spans()]


def session_of(minutes: int) -> Session:
    """A day of so many minutes."""
    session = recorded_session(FIRST_DAY, SessionClass.CASH)
    assert session is not None
    return replace(session, parts=((session.open_ns, session.open_ns + minutes * MINUTE_NS),))


def timeliness(
    taken: Sequence[tuple[int, float]], sent_s: Float64s, per_frame: int
) -> dict[str, float]:
    """How long after it was sent each frame was in the bars; nothing of a run that is over before
    it is judged."""
    ticks, at_s = np.array(taken).T
    frame_ticks = np.minimum(per_frame * np.arange(1, len(sent_s) + 1), ticks[-1])
    late_ms = 1e3 * (at_s[np.searchsorted(ticks, frame_ticks)] - sent_s)
    late_ms = late_ms[sent_s > sent_s[0] + UNJUDGED_S]
    if not len(late_ms):
        return {}
    return {
        "socket_p50_ms": percentile(late_ms.tolist(), 50),
        "socket_p99_ms": percentile(late_ms.tolist(), 99),
        "socket_longest_ms": float(late_ms.max()),
        "behind_at_end_ms": float(late_ms[-1]),
    }


def main(mode: str, path: str, per_frame: str, per_second: str = "0") -> None:
    if mode == "live":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    seconds = LIVE_S if mode == "live" else wire.MINUTE_S
    with tempfile.TemporaryDirectory(dir=data.ROOT) as folder:
        asyncio.run(
            measure(Path(path), int(per_frame), float(per_second), Path(folder), seconds)
        ).print()


if __name__ == "__main__":
    main(*sys.argv[1:])
