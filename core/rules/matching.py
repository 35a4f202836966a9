"""The simulated exchange: which price a market order and a bracket get out of one bar.

Stop before target when both are touched; gaps fill at the open; a stop and a market order suffer
slippage and the tick, a target does not (pixity.md 6).
"""

from core.jit import kernel
from core.rules.ticks import rounded, tick_of
from core.types import Row

NO_EXIT, STOP_AT_OPEN, STOP_INSIDE, TARGET_AT_OPEN, TARGET_INSIDE = range(5)


@kernel
def market_price(
    price: float, side: int, slippage_bps: float, instrument_tick: int, rules: Row
) -> float:
    """Fill price of a market order: slippage against it, then to the tick against it."""
    slipped = price * (1.0 + side * slippage_bps / 10_000.0)
    return rounded(slipped, side, tick_of(slipped, instrument_tick, rules))


@kernel
def bracket_price(price: float, away: int, instrument_tick: int, rules: Row) -> float:
    """A stop or target level on the tick away from the entry; `away` +1 rounds up."""
    return rounded(price, away, tick_of(price, instrument_tick, rules))


@kernel
def bracket_touched(bar: Row, side: int, stop: float, target: float, entered: bool) -> int:
    """How `bar` ends a position of `side`: one of NO_EXIT ... TARGET_INSIDE.

    `entered`: the position was entered at this bar's open, so its open is no gap.
    """
    if side > 0:
        if not entered and bar.open <= stop:
            return STOP_AT_OPEN
        if bar.low <= stop:
            return STOP_INSIDE
        if not entered and bar.open >= target:
            return TARGET_AT_OPEN
        if bar.high >= target:
            return TARGET_INSIDE
    else:
        if not entered and bar.open >= stop:
            return STOP_AT_OPEN
        if bar.high >= stop:
            return STOP_INSIDE
        if not entered and bar.open <= target:
            return TARGET_AT_OPEN
        if bar.low <= target:
            return TARGET_INSIDE
    return NO_EXIT
