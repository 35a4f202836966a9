"""Frames of the market feed V3 become ticks, candles and market states. Pure: bytes in, values out.

Decides what a frame may be trusted with. A damaged one often decodes, so what it says has to make
sense as well. Absent means unchanged: what a frame does not repeat is carried on.
"""

from collections.abc import Mapping, Sequence
from math import inf
from struct import Struct
from typing import Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from core.session import Phase
from core.types import BAR, TICK, Records
from providers.upstox.plain import (
    DAY_MS,
    DECLINED,
    EARLIEST_MS,
    IST_OFFSET_MS,
    LATEST_MS,
    MAX_JUMP,
    MINUTE_MS,
    MS_NS,
    PlainFrames,
)
from providers.upstox.schema import STATUSES, TYPES, FeedResponse

MAX_FRAME_BYTES = 1 << 20  # after inflating; the largest lawful one, 2,000 keys in full, is 0.9 MB

SNAPSHOT, MARKET_INFO = TYPES.index("initial_feed"), TYPES.index("market_info")
LAST_MINUTE, TODAY = "I1", "1d"  # of the OHLC rows: the last completed minute, the day so far
_NO_TICKS: Records = np.zeros(0, TICK)
_NO_CANDLES: Records = np.zeros(0, BAR)
# A row of TICK, packed: writing it field by field through numpy costs ten times as much.
_TICK_ROW = Struct("<iiqqdqqq")
REASONS = (
    "unknown_key",
    "repeated_key",
    "bad_time",
    "not_today",  # but for a snapshot, which tells the last trade there was
    "bad_volume",
    "odd_volume",  # the price is taken, the volume is the one told before
    "bad_candle",
)


class Garbage(NamedTuple):
    """A frame that is none."""

    reason: str


class Status(NamedTuple):
    """A state that the exchange told, as `core.ports.MarketStatus` has it."""

    segment: str
    status: str
    of: Phase | None = None
    since_ns: int = 0


class Frame(NamedTuple):
    """What one frame said.

    `ticks` (TICK[n]) and `candles` (BAR[k], completed minutes) are views that the next frame
    overwrites. `closes`: previous closes by instrument, each told once, with its first trade of
    the day.
    """

    sent_ns: int
    ticks: Records
    candles: Records
    statuses: list[Status]
    closes: Mapping[int, float]


class FrameDecoder:
    """Decodes the frames of one connection; a new connection has a new decoder.

    Args:
        keys: instrument keys in configured order; their places, from `first` on, are the
            instrument numbers.
        connection: number of the connection, written into its ticks.
        rejected: what made no sense is counted here, by reason; None: in one of its own.
    """

    def __init__(
        self,
        keys: Sequence[str],
        connection: int = 0,
        rejected: dict[str, int] | None = None,
        *,
        first: int = 0,
    ) -> None:
        self._numbers = {key: number for number, key in enumerate(keys, first)}
        self._connection = connection
        self.unheard = set(self._numbers.values())  # not in any frame yet
        self._ticks: Records = np.zeros(max(len(keys), 1), TICK)
        self._tick_bytes = self._ticks.view(np.uint8).data
        self._room = self._ticks.nbytes
        self._plain = PlainFrames(keys, first, connection, self._ticks)
        self._volumes = self._plain.known["day_volume"]
        self._next_candle_ms = self._plain.known["candle_ms"]
        self._lacks_close = self._plain.known["lacks_close"]
        self._candles: Records = np.zeros(max(len(keys), 1), BAR)
        self._seq = 0
        self.rejected = {} if rejected is None else rejected
        for reason in REASONS:
            self.rejected.setdefault(reason, 0)

    def plain_rows(self, frame: bytes, recv_ns: int) -> bytes:
        """TICK rows of a frame that tells trades and nothing else; none: it is to be decoded."""
        if self.unheard or len(frame) > MAX_FRAME_BYTES:
            return b""
        count, _ = self._plain.read(frame, recv_ns, self._seq)
        if count <= 0:  # declined, or depth alone: nothing was learnt
            return b""
        self._seq += count
        return self._ticks[:count].tobytes()

    def decode(self, frame: bytes, recv_ns: int) -> Frame | Garbage:
        """One binary frame, as it arrived at `recv_ns`."""
        if len(frame) > MAX_FRAME_BYTES:
            return Garbage(f"{len(frame)} bytes")
        if not self.unheard:
            count, sent_ms = self._plain.read(frame, recv_ns, self._seq)
            if count != DECLINED:
                self._seq += count
                return Frame(sent_ms * MS_NS, self._ticks[:count], _NO_CANDLES, [], {})
        try:
            response = FeedResponse.FromString(frame)
        except DecodeError:
            return Garbage("not a message of the feed")
        sent_ms = response.currentTs
        if not EARLIEST_MS < sent_ms < LATEST_MS:
            return Garbage(f"sent at {sent_ms} ms")
        if response.type == MARKET_INFO:
            return self._market_info(response)
        return self._feeds(response, recv_ns)

    def _market_info(self, response: Any) -> Frame | Garbage:
        info = response.marketInfo
        told = [Status(segment, _status(state)) for segment, state in info.segmentStatus.items()]
        for phase, states in (
            (Phase.CLOSING_AUCTION, info.casMarketStatus),
            (Phase.PRE_OPEN, info.preOpenSessionStatus),
        ):
            told += [
                Status(segment, state.status, phase, state.updatedTime * MS_NS)
                for segment, state in states.items()
            ]
        return Frame(response.currentTs * MS_NS, _NO_TICKS, _NO_CANDLES, told, {})

    def _feeds(self, response: Any, recv_ns: int) -> Frame:
        place = candles = 0
        sent_ms = response.currentTs
        # Names of this function: a million ticks a second look them up.
        number_of, volumes, next_candle_ms = self._numbers.get, self._volumes, self._next_candle_ms
        pack, buffer, size, full = _TICK_ROW.pack_into, self._tick_bytes, _TICK_ROW.size, self._room
        connection, seq = self._connection, self._seq
        unheard, lacks_close = self.unheard, self._lacks_close
        closes: dict[int, float] = {}
        today_ms = sent_ms - (sent_ms + IST_OFFSET_MS) % DAY_MS
        for entry in response.feeds:
            number = number_of(entry.key)
            if number is None or place == full:
                self.rejected["unknown_key" if number is None else "repeated_key"] += 1
                continue
            if unheard:
                unheard.discard(number)
            feed = entry.value
            # Asking which of a union is told costs as much as two fields: the common one is tried.
            told = feed.fullFeed.marketFF
            ltpc = told.ltpc
            traded_ms = ltpc.ltt
            if traded_ms == 0:
                told = _told(feed)
                ltpc = told.ltpc
                traded_ms = ltpc.ltt
            if sent_ms >= next_candle_ms[number]:
                candles += self._candle(number, told, candles, sent_ms)
            if traded_ms == 0:
                continue  # depth alone
            quantity, volume = ltpc.ltq, getattr(told, "vtt", 0)
            if not today_ms <= traded_ms < LATEST_MS:
                if not EARLIEST_MS < traded_ms < today_ms:
                    self.rejected["bad_time"] += 1
                elif response.type != SNAPSHOT:
                    self.rejected["not_today"] += 1
            elif volume < 0 or quantity < 0:
                self.rejected["bad_volume"] += 1
            else:
                if volume > 2 * int(volumes[number]) + MAX_JUMP and not _adds_up(told, volume):
                    self.rejected["odd_volume"] += 1
                elif volume:
                    volumes[number] = volume
                if lacks_close[number] and 0.0 < ltpc.cp < inf:
                    lacks_close[number] = 0
                    closes[number] = ltpc.cp
                exch_ns, volume = traded_ms * MS_NS, volumes[number]
                pack(
                    buffer,
                    place,
                    number,
                    connection,
                    exch_ns,
                    recv_ns,
                    ltpc.ltp,
                    quantity or -1,
                    volume,
                    seq,
                )
                place += size
                seq += 1
        self._seq = seq
        ticks = self._ticks[: place // size] if place else _NO_TICKS
        completed = self._candles[:candles] if candles else _NO_CANDLES
        return Frame(sent_ms * MS_NS, ticks, completed, [], closes)

    def _candle(self, number: int, told: Any, place: int, sent_ms: int) -> bool:
        """Read the last completed minute into row `place`, if it is told and a new one."""
        candles = getattr(told, "marketOHLC", None)
        if candles is None or place == len(self._candles):
            return False
        for row in candles.ohlc:
            if (
                row.interval != LAST_MINUTE
                or row.ts + 2 * MINUTE_MS <= self._next_candle_ms[number]
            ):
                continue
            prices = (row.open, row.high, row.low, row.close)
            if row.ts > sent_ms or not _is_candle(row.ts, prices, row.vol):
                self.rejected["bad_candle"] += 1
                return False
            self._next_candle_ms[number] = row.ts + 2 * MINUTE_MS
            self._candles[place] = (number, 0, row.ts * MS_NS, *prices, row.vol)
            return True
        return False


def _told(feed: Any) -> Any:
    """The message that holds what is told of an instrument: of its mode, or the feed itself."""
    union = feed.WhichOneof("FeedUnion")
    if union == "fullFeed":
        return getattr(feed.fullFeed, feed.fullFeed.WhichOneof("FullFeedUnion") or "marketFF")
    return feed.firstLevelWithGreeks if union == "firstLevelWithGreeks" else feed


def _adds_up(told: Any, volume: int) -> bool:
    """Whether a day's volume that has jumped agrees with that of the day's candle, which lags one
    frame behind: a damaged one, once believed, makes every later one run backwards. Without a
    candle nothing can be said against it."""
    candles = getattr(told, "marketOHLC", None)
    days = [row.vol for row in candles.ohlc if row.interval == TODAY] if candles else []
    return not days or days[0] <= volume <= 2 * days[0] + MAX_JUMP


def _is_candle(open_ms: int, prices: tuple[float, float, float, float], volume: int) -> bool:
    """Whether the figures can be those of a minute; NaN fails every comparison."""
    first, high, low, last = prices
    return (
        EARLIEST_MS < open_ms < LATEST_MS
        and open_ms % MINUTE_MS == 0
        and 0 < low <= min(first, last)
        and max(first, last) <= high < inf
        and volume >= 0
    )


def _status(number: int) -> str:
    """The name of a state; a number of a later version of the feed is its own name."""
    return STATUSES[number] if 0 <= number < len(STATUSES) else str(number)
