"""What the kernel reads, protobuf's decoder reads alike; what it declines, it has not touched."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.types import TICK
from providers.upstox.plain import DECLINED, KEY_BYTES, PRICE_AT, ROW_BYTES
from providers.upstox.wire import Frame, FrameDecoder, Garbage
from sandbox.feed.messages import FeedResponse

SHARE, OTHER, INDEX = "NSE_EQ|INE002A01018", "NSE_EQ|INE467B01029", "NSE_INDEX|Nifty 50"
KEYS = [SHARE, OTHER, INDEX]
FIRST, CONNECTION, RECV_NS = 3, 7, 5
SENT_MS = 1_784_700_030_000  # 2026-07-22 11:30:30 IST
MINUTE_MS = 60_000


def message(
    *trades: tuple[str, float, int, int], age_ms: int = 150, kind: str = "live_feed"
) -> bytes:
    """Key, price, quantity and the day's volume of each; a price of 0: depth alone."""
    response = FeedResponse(type=kind, currentTs=SENT_MS)
    for key, price, quantity, volume in trades:
        full = response.feeds[key].fullFeed
        told = full.indexFF if key == INDEX else full.marketFF
        if price:
            told.ltpc.ltp, told.ltpc.ltt = price, SENT_MS - age_ms
            told.ltpc.ltq, told.ltpc.cp = quantity, 1_490.0
        for interval, ts in (("1d", SENT_MS - 41_430_000), ("I1", SENT_MS - 30_000 - MINUTE_MS)):
            told.marketOHLC.ohlc.add(
                interval=interval, open=1, high=3, low=0.5, close=2, vol=9, ts=ts
            )
        if key != INDEX:
            told.vtt = volume
            told.atp, told.tbq, told.casEligible = 1_500.0, 9_000.0, True
            told.marketLevel.bidAskQuote.add(bidQ=10, bidP=1_500.0, askQ=12, askP=1_500.1)
            told.optionGreeks.SetInParent()
            response.feeds[key].requestMode = "full_d5"
    encoded: bytes = response.SerializeToString()
    return encoded


SNAPSHOT = message((SHARE, 1_500.0, 5, 1_000), (OTHER, 3_000.0, 1, 500), (INDEX, 25_000.0, 0, 0))
PLAIN = message((SHARE, 1_500.05, 7, 1_010), (INDEX, 25_000.5, 0, 0), (OTHER, 0.0, 0, 501))


def warm() -> FrameDecoder:
    """One that has had its snapshot, so that nothing is awaited."""
    decoder = FrameDecoder(KEYS, CONNECTION, first=FIRST)
    decoder.decode(SNAPSHOT, RECV_NS)
    return decoder


class Oracle(FrameDecoder):
    """The same without the kernel."""

    def __init__(self) -> None:
        super().__init__(KEYS, CONNECTION, first=FIRST)
        self._plain = Declining()  # type: ignore[assignment]
        self.decode(SNAPSHOT, RECV_NS)


class Declining:
    def read(self, frame: bytes, recv_ns: int, seq: int) -> tuple[int, int]:
        return DECLINED, 0


def found(decoder: FrameDecoder, frame: bytes) -> object:
    said = decoder.decode(frame, RECV_NS)
    if isinstance(said, Garbage):
        return said
    rows = said.ticks.tobytes(), said.candles.tobytes()
    return said.sent_ns, rows, said.statuses, dict(said.closes)


def is_read(frame: bytes) -> bool:
    count, _ = warm()._plain.read(frame, RECV_NS, 0)
    return count != DECLINED


def test_a_plain_frame_is_read_as_protobuf_reads_it() -> None:
    decoder, oracle = warm(), Oracle()

    assert is_read(PLAIN)
    assert found(oracle, PLAIN) == found(decoder, PLAIN)
    said = decoder.decode(PLAIN, RECV_NS)
    assert isinstance(said, Frame)
    assert {(3, 7, 1_500.05, 7, 1_010), (5, 7, 25_000.5, -1, -1)} == {
        (row["instrument"], row["connection"], row["price"], row["quantity"], row["volume"])
        for row in said.ticks
    }
    assert [5, 6] == said.ticks["seq"].tolist()  # behind the snapshot's three and these two


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (message((SHARE, 1.0, 1, 1_010), kind="market_info"), "states of the market"),
        (message(("NSE_EQ|NOBODY", 1.0, 1, 1)), "a stranger"),
        (message((SHARE, 1.0, 1, 900)), "a volume that falls"),
        (message((SHARE, 1.0, 1, 9_000_000)), "a volume that jumps"),
        (message((SHARE, 1.0, -1, 1_010)), "a quantity below none"),
        (message((SHARE, 1.0, 1, 1_010), age_ms=86_400_000), "a trade of yesterday"),
        (message((SHARE, 1.0, 1, 1_010))[:-3], "a frame that is cut off"),
        (message((SHARE, 1.0, 1, 1_010)).replace(b"I1", b"\xff\xff"), "text that is none"),
        (b"", "nothing"),
        (b"\x2b" + PLAIN, "a group"),
        (b"\x00\x01" + PLAIN, "a field without a number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_odd_is_left_to_protobuf_and_nothing_is_learnt(frame: bytes, why: str) -> None:
    decoder, oracle = warm(), Oracle()
    known = decoder._plain.known.copy()

    assert not is_read(frame), why
    decoder._plain.read(frame, RECV_NS, 0)
    assert known.tobytes() == decoder._plain.known.tobytes()
    assert found(oracle, frame) == found(decoder, frame)
    assert oracle.rejected == decoder.rejected


def a_minute_later(frame: bytes, *, with_candle: bool) -> bytes:
    response = FeedResponse.FromString(frame)
    response.currentTs += MINUTE_MS
    for feed in response.feeds.values():
        for told in (feed.fullFeed.marketFF, feed.fullFeed.indexFF):
            for row in told.marketOHLC.ohlc:
                row.ts += MINUTE_MS * (with_candle and row.interval == "I1")
    encoded: bytes = response.SerializeToString()
    return encoded


def test_a_new_candle_is_left_to_protobuf_once() -> None:
    frame = a_minute_later(message((SHARE, 1_500.0, 1, 1_010)), with_candle=True)
    decoder = warm()
    first, again = (decoder.decode(frame, RECV_NS) for _ in range(2))

    assert not is_read(frame)
    assert isinstance(first, Frame)
    assert 1 == len(first.candles)
    assert isinstance(again, Frame)
    assert DECLINED != decoder._plain.read(frame, RECV_NS, 0)[0]


def test_a_minute_without_a_trade_stops_nothing() -> None:
    assert is_read(a_minute_later(message((SHARE, 0.0, 0, 1_010)), with_candle=False))


def test_fields_of_a_later_version_are_skipped() -> None:
    entry = bytes(FeedResponse.FromString(PLAIN).SerializeToString())

    assert is_read(entry + b"\x98\x06\x05" + b"\xa5\x06\x00\x00\x00\x00" + b"\xaa\x06\x01x")


def test_a_key_longer_than_any_is_left_to_protobuf() -> None:
    long = "NSE_EQ|" + "X" * KEY_BYTES
    decoder = FrameDecoder([long])
    for _ in range(2):
        said = decoder.decode(message((long, 1.0, 1, 5)), RECV_NS)
        assert isinstance(said, Frame)
        assert 1 == len(said.ticks)


def test_the_price_stands_where_it_is_written() -> None:
    assert TICK.fields is not None
    assert (TICK.fields["price"][1], TICK.itemsize) == (PRICE_AT, ROW_BYTES)


def damaged(data: st.DataObject, frame: bytes) -> bytes:
    broken = bytearray(frame)
    for _ in range(data.draw(st.integers(0, 3))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    for _ in range(data.draw(st.integers(0, 1))):
        place = data.draw(st.integers(0, len(broken)))
        broken[place:place] = data.draw(st.binary(max_size=6))
    return bytes(broken[: data.draw(st.integers(len(broken) - 8, len(broken)))])


FRAMES = (
    PLAIN,
    a_minute_later(PLAIN, with_candle=True),
    a_minute_later(PLAIN, with_candle=False),
    SNAPSHOT,
    message((OTHER, 3_000.5, 2, 502), (SHARE, 1_501.0, 1, 1_020)),
    message((SHARE, 1_500.5, 1, 1_015)) + message((SHARE, 1_501.5, 2, 1_017)),
)


@settings(max_examples=200)
@given(st.data())
def test_any_frame_damaged_or_not_is_read_alike(data: st.DataObject) -> None:
    decoder, oracle = warm(), Oracle()
    for _ in range(3):
        frame = damaged(data, data.draw(st.sampled_from(FRAMES)))

        assert found(oracle, frame) == found(decoder, frame)
        assert oracle.rejected == decoder.rejected
        assert oracle.unheard == decoder.unheard
