"""Exits that time or an operator brings: time stop, square-off, flatten, the forced close."""

from core.jit import kernel
from core.rules.account import (
    ask_exit,
    fill_entry,
    fill_exit,
    watch_day_loss,
)
from core.rules.holdings import FLAT, OPEN, PENDING_ENTRY, Holdings
from core.rules.matching import market_price
from core.rules.told import take_back
from core.types import NEVER_NS, ExitReason, MinuteSpan, Row

TIME, SQUARE_OFF = int(ExitReason.TIME), int(ExitReason.SQUARE_OFF)
FLATTEN, FORCED = int(ExitReason.FLATTEN), int(ExitReason.FORCED)
LONG_AGO = NEVER_NS // 2


@kernel
def count_bars_held(span: MinuteSpan, minute: int, holdings: Holdings) -> None:
    """bars_held += 1 for each open position whose owner's strategy bar closes in this Minute."""
    for s in range(span.first_strategy_bar[minute], span.first_strategy_bar[minute + 1]):
        bar = span.strategy_bars[s]
        position = holdings.positions[bar.instrument]
        if position.status >= OPEN and holdings.terms[position.strategy].timeframe == bar.timeframe:
            position.bars_held += 1


@kernel
def count_since_exit(span: MinuteSpan, minute: int, holdings: Holdings) -> None:
    """The cooldown clock: every strategy counts its own bars of each instrument."""
    positions = holdings.positions
    for s in range(span.first_strategy_bar[minute], span.first_strategy_bar[minute + 1]):
        bar = span.strategy_bars[s]
        for k in range(len(holdings.terms)):
            if (
                holdings.terms[k].timeframe == bar.timeframe
                and holdings.since_exit[k, bar.instrument] < LONG_AGO
            ):
                holdings.since_exit[k, bar.instrument] += 1
        if holdings.terms[positions[bar.instrument].strategy].timeframe == bar.timeframe:
            positions[bar.instrument].strategy_close_ns = bar.close_ns


@kernel
def ask_timed_exits(span: MinuteSpan, minute: int, holdings: Holdings, count: int) -> int:
    """Square-off before time stop, instruments in configured order; returns the report count."""
    day, close_ns = span.day_index[minute], span.close_ns[minute]
    on_close = holdings.limits[0].fill_on_close
    for i in range(len(holdings.positions)):
        position = holdings.positions[i]
        if position.status == FLAT:
            continue
        session = span.sessions[day, holdings.instruments[i].group]
        reason = 0
        if close_ns >= session.square_off_ns:
            reason = SQUARE_OFF
        elif (
            position.status == OPEN
            and position.bars_held >= holdings.terms[position.strategy].time_stop_bars
        ):
            reason = TIME
        if reason == 0:
            continue
        if position.status == PENDING_ENTRY:
            count = take_back(holdings, i, reason, count)
        elif position.status == OPEN:
            count = ask_exit(holdings, i, reason, count)
            if on_close:
                price = market_price(
                    position.last_close,
                    -position.side,
                    holdings.limits[0].slippage_bps,
                    holdings.instruments[i].tick_paise,
                    span.rules[day],
                )
                count = fill_exit(holdings, i, reason, price, close_ns, span.rules[day], count)
                if position.strategy_close_ns >= position.last_close_ns:
                    holdings.since_exit[position.strategy, i] = 1  # its bar has closed already
    return count


@kernel
def flatten(holdings: Holdings) -> int:
    """Between two Minutes: out of everything at the market; returns the report count.

    An exit that is pending already keeps its reason. There is no deciding bar, so these exits fill
    at the next open whatever `fill_on` says.
    """
    count = 0
    for i in range(len(holdings.positions)):
        if holdings.positions[i].status == PENDING_ENTRY:
            count = take_back(holdings, i, FLATTEN, count)
        else:
            count = ask_exit(holdings, i, FLATTEN, count)
    return count


@kernel
def fill_entry_on_close(
    span: MinuteSpan, minute: int, instrument: int, holdings: Holdings, count: int
) -> int:
    """`fill_on = "close"`: the entry just submitted fills at its signal bar's close."""
    position = holdings.positions[instrument]
    rules = span.rules[span.day_index[minute]]
    price = market_price(
        position.signal_close,
        position.side,
        holdings.limits[0].slippage_bps,
        holdings.instruments[instrument].tick_paise,
        rules,
    )
    last_close, last_close_ns = position.last_close, position.last_close_ns
    count = fill_entry(holdings, instrument, price, span.close_ns[minute], rules, count)
    position.last_close = last_close
    position.last_close_ns = last_close_ns
    position.strategy_close_ns = span.close_ns[minute]
    return count


@kernel
def mark(position: Row, bar: Row, close_ns: int) -> None:
    """What a bar tells an open position: its extremes since entry and the last close."""
    position.lowest = min(position.lowest, bar.low)
    position.highest = max(position.highest, bar.high)
    position.last_close = bar.close
    position.last_close_ns = close_ns


@kernel
def end_minute(span: MinuteSpan, minute: int, holdings: Holdings, last: bool, count: int) -> int:
    """After the strategies: where a session ends here (or the data, `last`), nothing stays open.

    Pending entries are cancelled; open positions and pending exits fill at the instrument's last
    1m close, without slippage, FORCED. The bar of that close is closed, so cooldown starts at 1.
    Where fills are told nothing is forced: what is open stays so until a broker says otherwise.
    """
    if holdings.account[0].busy == 0:
        return count
    day = span.day_index[minute]
    for i in range(len(holdings.positions)):
        position = holdings.positions[i]
        session = span.sessions[day, holdings.instruments[i].group]
        if position.status == FLAT or not (last or span.close_ns[minute] == session.close_ns):
            continue
        if position.status == PENDING_ENTRY:
            count = take_back(holdings, i, SQUARE_OFF, count)
        elif not holdings.limits[0].fills_are_told:
            price, fill_ns = position.last_close, position.last_close_ns
            traded = minute  # the fill is dated by the bar whose close it takes
            while traded > 0 and span.close_ns[traded] > fill_ns:
                traded -= 1
            rules = span.rules[span.day_index[traded]]
            count = fill_exit(holdings, i, FORCED, price, fill_ns, rules, count)
            holdings.since_exit[position.strategy, i] = 1
    if holdings.account[0].busy == 0:
        # Another session of the day may go on, and nobody looks at a flat book.
        watch_day_loss(holdings)
    return count
