"""One span of Minutes through exchange, time rules and marks: the arithmetic of every mode.

Order inside a Minute (pixity.md 6): (a) the exchange, (b) time stops and square-off, then the day
loss is looked at; (c) the strategies, which is the caller's part; last, `end_minute`. `trade` is
the compiled gear: the same functions in one loop.
"""

import numpy as np

from core.jit import kernel
from core.rules.account import (
    decide,
    exposure,
    fill_entry,
    fill_exit,
    start_day,
    submit_entry,
    watch_day_loss,
)
from core.rules.brakes import begin_minute, brake, count_orders, latched
from core.rules.exits import (
    ask_timed_exits,
    count_bars_held,
    count_since_exit,
    end_minute,
    fill_entry_on_close,
    mark,
)
from core.rules.holdings import EXITED, FLAT, PENDING_ENTRY, PENDING_EXIT, Holdings
from core.rules.matching import (
    NO_EXIT,
    STOP_AT_OPEN,
    STOP_INSIDE,
    TARGET_AT_OPEN,
    bracket_touched,
    market_price,
)
from core.rules.told import settle_told
from core.types import MISSING, Bools, ExitReason, MinuteSpan, Records, Refusal, Row, SignalStatus

STOP, TARGET = int(ExitReason.STOP), int(ExitReason.TARGET)
DUPLICATE, OBSERVE = int(Refusal.DUPLICATE), int(Refusal.OBSERVE)
MODEL = int(Refusal.MODEL)
ACTED, REFUSED = int(SignalStatus.ACTED), int(SignalStatus.REFUSED)


@kernel
def advance(
    span: MinuteSpan, start: int, holdings: Holdings, stops: Bools, late: bool
) -> tuple[int, int]:
    """Run (a) and (b) of Minutes from `start` on, to the first one where the caller is needed.

    `late`: these Minutes come too late to act on; their timed exits are asked for in the first
    timely one.

    Returns (minute, reports): the Minute reached, with its (a) and (b) done and (c) still to do,
    and how many rows of `holdings.reports` are filled. The caller is needed where `stops` says so
    (bool[m]: a strategy has something to say), something was reported, or a session ends while the
    book is not flat (where fills are told: in every Minute in which it is not, and where a breaker
    has tripped). Past the end of the span: (len(span.close_ns), 0).
    """
    account = holdings.account[0]
    sessions, day_index, closing = span.sessions, span.day_index, span.first_strategy_bar
    on_close = holdings.limits[0].fill_on_close  # then marks are needed before the entry
    told = holdings.limits[0].fills_are_told
    minutes = len(span.close_ns)
    minute = start
    while minute < minutes:
        day = sessions[day_index[minute], 0].day
        if account.day != day:
            start_day(holdings, day)
        if told:
            begin_minute(account, holdings.limits[0])
        count = 0
        if account.busy > 0 or on_close:
            if told:
                mark_all(span, minute, holdings)
                count = settle_told(holdings)
            else:
                count = exchange(span, minute, holdings)
            count_bars_held(span, minute, holdings)
            if not late:
                count = ask_timed_exits(span, minute, holdings, count)
            watch_day_loss(holdings)
        if closing[minute] < closing[minute + 1]:
            count_since_exit(span, minute, holdings)
        if stops[minute] or count > 0:
            return minute, count
        if account.busy > 0 and (told or ends_session(span, minute)):
            return minute, count
        if told and latched(account) != account.breakers_told:
            return minute, count
        minute += 1
    return minutes, 0


def closing_in(span: MinuteSpan) -> Bools:
    """bool[m]: Minutes in which a strategy bar closes."""
    closing: Bools = np.diff(span.first_strategy_bar) > 0
    return closing


def raised_in(span: MinuteSpan, signals: Records) -> Bools:
    """bool[m]: Minutes in which one of `signals`, made of all strategy bars, holds an event."""
    stops: Bools = np.zeros(len(span.close_ns), np.bool_)
    stops[span.strategy_bars["minute"][signals["count"] > 0]] = True
    return stops


@kernel
def ends_session(span: MinuteSpan, minute: int) -> bool:
    """Whether any session group's day ends with this Minute."""
    day = span.day_index[minute]
    for group in range(span.sessions.shape[1]):
        if span.close_ns[minute] == span.sessions[day, group].close_ns:
            return True
    return False


@kernel
def exchange(span: MinuteSpan, minute: int, holdings: Holdings) -> int:
    """(a): pending orders and brackets against this Minute's bars; returns the report count."""
    count = 0
    rules = span.rules[span.day_index[minute]]
    close_ns = span.close_ns[minute]
    slippage_bps = holdings.limits[0].slippage_bps
    for b in range(span.first_bar[minute], span.first_bar[minute + 1]):
        bar = span.bars[b]
        i = bar.instrument
        position = holdings.positions[i]
        if bar.quality & MISSING:
            continue
        if position.status == FLAT:
            position.last_close = bar.close
            position.last_close_ns = close_ns
            continue
        tick = holdings.instruments[i].tick_paise
        side = position.side
        if position.status == PENDING_EXIT:
            price = market_price(bar.open, -side, slippage_bps, tick, rules)
            mark(position, bar, close_ns)
            count = fill_exit(holdings, i, position.exit_reason, price, bar.open_ns, rules, count)
            continue
        entered = position.status == PENDING_ENTRY
        if entered:
            price = market_price(bar.open, side, slippage_bps, tick, rules)
            count = fill_entry(holdings, i, price, bar.open_ns, rules, count)
        mark(position, bar, close_ns)
        count = leave(bar, close_ns, holdings, entered, rules, count)
    return count


@kernel
def leave(
    bar: Row, close_ns: int, holdings: Holdings, entered: bool, rules: Row, count: int
) -> int:
    """Stop and target of an open position against one bar, in which it may have been `entered`."""
    i = bar.instrument
    position, tick = holdings.positions[i], holdings.instruments[i].tick_paise
    side, slippage_bps = position.side, holdings.limits[0].slippage_bps
    touched = bracket_touched(bar, side, position.stop, position.target, entered)
    if touched == NO_EXIT:
        return count
    if touched == STOP_AT_OPEN:
        price = market_price(bar.open, -side, slippage_bps, tick, rules)
        return fill_exit(holdings, i, STOP, price, bar.open_ns, rules, count)
    if touched == STOP_INSIDE:
        price = market_price(position.stop, -side, slippage_bps, tick, rules)
        return fill_exit(holdings, i, STOP, price, close_ns, rules, count)
    if touched == TARGET_AT_OPEN:
        return fill_exit(holdings, i, TARGET, bar.open, bar.open_ns, rules, count)
    return fill_exit(holdings, i, TARGET, position.target, close_ns, rules, count)


@kernel
def follow(span: MinuteSpan, minute: int, holdings: Holdings) -> None:
    """A Minute whose results are known: marks, bars held and cooldowns go on."""
    mark_all(span, minute, holdings)
    count_bars_held(span, minute, holdings)
    watch_day_loss(holdings)
    count_since_exit(span, minute, holdings)


@kernel
def mark_all(span: MinuteSpan, minute: int, holdings: Holdings) -> None:
    """What the bars of a Minute tell where they fill nothing; a pending entry takes no mark."""
    close_ns = span.close_ns[minute]
    for b in range(span.first_bar[minute], span.first_bar[minute + 1]):
        bar = span.bars[b]
        position = holdings.positions[bar.instrument]
        if bar.quality & MISSING or position.status == PENDING_ENTRY:
            continue
        if position.status == FLAT:
            position.last_close = bar.close
            position.last_close_ns = close_ns
        else:
            mark(position, bar, close_ns)


@kernel
def trade(
    span: MinuteSpan,
    start: int,
    signals: Records,
    strategy: int,
    holdings: Holdings,
    stops: Bools,
    trades: Records,
    trade_count: int,
) -> tuple[int, int]:
    """The compiled gear: Minutes of `span` from `start`, with the strategy's signals given.

    `signals[s]` belongs to `span.strategy_bars[s]`; its decision columns are written here, in the
    Minutes of `stops` (`raised_in`). EXITED
    reports are copied to `trades` (REPORT). Returns (minute, trade_count): stops before a Minute
    whose trades might not fit any more, else past the end.
    """
    minutes = len(span.close_ns)
    room = len(holdings.reports)
    minute = start
    while minute < minutes and trade_count + room <= len(trades):
        minute, count = advance(span, minute, holdings, stops, False)
        if minute == minutes:
            break
        first, last = span.first_strategy_bar[minute], span.first_strategy_bar[minute + 1]
        for s in range(first, last):
            if signals[s].count > 0:
                count = decide_signal(
                    span,
                    minute,
                    strategy,
                    span.strategy_bars[s],
                    signals[s],
                    holdings,
                    False,
                    False,
                    False,
                    count,
                )
        count = end_minute(span, minute, holdings, False, count)
        for r in range(count):
            if holdings.reports[r].kind == EXITED:
                trades[trade_count] = holdings.reports[r]
                trade_count += 1
        minute += 1
    return minute, trade_count


@kernel
def decide_signals(
    span: MinuteSpan,
    minute: int,
    strategy: int,
    bars: Records,
    signals: Records,
    holdings: Holdings,
    duplicate: Bools,
    late: bool,
    observe: bool,
) -> int:
    """(c): all that one strategy said of `bars`, in order; returns the report count."""
    count = 0
    for k in range(len(signals)):
        if signals[k].count > 0:
            count = decide_signal(
                span,
                minute,
                strategy,
                bars[k],
                signals[k],
                holdings,
                late,
                duplicate[k],
                observe,
                count,
            )
    return count


@kernel
def decide_signal(
    span: MinuteSpan,
    minute: int,
    strategy: int,
    bar: Row,
    signal: Row,
    holdings: Holdings,
    late: bool,
    duplicate: bool,
    observe: bool,
    count: int,
) -> int:
    """Decide the first event of `signal`, write what became of it, make its entry pending.

    One that the strategy's own model refused is asked nothing more. `duplicate`: its id was seen
    before; then the breakers of a live book are asked; `observe`: nothing is sent, as of an
    instrument that is only watched. That is asked last.
    """
    day = span.day_index[minute]
    instrument = holdings.instruments[bar.instrument]
    session = span.sessions[day, instrument.group]
    side = signal.side[0]
    refusal, value, limit, shares = MODEL, signal.value, signal.limit, 0
    if signal.refusal != MODEL:
        refusal, value, limit, shares = decide(
            holdings, strategy, bar, side, signal.close, signal.atr, session, late
        )
    if refusal == 0 and duplicate:
        refusal = DUPLICATE
    told = holdings.limits[0].fills_are_told
    if refusal == 0 and told:
        refusal, value, limit = brake(holdings, exposure(holdings), shares * signal.close)
    if refusal == 0 and (observe or instrument.watched):
        refusal = OBSERVE
    signal.refusal = refusal
    signal.value = value
    signal.limit = limit
    signal.status = REFUSED if refusal > 0 else ACTED
    signal.quantity = 0 if refusal > 0 else shares
    if refusal > 0:
        return count
    signal.number = submit_entry(
        holdings, strategy, bar.instrument, side, signal.close, signal.atr, shares
    )
    if told:
        count_orders(holdings.account[0], 1)
    if holdings.limits[0].fill_on_close:
        count = fill_entry_on_close(span, minute, bar.instrument, holdings, count)
    return count
