"""A subscriber of the feed is told what traded: all of it, once, in its mode."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core.minutes import BarBuilder
from core.session import Phase, live_session, parse_day
from core.types import BAR, Records
from providers.upstox.wire import Frame, FrameDecoder
from sandbox.feed.messages import FeedResponse
from sandbox.feed.subscriber import LIMITS, Subscriber, market_info
from sandbox.market.quotes import Quotes
from sandbox.market.universe import INDICES, SHARES, Listing, by_key, listings
from sandbox.market.world import SLOT_MS, GeneratedWorld

DAY = parse_day("2026-08-05")
DAY_OPEN_MS = DAY * 86_400_000 - 19_800_000
OPEN_MS = DAY_OPEN_MS + 33_300_000  # 09:15 IST
NOON_MS = DAY_OPEN_MS + 12 * 3_600_000
RELIANCE, NIFTY = SHARES[0].key, INDICES[0].key


@pytest.fixture(scope="module")
def quotes_of() -> Callable[[str], Quotes | None]:
    world = GeneratedWorld(7, lambda listing, day: live_session(day, listing.session_class))
    listed, made = by_key(listings(2_100)), dict[str, Quotes]()

    def found(key: str) -> Quotes | None:
        if key in listed and key not in made:
            tape = world.tape(listed[key], DAY)
            made[key] = Quotes(listed[key], tape, DAY_OPEN_MS, DAY_OPEN_MS - 30_600_000)
        return made.get(key)

    return found


def asked(method: str, keys: list[str], mode: str | None = None) -> bytes:
    data = {"instrumentKeys": keys} | ({"mode": mode} if mode else {})
    return json.dumps({"guid": "g", "method": method, "data": data}).encode()


def read(frame: bytes | None) -> Any:
    assert frame is not None
    return FeedResponse.FromString(frame)


@pytest.mark.parametrize("number", [0, 2, 7])
def test_bars_built_from_the_frames_of_a_day_are_the_exchanges_candles(
    quotes_of: Callable[[str], Quotes | None], number: int
) -> None:
    listing: Listing = listings()[number]
    quotes = quotes_of(listing.key)
    assert quotes is not None
    session = live_session(DAY, listing.session_class)
    builder = BarBuilder([session])
    builder.feed_up((OPEN_MS - 3_600_000) * 1_000_000)
    decoder, subscriber = FrameDecoder([listing.key]), Subscriber(quotes_of)
    frames = [subscriber.request(asked("sub", [listing.key], "full"), OPEN_MS - 600_000)]
    slots = np.unique(quotes.tape.time_ms // SLOT_MS).tolist()
    frames += [subscriber.increment((slot + 1) * SLOT_MS) for slot in slots]
    for frame in frames:
        if frame is not None:
            found = decoder.decode(frame, OPEN_MS * 1_000_000)
            assert isinstance(found, Frame)
            ticks = found.ticks
            ticks["recv_ns"] = ticks["exch_ns"] + 200_000_000
            builder.add(ticks)
    builder.end_session()
    bars = np.concatenate([minute.bars for minute in builder.take_minutes()])

    assert expected(quotes, listing).tolist() == bars.tolist()


def expected(quotes: Quotes, listing: Listing) -> Records:
    candles = quotes.candles
    bars: Records = np.zeros(len(candles.open_ms), BAR)
    bars["open_ns"] = candles.open_ms * 1_000_000
    for name in ("open", "high", "low", "close", "volume"):
        bars[name] = getattr(candles, name)
    return bars


def test_a_snapshot_tells_every_field_and_an_increment_what_changed(
    quotes_of: Callable[[str], Quotes | None],
) -> None:
    subscriber = Subscriber(quotes_of)
    first = read(subscriber.request(asked("sub", [RELIANCE], "full"), NOON_MS))
    market = first.feeds[RELIANCE].fullFeed.marketFF

    assert "type" not in [field.name for field, _ in first.ListFields()]  # initial_feed is zero
    assert (5, True, 2) == (
        len(market.marketLevel.bidAskQuote),
        market.casEligible,
        len(market.marketOHLC.ohlc),
    )
    assert subscriber.increment(NOON_MS) is None
    later = read(subscriber.increment(NOON_MS + 10_000))
    assert later.type == 1
    assert not later.feeds[RELIANCE].fullFeed.marketFF.casEligible


def test_the_last_completed_minute_stays_through_the_next(
    quotes_of: Callable[[str], Quotes | None],
) -> None:
    quotes = quotes_of(RELIANCE)
    assert quotes is not None
    minutes = {
        quote.minute.open_ms
        for at_ms in (0, 30_000, 59_999)
        if (quote := quotes.at(NOON_MS + at_ms)).minute is not None
    }

    assert {NOON_MS - 60_000} == minutes


def test_before_its_first_trade_an_instrument_has_the_close_before(
    quotes_of: Callable[[str], Quotes | None],
) -> None:
    told = read(Subscriber(quotes_of).request(asked("sub", [RELIANCE]), DAY_OPEN_MS + 1))
    ltpc = told.feeds[RELIANCE].ltpc

    assert ltpc.ltp == ltpc.cp
    assert ltpc.ltt < DAY_OPEN_MS


@pytest.mark.parametrize(
    ("mode", "union"),
    [
        ("ltpc", "ltpc"),
        ("option_greeks", "firstLevelWithGreeks"),
        ("full", "fullFeed"),
        ("full_d30", "fullFeed"),
    ],
)
@pytest.mark.parametrize("key", [RELIANCE, NIFTY])
def test_every_mode_has_its_message(
    quotes_of: Callable[[str], Quotes | None], key: str, mode: str, union: str
) -> None:
    told = read(Subscriber(quotes_of).request(asked("sub", [key], mode), NOON_MS)).feeds[key]

    assert union == told.WhichOneof("FeedUnion")
    if union == "fullFeed":
        wanted = "indexFF" if key == NIFTY else "marketFF"
        assert wanted == told.fullFeed.WhichOneof("FullFeedUnion")


def test_a_changed_mode_is_told_anew_and_an_unsubscribed_key_no_more(
    quotes_of: Callable[[str], Quotes | None],
) -> None:
    subscriber = Subscriber(quotes_of)
    subscriber.request(asked("sub", [RELIANCE, NIFTY]), NOON_MS)
    changed = read(subscriber.request(asked("change_mode", [RELIANCE], "full"), NOON_MS))
    subscriber.request(asked("unsub", [NIFTY]), NOON_MS)

    assert [RELIANCE] == list(changed.feeds)
    assert {RELIANCE: "full"} == dict(subscriber.keys)
    assert [RELIANCE] == list(read(subscriber.increment(NOON_MS + 60_000)).feeds)


def test_keys_beyond_the_limit_of_a_mode_are_not_subscribed(
    quotes_of: Callable[[str], Quotes | None],
) -> None:
    keys = [one.key for one in listings(2_100) if not one.is_index]
    alone, mixed = Subscriber(quotes_of), Subscriber(quotes_of)
    alone.request(asked("sub", keys[:60], "full_d30"), OPEN_MS)
    mixed.request(asked("sub", keys[:1]), OPEN_MS)
    mixed.request(asked("sub", keys[1:1_600], "full"), DAY_OPEN_MS)

    assert LIMITS["full_d30"][0] == len(alone.keys)
    assert 1 + LIMITS["full"][1] == len(mixed.keys)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"method": "sub"}',
        b'{"method": "sub", "data": {"instrumentKeys": 7}}',
        asked("sub", [RELIANCE], "all"),
        asked("buy", [RELIANCE]),
        asked("sub", ["NSE_EQ|NOBODY"]),
        asked("change_mode", [RELIANCE], "full"),
        asked("sub", []),
    ],
)
def test_what_is_no_request_is_passed_over(
    quotes_of: Callable[[str], Quotes | None], text: bytes
) -> None:
    subscriber = Subscriber(quotes_of)

    assert subscriber.request(text, NOON_MS) is None
    assert not subscriber.keys


def test_market_info_is_read_by_our_decoder() -> None:
    frame = market_info(NOON_MS, {"NSE_EQ": 2, "NSE_FO": 3}, {"NSE_EQ": ("CTS_CLOSE", NOON_MS)})
    found = FrameDecoder([RELIANCE]).decode(frame, NOON_MS * 1_000_000)

    assert isinstance(found, Frame)
    told = [(one.segment, one.status, one.of) for one in found.statuses]
    assert ("NSE_EQ", "NORMAL_OPEN", None) in told
    assert ("NSE_EQ", "CTS_CLOSE", Phase.CLOSING_AUCTION) in told
