"""The feed of W4a and W5: three minutes of 2,000 instruments in `full` mode, written once.

The market of `live.py` in the exchange's own messages: every field that a share has, five levels of
depth, the day's candle and the last minute's. Each instrument trades in every second.
"""

import os
from collections.abc import Iterator

from benchmarks import data
from benchmarks.live import TickedDay
from benchmarks.wire import FIRST_MS, INSTRUMENTS, KEYS, entry
from sandbox.feed.messages import FeedResponse

SECONDS = 183  # three minutes, and as long as the last one stays open for late ticks
MS_NS = 1_000_000
FULL = "full_d5"
LEVELS = 5
PATH = data.ROOT / f"frames-{INSTRUMENTS}x{SECONDS}-{data.SEED}"

Candle = dict[str, float]


def ensure() -> None:
    """Make the file if it is not there."""
    if not PATH.exists():
        PATH.parent.mkdir(parents=True, exist_ok=True)
        making = PATH.with_name(f"{PATH.name}.{os.getpid()}")
        with making.open("wb") as file:
            file.writelines(entries(SECONDS))
        making.rename(PATH)


def entries(seconds: int) -> Iterator[bytes]:
    """One of each instrument in every second, as the file holds them."""
    day = TickedDay(INSTRUMENTS)
    assert FIRST_MS * MS_NS == data.opens_of(day.day)[0]
    candles = _candles(day)
    for second in range(seconds):
        ticks = day.second(second // 60, second % 60)
        last_minute = candles[max(second // 60 - 1, 0)]
        rows = ticks[["exch_ns", "price", "volume"]].tolist()
        for key, (traded_ns, price, volume), candle in zip(KEYS, rows, last_minute, strict=True):
            yield entry(_encoded(key, traded_ns // MS_NS, price, volume, candle))


def _candles(day: TickedDay) -> list[list[Candle]]:
    """The first minutes of every instrument."""
    minutes = -(-SECONDS // 60)
    names = ("open", "high", "low", "close")
    prices = [data.rupees(getattr(day.prices, name)[:minutes]) for name in names]
    opens_ms = (data.opens_of(day.day) // MS_NS).tolist()
    return [
        [
            dict(zip((*names, "vol", "ts"), (*four, volume, opens_ms[minute]), strict=True))
            for *four, volume in zip(
                *(one[minute].tolist() for one in prices),
                day.prices.volume[minute].tolist(),
                strict=True,
            )
        ]
        for minute in range(minutes)
    ]


def _encoded(key: str, traded_ms: int, price: float, volume: int, candle: Candle) -> bytes:
    response = FeedResponse()
    feed = response.feeds[key]
    feed.requestMode = FULL
    market = feed.fullFeed.marketFF
    ltpc = market.ltpc
    ltpc.ltp, ltpc.ltt, ltpc.ltq, ltpc.cp = price, traded_ms, 1, 500.0
    market.vtt, market.atp = volume, price
    market.tbq, market.tsq = 300_000.0 + volume % 1_000, 310_000.0 + volume % 700
    add = market.marketLevel.bidAskQuote.add
    for level in range(1, LEVELS + 1):
        away = 0.05 * level
        add(bidQ=100 * level, bidP=price - away, askQ=120 * level, askP=price + away)
    market.optionGreeks.SetInParent()  # present and empty for a share
    market.marketOHLC.ohlc.add(interval="1d", **candle)
    market.marketOHLC.ohlc.add(interval="I1", **candle)
    encoded: bytes = response.SerializeToString()
    return encoded
