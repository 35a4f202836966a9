"""The live market of the benchmarks is a market: every instrument in every second, whole bars."""

import asyncio

import numpy as np

from benchmarks import data
from benchmarks.lag import SAMPLE_EVERY_S, held_up
from benchmarks.live import TickedDay, TickFeed
from core.ports import FeedUp, TickBatch
from core.session import SECOND_NS
from daemon.clocks import VirtualClock

INSTRUMENTS = 7


def test_a_second_has_a_tick_of_every_instrument_and_volumes_rise() -> None:
    day = TickedDay(INSTRUMENTS)
    seconds = [day.second(minute, second) for minute in range(2) for second in range(60)]

    assert all(list(range(INSTRUMENTS)) == one["instrument"].tolist() for one in seconds)
    volumes = np.array([one["volume"] for one in seconds])
    assert (np.diff(volumes, axis=0) >= 0).all()
    assert (volumes[59] == day.prices.volume[0]).all()
    assert (volumes[119] == day.prices.volume[:2].sum(axis=0)).all()


def test_the_feed_brings_each_second_once_in_frames_at_its_time() -> None:
    day = TickedDay(INSTRUMENTS)
    open_ns = int(data.opens_of(day.day)[0])
    clock = VirtualClock(open_ns + SECOND_NS)
    seen: list[tuple[int, int]] = []

    async def main() -> None:
        async for item in TickFeed(day, clock, per_frame=3).stream(()):
            if isinstance(item, FeedUp):
                continue
            assert isinstance(item, TickBatch)
            assert 0 <= item.recv_ns - int(item.ticks["exch_ns"][0]) < SECOND_NS
            seen.extend(
                zip(item.ticks["exch_ns"].tolist(), item.ticks["instrument"].tolist(), strict=True)
            )
            if len(seen) >= 2 * INSTRUMENTS:
                return

    asyncio.run(main())

    assert seen == [
        (open_ns + second * SECOND_NS, number) for second in (1, 2) for number in range(INSTRUMENTS)
    ]


def test_a_lag_counts_for_each_moment_that_it_held_up() -> None:
    late = held_up(4 * SAMPLE_EVERY_S)

    assert np.allclose([4, 3, 2, 1, 0], np.array(late) / SAMPLE_EVERY_S)
    assert [0.0] == held_up(-0.001)
