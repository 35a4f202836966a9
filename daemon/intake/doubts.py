"""What is doubted now, on its way from ingest to the trading task: taken before each Minute.

A level, not a queue: ingest says what it doubts, the trading task takes the difference to what the
ledger knows, so nothing piles up however often a doubt comes and goes while Minutes wait.
"""

from collections.abc import Iterable, Mapping, Sequence, Set

import structlog

from core.doubts import ALL, Doubt, DoubtChange, DoubtKind
from daemon.memory.journal import symbol_of

MAX_NAMED = 3  # instruments in one line of the log

log = structlog.get_logger()


class Doubts:
    """The open doubts, and those of each published Minute that waits to be handled.

    Args:
        carried: open by what the ledger says; each ends when there is a reason to end it.
    """

    def __init__(self, symbols: Sequence[str] = (), carried: Iterable[Doubt] = ()) -> None:
        self._symbols = symbols
        self._open: Mapping[Doubt, str] = dict.fromkeys(carried, "")
        self._of_minute: dict[int, Mapping[Doubt, str]] = {}  # by close; as many as Minutes wait

    def open(self, doubt: Doubt, reason: str) -> None:
        if doubt not in self._open:
            self._open = {**self._open, doubt: reason}  # Minutes hold the old one
            symbol = symbol_of(doubt, self._symbols)
            log.warning("doubt_opened", doubt=doubt.kind, instrument=symbol, reason=reason)

    def close(self, doubt: Doubt) -> None:
        if doubt in self._open:
            self._open = {one: text for one, text in self._open.items() if one != doubt}
            symbol = symbol_of(doubt, self._symbols)
            log.info("doubt_closed", doubt=doubt.kind, instrument=symbol)

    def settle(self, kind: DoubtKind, wanted: Set[Doubt], reason: str) -> None:
        """Have exactly these open of their kind; `reason` of those that were not. One line of the
        log for all that open together: a connection carries up to two thousand instruments."""
        held = {one for one in self._open if one.kind is kind}
        opened, closed = sorted(wanted - held), sorted(held - wanted)
        if not opened and not closed:
            return
        kept = {
            one: text for one, text in self._open.items() if one in wanted or one.kind is not kind
        }
        self._open = kept | dict.fromkeys(opened, reason)
        if opened:
            log.warning("doubt_opened", doubt=kind, instrument=self._names(opened), reason=reason)
        if closed:
            log.info("doubt_closed", doubt=kind, instrument=self._names(closed))

    def explain(self, doubts: Set[Doubt], reason: str) -> None:
        """A newer reason of those of them that are open: what a person has to do may have changed,
        as when a lost line turns out to be a token that has ended."""
        self._open = {one: reason if one in doubts else text for one, text in self._open.items()}

    def _names(self, doubts: Sequence[Doubt]) -> str | None:
        named = [symbol_of(one, self._symbols) for one in doubts[:MAX_NAMED]]
        if None in named:
            return None
        more = f" and {len(doubts) - MAX_NAMED} more" if len(doubts) > MAX_NAMED else ""
        return ", ".join(str(one) for one in named) + more

    def told(self) -> list[str]:
        """The open ones, as a person reads them."""
        return [
            f"{one.kind} {symbol_of(one, self._symbols) or 'all'}: {reason or 'since before'}"
            for one, reason in sorted(self._open.items())
        ]

    @property
    def stale(self) -> frozenset[str]:
        """Symbols that are not told now, while others are."""
        return frozenset(
            str(symbol_of(one, self._symbols))
            for one in self._open
            if one.kind in (DoubtKind.FEED, DoubtKind.SYMBOL) and one.instrument != ALL
        )

    @property
    def open_now(self) -> Mapping[Doubt, str]:
        return self._open

    def of_minute(self, close_ns: int) -> None:
        """The Minute is closed: what is doubted now is doubted of it."""
        self._of_minute[close_ns] = self._open

    def changes(self, close_ns: int, known: frozenset[Doubt]) -> list[DoubtChange]:
        """What opens and closes before this Minute is decided: what was doubted of it, and what
        is doubted now, against what is `known` to the ledger."""
        wanted = {**self._of_minute.pop(close_ns, {}), **self._open}
        closed = [DoubtChange(one, False, "") for one in sorted(known - wanted.keys())]
        opened = [DoubtChange(one, True, wanted[one]) for one in sorted(wanted.keys() - known)]
        return closed + opened
