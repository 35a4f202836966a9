"""Faults of frames: what is sent in the place of a good one, and what our reader makes of it."""

import json
import math
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from core.session import at_ist
from providers.upstox.wire import MAX_FRAME_BYTES, Frame, FrameDecoder, Garbage
from sandbox.faults.schedule import Faults, fault_of
from sandbox.faults.spoilt_frames import STRANGER_KEY, Spoiler
from sandbox.feed.messages import FeedResponse
from sandbox.feed.subscriber import Subscriber
from sandbox.market.universe import SHARES
from sandbox.market.world import SLOT_MS
from tests.sandbox.markets import DAY, exchange_at

KEYS = [one.key for one in SHARES[:3]]
NOON_MS = at_ist(DAY, "12:00") // 1_000_000
MINUTES = 5


def slots() -> range:
    return range(NOON_MS, NOON_MS + MINUTES * 60_000, SLOT_MS)


def subscribed(faults: Faults) -> Subscriber:
    subscriber = Subscriber(exchange_at("12:00").quotes, faults)
    data = {"mode": "full", "instrumentKeys": KEYS}
    asked = json.dumps({"method": "sub", "data": data}).encode()
    assert subscriber.request(asked, NOON_MS) is not None
    return subscriber


def good(fault: str = "quiet@00:00-00:01") -> list[bytes | None]:
    """Five minutes of frames, by slot."""
    subscriber = subscribed(Faults([fault_of(fault)], seed=1))
    return [subscriber.increment(slot_ms) for slot_ms in slots()]


GOOD = good()


def sent(*faults: str, seed: int = 1) -> list[list[bytes]]:
    """What is sent instead, by slot."""
    spoiler = Spoiler(Faults(map(fault_of, faults), seed), 0)
    return [spoiler.frames(frame, at_ms) for frame, at_ms in zip(GOOD, slots(), strict=True)]


def flat(told: list[list[bytes]]) -> list[bytes]:
    return [frame for frames in told for frame in frames]


def frames_of(told: list[bytes | None]) -> list[bytes]:
    return [frame for frame in told if frame is not None]


def read(frame: bytes) -> Any:
    return FeedResponse.FromString(frame)


def decoded(told: list[bytes]) -> tuple[list[Frame], list[Garbage], dict[str, int]]:
    decoder = FrameDecoder(KEYS)
    found = [decoder.decode(frame, NOON_MS * 1_000_000) for frame in told]
    frames = [one for one in found if isinstance(one, Frame)]
    return frames, [one for one in found if isinstance(one, Garbage)], decoder.rejected


def test_without_a_fault_every_frame_is_sent_as_it_is() -> None:
    assert [[] if frame is None else [frame] for frame in GOOD] == sent()


@pytest.mark.parametrize(
    "fault", ["duplicate", "reorder", "late", "flip-bits=0.5", "bad-price", "volume-back"]
)
def test_a_seed_spoils_the_same_frames(fault: str) -> None:
    assert sent(fault) == sent(fault) != sent(fault, seed=2)


def test_some_frames_come_twice_in_a_row() -> None:
    told = flat(sent("duplicate=0.2"))
    twice = [one for one, two in pairwise(told) if one == two]

    assert frames_of(GOOD) == [f for i, f in enumerate(told) if i == 0 or f != told[i - 1]]
    assert 0.1 < len(twice) / len(frames_of(GOOD)) < 0.3


def test_some_frames_come_after_the_next_one() -> None:
    told = flat(sent("reorder=0.2"))
    times = [read(frame).currentTs for frame in told]

    assert Counter(frames_of(GOOD)) == Counter(told)
    assert times != sorted(times)


def test_some_frames_come_much_later() -> None:
    told = sent("late=10")
    delays = [
        at_ms - read(frame).currentTs
        for frames, at_ms in zip(told, slots(), strict=True)
        for frame in frames
    ]

    assert {0, 10_000} == set(delays)
    assert 0.01 < delays.count(10_000) / len(delays) < 0.1


def test_a_truncated_frame_is_half_of_one() -> None:
    told = flat(sent("truncate=0.3"))
    halves = {frame[: len(frame) // 2] for frame in frames_of(GOOD)}
    frames, garbage, _ = decoded([frame for frame in told if frame in halves])

    assert len(frames_of(GOOD)) == len(told)
    assert garbage
    assert len(frames) < len(garbage)  # some are cut between two fields, and nobody can tell


def test_three_bits_are_flipped() -> None:
    told = flat(sent("flip-bits=1"))
    flipped = [
        sum((a ^ b).bit_count() for a, b in zip(one, two, strict=True))
        for one, two in zip(told, frames_of(GOOD), strict=True)
    ]

    assert {3, 1} >= set(flipped)  # twice the same bit is none
    assert decoded(told)[1]


def test_every_minute_brings_a_frame_over_the_limit() -> None:
    told = flat(sent("oversize=2"))
    large = [frame for frame in told if len(frame) > MAX_FRAME_BYTES]

    assert MINUTES == len(large)
    assert frames_of(GOOD) == [frame for frame in told if len(frame) <= MAX_FRAME_BYTES]


def test_fields_and_modes_of_a_later_version_change_nothing_that_is_read() -> None:
    told = flat(sent("unknown"))
    first = read(told[0])

    assert 9 in {feed.requestMode for feed in first.feeds.values()}
    assert told[0] != GOOD[0]
    assert ticks_of(frames_of(GOOD)) == ticks_of(told)


def test_a_stranger_is_told_and_not_read() -> None:
    told = flat(sent("stranger"))

    assert all(STRANGER_KEY in read(frame).feeds for frame in told)
    assert ticks_of(frames_of(GOOD)) == ticks_of(told)
    assert len(told) == decoded(told)[2]["unknown_key"]


def ticks_of(told: list[bytes]) -> list[list[object]]:
    decoder, rows = FrameDecoder(KEYS), []
    for frame in told:
        found = decoder.decode(frame, NOON_MS * 1_000_000)
        assert isinstance(found, Frame)
        rows.append(sorted(found.ticks[["instrument", "exch_ns", "price", "volume"]].tolist()))
    return rows


@pytest.mark.parametrize(
    ("word", "is_bad"),
    [
        ("zero", lambda price: price == 0.0),
        ("negative", lambda price: price < 0.0),
        ("tenfold", lambda price: price > 4_000.0),
        ("nan", math.isnan),
    ],
)
def test_an_impossible_price_comes_before_the_true_one(word: str, is_bad: Any) -> None:
    told = flat(sent(f"bad-price={word}"))
    good_ones = set(frames_of(GOOD))
    extra = [frame for frame in told if frame not in good_ones]
    prices = [row[2] for rows in ticks_of(extra) for row in rows]

    assert frames_of(GOOD) == [frame for frame in told if frame in good_ones]
    assert prices
    assert all(map(is_bad, prices))


def test_the_volume_of_the_day_falls_and_is_right_again() -> None:
    told = flat(sent("volume-back=0.2"))
    decoder = FrameDecoder(KEYS)
    volumes: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for frame in told:
        found = decoder.decode(frame, NOON_MS * 1_000_000)
        assert isinstance(found, Frame)
        for row in found.ticks:
            volumes[int(row["instrument"])].append(int(row["volume"]))

    assert any((np.diff(one) < 0).any() for one in volumes.values())
    assert all(max(one) == max(one[-2:]) for one in volumes.values() if one)


def test_packets_lack_their_trade_or_their_depth() -> None:
    told = [read(frame) for frame in frames_of(good("omit=0.5"))]
    packets = [feed.fullFeed.marketFF for frame in told for feed in frame.feeds.values()]
    without_trade = [one for one in packets if not one.HasField("ltpc")]
    without_depth = [one for one in packets if not one.HasField("marketLevel")]

    assert min(len(without_trade), len(without_depth)) > 100
    assert not [one for one in without_trade if one in without_depth and not one.marketOHLC.ohlc]
    assert traded(frames_of(GOOD)) == traded(frames_of(good("omit=0.5")))


def traded(told: list[bytes]) -> list[Any]:
    return [rows for rows in ticks_of(told) if rows]
