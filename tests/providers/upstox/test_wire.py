"""What a frame of the feed is trusted with: merged, checked, and never fatal."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.types import TICK
from providers.upstox.wire import MAX_FRAME_BYTES, Frame, FrameDecoder, Garbage
from sandbox.feed_messages import FeedResponse

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
    response.marketInfo.casMarketStatus["NSE_EQ"].status = "CAS_LM_START"
    frame = decoded(FrameDecoder(KEYS), response)

    assert {("NSE_EQ", "NORMAL_OPEN"), ("NSE_FO", "9"), ("NSE_EQ", "CAS_LM_START")} == set(
        frame.statuses
    )
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
        (full(-5, **trade()), "bad_volume"),
        (full(1, **trade(quantity=-1)), "bad_volume"),
    ],
)
def test_what_makes_no_sense_is_counted_and_left_out(response: Any, reason: str) -> None:
    decoder = FrameDecoder(KEYS)
    frame = decoded(decoder, response)

    assert {reason: 1} == {name: count for name, count in decoder.rejected.items() if count}
    assert 0 == len(frame.candles if reason == "bad_candle" else frame.ticks)


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
