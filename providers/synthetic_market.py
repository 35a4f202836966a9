"""A generated NSE-like market: what trades when, at which price, as a function of the seed.

One instrument's day depends on (seed, symbol, day) and its session only: not on other symbols,
clocks or speeds. Pure arithmetic without a clock; no transcendental function, so that a seed gives
the same day on every machine.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.jit import kernel
from core.rules.ticks import fill_tick_rules, instrument_tick_paise, tick_of
from core.session import MINUTE_NS, Phase, Session, minute_closes
from core.types import (
    BAR,
    DAY_RULES,
    NEVER_NS,
    TICK,
    Instrument,
    InstrumentId,
    Int64s,
    Records,
    SessionClass,
    record,
)

UInt64s = NDArray[np.uint64]
Float64s = NDArray[np.float64]

MAX_TICKS_PER_MINUTE = 180
PRINT_BEFORE_NS = 3 * MINUTE_NS  # auctions print this long before their window, or the open, ends

# (broker key, symbol, rupees around which the price wanders)
LISTED = (
    ("NSE_EQ|INE002A01018", "RELIANCE", 1_330.0),
    ("NSE_EQ|INE245A01021", "TATAPOWER", 380.0),
    ("NSE_EQ|INE296A01032", "BAJFINANCE", 920.0),
    ("NSE_EQ|INE040A01034", "HDFCBANK", 985.0),
    ("NSE_EQ|INE009A01021", "INFY", 1_510.0),
    ("NSE_EQ|INE062A01020", "SBIN", 860.0),
)
_PRICES = {symbol: price for _, symbol, price in LISTED}


def default_instruments(count: int = 2) -> list[Instrument]:
    """The first `count` listed shares; all of them have derivatives, hence the closing auction."""
    return [
        Instrument(InstrumentId(key), symbol, SessionClass.CASH_AUCTION)
        for key, symbol, _ in LISTED[:count]
    ]


class SyntheticMarket:
    """One day of several instruments, minute by minute. To be read once, in order.

    Args:
        sessions: one per instrument; None trades nothing.
    """

    def __init__(
        self, seed: int, instruments: Sequence[Instrument], sessions: Sequence[Session | None]
    ) -> None:
        held = [session for session in sessions if session is not None]
        closes = [minute_closes(session, MINUTE_NS) for session in set(held)]
        self._closes = np.unique(np.concatenate(closes)) if closes else np.zeros(0, np.int64)
        self._plans = np.zeros((len(instruments), len(self._closes)), PLAN)  # not active: no trade
        self._traders = np.zeros(len(instruments), TRADER)
        self._rules = _tick_rules(held[0].day if held else 0)
        self._prints: Records = np.zeros(0, TICK)
        self._seq = 0
        prints = []
        for number, (instrument, session) in enumerate(zip(instruments, sessions, strict=True)):
            if session is None:
                continue
            day = InstrumentDay(seed, number, instrument, session)
            minutes = np.searchsorted(self._closes, minute_closes(session, MINUTE_NS))
            self._plans[number, minutes] = day.plan
            self._traders[number] = day.trader[0]
            prints.append(day.prints())
        if prints:
            together = np.concatenate(prints)
            self._prints = together[np.lexsort((together["instrument"], together["exch_ns"]))]

    def minutes(self) -> Iterator[Records]:
        """TICK rows of one minute after the other by exchange time, `recv_ns` left 0.

        Prints outside the session come with the next minute, those after it as the last item.
        """
        room = len(self._traders) * MAX_TICKS_PER_MINUTE
        buffer: Records = np.zeros(room, TICK)
        rng = np.zeros(1, np.uint64)
        for minute, close_ns in enumerate(self._closes.tolist()):
            prints = self._take_prints(close_ns)
            count = _trade_minute(
                self._plans[:, minute],
                close_ns - MINUTE_NS,
                self._traders,
                self._rules[0],
                rng,
                buffer,
            )
            yield self._numbered(np.concatenate([prints, buffer[:count]]))
        yield self._numbered(self._take_prints(NEVER_NS))

    def _take_prints(self, before_ns: int) -> Records:
        """The auction trades due before `before_ns`, with the volume of the day they make."""
        due = np.searchsorted(self._prints["exch_ns"], before_ns)
        prints, self._prints = self._prints[:due], self._prints[due:]
        for row in prints:
            self._traders["volume"][row["instrument"]] += row["quantity"]
            row["volume"] = self._traders["volume"][row["instrument"]]
        return prints

    def _numbered(self, ticks: Records) -> Records:
        ticks = ticks[np.argsort(ticks["exch_ns"], kind="stable")].view(TICK)
        ticks["seq"] = np.arange(self._seq, self._seq + len(ticks))
        self._seq += len(ticks)
        return ticks


class InstrumentDay:
    """The plan of one instrument's day: per minute where the price goes and how much trades."""

    def __init__(self, seed: int, number: int, instrument: Instrument, session: Session) -> None:
        always_open = session.session_class is SessionClass.ALWAYS_OPEN
        nature = Nature.of(seed, instrument.symbol)
        opens_at, ends_at, volatility = nature.day(session.day)
        digest = hashlib.sha256(f"{seed}|{instrument.symbol}|{session.day}".encode()).digest()
        seeds = np.random.PCG64(int.from_bytes(digest)).random_raw(session.minutes + 1)
        self._session = session
        self._prices = (opens_at, ends_at)
        self.plan: Records = np.zeros(session.minutes, PLAN)
        _plan_day(seeds | np.uint64(1), opens_at, ends_at, volatility, self.plan)
        self.trader: Records = np.zeros(1, TRADER)
        self.trader["number"] = number
        self.trader["tick_paise"] = instrument_tick_paise(instrument, always_open=always_open)
        self.trader["whole_seconds"] = nature.whole_seconds
        self.trader["ticks_per_minute"] = nature.ticks_per_minute
        self.trader["lot"] = nature.lot

    def bars(self) -> Records:
        """BAR rows of the day: exactly what its ticks add up to."""
        opens_ns = minute_closes(self._session, MINUTE_NS) - MINUTE_NS
        buffer: Records = np.zeros(MAX_TICKS_PER_MINUTE, TICK)
        bars: Records = np.zeros(len(self.plan), BAR)
        rules = _tick_rules(self._session.day)
        rng = np.zeros(1, np.uint64)
        count = _trade_day(self.plan, opens_ns, self.trader.copy(), rules[0], rng, buffer, bars)
        return bars[:count]

    def prints(self) -> Records:
        """One trade in each call auction and after the close, all outside the session."""
        windows = self._session.around
        prints: Records = np.zeros(len(windows), TICK)
        for row, window in zip(prints, windows, strict=True):
            before = window.phase is Phase.PRE_OPEN
            price = self._prices[0] if before else self._prices[1]
            ends_ns = self._session.open_ns if before else window.close_ns
            row["instrument"] = self.trader["number"][0]
            row["exch_ns"] = ends_ns - PRINT_BEFORE_NS
            row["quantity"] = 1 + int(40 * self.trader["lot"][0])
            row["price"] = _on_grid(
                price, int(self.trader["tick_paise"][0]), _tick_rules(self._session.day)[0]
            )
        return prints


# --- from day to day -----------------------------------------------------------------------------

MEMORY = np.cumprod(np.full(400, 0.99))  # how much of a shock is left after so many days
GAP_SHARE = 0.4  # of a day's volatility; one gap in 25 is four times as wide
WEEKEND_SHARE = 0.2  # of a day's volatility, for a day without a session


@dataclass(frozen=True, slots=True)
class Nature:
    """What stays the same about a symbol, and its level on any day.

    level(d) = price * (1 + sum_j MEMORY[j] * (gap(d - j) + move(d - j))): a sum of seeded shocks
    over a window, so every day is reached at once, consecutive days differ by one day's shocks,
    and the price wanders around where it belongs instead of drifting off.
    """

    key: int
    price: float
    volatility: float  # of a day
    ticks_per_minute: float
    whole_seconds: bool  # stamps its trades in whole seconds, as some feeds do

    @classmethod
    def of(cls, seed: int, symbol: str) -> "Nature":
        draw = hashlib.sha256(f"{seed}|{symbol}".encode()).digest()
        own = hashlib.sha256(symbol.encode()).digest()  # the price does not change with the seed
        return cls(
            key=int.from_bytes(draw[:8]),
            price=_PRICES.get(symbol, 100.0 + 5.0 * (int.from_bytes(own[:2]) % 380)),
            volatility=0.011 + 0.009 * draw[8] / 255,
            ticks_per_minute=26.0 if symbol in _PRICES else 6.0 + 20.0 * draw[9] / 255,
            whole_seconds=draw[10] % 4 == 0,
        )

    @property
    def lot(self) -> float:
        """Shares of an ordinary trade: some 30,000 rupees."""
        return 30_000.0 / self.price

    def day(self, day: int) -> tuple[float, float, float]:
        """(first price, last price, volatility) of `day`: it opens a gap away from the last one."""
        days = np.arange(day - len(MEMORY), day + 1, dtype=np.int64)
        regimes = _uniforms(self.key + 1, (days + self.key % 8) // 8)  # a regime lasts eight days
        volatility = self.volatility * np.where(
            regimes < 0.25, 0.65, np.where(regimes < 0.8, 1.0, 1.6)
        )
        volatility[(days + 3) % 7 >= 5] *= WEEKEND_SHARE
        wide = np.where(_uniforms(self.key + 2, days) < 0.04, 4.0, 1.0)
        gaps = volatility * GAP_SHARE * wide * _normals(self.key + 3, days)
        shocks = gaps + volatility * _normals(self.key + 4, days)
        before = self._level(shocks[:-1])
        return before * (1.0 + gaps[-1]), self._level(shocks[1:]), float(volatility[-1])

    def _level(self, shocks: Float64s) -> float:
        away = math.fsum((MEMORY[::-1] * shocks).tolist())
        return self.price * (1.0 + min(max(away, -0.6), 1.5))


def _mixed(key: int, days: Int64s) -> UInt64s:
    """64 random bits per day: splitmix64 (Steele, Lea, Flood 2014) of key and day."""
    x = days.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key % 2**64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _uniforms(key: int, days: Int64s) -> Float64s:
    uniforms: Float64s = (_mixed(key, days) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return uniforms


def _normals(key: int, days: Int64s) -> Float64s:
    """Near enough to normal: the sum of four uniforms, scaled to unit variance."""
    bits = _mixed(key, days).view(np.uint16).reshape(-1, 4).astype(np.float64)
    normals: Float64s = (bits.sum(axis=1) / 65_536.0 - 2.0) * ROOT_3
    return normals


# --- inside a day --------------------------------------------------------------------------------

ROOT_3 = 1.7320508075688772
WALK_SHARE = 0.6  # the rest of a day's volatility comes from trends, fast stretches and jumps

# One minute of one instrument's day.
PLAN = record(
    [
        ("seed", "u8"),
        ("start", "f8"),  # price at its begin and end, before rounding to the grid
        ("end", "f8"),
        ("noise", "f8"),  # how far the price strays in between, rupees
        ("activity", "f8"),  # 1: an ordinary minute; 0: nothing trades
    ]
)

TRADER = record(
    [
        ("number", "i4"),
        ("whole_seconds", "i4"),
        ("tick_paise", "i8"),  # 0: the day's table
        ("ticks_per_minute", "f8"),
        ("lot", "f8"),
        ("volume", "i8"),  # of the day so far
    ]
)


@kernel
def _uniform(rng: UInt64s) -> float:
    """The next of xorshift64 (Marsaglia 2003), in [0, 1)."""
    x = rng[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    rng[0] = x
    return float(x >> np.uint64(11)) * 2.0**-53


@kernel
def _normal(rng: UInt64s) -> float:
    total = _uniform(rng) + _uniform(rng) + _uniform(rng) + _uniform(rng)
    return (total - 2.0) * ROOT_3


@kernel
def _plan_day(
    seeds: UInt64s, opens_at: float, ends_at: float, volatility: float, plan: Records
) -> None:
    """A random walk with trends, calm and fast stretches and jumps, tied to the day's last price.

    x += sigma * (trend + normal); price = opens_at * (1 + x + (t / n) * (wanted x - x at the end)).
    """
    count = len(plan)
    rng = seeds[count:]
    sigma_of_minute = WALK_SHARE * volatility / np.sqrt(float(count))
    trend, fast, x = 0.15 * _normal(rng), False, 0.0
    for minute in range(count):
        if _uniform(rng) < 1.0 / 45.0:
            trend = 0.15 * _normal(rng)
        if _uniform(rng) < 1.0 / 75.0:
            fast = not fast
        if minute > 0 and _uniform(rng) < 1.0 / 400.0:
            x += 8.0 * sigma_of_minute * _normal(rng)
        sigma = sigma_of_minute * (1.6 if fast else 0.8) * (1.0 + 22.5 / (minute + 15.0))
        row = plan[minute]
        row.seed = seeds[minute]
        row.start = x
        x += sigma * (trend + _normal(rng))
        row.end = x
        row.noise = sigma * opens_at
        from_noon = 2.0 * minute / count - 1.0  # U shape
        row.activity = (0.55 + 2.0 * from_noon**4) * (1.4 if fast else 0.9)
    missing = ends_at / opens_at - 1.0 - x
    for minute in range(count):
        row = plan[minute]
        row.start = opens_at * (1.0 + row.start + missing * minute / count)
        row.end = opens_at * (1.0 + row.end + missing * (minute + 1) / count)


@kernel
def _trade_minute(
    plans: Records, open_ns: int, traders: Records, rules: np.record, rng: UInt64s, out: Records
) -> int:
    """One minute of all instruments, one after the other; returns the number of ticks."""
    count = 0
    for number in range(len(traders)):
        count = _trade(plans[number], open_ns, traders[number], rules, rng, out, count)
    return count


@kernel
def _trade_day(
    plan: Records,
    opens_ns: Int64s,
    trader: Records,
    rules: np.record,
    rng: UInt64s,
    buffer: Records,
    bars: Records,
) -> int:
    """The day's ticks, added up minute by minute; returns the number of bars."""
    filled = 0
    for minute in range(len(plan)):
        before = trader[0].volume
        count = _trade(plan[minute], opens_ns[minute], trader[0], rules, rng, buffer, 0)
        if count == 0:
            continue
        bar = bars[filled]
        bar.instrument = trader[0].number
        bar.open_ns = opens_ns[minute]
        bar.open = buffer[0].price
        bar.high = buffer[0].price
        bar.low = buffer[0].price
        for i in range(count):
            bar.high = max(bar.high, buffer[i].price)
            bar.low = min(bar.low, buffer[i].price)
        bar.close = buffer[count - 1].price
        bar.volume = trader[0].volume - before
        filled += 1
    return filled


@kernel
def _trade(
    plan: np.record,
    open_ns: int,
    trader: np.record,
    rules: np.record,
    rng: UInt64s,
    out: Records,
    start: int,
) -> int:
    """Ticks of one instrument's minute from `out[start]` on: a bridge from its start to its end.

    A tick stands for several trades (feeds are conflated): the day's volume grows by more than
    the last quantity.
    """
    rng[0] = plan.seed
    wanted = plan.activity * trader.ticks_per_minute * (0.4 + 1.2 * _uniform(rng))
    count = min(int(wanted), MAX_TICKS_PER_MINUTE)
    stray = plan.noise / np.sqrt(max(count, 1) * 1.0)
    price = plan.start
    for i in range(count):
        left = count - i
        price += (plan.end - price) / left
        if left > 1:
            price += stray * _normal(rng)
        after_ms = int((i + _uniform(rng)) / count * 60_000.0)
        if trader.whole_seconds:
            after_ms -= after_ms % 1_000
        size = _uniform(rng)
        quantity = 1 + int(trader.lot * plan.activity * (0.1 + 3.6 * size * size * size))
        trader.volume += quantity + int(2.0 * quantity * _uniform(rng))
        tick = out[start + i]
        tick.instrument = trader.number
        tick.exch_ns = open_ns + after_ms * 1_000_000
        tick.price = _on_grid(price, trader.tick_paise, rules)
        tick.quantity = quantity
        tick.volume = trader.volume
    return start + count


@kernel
def _on_grid(price: float, instrument_tick: int, rules: np.record) -> float:
    """The nearest price of the grid: k ticks, divided once by 100."""
    tick_paise = tick_of(price, instrument_tick, rules)
    return float(max(np.floor(price * 100.0 / tick_paise + 0.5), 1.0) * tick_paise / 100.0)


def _tick_rules(day: int) -> Records:
    rules: Records = np.zeros(1, DAY_RULES)
    fill_tick_rules(rules, day=day)
    return rules
