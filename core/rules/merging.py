"""What one tick adds to the 1m bar of its minute, and what it must not touch (market.md 3).

One record per instrument holds the bar in progress and the last trade. Only `BarBuilder`
(`core/minutes.py`) owns such records; a minute that was closed here is never opened again.
"""

import numpy as np

from core.jit import kernel
from core.session import MINUTE_NS, SECOND_NS
from core.types import MAX_PARTS, NEVER_NS, PARTIAL, Int64s, Records, Row, record

MAX_AHEAD_NS = 5 * SECOND_NS  # a trade further in the future of its arrival is refused
ROUNDING_PAISE = 1e-3  # a price comes as the double nearest to it

# What became of a tick: each one given to the builder is counted under exactly one of these.
OUTCOMES = (
    "merged",
    "reordered",  # merged, though a younger trade of its minute had come before
    "repeated",  # the same trade again: adds nothing
    "late_ticks",  # its minute was closed: changes nothing
    "outside_session",  # pre-open, auction, pause or post-close of the day
    "unknown_instrument",
    "bad_price",
    "zero_quantity",
    "no_time",
    "in_future",
    "other_day",
    "volume_backwards",
    "band",
    "off_tick",
)
MERGED, REORDERED, REPEATED, LATE, OUTSIDE = range(5)
UNKNOWN, BAD_PRICE, ZERO_QUANTITY, NO_TIME, IN_FUTURE, OTHER_DAY, BACKWARDS, BAND = range(5, 13)
OFF_TICK = 13
REJECTED = slice(UNKNOWN, len(OUTCOMES))  # ticks that cannot be true

# One instrument's day so far.
PROGRESS = record(
    [
        ("part_open_ns", "i8", (MAX_PARTS,)),
        ("part_close_ns", "i8", (MAX_PARTS,)),  # equal to its open: no such part
        ("day_open_ns", "i8"),
        ("day_close_ns", "i8"),
        ("band_low", "f8"),  # no trade of the day can lie below it
        ("band_high", "f8"),
        ("tick_paise", "i8"),  # every price of the day is a multiple of it; 0: not known
        ("closed_ns", "i8"),  # minutes that end at or before it are closed; NEVER_NS: all
        ("last_ns", "i8"),  # the youngest trade seen
        ("last_price", "f8"),
        ("last_quantity", "i8"),
        ("volume_ns", "i8"),  # the youngest trade seen with a volume of the day
        ("last_volume", "i8"),  # -1: none yet
        ("unbroken", "i8"),  # no trade can have been missed since that one
        ("bar_open_ns", "i8"),
        ("bar_close_ns", "i8"),  # 0: no bar in progress
        ("bar_quality", "i4"),
        ("summed", "i4"),  # a bar's volume was the sum of last quantities
        ("first_ns", "i8"),  # the bar's oldest trade
        ("first_volume", "i8"),
        ("base_volume", "i8"),  # of the day, before the bar; -1: the bar has told no volume yet
        ("quantities", "i8"),  # sum of last quantities while no volume is told
        ("open", "f8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close", "f8"),
    ]
)


@kernel
def add_ticks(
    ticks: Records, progress: Records, closed: Records, closed_count: int, counts: Int64s
) -> tuple[int, int, bool]:
    """Merge ticks until `closed` is full: (ticks used, bars in closed, whether minutes closed)."""
    moved = False
    unknown = len(progress)
    for i in range(len(ticks)):
        if closed_count == len(closed):
            return i, closed_count, moved
        tick = ticks[i]
        number = tick.instrument
        if number < 0 or number >= unknown:
            counts[unknown, UNKNOWN] += 1
            continue
        state = progress[number]
        minute_ns = _minute_at(state, tick.exch_ns)
        outcome = _outcome(state, tick, minute_ns)
        if outcome <= REORDERED or outcome == OUTSIDE:
            edge_ns = minute_ns if minute_ns > 0 else tick.exch_ns
            if edge_ns > state.closed_ns:
                moved = True
                closed_count = _close_one(state, edge_ns, number, closed, closed_count)
        if outcome <= REORDERED:
            if state.bar_close_ns == 0:
                _open_bar(state, tick, minute_ns)
            _merge(state, tick, outcome)
        _remember(state, tick, outcome)
        counts[number, outcome] += 1
    return len(ticks), closed_count, moved


@kernel
def close_bars(progress: Records, edge_ns: int, closed: Records, closed_count: int) -> int:
    """Close the minutes that end at or before `edge_ns` for all instruments."""
    for number in range(len(progress)):
        if edge_ns > progress[number].closed_ns:
            closed_count = _close_one(progress[number], edge_ns, number, closed, closed_count)
    return closed_count


@kernel
def _close_one(state: Row, edge_ns: int, number: int, closed: Records, closed_count: int) -> int:
    """Close one instrument's minutes up to `edge_ns`; past its last part, all of them."""
    state.closed_ns = edge_ns
    if edge_ns >= max(state.part_close_ns[0], state.part_close_ns[1]):
        state.closed_ns = NEVER_NS
    if state.bar_close_ns == 0 or state.bar_close_ns > edge_ns:
        return closed_count
    bar = closed[closed_count]
    bar.instrument = number
    bar.quality = state.bar_quality
    bar.open_ns = state.bar_open_ns
    bar.open = state.open
    bar.high = state.high
    bar.low = state.low
    bar.close = state.close
    if state.base_volume >= 0:
        bar.volume = state.last_volume - state.base_volume
    else:
        bar.volume = state.quantities
        if state.quantities > 0:  # no later volume of the day can be told apart from these
            state.summed = 1
            state.unbroken = 0
    state.bar_close_ns = 0
    return closed_count + 1


# --- one tick ------------------------------------------------------------------------------------


@kernel
def _minute_at(state: Row, ns: int) -> int:
    """Open of the session minute that contains `ns`; 0 outside the session."""
    for part in range(MAX_PARTS):
        open_ns = state.part_open_ns[part]
        if open_ns <= ns < state.part_close_ns[part]:
            return int(ns - (ns - open_ns) % MINUTE_NS)
    return 0


@kernel
def _outcome(state: Row, tick: Row, minute_ns: int) -> int:
    """What is to become of `tick`; the state stays as it is."""
    if not 0.0 < tick.price < np.inf:
        return BAD_PRICE
    if not state.band_low <= tick.price <= state.band_high:
        return BAND
    if state.tick_paise > 0 and _is_off_tick(tick.price * 100.0, state.tick_paise):
        return OFF_TICK
    if tick.quantity == 0:
        return ZERO_QUANTITY
    if tick.exch_ns <= 0:
        return NO_TIME
    if not state.day_open_ns <= tick.exch_ns < state.day_close_ns:
        return OTHER_DAY
    if tick.exch_ns - tick.recv_ns > MAX_AHEAD_NS:
        return IN_FUTURE
    if _is_repeated(state, tick):
        return REPEATED
    if minute_ns > 0 and minute_ns + MINUTE_NS <= state.closed_ns:
        return LATE
    if _runs_backwards(state, tick):
        return BACKWARDS
    if minute_ns == 0:
        return OUTSIDE
    return MERGED if _is_youngest(state, tick) else REORDERED


@kernel
def _is_off_tick(paise: float, tick_paise: int) -> bool:
    return bool(abs(paise - np.rint(paise / tick_paise) * tick_paise) > ROUNDING_PAISE)


@kernel
def _is_repeated(state: Row, tick: Row) -> bool:
    """The last trade again. Without a volume of the day its quantity has to tell."""
    same = tick.exch_ns == state.last_ns and tick.price == state.last_price
    if tick.volume < 0:
        return bool(same and tick.quantity == state.last_quantity)
    return bool(same and tick.volume == state.last_volume)


@kernel
def _is_youngest(state: Row, tick: Row) -> bool:
    """Order of trades: exchange time, inside one stamp the volume of the day, then arrival."""
    if tick.exch_ns != state.last_ns:
        return bool(tick.exch_ns > state.last_ns)
    return bool(tick.volume < 0 or tick.volume >= state.last_volume)


@kernel
def _runs_backwards(state: Row, tick: Row) -> bool:
    """Whether the day's volume would fall, in order of exchange time.

    Of the bar in progress its oldest and youngest trade are known: an older tick has to fit there.
    """
    volume = tick.volume
    if volume < 0 or state.last_volume < 0:
        return False
    if tick.exch_ns > state.volume_ns:
        return bool(volume < state.last_volume)
    if volume > state.last_volume:
        return bool(tick.exch_ns < state.volume_ns)
    if state.bar_close_ns == 0:
        return False
    if state.first_volume >= 0:
        if tick.exch_ns > state.first_ns and volume < state.first_volume:
            return True
        if tick.exch_ns < state.first_ns and volume > state.first_volume:
            return True
    return bool(volume < state.base_volume and state.bar_quality != PARTIAL)


@kernel
def _open_bar(state: Row, tick: Row, minute_ns: int) -> None:
    state.bar_open_ns = minute_ns
    state.bar_close_ns = minute_ns + MINUTE_NS
    state.bar_quality = 0
    state.first_ns = tick.exch_ns
    state.first_volume = tick.volume
    state.base_volume = -1
    state.quantities = 0
    state.open = tick.price
    state.high = tick.price
    state.low = tick.price
    state.close = tick.price


@kernel
def _merge(state: Row, tick: Row, outcome: int) -> None:
    """Bar volume = day's volume at its youngest trade - day's volume before the bar."""
    state.high = max(state.high, tick.price)
    state.low = min(state.low, tick.price)
    volume = tick.volume
    if outcome == MERGED:
        state.close = tick.price
    elif tick.exch_ns < state.first_ns or (
        tick.exch_ns == state.first_ns and 0 <= volume < state.first_volume
    ):
        state.open = tick.price
        state.first_ns = tick.exch_ns
        state.first_volume = volume
    if volume < 0:
        state.quantities += max(tick.quantity, 0)
    elif state.base_volume < 0 and state.unbroken == 1:
        state.base_volume = max(state.last_volume, 0)
    elif state.base_volume < 0 or volume < state.base_volume:
        state.base_volume = volume  # what traded before is not known: count from here
        state.bar_quality = PARTIAL


@kernel
def _remember(state: Row, tick: Row, outcome: int) -> None:
    """Keep the youngest trade and volume. A late tick changes nothing, save that after a
    reconnect it tells the day's volume from which the next bar counts."""
    if outcome == REPEATED:
        if tick.volume >= 0:
            state.unbroken = 1
        return
    if outcome > OUTSIDE or (outcome == LATE and state.unbroken == 1):
        return
    if _is_youngest(state, tick):
        state.last_ns = tick.exch_ns
        state.last_price = tick.price
        state.last_quantity = tick.quantity
    if tick.volume >= max(state.last_volume, 0) and tick.exch_ns >= state.volume_ns:
        state.volume_ns = tick.exch_ns
        state.last_volume = tick.volume
        state.unbroken = 1
