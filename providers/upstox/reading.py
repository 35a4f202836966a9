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
from core.session import MINUTE_NS, SECOND_NS, Phase
from core.types import TICK
from providers.upstox.arrivals import Arrival
from providers.upstox.wire import Frame, FrameDecoder, Garbage

# Market time, which a market that waits for its readers lets stand still meanwhile.
FIRST_FRAME_NS = 10 * SECOND_NS  # in which the exchange has to say something; it does at once
SNAPSHOT_NS = 5 * SECOND_NS  # in which every instrument asked for has to be told
# Without data from a busy connection, pings or not, nothing is known after STALE; after MUTE it is
# left. Not before it has been silent for so many times its mean gap: by chance that never happens.
STALE_NS, STALE_GAPS = 5 * SECOND_NS, 20
MUTE_NS, MUTE_GAPS = 15 * SECOND_NS, 30
PATIENCE_NS = MINUTE_NS  # the same of any other; twice as long each time in vain
LONGEST_PATIENCE_NS = 15 * MINUTE_NS
BUSY_FRAMES, BUSY_WITHIN_NS = 30, MINUTE_NS  # what a busy connection tells
GARBAGE_LIMIT = 20  # frames that are none, one after the other: then the connection is left
OPEN = "NORMAL_OPEN"
MAX_TEXTS, MAX_TEXT = 5, 200  # of a broker's texts, and of one, in our log

log = structlog.get_logger()


class Reading:
    """One connection.

    Args:
        keys: of its instruments, numbered from `first` on.
        count: of all instruments; where these are all, nobody has to name them.
        now_ns: when they were asked for.
        patience_ns: how long a connection that is not busy may be mute in an open market.
    """

    def __init__(
        self,
        keys: Sequence[str],
        *,
        first: int,
        number: int,
        count: int,
        now_ns: int,
        patience_ns: int,
        rejected: dict[str, int],
    ) -> None:
        self._decoder = FrameDecoder(keys, number, rejected, first=first)
        self._rejected = rejected
        self._keys = dict(enumerate(keys, first))
        self._segments = {key.partition("|")[0] for key in keys}
        self._number = number
        self._count = count
        self._patience_ns = patience_ns
        self._statuses: dict[tuple[Phase | None, str], str] = {}
        self._began_ns = now_ns  # with the subscription, then with the first frame
        self._data_ns = now_ns  # of the last frame with data, or of the market's opening
        self._recent: deque[int] = deque(maxlen=BUSY_FRAMES)
        self._withheld: set[int] = set()  # asked for and not told
        self._again: list[str] = []
        self._has_begun = self._has_asked_again = False
        self._garbage = self._texts = 0
        self.is_up = False
        self.is_mute = False  # why it was left
        self.was_busy = False

    # --- what comes ------------------------------------------------------------------------------

    def frames(self, frames: Sequence[Arrival]) -> Iterator[FeedItem]:
        """What they say, in order. Raises ProtocolViolation as `frame` does.

        Ticks of several are one batch, as if they had come in one frame: what a batch costs behind
        us is then paid once, which is what lets a busy feed of small frames be kept up with.
        """
        if len(frames) == 1:
            [(frame, recv_ns)] = frames
            yield from self._said(frame, recv_ns)
            return
        rows, last_ns = bytearray(), 0  # as bytes: the decoder overwrites them with the next frame
        for frame, recv_ns in frames:
            if plain := self._plain(frame, recv_ns):
                rows += plain
                last_ns = recv_ns
                continue
            for item in self._said(frame, recv_ns):
                if isinstance(item, TickBatch):
                    rows += item.ticks.tobytes()
                    last_ns = recv_ns
                    continue
                if rows:
                    yield TickBatch(last_ns, np.frombuffer(rows, TICK))
                    rows = bytearray()
                yield item
        if rows:
            yield TickBatch(last_ns, np.frombuffer(rows, TICK))

    def _plain(self, frame: bytes | str, recv_ns: int) -> bytes:
        """The rows of a frame that tells trades and nothing else; none of one to be looked at."""
        if not self.is_up or self._withheld or isinstance(frame, str):
            return b""
        rows = self._decoder.plain_rows(frame, recv_ns)
        if rows:
            self._garbage, self._data_ns = 0, recv_ns
            self._recent.append(recv_ns)
        return rows

    def _said(self, frame: bytes | str, recv_ns: int) -> list[FeedItem]:
        if isinstance(frame, str):
            return self.text(frame, recv_ns)
        return self.frame(frame, recv_ns)

    def frame(self, frame: bytes, recv_ns: int) -> list[FeedItem]:
        """What it says. Raises ProtocolViolation for the last of too many that say nothing."""
        found = self._decoder.decode(frame, recv_ns)
        if isinstance(found, Garbage):
            return self._unread(found, recv_ns)
        self._garbage = 0
        items: list[FeedItem] = []
        if not self._has_begun:
            self._has_begun, self._began_ns, self._data_ns = True, recv_ns, recv_ns
            items += self._up(recv_ns)
        if not found.statuses:
            items += self._data(found, recv_ns)
        items += self._market(found, recv_ns)
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

    def _data(self, found: Frame, recv_ns: int) -> list[FeedItem]:
        self._data_ns = recv_ns
        self._recent.append(recv_ns)
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

    def _market(self, found: Frame, recv_ns: int) -> list[FeedItem]:
        """What is new of the market's phases."""
        items: list[FeedItem] = []
        for segment, status, of, since_ns in found.statuses:
            if self._statuses.get((of, segment)) != status:
                if of is None and status == OPEN and segment in self._segments:
                    self._data_ns = recv_ns  # it was lawfully quiet until now
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

    def look(self, now_ns: int) -> list[FeedItem]:
        """What is overdue. Raises ConnectionLost where the connection is to be left."""
        if not self._has_begun:
            if now_ns - self._began_ns >= FIRST_FRAME_NS:
                raise ConnectionLost(f"it has said nothing for {FIRST_FRAME_NS // SECOND_NS} s")
            return []
        items: list[FeedItem] = []
        silent_ns = now_ns - self._data_ns
        silent = f"it has told nothing for {silent_ns // SECOND_NS} s"
        if any(self._statuses.get((None, segment)) == OPEN for segment in self._segments):
            stale_ns, mute_ns = self._limits()
            if silent_ns >= mute_ns:
                self.is_mute = True
                raise ConnectionLost(f"{silent}, in an open market")
            if self.is_up and silent_ns >= stale_ns:
                self.is_up = False
                items.append(FeedDown(now_ns, silent, self._number, self.instruments))
        return items + self._ignored(now_ns)

    def _ignored(self, now_ns: int) -> list[FeedItem]:
        """What no snapshot has told in time; once a connection."""
        if self._has_asked_again or now_ns - self._began_ns < SNAPSHOT_NS:
            return []
        self._has_asked_again = True
        ignored = self._decoder.unheard - self._withheld
        self._again = [self._keys[number] for number in sorted(ignored)]
        reason = f"no snapshot within {SNAPSHOT_NS // SECOND_NS} s"
        return self._withhold(ignored, reason, now_ns)

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

    def _limits(self) -> tuple[int, int]:
        """How long it may be silent in an open market: until it is stale, until it is left."""
        recent = self._recent
        if len(recent) < BUSY_FRAMES or recent[-1] - recent[0] > BUSY_WITHIN_NS:
            return self._patience_ns, self._patience_ns
        self.was_busy = True
        gap_ns = (recent[-1] - recent[0]) // (BUSY_FRAMES - 1)
        return max(STALE_NS, STALE_GAPS * gap_ns), max(MUTE_NS, MUTE_GAPS * gap_ns)
