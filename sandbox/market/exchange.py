"""The exchange of one run: its clock, its listings, and what is known of each at this moment.

Market time is that of the clock it is given; whoever asks is told that time, never the host's.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from core.ports import Clock
from core.session import (
    DAY_NS,
    MINUTE_NS,
    Phase,
    Session,
    day_span_ns,
    day_text,
    ist_day,
    live_session,
    recorded_session,
)
from core.session_table import FIRST_COVERED_DAY, LAST_COVERED_DAY
from core.types import SessionClass
from sandbox.faults import kinds
from sandbox.faults.schedule import NO_FAULTS, Faults
from sandbox.feed.messages import ENUMS
from sandbox.market.candles import Candles
from sandbox.market.hushed import Hushed
from sandbox.market.quotes import Quotes
from sandbox.market.universe import Listing, by_key
from sandbox.market.world import MS_NS, Tape, World

SessionOf = Callable[[Listing, int], Session | None]

SEGMENTS_OPEN = ("NSE_EQ", "NSE_INDEX")
SEGMENTS_SHUT = (
    "NSE_FO",
    "NSE_COM",
    "NCD_FO",
    "BSE_EQ",
    "BSE_FO",
    "BSE_INDEX",
    "BCD_FO",
    "MCX_FO",
    "MCX_INDEX",
)
STATUSES = ENUMS["MarketStatus"]
PRE_OPEN_START, PRE_OPEN_END, NORMAL_OPEN, NORMAL_CLOSE, CLOSING_START, CLOSING_END = range(6)
# By how open a segment is: it is as open as its most open class of shares.
_OPENNESS = (NORMAL_CLOSE, CLOSING_END, CLOSING_START, PRE_OPEN_START, PRE_OPEN_END, NORMAL_OPEN)
# The closing auction's own steps, minutes after it begins, in the words of its status messages.
AUCTION_STEPS = ((0, "CTS_CLOSE"), (5, "CAS_LM_START"), (10, "CAS_M_STOP"), (15, "CAS_STOP"))


class Phases(NamedTuple):
    """What the exchange says of its own phases: segment by segment, and of the closing auction."""

    segments: dict[str, int]
    closing_auction: dict[str, tuple[str, int]]


class Exchange:
    """Everything that the feed and the REST side tell of the market."""

    def __init__(
        self,
        listed: Sequence[Listing],
        world: World,
        session_of: SessionOf,
        clock: Clock,
        faults: Faults = NO_FAULTS,
    ) -> None:
        self.listed = tuple(listed)
        self.clock = clock
        self.faults = faults
        self._by_key = by_key(listed)
        self._world = Hushed(world, faults)
        self._session_of = session_of
        self._quotes: dict[str, Quotes] = {}
        self._quotes_day = -1
        self._held: list[Session] = []
        self._sessions_day = -1

    @property
    def day(self) -> int:
        """The IST date of market time."""
        return ist_day(self.clock.now_ns())

    def now_ms(self) -> int:
        return self.clock.now_ns() // MS_NS

    def listing(self, key: str) -> Listing | None:
        return self._by_key.get(key)

    def quotes(self, key: str) -> Quotes | None:
        """The quotes of a key's running day; None for a key that is not listed."""
        listing, day = self.listing(key), self.day
        if day != self._quotes_day:
            self._quotes, self._quotes_day = {}, day
        if listing is not None and key not in self._quotes:
            opened_ms = day_span_ns(day, SessionClass.CASH)[0] // MS_NS
            self._quotes[key] = Quotes(
                listing, self._world.tape(listing, day), opened_ms, self._traded_before_ms(listing)
            )
        return self._quotes.get(key)

    def session(self, listing: Listing, day: int) -> Session | None:
        """The hours of a listing on a day; None without any."""
        return self._session_of(listing, day)

    def tape(self, listing: Listing, day: int) -> Tape:
        """The trades of a day, those that have not happened yet among them."""
        return self._world.tape(listing, day)

    def candles(self, listing: Listing, day: int) -> Candles:
        """1m candles of a day, as far as market time has come: only completed minutes."""
        return self._world.tape(listing, day).candles().ended(self.now_ms())

    def last_working_day(self) -> int:
        """The day before the running one on which anything could trade."""
        days = range(self.day - 1, self.day - 15, -1)
        return next((day for day in days if self._session_of(self.listed[0], day)), days[-1])

    def phases(self) -> Phases:
        """As of now."""
        return self.phases_at(self.now_ms())

    def phases_at(self, now_ms: int) -> Phases:
        """As of a moment of the running day."""
        now_ns, day = now_ms * MS_NS, ist_day(now_ms * MS_NS)
        held = self._sessions(day)
        status = max(
            (_status(one, now_ns) for one in held), default=NORMAL_CLOSE, key=_OPENNESS.index
        )
        if self.faults.on(kinds.HALT, now_ms):
            status = NORMAL_CLOSE
        segments = dict.fromkeys(SEGMENTS_OPEN, status) | dict.fromkeys(SEGMENTS_SHUT, NORMAL_CLOSE)
        auction = {}
        for session in held:
            for phase, from_ns, _ in session.phases:
                begun = [
                    (text, from_ns + minutes * MINUTE_NS)
                    for minutes, text in AUCTION_STEPS
                    if from_ns + minutes * MINUTE_NS <= now_ns
                ]
                if phase is Phase.CLOSING_AUCTION and begun:
                    auction["NSE_EQ"] = (begun[-1][0], begun[-1][1] // MS_NS)
        return Phases(segments, auction)

    def cash_hours(self, day: int) -> Session | None:
        """The longest continuous trading of shares on `day`; None without any."""
        return max(self._sessions(day), default=None, key=lambda one: one.close_ns)

    def _sessions(self, day: int) -> list[Session]:
        """One of each class of shares; asked for with every frame, so kept for the day."""
        if day != self._sessions_day:
            classes = {one.session_class: one for one in self.listed}
            found = [self._session_of(classes[one], day) for one in sorted(classes)]
            self._held = [session for session in found if session is not None]
            self._sessions_day = day
        return self._held

    def _traded_before_ms(self, listing: Listing) -> int:
        """When it traded last before the running day."""
        for day in range(self._quotes_day - 1, self._quotes_day - 15, -1):
            session = self._session_of(listing, day)
            if session is not None:
                return session.close_ns // MS_NS - 1_000
        return (self._quotes_day - 15) * DAY_NS // MS_NS


def hours(listing: Listing, day: int) -> Session | None:
    """The session of a listing on any day: by the table of closures where that has come, else as
    recorded data is read. What only one source confirms is held here."""
    if FIRST_COVERED_DAY <= day_text(day) <= LAST_COVERED_DAY:
        return live_session(day, listing.session_class, accept=frozenset({day}))
    return recorded_session(day, listing.session_class)


def _status(session: Session, now_ns: int) -> int:
    """The state of the segment in the course of a session's day."""
    for phase, from_ns, to_ns in session.phases:
        if from_ns <= now_ns < to_ns:
            return {
                Phase.PRE_OPEN: PRE_OPEN_START,
                Phase.CONTINUOUS: NORMAL_OPEN,
                Phase.CLOSING_AUCTION: NORMAL_CLOSE,
                Phase.POST_CLOSE: CLOSING_START,
            }[phase]
    if now_ns < session.open_ns:
        before = [one for one in session.phases if one.phase is Phase.PRE_OPEN]
        return PRE_OPEN_END if before and now_ns >= before[0].close_ns else NORMAL_CLOSE
    windows = [one for one in session.phases if one.phase is Phase.POST_CLOSE]
    return CLOSING_END if windows and now_ns >= windows[-1].close_ns else NORMAL_CLOSE
