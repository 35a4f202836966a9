"""One subscriber of the market feed V3: what it asked for, and the frames it is sent.

Snapshot first, then what has changed; absent means unchanged. Frames are conflated: one tells the
last of all trades since the frame before. Knows no socket and no clock.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from sandbox.faults import kinds
from sandbox.faults.schedule import NO_FAULTS, Faults
from sandbox.feed.messages import FeedResponse
from sandbox.market.candles import Ohlc
from sandbox.market.quotes import Quote, Quotes

# Keys a connection may have by mode: alone, and when several modes are used.
LIMITS = {
    "ltpc": (5_000, 2_000),
    "option_greeks": (3_000, 2_000),
    "full": (2_000, 1_500),
    "full_d30": (50, 1_500),
}
REQUEST_MODES = {"ltpc": 0, "full": 1, "option_greeks": 2, "full_d30": 3}
DEPTH_LEVELS = {"full": 5, "full_d30": 30}
METHODS = ("sub", "unsub", "change_mode")
NO_DEPTH_EVERY = 5  # one frame in five tells no depth

QuotesOf = Callable[[str], Quotes | None]


class Request(NamedTuple):
    method: str
    mode: str
    keys: list[str]


class Subscriber:
    """One connection. The server remembers nothing of an earlier one.

    Args:
        quotes_of: the day of a key; None for a key that is not listed.
        number: of the connection; what is drawn belongs to it.
    """

    def __init__(self, quotes_of: QuotesOf, faults: Faults = NO_FAULTS, number: int = 0) -> None:
        self._quotes_of = quotes_of
        self._faults = faults
        self._random = faults.random("subscriber", number)
        self._modes: dict[str, str] = {}
        self._told: dict[str, Quote] = {}
        self._frames = 0

    @property
    def keys(self) -> Mapping[str, str]:
        """Mode by key."""
        return self._modes

    def request(self, text: bytes, now_ms: int) -> bytes | None:
        """Obey one request; the snapshot that answers it, None where nothing is to be told.

        What is no request is passed over in silence, as the broker does.
        """
        asked = _request(text)
        if asked is None:
            return None
        method, mode, keys = asked
        listed = [key for key in dict.fromkeys(keys) if self._quotes_of(key) is not None]
        listed = self._heeded(listed, now_ms)
        if method == "unsub":
            for key in listed:
                self._modes.pop(key, None)
                self._told.pop(key, None)
            return None
        if method == "change_mode":
            listed = [key for key in listed if key in self._modes]
        taken = [key for key in listed if self._take(key, mode)]
        return self.snapshot(taken, now_ms) if taken else None

    def refusal(self, text: bytes, now_ms: int) -> str | None:
        """The words in which a request is refused; None: it is not. The broker's own limits are
        kept in silence, and these are its words only as another client of it has them."""
        most, asked = self._faults.amount(kinds.FAILED, now_ms), _request(text)
        if most is None or asked is None or asked.method != "sub":
            return None
        if len(self._modes.keys() | set(asked.keys)) <= most:
            return None
        return json.dumps({"status": "failed", "method": "sub", "error": f"over {most:g} keys"})

    def _take(self, key: str, mode: str) -> bool:
        """Subscribe `key`, unless the connection has as many of the mode as it may."""
        others = {one for name, one in self._modes.items() if name != key}
        limit = LIMITS[mode][bool(others - {mode})]
        if sum(one == mode for name, one in self._modes.items() if name != key) >= limit:
            return False
        self._modes[key] = mode
        return True

    def _heeded(self, keys: list[str], now_ms: int) -> list[str]:
        """All of them, unless the server is to ignore some."""
        ignored = self._faults.word(kinds.IGNORE, now_ms)
        if ignored is None:
            return keys
        names = ignored.split("+")
        return [
            key
            for key in keys[: len(keys) if ignored else -1]
            if key not in names and self._quotes(key).listing.symbol not in names
        ]

    def snapshot(self, keys: Iterable[str], now_ms: int) -> bytes:
        """Every field of `keys`."""
        response = FeedResponse(type="initial_feed", currentTs=now_ms)
        for key in keys:
            quotes = self._quotes(key)
            quote = quotes.at(now_ms)
            _tell(response.feeds[key], self._modes[key], quotes, quote, None, with_depth=True)
            self._told[key] = quote
        encoded: bytes = response.SerializeToString()
        return encoded

    def increment(self, now_ms: int) -> bytes | None:
        """What has changed since the last frame; None: nothing."""
        response = FeedResponse(type="live_feed", currentTs=now_ms)
        every_depth = self._frames % NO_DEPTH_EVERY != NO_DEPTH_EVERY - 1
        omitted = self._faults.amount(kinds.OMIT, now_ms) or 0.0
        dark = self._faults.word(kinds.OUTAGE, now_ms)
        for key, mode in self._modes.items():
            quotes, told = self._quotes(key), self._told[key]
            if dark in (quotes.listing.segment, quotes.listing.symbol):
                continue
            draws = omitted > 0.0 and self._random.random() < omitted
            is_news = quotes.place(now_ms) != told.place or quotes.completed(now_ms) != told.minute
            if not is_news and (mode == "ltpc" or not draws):
                continue
            quote = quotes.at(now_ms)
            with_depth = not draws if is_news and omitted else every_depth or not is_news
            _tell(response.feeds[key], mode, quotes, quote, told, with_depth=with_depth)
            self._told[key] = quote
        if not response.feeds:
            return None
        self._frames += 1
        encoded: bytes = response.SerializeToString()
        return encoded

    def _quotes(self, key: str) -> Quotes:
        quotes = self._quotes_of(key)
        assert quotes is not None  # only what is listed is subscribed
        return quotes


def _request(text: bytes) -> Request | None:
    """What is asked; None where it is no request."""
    try:
        asked = json.loads(text)
        method, data = asked["method"], asked["data"]
        keys = [key for key in data["instrumentKeys"] if isinstance(key, str)]
        mode = data.get("mode") or "ltpc"
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return Request(method, mode, keys) if method in METHODS and mode in LIMITS else None


def market_info(
    now_ms: int, segments: Mapping[str, int], closing_auction: Mapping[str, tuple[str, int]]
) -> bytes:
    """What the exchange says of its own phases: first on every connection, and on every change."""
    response = FeedResponse(type="market_info", currentTs=now_ms)
    for segment, status in segments.items():
        response.marketInfo.segmentStatus[segment] = status
    for segment, (text, changed_ms) in closing_auction.items():
        info = response.marketInfo.casMarketStatus[segment]
        info.status, info.updatedTime = text, changed_ms
    encoded: bytes = response.SerializeToString()
    return encoded


def _tell(
    feed: Any, mode: str, quotes: Quotes, quote: Quote, told: Quote | None, *, with_depth: bool
) -> None:
    """Write `quote` into `feed`: all of it, or what differs from `told`."""
    feed.requestMode = REQUEST_MODES[mode]
    traded = told is None or quote.place != told.place
    if mode == "ltpc":
        _trade(feed.ltpc, quotes, quote)
    elif mode == "option_greeks":
        first = feed.firstLevelWithGreeks
        if traded:
            _trade(first.ltpc, quotes, quote)
            first.vtt = quote.volume
        if not quotes.listing.is_index:
            level = quotes.depth(quote, 1)[0]
            _level(first.firstDepth, level)
    elif quotes.listing.is_index:
        index = feed.fullFeed.indexFF
        if traded:
            _trade(index.ltpc, quotes, quote)
        _candles(index.marketOHLC, quote, is_index=True)
    else:
        market = feed.fullFeed.marketFF
        if traded:
            _trade(market.ltpc, quotes, quote)
            market.vtt, market.atp = quote.volume, quote.average_price
        if with_depth:
            levels = quotes.depth(quote, DEPTH_LEVELS[mode])
            for level in levels:
                _level(market.marketLevel.bidAskQuote.add(), level)
            market.optionGreeks.SetInParent()  # present and empty for a share
        market.tbq = 1_000.0 * (300 + quote.place % 37)
        market.tsq = 1_000.0 * (300 + quote.place % 41)
        _candles(market.marketOHLC, quote, is_index=False)
        if told is None:
            market.casEligible = quotes.listing.has_derivatives


def _trade(ltpc: Any, quotes: Quotes, quote: Quote) -> None:
    ltpc.ltp, ltpc.ltt, ltpc.ltq = quote.price, quote.traded_ms, quote.last_quantity
    ltpc.cp = quotes.tape.previous_close


def _level(target: Any, level: tuple[int, float, int, float]) -> None:
    target.bidQ, target.bidP, target.askQ, target.askP = level


def _candles(target: Any, quote: Quote, *, is_index: bool) -> None:
    """The day so far, and the last completed minute."""
    _candle(target.ohlc.add(), "1d", quote.day, is_index=is_index)
    if quote.minute is not None:
        _candle(target.ohlc.add(), "I1", quote.minute, is_index=is_index)


def _candle(row: Any, interval: str, candle: Ohlc, *, is_index: bool) -> None:
    row.interval, row.ts = interval, candle.open_ms
    row.open, row.high, row.low, row.close = candle[1:5]
    if not is_index:
        row.vol = candle.volume
