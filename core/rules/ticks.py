"""The price grid: which tick a price has on a date, and rounding to it in either direction.

Ticks are integer paise; a rounded price is k ticks, divided once by 100, so that it is the double
nearest to the decimal number (k * 0.05 can be one ulp off and miss a touched stop).
"""

import numpy as np

from core.jit import kernel
from core.rules.fees import days_since_1970
from core.types import DAY_RULES, Instrument, Records, Row

ON_GRID = 1e-6  # of a tick: a price this close to the grid is on it


@kernel
def tick_of(price: float, instrument_tick_paise: int, rules: Row) -> int:
    """Tick in paise of `price` rupees: the instrument master's, else the table of the day.

    A price equal to a limit of the table has the larger tick.
    """
    if instrument_tick_paise > 0:
        return instrument_tick_paise
    i = 0
    while price >= rules.tick_limits[i]:
        i += 1
    return int(rules.tick_paise[i])


@kernel
def rounded(price: float, direction: int, tick_paise: int) -> float:
    """`price` moved to the grid, up for direction +1, down for -1; on the grid it stays."""
    ticks = price * 100.0 / tick_paise
    if direction > 0:
        steps = np.ceil(ticks - ON_GRID)
    else:
        steps = np.floor(ticks + ON_GRID)
    return float(steps * tick_paise / 100.0)


INFINITE = np.inf
# (first session date, ((below rupees, tick in paise), ...)); market.md 5, NSE circulars.
TICK_TABLES: tuple[tuple[str, tuple[tuple[float, int], ...]], ...] = (
    ("1970-01-01", ((INFINITE, 5),)),
    ("2024-06-10", ((250.0, 1), (INFINITE, 5))),
    (
        "2025-04-15",
        ((250.0, 1), (1_000.0, 5), (5_000.0, 10), (10_000.0, 50), (20_000.0, 100), (INFINITE, 500)),
    ),
)
ALWAYS_OPEN_TICK_PAISE = 1


def tick_table(day: int) -> tuple[tuple[float, int], ...]:
    """The NSE cash tick table in force on `day` (days since 1970-01-01)."""
    return [table for first, table in TICK_TABLES if days_since_1970(first) <= day][-1]


def tick_change_days() -> set[int]:
    """Every day on which a tick table begins."""
    return {days_since_1970(first) for first, _ in TICK_TABLES}


def fill_tick_rules(row: Records, *, day: int) -> None:
    """Write the tick table of `day` into one DAY_RULES row (a length-1 view)."""
    table = tick_table(day)
    limits = np.full(DAY_RULES["tick_limits"].shape, INFINITE)
    ticks = np.full(DAY_RULES["tick_paise"].shape, table[-1][1], np.int64)
    for i, (limit, tick) in enumerate(table):
        limits[i], ticks[i] = limit, tick
    row["tick_limits"], row["tick_paise"] = limits, ticks


def instrument_tick_paise(instrument: Instrument, *, always_open: bool) -> int:
    """The fixed tick of an instrument, 0 where the table by date decides."""
    if instrument.tick_paise is not None:
        return instrument.tick_paise
    return ALWAYS_OPEN_TICK_PAISE if always_open else 0
