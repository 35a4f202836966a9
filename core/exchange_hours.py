"""What the exchange says of its own phases, held against our table of sessions (market.md 2).

Decides when the two contradict each other. Knows no clock and no feed; a word that it has never
heard says nothing.
"""

from collections.abc import Callable, Sequence

from core.session import SECOND_NS, Phase, Session
from core.types import Bools, Instrument, SessionClass

GRACE_NS = 2 * SECOND_NS  # around the edges of a session: clocks differ, and words take their way
OPEN = "NORMAL_OPEN"
# Of a segment: no continuous trading.
SHUT = frozenset(("PRE_OPEN_START", "PRE_OPEN_END", "NORMAL_CLOSE", "CLOSING_START", "CLOSING_END"))
# Of one session alone, once it has begun: no continuous trading, of shares with the closing
# auction, or of all. An older word is left over from another day.
BEGUN = {
    Phase.CLOSING_AUCTION: frozenset(("CTS_CLOSE", "CAS_LM_START", "CAS_M_STOP", "CAS_STOP")),
    Phase.PRE_OPEN: frozenset(("PRE_OPEN_START", "PRE_OPEN_M_END")),
}


class ExchangeHours:
    """The phases of the instruments' segments, as last told.

    Args:
        in_session: which instruments trade continuously at a moment, by our table.
        widest: the sessions of all classes of the day: a segment may be open for others of it.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        in_session: Callable[[int], Bools],
        widest: Sequence[Session],
    ) -> None:
        self._segments: dict[str, list[int]] = {}
        for number, instrument in enumerate(instruments):
            self._segments.setdefault(instrument.id.partition("|")[0], []).append(number)
        self._auctioned = {
            number
            for number, instrument in enumerate(instruments)
            if instrument.session_class is SessionClass.CASH_AUCTION
        }
        self._in_session = in_session
        self._widest = list(widest)
        self._told: dict[tuple[str, Phase | None], tuple[str, int]] = {}

    def tell(self, segment: str, status: str, of: Phase | None = None, since_ns: int = 0) -> bool:
        """As a MarketStatus says it; whether that is new."""
        place, told = (segment, of), (status, since_ns)
        is_new = self._told.get(place) != told
        self._told[place] = told
        return is_new

    def contradiction(self, now_ns: int) -> str | None:
        """Where the exchange and our table do not agree on this moment; None: nowhere."""
        for (segment, of), (status, since_ns) in self._told.items():
            numbers = self._segments.get(segment, [])
            if of is Phase.CLOSING_AUCTION:
                numbers = [number for number in numbers if number in self._auctioned]
            if not numbers:
                continue
            if of is None:
                shut, begun_ns = status in SHUT, now_ns
            else:
                shut, begun_ns = status in BEGUN.get(of, ()), since_ns
            if shut and self._trades(numbers, now_ns, min(begun_ns, now_ns)):
                return f"{segment} is told {status}, our table has it open"
            if of is None and status == OPEN and self._is_closed(numbers, now_ns):
                return f"{segment} is told {status}, our table has it closed"
        return None

    def _trades(self, numbers: Sequence[int], now_ns: int, begun_ns: int) -> bool:
        """Whether one of them trades, now and around now, and did when that began."""
        moments = (now_ns - GRACE_NS, now_ns, now_ns + GRACE_NS, begun_ns)
        trading = [self._in_session(moment)[numbers] for moment in moments]
        return bool((trading[0] & trading[1] & trading[2] & trading[3]).any())

    def _is_closed(self, numbers: Sequence[int], now_ns: int) -> bool:
        """Whether nothing of the segment trades, ours or not, now and around now."""
        moments = (now_ns - GRACE_NS, now_ns, now_ns + GRACE_NS)
        if any(one.contains(moment) for one in self._widest for moment in moments):
            return False
        return not any(self._in_session(moment)[numbers].any() for moment in moments)
