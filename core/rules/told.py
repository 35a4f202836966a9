"""Fills that a broker tells, in parts, between two Minutes: positions and cash, never a price.

Paper's answer to the same fills is the measure: a round trip is settled in the Minute whose bar
holds its last fill, there where the simulated exchange (`core/advance.py`) would have found it.
"""

from core.jit import kernel
from core.rules.account import cancel_entry, close_round_trip, fill_entry
from core.rules.fees import fees_paise, value_paise
from core.rules.holdings import (
    CLOSING,
    ENTRY_CANCELLED,
    OPEN,
    PENDING_ENTRY,
    PENDING_EXIT,
    Holdings,
)
from core.types import ExitReason, Row

STOP = int(ExitReason.STOP)


@kernel
def book_entry(
    holdings: Holdings, instrument: int, shares: int, price: float, fill_ns: int, rules: Row
) -> int:
    """`shares` of the entry filled at `price`; returns what they add to the order's fees.

    The first ones open the position and set its bracket. An entry that was to be taken back is on
    its way out at once.
    """
    position = holdings.positions[instrument]
    if position.status == PENDING_ENTRY:
        position.coming = position.quantity - shares
        position.quantity = shares
        fill_entry(holdings, instrument, price, fill_ns, rules, 0)
        if position.exit_reason != 0:
            position.status = PENDING_EXIT
        return int(position.entry_fees_paise)
    before = position.entry_fees_paise
    position.coming -= shares
    position.quantity += shares
    position.entry_value_paise += value_paise(shares, price)
    position.entry_price = average_price(position.entry_value_paise, position.quantity)
    position.entry_fees_paise = fees_paise(position.entry_value_paise, position.side, rules)
    return int(position.entry_fees_paise - before)


@kernel
def book_exit(
    holdings: Holdings, instrument: int, shares: int, price: float, fill_ns: int, rules: Row
) -> int:
    """`shares` are out at `price`; returns what they add to the fees of the exit.

    One that nobody asked for is the stop's.
    """
    position = holdings.positions[instrument]
    if position.status == OPEN:
        position.status = PENDING_EXIT
        position.exit_reason = STOP
    before, is_first = position.exit_fees_paise, position.exited == 0
    position.exited += shares
    position.exit_ns = fill_ns
    position.exit_value_paise += value_paise(shares, price)
    average = average_price(position.exit_value_paise, position.exited)
    position.exit_price = price if is_first else average
    position.exit_fees_paise = fees_paise(position.exit_value_paise, -position.side, rules)
    return int(position.exit_fees_paise - before)


@kernel
def average_price(value: int, shares: int) -> float:
    """Rupees a share; equal prices of whole paise give that very price."""
    return float(value / (100.0 * shares))


@kernel
def end_entry(holdings: Holdings, instrument: int) -> None:
    """No more of the entry will come. With nothing filled the book is flat; the signal stays ACTED
    and its entry counted."""
    position = holdings.positions[instrument]
    if position.status == PENDING_ENTRY:
        cancel_entry(holdings, instrument, 0)
    else:
        position.coming = 0


@kernel
def take_back(holdings: Holdings, instrument: int, reason: int, count: int) -> int:
    """A pending entry is to be cancelled: that is done where fills are simulated, and asked for
    where they are told, once."""
    position = holdings.positions[instrument]
    if not holdings.limits[0].fills_are_told:
        return cancel_entry(holdings, instrument, count)
    if position.exit_reason != 0:
        return count
    position.exit_reason = reason
    report = holdings.reports[count]
    report.kind = ENTRY_CANCELLED
    report.instrument = instrument
    return count + 1


@kernel
def settle_told(holdings: Holdings) -> int:
    """The round trips that were told out, after this Minute's marks; returns the report count."""
    count = 0
    for i in range(len(holdings.positions)):
        if holdings.positions[i].status == CLOSING:
            count = settle_one(holdings, i, count)
    return count


@kernel
def settle_one(holdings: Holdings, instrument: int, count: int) -> int:
    """Book the round trip of a position that is out; its charges are those of whole orders."""
    position = holdings.positions[instrument]
    count = close_round_trip(
        holdings,
        instrument,
        position.exit_reason,
        position.exit_price,
        position.exit_ns,
        position.exit_value_paise,
        position.exit_fees_paise,
        count,
    )
    position.coming = 0
    if position.strategy_close_ns > position.exit_ns:
        holdings.since_exit[position.strategy, instrument] = 1  # its bar has closed already
    return count
