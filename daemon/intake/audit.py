"""Holds our bars against the candles that the feed tells of the last minute, and tells the outcome.

The shell around `core/audit.py`. Alters no bar; what differs is in the counts always, and in the
log at most every ten minutes.
"""

from collections.abc import Callable, Sequence

import structlog

from core.audit import BarAudit, BarDifference, MinuteAudit
from core.session import MINUTE_NS, ist_text
from core.types import Bools, Instrument, Records

FEED, CANDLES = "feed", "candles"  # what our bars are held against
TOLD_EVERY_NS = 10 * MINUTE_NS

log = structlog.get_logger()


class Auditor:
    """Over one day's feed.

    Args:
        in_session: which instruments trade at a moment.
    """

    def __init__(
        self,
        audit: BarAudit,
        instruments: Sequence[Instrument],
        in_session: Callable[[int], Bools],
    ) -> None:
        self._audit = audit
        self._minutes = MinuteAudit(len(instruments), audit)
        self._instruments = instruments
        self._in_session = in_session
        self._told_ns = 0

    def told(self, candles: Records) -> None:
        """Candles of completed minutes, by the feed."""
        self._minutes.told(candles)

    def published(self, close_ns: int, bars: Records) -> None:
        """A Minute of ours, as it is handed on."""
        open_ns = close_ns - MINUTE_NS
        self._tell(self._minutes.closed(open_ns, bars, self._in_session(open_ns)))

    def end(self) -> None:
        """The feed's day is over."""
        self._tell(self._minutes.finish())
        tell_audit(FEED, self._audit)

    def _tell(self, difference: BarDifference | None) -> None:
        if difference is None or difference.open_ns < self._told_ns + TOLD_EVERY_NS:
            return
        self._told_ns = difference.open_ns
        tell_difference(FEED, difference, self._instruments, self._audit)


def tell_difference(
    against: str, difference: BarDifference, instruments: Sequence[Instrument], audit: BarAudit
) -> None:
    log.warning(
        "bars_differ",
        against=against,
        minute=ist_text(difference.open_ns),
        instrument=instruments[difference.instrument].symbol,
        field=difference.field,
        ours=difference.ours,
        theirs=difference.theirs,
        differ=audit.differ,
    )


def tell_audit(against: str, audit: BarAudit) -> None:
    if audit.compared:
        log.info(
            "bars_audited",
            against=against,
            equal=audit.equal,
            differ=audit.differ,
            missing=audit.missing,
            largest={name: audit.largest[name] for name, count in audit.fields.items() if count},
        )
