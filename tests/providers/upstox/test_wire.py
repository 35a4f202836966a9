"""What a frame of the feed is trusted with: merged, checked, and never fatal."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.session import Phase
from core.types import TICK
from providers.upstox.wire import MAX_FRAME_BYTES, Frame, FrameDecoder, Garbage
from sandbox.feed.messages import FeedResponse

RELIANCE, NIFTY = "NSE_EQ|INE002A01018", "NSE_INDEX|Nifty 50"
KEYS = [RELIANCE, NIFTY]
SENT_MS = 1_784_700_000_000  # 2026-07-22 11:30:00 IST
RECV_NS = SENT_MS * 1_000_000 + 40_000_000


def message(kind: str = "live_feed", sent_ms: int = SENT_MS) -> Any:
    return FeedResponse(type=kind, currentTs=sent_ms)


def trade(price: float = 1500.05, age_ms: int = 150, quantity: int = 7) -> dict[str, object]:
    return {"ltp": price, "ltt": SENT_MS - age_ms, "ltq": quantity, "cp": 1490.0}


def full(volume: int = 0, **ltpc: Any) -> Any:
    response = message()
    market = response.feeds[RELIANCE].fullFeed.marketFF
    if ltpc:
        market.ltpc.MergeFrom(type(market.ltpc)(**ltpc))
    market.vtt = volume
    market.marketLevel.bidAskQuote.add(bidQ=10, bidP=1500.0, askQ=12, askP=1500.1)
    response.feeds[RELIANCE].requestMode = "full_d5"
    return response


def minute(response: Any, open_ms: int, **changes: float) -> Any:
    values = {"open": 1.0, "high": 3.0, "low": 0.5, "close": 2.0, "vol": 9} | changes
    ohlc = response.feeds[RELIANCE].fullFeed.marketFF.marketOHLC.ohlc
    ohlc.add(interval="1d", ts=SENT_MS - 41_400_000, open=1, high=9, low=1, close=2, vol=900)
    ohlc.add(interval="I1", ts=open_ms, **values)
    return response


def decoded(decoder: FrameDecoder, response: Any) -> Frame:
    frame = decoder.decode(response.SerializeToString(), RECV_NS)
    assert isinstance(frame, Frame), frame
    return frame


def test_a_trade_becomes_a_tick_with_both_times_in_ns() -> None:
    [tick] = decoded(FrameDecoder(KEYS, connection=3), full(5_000, **trade())).ticks

    assert tick.dtype == TICK
    assert tick.tolist() == (
        0,
        3,
        (SENT_MS - 150) * 1_000_000,
        RECV_NS,
        1500.05,
        7,
        5_000,
        0,
    )


def test_volume_that_is_not_repeated_is_unchanged() -> None:
    decoder = FrameDecoder(KEYS)
    decoded(decoder, full(5_000, **trade()))

    assert [5_000] == decoded(decoder, full(0, **trade(1501.0))).ticks["volume"].tolist()


def test_depth_alone_is_no_trade() -> None:
    assert 0 == len(decoded(FrameDecoder(KEYS), full()).ticks)


@pytest.mark.parametrize("mode", ["ltpc", "firstLevelWithGreeks", "indexFF"])
def test_every_mode_tells_its_trades(mode: str) -> None:
    response = message("initial_feed")
    feed = response.feeds[NIFTY]
    told = feed if mode == "ltpc" else feed.fullFeed.indexFF
    told = feed.firstLevelWithGreeks if mode == "firstLevelWithGreeks" else told
    told.ltpc.MergeFrom(type(told.ltpc)(ltp=25_000.5, ltt=SENT_MS - 839))
    if mode == "firstLevelWithGreeks":
        told.vtt = 77
    [tick] = decoded(FrameDecoder(KEYS), response).ticks

    assert (1, 25_000.5, -1) == (tick["instrument"], tick["price"], tick["quantity"])
    assert (77 if mode == "firstLevelWithGreeks" else -1) == tick["volume"]


def test_arrival_is_numbered_over_all_frames() -> None:
    decoder = FrameDecoder(KEYS)
    seqs = [decoded(decoder, full(5, **trade())).ticks["seq"].tolist() for _ in range(3)]

    assert [[0], [1], [2]] == seqs


def test_market_info_names_states_also_those_of_a_later_version() -> None:
    response = message("market_info")
    response.marketInfo.segmentStatus["NSE_EQ"] = 2
    response.marketInfo.segmentStatus["NSE_FO"] = 9
    auction = response.marketInfo.casMarketStatus["NSE_EQ"]
    auction.status, auction.updatedTime = "CAS_LM_START", SENT_MS
    response.marketInfo.preOpenSessionStatus["NSE_EQ"].status = "PRE_OPEN_END"
    frame = decoded(FrameDecoder(KEYS), response)

    assert {
        ("NSE_EQ", "NORMAL_OPEN", None, 0),
        ("NSE_FO", "9", None, 0),
        ("NSE_EQ", "CAS_LM_START", Phase.CLOSING_AUCTION, SENT_MS * 1_000_000),
        ("NSE_EQ", "PRE_OPEN_END", Phase.PRE_OPEN, 0),
    } == set(frame.statuses)
    assert SENT_MS * 1_000_000 == frame.sent_ns


def test_a_completed_minute_is_told_once() -> None:
    decoder = FrameDecoder(KEYS)
    open_ms = SENT_MS - 60_000
    [candle] = decoded(decoder, minute(full(1, **trade()), open_ms)).candles.tolist()
    again = decoded(decoder, minute(full(1, **trade()), open_ms)).candles

    assert (0, 0, open_ms * 1_000_000, 1.0, 3.0, 0.5, 2.0, 9) == candle
    assert 0 == len(again)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (minute(full(1, **trade()), SENT_MS - 60_000, high=1.5), "bad_candle"),
        (minute(full(1, **trade()), SENT_MS - 60_000, low=float("nan")), "bad_candle"),
        (minute(full(1, **trade()), SENT_MS - 59_999), "bad_candle"),
        (minute(full(1, **trade()), SENT_MS - 60_000, vol=-1), "bad_candle"),
        (full(1, **trade() | {"ltt": 7}), "bad_time"),
        (full(1, **trade() | {"ltt": 2**62}), "bad_time"),
        (full(1, **trade() | {"ltt": SENT_MS - 13 * 3_600_000}), "not_today"),
        (minute(full(1, **trade()), SENT_MS - SENT_MS % 60_000 + 60_000), "bad_candle"),
        (full(-5, **trade()), "bad_volume"),
        (full(1, **trade(quantity=-1)), "bad_volume"),
    ],
)
def test_what_makes_no_sense_is_counted_and_left_out(response: Any, reason: str) -> None:
    decoder = FrameDecoder(KEYS)
    frame = decoded(decoder, response)

    assert {reason: 1} == {name: count for name, count in decoder.rejected.items() if count}
    assert 0 == len(frame.candles if reason == "bad_candle" else frame.ticks)


def days_volume(response: Any, volume: int) -> Any:
    ohlc = response.feeds[RELIANCE].fullFeed.marketFF.marketOHLC.ohlc
    ohlc.add(interval="1d", ts=SENT_MS - 41_400_000, open=1, high=9, low=1, close=2, vol=volume)
    return response


@pytest.mark.parametrize(
    ("day", "volume", "taken"),
    [
        (5_000, 5_900, 5_900),
        (5_000, 2**40, 5_000),  # damage: once believed, every later one would run backwards
        (9_000_000, 9_000_500, 9_000_500),  # back after an outage
        (9_000_000, 8_999_999, 5_000),
        (None, 2**30, 2**30),  # nothing says otherwise
    ],
)
def test_a_volume_that_jumps_is_believed_if_the_days_candle_agrees(
    day: int | None, volume: int, taken: int
) -> None:
    decoder = FrameDecoder(KEYS)
    decoded(decoder, full(5_000, **trade()))
    response = full(volume, **trade(1501.0))
    ticks = decoded(decoder, response if day is None else days_volume(response, day)).ticks

    assert [(1501.0, taken)] == [(one["price"], one["volume"]) for one in ticks]
    assert (volume != taken) == decoder.rejected["odd_volume"]


def test_a_snapshot_may_tell_a_trade_of_an_earlier_day() -> None:
    decoder = FrameDecoder(KEYS)
    response = full(1, **trade() | {"ltt": SENT_MS - 86_400_000})
    response.type = "initial_feed"

    assert 0 == len(decoded(decoder, response).ticks)
    assert 0 == sum(decoder.rejected.values())


def test_a_previous_close_is_told_once_and_not_with_a_trade_of_yesterday() -> None:
    decoder = FrameDecoder(KEYS, first=5)
    old = decoded(decoder, full(1, **trade() | {"ltt": SENT_MS - 86_400_000, "cp": 1490.0}))
    first, again = (decoded(decoder, full(1, **trade() | {"cp": 1495.5})) for _ in range(2))

    assert ({}, {5: 1495.5}, {}) == (old.closes, first.closes, again.closes)
    assert [5] == first.ticks["instrument"].tolist()


def test_an_instrument_is_heard_of_by_its_depth_alone() -> None:
    decoder = FrameDecoder(KEYS)
    decoded(decoder, full())

    assert {1} == decoder.unheard


def test_an_instrument_we_did_not_ask_for_is_counted() -> None:
    decoder = FrameDecoder([NIFTY])

    assert 0 == len(decoded(decoder, full(1, **trade())).ticks)
    assert 1 == decoder.rejected["unknown_key"]


def test_an_instrument_told_twice_in_a_frame_overruns_nothing() -> None:
    once = full(5, **trade()).SerializeToString()
    frame = FrameDecoder([RELIANCE]).decode(once + once, RECV_NS)

    assert isinstance(frame, Frame)
    assert 1 == len(frame.ticks)


@pytest.mark.parametrize(
    "frame",
    [
        b"\xff\xff\xff",
        b"",
        message(sent_ms=7).SerializeToString(),
        message(sent_ms=2**60).SerializeToString(),
        bytes(MAX_FRAME_BYTES + 1),
    ],
)
def test_a_frame_that_is_none_is_garbage(frame: bytes) -> None:
    assert isinstance(FrameDecoder(KEYS).decode(frame, RECV_NS), Garbage)


@given(st.data())
def test_a_damaged_frame_is_never_fatal_and_says_nothing_impossible(data: st.DataObject) -> None:
    frame = bytearray(minute(full(5_000, **trade()), SENT_MS - 60_000).SerializeToString())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(frame) - 1))
        frame[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(frame)))
    found = FrameDecoder(KEYS).decode(bytes(frame[:cut]), RECV_NS)

    if isinstance(found, Frame):
        assert (found.ticks["exch_ns"] > 0).all()
        assert (found.ticks["volume"] >= -1).all()
        assert (found.candles["low"] > 0).all()
        assert np.isfinite(found.candles["high"]).all()
