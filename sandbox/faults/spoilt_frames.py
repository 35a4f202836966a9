"""What a connection is really sent in the place of a good frame, while faults of frames are on.

Pure: bytes and market time in, bytes out; what is drawn belongs to the seed and the connection.
"""

from typing import Any

from sandbox.faults import kinds
from sandbox.faults.kinds import Kind
from sandbox.faults.schedule import Faults
from sandbox.feed.messages import FeedResponse
from sandbox.market.candles import MINUTE_MS
from sandbox.market.world import SLOT_MS

SOMETIMES = 0.05  # of frames, where the value of a fault says something else
STRANGER_KEY = "NSE_EQ|INX999999999"
LATER_FIELD = b"\xa2\x06\x05later"  # number 100, of a version that does not exist
LATER_MODE = 9
FLIPPED_BITS = 3
IMPOSSIBLE = {"zero": 0.0, "negative": -1.0, "tenfold": 10.0, "nan": float("nan")}  # times it


class Spoiler:
    """The faults of one connection's frames.

    Args:
        number: of the connection.
    """

    def __init__(self, faults: Faults, number: int) -> None:
        self._faults = faults
        self._random = faults.random("frames", number)
        self._held: list[tuple[int, bytes]] = []  # due, frame; told out of turn

    def frames(self, frame: bytes | None, at_ms: int) -> list[bytes]:
        """What is sent in this slot: in the place of `frame`, and what was held back until now."""
        due = [held for when_ms, held in self._held if when_ms <= at_ms]
        self._held = [one for one in self._held if one[0] > at_ms]
        told = [] if frame is None else self._in_place_of(frame, at_ms)
        size_mb = self._faults.amount(kinds.OVERSIZE, at_ms)
        if size_mb is not None and at_ms % MINUTE_MS < SLOT_MS:
            told.append(bytes(round(size_mb * 1e6)))
        return told + due

    def _in_place_of(self, frame: bytes, at_ms: int) -> list[bytes]:
        late_s = self._faults.amount(kinds.LATE, at_ms)
        if late_s is not None and self._random.random() < SOMETIMES:
            self._held.append((at_ms + round(1e3 * late_s), frame))
            return []
        if self._happens(kinds.REORDER, at_ms):
            self._held.append((at_ms + 1, frame))
            return []
        if self._happens(kinds.TRUNCATE, at_ms):
            return [frame[: len(frame) // 2]]
        if self._happens(kinds.FLIP_BITS, at_ms):
            return [self._flipped(frame)]
        told = [*self._before(frame, at_ms), self._extended(frame, at_ms)]
        if self._happens(kinds.VOLUME_BACK, at_ms):
            told += self._fallen(frame)
        if self._happens(kinds.DUPLICATE, at_ms):
            told.append(told[-1])
        return told

    def _happens(self, kind: Kind, at_ms: int) -> bool:
        share = self._faults.amount(kind, at_ms)
        return share is not None and bool(self._random.random() < share)

    def _flipped(self, frame: bytes) -> bytes:
        damaged = bytearray(frame)
        for bit in self._random.integers(8 * len(frame), size=FLIPPED_BITS).tolist():
            damaged[bit // 8] ^= 1 << bit % 8
        return bytes(damaged)

    def _extended(self, frame: bytes, at_ms: int) -> bytes:
        """With an instrument nobody asked for, and with what a later version would tell."""
        stranger = self._faults.on(kinds.STRANGER, at_ms)
        unknown = self._faults.on(kinds.UNKNOWN, at_ms)
        if not stranger and not unknown:
            return frame
        response = FeedResponse.FromString(frame)
        if stranger:
            response.feeds[STRANGER_KEY].CopyFrom(next(iter(response.feeds.values())))
        if unknown:
            for feed in response.feeds.values():
                feed.requestMode = LATER_MODE
        more: bytes = response.SerializeToString()
        return more + LATER_FIELD if unknown else more

    def _before(self, frame: bytes, at_ms: int) -> list[bytes]:
        """One of its trades at an impossible price, on its own."""
        word = self._faults.word(kinds.BAD_PRICE, at_ms)
        if word is None or self._random.random() >= SOMETIMES:
            return []
        response = self._one_trade(frame)
        for ltpc in map(_trade, response.feeds.values()):
            ltpc.ltp *= IMPOSSIBLE[word]
        return [response.SerializeToString()] if response.feeds else []

    def _fallen(self, frame: bytes) -> list[bytes]:
        """One of its trades a millisecond later, with half the day's volume."""
        response = self._one_trade(frame)
        for feed in response.feeds.values():
            _trade(feed).ltt += 1
            told = _told(feed)
            if hasattr(told, "vtt"):
                told.vtt //= 2
        return [response.SerializeToString()] if response.feeds else []

    def _one_trade(self, frame: bytes) -> Any:
        """The frame with one instrument of those that traded; with none where none has."""
        response = FeedResponse.FromString(frame)
        traded = sorted(key for key, feed in response.feeds.items() if _trade(feed).ltt)
        chosen = traded[int(self._random.integers(len(traded)))] if traded else None
        for key in [key for key in response.feeds if key != chosen]:
            del response.feeds[key]
        return response


def _told(feed: Any) -> Any:
    """The message that tells of an instrument: of its mode, or the feed itself."""
    union = feed.WhichOneof("FeedUnion")
    if union == "fullFeed":
        return getattr(feed.fullFeed, feed.fullFeed.WhichOneof("FullFeedUnion"))
    return feed.firstLevelWithGreeks if union == "firstLevelWithGreeks" else feed


def _trade(feed: Any) -> Any:
    return _told(feed).ltpc
