"""What paper makes of a decision that a broker filled: the measure of a told fill.

Runs the rules of paper (`advance`) for one position alone: an entry as it was decided, or the way
out of a position whose entry came at a told price. Decides nothing about a book.
"""

from typing import NamedTuple

import numpy as np

from core.advance import advance, leave
from core.jit import kernel
from core.rules.account import fill_entry, submit_entry
from core.rules.exits import ask_timed_exits, count_bars_held, end_minute, flatten, mark
from core.rules.holdings import ENTERED, EXITED, FLAT, Holdings
from core.types import MISSING, Bools, ExitReason, MinuteSpan, Row

UNTOUCHED = (ExitReason.TARGET, ExitReason.FORCED)  # these take a price as it is


class Decision(NamedTuple):
    """An entry that was sent at the end of a Minute; instrument and strategy by their numbers."""

    minute: int
    strategy: int
    instrument: int
    side: int
    close: float
    atr: float
    shares: int


class PaperFill(NamedTuple):
    """`reference`: the price before slippage and tick: of the bar's open, or the stop's own."""

    ts_ns: int
    price: float
    reference: float
    reason: ExitReason = ExitReason.NONE


def paper_entry(span: MinuteSpan, holdings: Holdings, decided: Decision) -> PaperFill | None:
    """How paper fills this entry; None: it is taken back before a bar comes.

    Args:
        span: the whole day with its strategy bars.
        holdings: a fresh flat book, which is used up.
    """
    number = decided.instrument
    submit_entry(holdings, decided.strategy, number, *decided[3:])
    minute, minutes = decided.minute, len(span.close_ns)
    stops = np.zeros(minutes, np.bool_)
    while minute + 1 < minutes and holdings.positions[number].status != FLAT:
        minute, count = advance(span, minute + 1, holdings, stops, False)
        for report in holdings.reports[:count]:
            if report.kind == ENTERED:
                return _told(span, minute, report)
        if minute < minutes:
            end_minute(span, minute, holdings, False, 0)
    return None


def paper_exit(
    span: MinuteSpan,
    holdings: Holdings,
    decided: Decision,
    entry_price: float,
    entry_ns: int,
    late: Bools,
    flattened: Bools,
) -> PaperFill | None:
    """How paper leaves the position whose entry came at `entry_price`; None: after the day.

    Args:
        late: bool[m]: Minutes whose timed exits waited.
        flattened: bool[m]: Minutes after which an operator had everything closed.
    """
    number = decided.instrument
    submit_entry(holdings, decided.strategy, number, *decided[3:])
    minutes = len(span.close_ns)
    minute = int(np.searchsorted(span.close_ns, entry_ns, "right"))
    if minute == minutes:
        return None
    stops = flattened.copy()
    stops[:-1] |= late[:-1] != late[1:]  # `advance` is told one of them at a time
    count = enter_at(span, minute, number, entry_price, entry_ns, holdings, bool(late[minute]))
    while True:
        for report in holdings.reports[:count]:
            if report.kind == EXITED:
                return _told(span, minute, report)
        count = end_minute(span, minute, holdings, False, 0)
        if count > 0:
            return _told(span, minute, holdings.reports[0])
        if flattened[minute]:
            flatten(holdings)
        if minute + 1 == minutes:
            return None
        minute, count = advance(span, minute + 1, holdings, stops, bool(late[minute + 1]))
        if minute == minutes:
            return None


@kernel
def enter_at(
    span: MinuteSpan,
    minute: int,
    instrument: int,
    price: float,
    fill_ns: int,
    holdings: Holdings,
    late: bool,
) -> int:
    """(a) and (b) of the Minute of an entry whose price is told: else as `advance`."""
    rules, close_ns = span.rules[span.day_index[minute]], span.close_ns[minute]
    count = fill_entry(holdings, instrument, price, fill_ns, rules, 0)
    for b in range(span.first_bar[minute], span.first_bar[minute + 1]):
        bar = span.bars[b]
        if bar.instrument == instrument and not bar.quality & MISSING:
            mark(holdings.positions[instrument], bar, close_ns)
            count = leave(bar, close_ns, holdings, True, rules, count)
    count_bars_held(span, minute, holdings)
    if not late:
        count = ask_timed_exits(span, minute, holdings, count)
    return count


def _told(span: MinuteSpan, minute: int, report: Row) -> PaperFill:
    """An ENTERED or EXITED report of this Minute."""
    reason, fill_ns, price = ExitReason(report.reason), int(report.fill_ns), float(report.price)
    reference = price
    if reason not in UNTOUCHED:
        bars = span.bars[span.first_bar[minute] : span.first_bar[minute + 1]]
        [bar] = bars[bars["instrument"] == report.instrument]
        inside = reason is ExitReason.STOP and fill_ns == span.close_ns[minute]
        reference = float(report.stop if inside else bar.open)
    return PaperFill(fill_ns, price, reference, reason)
