"""The account: whether an entry may be sent, how large, and what fills do to cash and positions.

Checks 1-7 of pixity.md 5 in their order; 8 (`duplicate`) needs the ledger and is the engine's.
Limits block entries only; an exit always passes.
"""

import numpy as np

from core.jit import kernel
from core.rules.brakes import release, start_count
from core.rules.fees import fees_paise, value_paise
from core.rules.holdings import (
    ENTERED,
    ENTRY_CANCELLED,
    EXIT_ASKED,
    EXITED,
    FLAT,
    OPEN,
    PENDING_ENTRY,
    PENDING_EXIT,
    Holdings,
)
from core.rules.matching import bracket_price
from core.rules.sizing import quantity
from core.types import Command, Refusal, Row, TradingState

NONE, GAP, LATE, STATE = int(Refusal.NONE), int(Refusal.GAP), int(Refusal.LATE), int(Refusal.STATE)
LAST_ENTRY, POSITION = int(Refusal.LAST_ENTRY), int(Refusal.POSITION)
COOLDOWN, MAX_ENTRIES = int(Refusal.COOLDOWN), int(Refusal.MAX_ENTRIES)
DAY_LOSS, QUANTITY = int(Refusal.DAY_LOSS), int(Refusal.QUANTITY)
HALT, RESUME = int(Command.HALT), int(Command.RESUME)
ACTIVE, REDUCING = int(TradingState.ACTIVE), int(TradingState.REDUCING)
HALTED = int(TradingState.HALTED)


@kernel
def decide(
    holdings: Holdings,
    strategy: int,
    bar: Row,
    side: int,
    close: float,
    atr: float,
    session: Row,
    late: bool,
) -> tuple[int, float, float, int]:
    """Ask every rule whether an entry may be sent at the close of `bar`.

    Returns (refusal, value, limit, quantity): the first refusing rule with what it saw and its
    limit (0, 0 where a rule has no number), or NONE with the quantity to enter.
    """
    limits, account = holdings.limits[0], holdings.account[0]
    terms, position = holdings.terms[strategy], holdings.positions[bar.instrument]
    waited = holdings.since_exit[strategy, bar.instrument]
    if bar.gap > 0 and not terms.accept_gaps:
        return GAP, float(bar.gap), 0.0, 0
    if late:
        return LATE, 0.0, 0.0, 0
    if account.state != 0 or account.doubts > 0 or position.blocked > 0:
        return STATE, float(account.state), 0.0, 0
    if bar.close_ns > session.last_entry_ns:
        return LAST_ENTRY, float(bar.close_ns), float(session.last_entry_ns), 0
    if position.status != FLAT:
        return POSITION, float(position.side * position.quantity), 0.0, 0
    if waited < terms.cooldown_bars:
        return COOLDOWN, float(waited), float(terms.cooldown_bars), 0
    if account.entries_today >= limits.max_entries_per_day:
        return MAX_ENTRIES, float(account.entries_today), float(limits.max_entries_per_day), 0
    if account.day_loss_latched:
        loss = day_result_paise(holdings)
        return DAY_LOSS, loss / 100.0, -limits.max_daily_loss_paise / 100.0, 0
    shares = quantity(close, atr, equity(holdings), exposure(holdings), limits, terms)
    if shares < 1.0:
        return QUANTITY, shares, 1.0, 0
    return NONE, 0.0, 0.0, int(shares)


@kernel
def unrealised_paise(holdings: Holdings) -> int:
    """Open positions at their last 1m close against their entry value, without fees."""
    total = 0
    for i in range(len(holdings.positions)):
        position = holdings.positions[i]
        if position.status >= OPEN:
            value = value_paise(position.quantity - position.exited, position.last_close)
            value += position.exit_value_paise
            total += position.side * (value - position.entry_value_paise)
    return total


@kernel
def day_result_paise(holdings: Holdings) -> int:
    """Realised today plus unrealised: what the daily loss limit looks at."""
    return int(holdings.account[0].day_realised_paise) + unrealised_paise(holdings)


@kernel
def equity(holdings: Holdings) -> float:
    """Rupees: initial cash, all closed round trips, and the open ones at their last close."""
    cash = holdings.limits[0].initial_cash_paise + holdings.account[0].realised_paise
    return float((cash + unrealised_paise(holdings)) / 100.0)


@kernel
def exposure(holdings: Holdings) -> float:
    """Rupees at work: open positions at their last close, pending entries at their signal's."""
    total = 0.0
    if holdings.account[0].busy == 0:
        return total
    for i in range(len(holdings.positions)):
        position = holdings.positions[i]
        if position.status >= OPEN:
            total += (position.quantity - position.exited) * position.last_close
    for i in range(len(holdings.positions)):
        position = holdings.positions[i]
        if position.status == PENDING_ENTRY:
            total += position.quantity * position.signal_close
        elif position.coming > 0:
            total += position.coming * position.signal_close
    return total


@kernel
def start_day(holdings: Holdings, day: int) -> None:
    """Counters and the loss latch belong to a session date; positions and cash go on."""
    account = holdings.account[0]
    account.day = day
    account.day_realised_paise = 0
    account.entries_today = 0
    account.day_loss_latched = False
    start_count(account)


@kernel
def command_state(holdings: Holdings, command: int) -> None:
    """The state after an operator's command: only RESUME loosens it, and no new day does."""
    account = holdings.account[0]
    if command == RESUME:
        account.state = ACTIVE
        release(account)
    elif command == HALT:
        account.state = HALTED
    else:
        account.state = max(account.state, REDUCING)


@kernel
def watch_day_loss(holdings: Holdings) -> None:
    """Latch the daily loss limit once reached; nothing but a new day releases it."""
    account = holdings.account[0]
    if day_result_paise(holdings) <= -holdings.limits[0].max_daily_loss_paise:
        account.day_loss_latched = True


@kernel
def submit_entry(
    holdings: Holdings,
    strategy: int,
    instrument: int,
    side: int,
    close: float,
    atr: float,
    shares: int,
) -> int:
    """Make the entry pending; returns the signal's number in this book."""
    account, position = holdings.account[0], holdings.positions[instrument]
    account.signals += 1
    account.entries_today += 1
    account.busy += 1
    position.status = PENDING_ENTRY
    position.strategy = strategy
    position.side = side
    position.quantity = shares
    position.signal = account.signals
    position.signal_close = close
    position.atr = atr
    position.exit_reason = 0
    position.coming = 0
    position.exited = 0
    position.exit_value_paise = 0
    position.exit_fees_paise = 0
    position.exit_orders = 0
    position.withdrawn = False
    return int(account.signals)


@kernel
def fill_entry(
    holdings: Holdings, instrument: int, price: float, fill_ns: int, rules: Row, count: int
) -> int:
    """The entry filled at `price`: open the position, set its bracket, report it."""
    position = holdings.positions[instrument]
    terms = holdings.terms[position.strategy]
    tick = holdings.instruments[instrument].tick_paise
    side = position.side
    position.status = OPEN
    position.entry_ns = fill_ns
    position.entry_price = price
    position.entry_value_paise = value_paise(position.quantity, price)
    position.entry_fees_paise = fees_paise(position.entry_value_paise, side, rules)
    stop = price - side * terms.sl_mult * position.atr
    target = price + side * terms.tp_mult * position.atr
    position.stop = bracket_price(stop, -side, tick, rules)
    position.target = bracket_price(target, side, tick, rules)
    position.bars_held = 0
    position.lowest = np.inf
    position.highest = -np.inf
    position.last_close = price
    position.last_close_ns = fill_ns
    report = _report(holdings, instrument, ENTERED, 0, count)
    report.price = price
    report.fill_ns = fill_ns
    report.value_paise = position.entry_value_paise
    report.fees_paise = position.entry_fees_paise
    return count + 1


@kernel
def ask_exit(holdings: Holdings, instrument: int, reason: int, count: int) -> int:
    """A market exit is submitted; a position that already has one keeps its first reason."""
    position = holdings.positions[instrument]
    if position.status != OPEN:
        return count
    position.status = PENDING_EXIT
    position.exit_reason = reason
    _report(holdings, instrument, EXIT_ASKED, reason, count)
    return count + 1


@kernel
def fill_exit(
    holdings: Holdings,
    instrument: int,
    reason: int,
    price: float,
    fill_ns: int,
    rules: Row,
    count: int,
) -> int:
    """The exit filled at `price`, whole."""
    position = holdings.positions[instrument]
    value = value_paise(position.quantity, price)
    fees = fees_paise(value, -position.side, rules)
    return close_round_trip(holdings, instrument, reason, price, fill_ns, value, fees, count)


@kernel
def close_round_trip(
    holdings: Holdings,
    instrument: int,
    reason: int,
    price: float,
    fill_ns: int,
    value: int,
    fees: int,
    count: int,
) -> int:
    """All is out for `value` paise: book the round trip, restart the cooldown, report the trade."""
    position = holdings.positions[instrument]
    side = position.side
    gross = side * (value - position.entry_value_paise)
    net = gross - position.entry_fees_paise - fees
    report = _report(holdings, instrument, EXITED, reason, count)
    report.price = price
    report.fill_ns = fill_ns
    report.value_paise = value
    report.fees_paise = fees
    report.gross_paise = gross
    report.round_fees_paise = position.entry_fees_paise + fees
    report.net_paise = net
    below = max(0.0, position.entry_price - position.lowest)
    above = max(0.0, position.highest - position.entry_price)
    report.mae = below if side > 0 else above
    report.mfe = above if side > 0 else below
    settle(holdings, instrument, net)
    return count + 1


@kernel
def settle(holdings: Holdings, instrument: int, net_paise: int) -> None:
    """A round trip is over: its result is realised, and the cooldown of its owner begins."""
    position, account = holdings.positions[instrument], holdings.account[0]
    account.realised_paise += net_paise
    account.day_realised_paise += net_paise
    account.busy -= 1
    holdings.since_exit[position.strategy, instrument] = 0
    position.status = FLAT


@kernel
def cancel_entry(holdings: Holdings, instrument: int, count: int) -> int:
    """A pending entry is taken back; its signal stays ACTED."""
    holdings.positions[instrument].status = FLAT
    holdings.account[0].busy -= 1
    _report(holdings, instrument, ENTRY_CANCELLED, 0, count)
    return count + 1


@kernel
def _report(holdings: Holdings, instrument: int, kind: int, reason: int, count: int) -> Row:
    report, position = holdings.reports[count], holdings.positions[instrument]
    report.kind = kind
    report.reason = reason
    report.instrument = instrument
    report.strategy = position.strategy
    report.side = position.side
    report.signal = position.signal
    report.quantity = position.quantity
    report.stop = position.stop
    report.target = position.target
    report.entry_ns = position.entry_ns
    report.entry_price = position.entry_price
    report.bars_held = position.bars_held
    return report
