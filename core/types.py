"""The values everybody speaks of: instruments, Minutes and their bars, signals, orders, trades.

What flows in bulk is a structured array (`record` dtypes below, for kernels and numpy alike); what
happens rarely is a frozen dataclass. Times are UTC nanoseconds, money integer paise, prices
float64 rupees, sides +1 (buy) and -1 (sell).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple, NewType, TypeAlias

import numpy as np
from numpy.typing import NDArray

InstrumentId = NewType("InstrumentId", str)
OrderId = NewType("OrderId", str)
SignalId = NewType("SignalId", str)

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]
Int32s = NDArray[np.int32]
Bools = NDArray[np.bool_]
Records = NDArray[Any]  # of one of the dtypes of this module
Row: TypeAlias = Any  # one element of Records: its attributes are known to numba, not to mypy

NEVER_NS = np.iinfo(np.int64).max
MAX_PARTS = 2
MAX_EVENTS = 4


def record(fields: Sequence[tuple[Any, ...]]) -> np.dtype[Any]:
    """A structured dtype whose elements have attributes in kernels and, jit disabled, in Python."""
    taken = [field[0] for field in fields if hasattr(np.record, field[0])]
    if taken:
        raise ValueError(f"numpy records have a {taken[0]} of their own")
    return np.dtype((np.record, np.dtype(list(fields), align=True)))


def joined(parts: Sequence[Records]) -> Records:
    """The rows of all parts, at least one, in order; all of one dtype.

    `np.concatenate` looks for a dtype common to the fields of every part: 20 us for each, and a
    frame of a feed may be one row.
    """
    return np.frombuffer(bytearray().join([part.tobytes() for part in parts]), parts[0].dtype)


class Market(StrEnum):
    """Which clock a market keeps: Indian sessions, or none at all."""

    NSE = "nse"
    ALWAYS_OPEN = "24x7"


class SessionClass(IntEnum):
    """Which trading hours an instrument keeps (`session.py`)."""

    CASH = 0
    CASH_AUCTION = 1
    DERIVATIVES = 2
    ALWAYS_OPEN = 3


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable thing; its place in the configured list is its number everywhere else.

    `id` is the broker's key, `symbol` what people call it. `tick_paise` None: the table by date.
    `band`: lowest and highest price the exchange allows today, in rupees; None: not told.
    `is_watched`: strategies decide on it as on any other, and no entry is ever sent.
    """

    id: InstrumentId
    symbol: str
    session_class: SessionClass
    tick_paise: int | None = None
    band: tuple[float, float] | None = None
    is_watched: bool = False


# --- bars and Minutes --------------------------------------------------------------------------

MISSING = 1  # BAR.quality: no bar came and one may have existed; prices are NaN
REPAIRED = 2  # BAR.quality: replaced from the broker's candles
PARTIAL = 4  # BAR.quality: the first minute after a (re)connect, not repaired

BAR = record(
    [
        ("instrument", "i4"),
        ("quality", "i4"),
        ("open_ns", "i8"),
        ("open", "f8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close", "f8"),
        ("volume", "i8"),
    ]
)

STRATEGY_BAR = record(
    [
        ("instrument", "i4"),
        ("timeframe", "i4"),  # number in the provider's list of timeframes
        ("minute", "i4"),  # the Minute of the span that closes it
        ("day", "i4"),  # session date, days since 1970-01-01
        ("open_ns", "i8"),
        ("close_ns", "i8"),
        ("open", "f8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close", "f8"),
        ("volume", "i8"),
        ("minutes_seen", "i4"),
        ("minutes_expected", "i4"),
        ("gap", "i4"),  # so many minutes of it are MISSING or PARTIAL
    ]
)

# One row per day and session group. NEVER_NS where a 24x7 market has no such time.
SESSION = record(
    [
        ("day", "i4"),
        ("parts", "i4"),  # 0: no session for this group on this day
        ("part_open_ns", "i8", (MAX_PARTS,)),
        ("part_close_ns", "i8", (MAX_PARTS,)),
        ("last_entry_ns", "i8"),
        ("square_off_ns", "i8"),
        ("close_ns", "i8"),  # end of the last part; NEVER_NS: positions are held overnight
    ]
)

# Charges (`fees.py`) and tick sizes (`ticks.py`) in force on one day.
DAY_RULES = record(
    [
        ("brokerage_flat_paise", "i8"),
        ("brokerage_num", "i8"),
        ("brokerage_den", "i8"),
        ("stt_num", "i8"),
        ("stt_den", "i8"),
        ("transaction_num", "i8"),
        ("transaction_den", "i8"),
        ("ipft_num", "i8"),
        ("ipft_den", "i8"),
        ("sebi_num", "i8"),
        ("sebi_den", "i8"),
        ("stamp_num", "i8"),
        ("stamp_den", "i8"),
        ("gst_percent", "i8"),
        ("tick_limits", "f8", (8,)),  # rupees; a price below tick_limits[i] has tick_paise[i]
        ("tick_paise", "i8", (8,)),
    ]
)

# tick_paise 0: the day's table
INSTRUMENT = record([("group", "i4"), ("watched", "?"), ("tick_paise", "i8")])


class MinuteSpan(NamedTuple):
    """Consecutive Minutes with their bars: what providers hand on and `advance` consumes.

    There is a Minute for every minute of the session, also when nothing traded. Passed to kernels
    as it is. Live spans hold one Minute; replay spans hold days.

    Shape: m Minutes, b bars, s strategy bars, d days, g session groups.
    """

    close_ns: Int64s  # [m], increasing
    day_index: Int32s  # [m], row of sessions and rules
    first_bar: Int64s  # [m + 1]: bars of Minute i are bars[first_bar[i]:first_bar[i + 1]]
    bars: Records  # BAR[b], in configured order of instruments inside a Minute
    sessions: Records  # SESSION[d, g]
    rules: Records  # DAY_RULES[d]
    first_strategy_bar: Int64s  # [m + 1], all zero until resampled
    strategy_bars: Records  # STRATEGY_BAR[s]; in a Minute longer timeframes first, then instruments


def minute_of(span: MinuteSpan, index: int) -> MinuteSpan:
    """The span that holds Minute `index` alone, as views of the same arrays."""
    first, last = span.first_bar[index], span.first_bar[index + 1]
    opens, ends = span.first_strategy_bar[index], span.first_strategy_bar[index + 1]
    day = span.day_index[index]
    return MinuteSpan(
        close_ns=span.close_ns[index : index + 1],
        day_index=np.zeros(1, np.int32),
        first_bar=np.array([0, last - first], np.int64),
        bars=span.bars[first:last],
        sessions=span.sessions[day : day + 1],
        rules=span.rules[day : day + 1],
        first_strategy_bar=np.array([0, ends - opens], np.int64),
        strategy_bars=span.strategy_bars[opens:ends],
    )


# --- ticks -------------------------------------------------------------------------------------

TICK = record(
    [
        ("instrument", "i4"),
        ("connection", "i4"),
        ("exch_ns", "i8"),  # time of the trade at the exchange; 0: not told
        ("recv_ns", "i8"),  # our clock when the frame arrived
        ("price", "f8"),
        ("quantity", "i8"),  # last traded quantity; -1: not told
        ("volume", "i8"),  # cumulative of the day; -1: not told
        ("seq", "i8"),  # arrival order over all connections
    ]
)


# --- decisions ---------------------------------------------------------------------------------


class Side(IntEnum):
    BUY = 1
    SELL = -1


class SignalStatus(IntEnum):
    ACTED = 1
    REFUSED = 2
    SUPPRESSED = 3  # a lower-priority event on the same bar


class Refusal(IntEnum):
    """Why an entry was not sent, in the order in which the rules are asked (pixity.md 5), but for
    OBSERVE: it is asked last of all and keeps the number under which it lies in the stores."""

    NONE = 0
    MODEL = 1
    GAP = 2
    LATE = 3
    STATE = 4
    LAST_ENTRY = 5
    POSITION = 6
    COOLDOWN = 7
    MAX_ENTRIES = 8
    DAY_LOSS = 9
    QUANTITY = 10
    DUPLICATE = 11
    OBSERVE = 12
    # The breakers of a live book (`core/rules/brakes.py`); day_loss is one of them, too.
    MAX_POSITIONS = 13
    EXPOSURE = 14
    ORDER_RATE = 15
    REJECTS = 16
    FEED_DOUBT = 17
    CLOCK_SKEW = 18
    UNKNOWN_ORDER = 19
    DIFFERENCE = 20  # between the broker's book and ours


class TradingState(IntEnum):
    ACTIVE = 0
    REDUCING = 1  # exits only, until resumed
    HALTED = 2  # only an operator resumes


class Command(IntEnum):
    """What an operator may tell the daemon; exits pass in every state."""

    HALT = 1  # no entry until RESUME
    REDUCE = 2  # no entry until RESUME; never loosens HALTED
    RESUME = 3
    FLATTEN = 4  # REDUCE, and out of everything: entries cancelled, positions to the market


class ExitReason(IntEnum):
    NONE = 0
    STOP = 1
    TARGET = 2
    TIME = 3
    SQUARE_OFF = 4
    FLATTEN = 5
    FORCED = 6


class Signal(NamedTuple):
    """One event of a strategy on one closed bar, and what became of it.

    A named tuple: a whole market says hundreds in a Minute, and a dataclass costs three times as
    much to make.
    """

    signal_id: SignalId
    strategy: str
    instrument: str  # symbol
    kind: str
    side: Side
    bar_open_ns: int
    bar_close_ns: int
    close: float
    atr: float
    vwap: float
    confidence: float
    status: SignalStatus
    refusal: Refusal
    value: float  # what the refusing rule saw, and its limit; NaN where it has none
    limit: float
    quantity: int  # 0 unless ACTED
    features: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One round trip (pixity.md 8). Times ns, money paise, mae and mfe rupees per share."""

    strategy: str
    instrument: str
    side: Side
    quantity: int
    signal_id: SignalId
    kind: str
    signal_bar_open_ns: int
    entry_ns: int
    entry_price: float
    exit_ns: int
    exit_price: float
    exit_reason: ExitReason
    bars_held: int
    gross_paise: int
    fees_paise: int
    net_paise: int
    r: float
    mae: float
    mfe: float
