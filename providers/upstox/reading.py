"""What one connection has told since its subscription, and what it still owes.

Decides when a connection is up, which instruments it does not tell, and when it is mute. Pure:
frames and moments in, feed items out; it never raises but for a connection that is to be left.
"""

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
import structlog

from core.errors import ConnectionLost, ProtocolViolation
from core.ports import (
    FeedDown,
    FeedItem,
    FeedUp,
    Heartbeat,
    LastMinutes,
    MarketStatus,
    PreviousCloses,
    TickBatch,
)
from core.session import Phase
from core.types import joined
from providers.upstox.arrivals import Arrival
from providers.upstox.wire import Frame, FrameDecoder, Garbage

FIRST_FRAME_S = 10.0  # in which the exchange has to say something; it does at once
SNAPSHOT_S = 5.0  # in which every instrument asked for has to be told
STALE_S = 5.0  # without data from a busy connection, pings or not: nothing is known
MUTE_S = 15.0  # then a busy one is left
PATIENCE_S, LONGEST_PATIENCE_S = 60.0, 900.0  # the same of any other, longer each time in vain
BUSY_FRAMES, BUSY_WITHIN_S = 30, 60.0  # what a busy connection tells
GARBAGE_LIMIT = 20  # frames that are none, one after the other: then the connection is left
OPEN = "NORMAL_OPEN"
MAX_TEXTS, MAX_TEXT = 5, 200  # of a broker's texts, and of one, in our log

log = structlog.get_logger()


class Reading:
    """One connection.

    Args:
        keys: of its instruments, numbered from `first` on.
        count: of all instruments; where these are all, nobody has to name them.
        now_s: when they were asked for; seconds that only grow.
        patience_s: how long a connection that is not busy may be mute in an open market.
    """

    def __init__(
        self,
        keys: Sequence[str],
        *,
        first: int,
        number: int,
        count: int,
        now_s: float,
        patience_s: float,
        rejected: dict[str, int],
    ) -> None:
        self._decoder = FrameDecoder(keys, number, rejected, first=first)
        self._rejected = rejected
        self._keys = dict(enumerate(keys, first))
        self._segments = {key.partition("|")[0] for key in keys}
        self._number = number
        self._count = count
        self._patience_s = patience_s
        self._statuses: dict[tuple[Phase | None, str], str] = {}
        self._began_s = now_s  # with the subscription, then with the first frame
        self._data_s = now_s  # of the last frame with data, or of the market's opening
        self._recent: deque[float] = deque(maxlen=BUSY_FRAMES)
        self._withheld: set[int] = set()  # asked for and not told
        self._again: list[str] = []
        self._has_begun = self._has_asked_again = False
        self._garbage = self._texts = 0
        self.is_up = False
        self.is_mute = False  # why it was left
        self.was_busy = False

    # --- what comes ------------------------------------------------------------------------------

    def frames(self, frames: Sequence[Arrival], now_s: float) -> Iterator[FeedItem]:
        """What they say, in order. Raises ProtocolViolation as `frame` does.

        Ticks of several are one batch, as if they had come in one frame: what a batch costs behind
        us is then paid once, which is what lets a busy feed of small frames be kept up with.
        """
        batches: list[TickBatch] = []
        for frame, recv_ns in frames:
            if isinstance(frame, str):
                items = self.text(frame, recv_ns)
            else:
                items = self.frame(frame, recv_ns, now_s)
            for item in items:
                if isinstance(item, TickBatch) and len(frames) > 1:
                    # The decoder overwrites it with the next frame.
                    batches.append(TickBatch(recv_ns, item.ticks.copy()))
                    continue
                yield from _together(batches)
                batches = []
                yield item
        yield from _together(batches)

    def frame(self, frame: bytes, recv_ns: int, now_s: float) -> list[FeedItem]:
        """What it says. Raises ProtocolViolation for the last of too many that say nothing."""
        found = self._decoder.decode(frame, recv_ns)
        if isinstance(found, Garbage):
            return self._unread(found, recv_ns)
        self._garbage = 0
        items: list[FeedItem] = []
        if not self._has_begun:
            self._has_begun, self._began_s, self._data_s = True, now_s, now_s
            items += self._up(recv_ns)
        if not found.statuses:
            items += self._data(found, recv_ns, now_s)
        items += self._market(found, recv_ns, now_s)
        return items

    def _unread(self, found: Garbage, recv_ns: int) -> list[FeedItem]:
        """A frame that is none: what it told is not known, as if the link were away until the next
        one."""
        self._garbage += 1
        self._rejected["garbage"] += 1
        if self._garbage >= GARBAGE_LIMIT:
            raise ProtocolViolation(f"{self._garbage} frames were none: {found.reason}")
        if not self.is_up:
            return []
        self.is_up = False
        reason = f"a frame could not be read: {found.reason}"
        return [FeedDown(recv_ns, reason, self._number, self.instruments)]

    def _data(self, found: Frame, recv_ns: int, now_s: float) -> list[FeedItem]:
        self._data_s = now_s
        self._recent.append(now_s)
        items: list[FeedItem] = [] if self.is_up else self._up(recv_ns)
        if self._withheld and (back := self._withheld - self._decoder.unheard):
            self._withheld -= back
            items.append(FeedUp(recv_ns, self._number, tuple(sorted(back))))
        if found.closes:
            closes = np.full(self._count, np.nan)
            closes[list(found.closes)] = list(found.closes.values())
            items.append(PreviousCloses(recv_ns, closes))
        if len(found.candles):
            items.append(LastMinutes(recv_ns, found.candles))
        if len(found.ticks):
            items.append(TickBatch(recv_ns, found.ticks))
        else:
            items.append(Heartbeat(recv_ns))
        return items

    def _market(self, found: Frame, recv_ns: int, now_s: float) -> list[FeedItem]:
        """What is new of the market's phases."""
        items: list[FeedItem] = []
        for segment, status, of, since_ns in found.statuses:
            if self._statuses.get((of, segment)) != status:
                if of is None and status == OPEN and segment in self._segments:
                    self._data_s = now_s  # it was lawfully quiet until now
                self._statuses[of, segment] = status
                items.append(MarketStatus(recv_ns, segment, status, of, since_ns))
        return items

    def text(self, text: str, recv_ns: int) -> list[FeedItem]:
        """Text where data belong, e.g. `{"status": "failed", ...}`: how it names what it is about
        is not documented, so our keys are looked for in it."""
        self._texts += 1
        if self._texts <= MAX_TEXTS:
            log.warning("feed_said_text", text=text[:MAX_TEXT])
        named = {number for number, key in self._keys.items() if key in text}
        return self._withhold(named - self._withheld, "the broker refuses it", recv_ns)

    # --- what does not come ----------------------------------------------------------------------

    def look(self, recv_ns: int, now_s: float) -> list[FeedItem]:
        """What is overdue. Raises ConnectionLost where the connection is to be left."""
        if not self._has_begun:
            if now_s - self._began_s >= FIRST_FRAME_S:
                raise ConnectionLost(f"it has said nothing for {FIRST_FRAME_S:.0f} s")
            return []
        items: list[FeedItem] = []
        silent_s = now_s - self._data_s
        if any(self._statuses.get((None, segment)) == OPEN for segment in self._segments):
            busy = self._is_busy()
            if silent_s >= (MUTE_S if busy else self._patience_s):
                self.is_mute = True
                raise ConnectionLost(f"it has told nothing for {silent_s:.0f} s, in an open market")
            if busy and self.is_up and silent_s >= STALE_S:
                self.is_up = False
                reason = f"it has told nothing for {STALE_S:.0f} s"
                items.append(FeedDown(recv_ns, reason, self._number, self.instruments))
        return items + self._ignored(recv_ns, now_s)

    def _ignored(self, recv_ns: int, now_s: float) -> list[FeedItem]:
        """What no snapshot has told in time; once a connection."""
        if self._has_asked_again or now_s - self._began_s < SNAPSHOT_S:
            return []
        self._has_asked_again = True
        ignored = self._decoder.unheard - self._withheld
        self._again = [self._keys[number] for number in sorted(ignored)]
        return self._withhold(ignored, f"no snapshot within {SNAPSHOT_S:.0f} s", recv_ns)

    def take_unheard(self) -> list[str]:
        """Keys that no snapshot told in time and that are to be asked for once more."""
        again, self._again = self._again, []
        return again

    @property
    def instruments(self) -> tuple[int, ...]:
        """As FeedUp and FeedDown name them."""
        return () if len(self._keys) == self._count else tuple(self._keys)

    def _up(self, recv_ns: int) -> list[FeedItem]:
        self.is_up = True
        told = tuple(number for number in self._keys if number not in self._withheld)
        if not told:
            return []
        return [FeedUp(recv_ns, self._number, told if self._withheld else self.instruments)]

    def _withhold(self, numbers: set[int], reason: str, recv_ns: int) -> list[FeedItem]:
        if not numbers:
            return []
        self._withheld |= numbers
        self._decoder.unheard |= numbers
        return [FeedDown(recv_ns, reason, self._number, tuple(sorted(numbers)))]

    def _is_busy(self) -> bool:
        recent = self._recent
        busy = len(recent) == BUSY_FRAMES and recent[-1] - recent[0] <= BUSY_WITHIN_S
        self.was_busy |= busy
        return busy


def _together(batches: Sequence[TickBatch]) -> Sequence[TickBatch]:
    if len(batches) <= 1:
        return batches
    return [TickBatch(batches[-1].recv_ns, joined([one.ticks for one in batches]))]
