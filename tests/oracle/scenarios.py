"""Small nasty markets from a seed, for comparing two implementations row by row.

`scenario` chooses only what the specification allows as input; it must never avoid a corner
because an implementation finds it hard.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from tests.oracle.market import (
    DAY_NS,
    EPOCH,
    IST_NS,
    MINUTE_NS,
    SPECIAL_DAYS,
    Calendar,
    Row,
    Rows,
)

Options = dict[str, object]

RULE_CHANGES = [
    date(2020, 7, 1),
    date(2024, 6, 10),
    date(2024, 10, 1),
    date(2025, 4, 15),
    date(2026, 3, 1),
    date(2026, 8, 3),
]
"""First days of a new fee, tick or session rule."""

LEVELS = [5, 100, 249, 300, 995, 1200, 6000, 9990, 25000]
"""Rupees; some lie just under a price where the tick changes."""

TO_THE_LAST_MINUTE: Options = {
    "last_entry_minutes": 0,
    "square_off_minutes": 0,
    "sl_mult": 6.0,
    "tp_mult": 6.0,
    "time_stop_bars": 1000,
    "max_daily_loss": 1_000_000,
    "max_entries_per_day": 1000,
}
"""Positions are still open, and entries still allowed, when the session closes."""

ROWS_WANTED = 4000


def scenario(seed: int) -> tuple[Rows, Options]:
    """Rows by symbol and the keyword arguments of `pixity_oracle.run` to play them with."""
    rng = Random(seed)
    symbols = [f"S{letter}" for letter in "ABCD"[: rng.choice([1, 1, 2, 2, 3, 4])]]
    rng.shuffle(symbols)
    options: Options = {"symbols": symbols}
    if rng.random() < 0.3:
        session, base_minutes = "24x7", rng.choice([1, 1, 60, 60, 60])
    else:
        session, base_minutes = "nse", rng.choice([1] * 9 + [5, 15, 60])
    some = set(rng.sample(symbols, len(symbols) // 2))
    auctions: list[str | set[str]] = ["all", "none", some]
    auction = rng.choice(auctions)
    options |= {"session": session, "base_minutes": base_minutes, "closing_auction": auction}
    calendar = Calendar(session, auction)
    timeframe = rng.choice(_timeframes(session, base_minutes))
    options |= _parameters(rng, timeframe, session)

    # Daily bars need many days, so few of their minutes are kept.
    per_day = (1440 if session == "24x7" else 375) // base_minutes
    kept = 0.06 if timeframe == "1d" and base_minutes == 1 else rng.choice([1.0, 0.97, 0.5])
    day_count = int(ROWS_WANTED / (per_day * kept * len(symbols)))
    days = _days(rng, session, count=min(max(day_count, 2), 60))
    rows = {
        symbol: list(_symbol_rows(rng, calendar, symbol, days, base_minutes, kept))
        for symbol in symbols
    }
    half = len(days) // 2
    if rng.random() < 0.3:
        options["from_day"] = _date(rng.choice(days[: half + 1])).isoformat()
    if rng.random() < 0.15:
        options["to_day"] = _date(rng.choice(days[half:])).isoformat()
    if len(symbols) > 1 and rng.random() < 0.1:
        options["symbols"] = symbols[1:]
    return rows, options


def _timeframes(session: str, base_minutes: int) -> list[str]:
    if session == "24x7":
        return ["1h", "1h", "4h", "1d"] if base_minutes == 60 else ["5m", "15m", "1h", "4h"]
    if base_minutes >= 15:
        return ["15m", "30m", "1h"] if base_minutes == 15 else ["1h", "4h", "1d"]
    return ["5m", "5m", "15m", "15m", "15m", "10m", "30m", "1h", "4h", "1d"]


def _parameters(rng: Random, timeframe: str, session: str) -> Options:
    """Short periods, so that a few days hold many events; each limit binds now and then."""
    ema_fast = rng.randint(1, 8)
    rare: Options = {
        "max_quantity": rng.choice([1, 7, 40]),
        "max_notional_per_order": rng.choice([900.0, 20_000.0, 60_000.5]),
        "leverage": rng.choice([1, 2.5]),
        "max_capital": rng.choice([5_000, 30_000]),
        "initial_cash": rng.choice([1_500.0, 20_000.55, 1e8]),
        "fill_on": "close",
        "skip_reversion": True,
        "last_entry_minutes": rng.choice([0, 0, 5, 120]),
        "square_off_minutes": rng.choice([0, 1, 60, 90]),
        "slippage_bps": rng.choice([0.0, 0.5, 25.0]),
        "fee_profile": rng.choice(["upstox", "flat20_stt", "bps"]),
        "warmup_bars": rng.choice([0, 1, 30]),
        "max_daily_loss": rng.choice([0.01, 1_000_000]),
        "max_entries_per_day": rng.choice([1, 1000]),
        "time_stop_bars": rng.choice([1, 1000]),
        "cooldown_bars": 0,
    }
    chosen = {key: value for key, value in rare.items() if rng.random() < 0.12}
    if rng.random() < 0.06:
        chosen |= TO_THE_LAST_MINUTE
    if session == "24x7" and rng.random() < 0.4:
        chosen["fee_profile"] = "upstox"  # its rates change at midnight in India, not in UTC
    return {
        "timeframe": timeframe,
        "ema_fast": ema_fast,
        "ema_slow": ema_fast + rng.randint(1, 12),
        "atr_period": rng.randint(1, 6),
        "adx_period": rng.choice([1, 2, 3, 4, 5, 7]),
        "swing_period": rng.randint(1, 3),
        "reversion_k": rng.choice([0.25, 0.5, 1.0, 2.0]),
        "adx_limit": rng.choice([20, 30, 40, 60, 101]),
        "warmup_bars": rng.randint(2, 12),
        "risk_per_trade": rng.choice([50.0, 333.33, 500.0, 2500.0]),
        "sl_mult": rng.choice([0.1, 0.5, 1.0, 1.7]),
        "tp_mult": rng.choice([0.1, 0.8, 2.0, 3.3]),
        "time_stop_bars": rng.randint(1, 8),
        "cooldown_bars": rng.randint(1, 4),
        "max_daily_loss": rng.choice([60.0, 400.0, 1500.0, 5000.0]),
        "max_entries_per_day": rng.choice([3, 10, 30]),
        **_agreeing(chosen),
    }


def _agreeing(chosen: dict[str, object]) -> Options:
    """`chosen` without what a configuration refuses: these limits must agree with each other."""
    capital, loss = chosen.get("max_capital", 100_000), chosen.get("max_daily_loss", 0)
    if float(str(loss)) > float(str(capital)):
        chosen["max_daily_loss"] = capital
    entry, square_off = chosen.get("last_entry_minutes", 45), chosen.get("square_off_minutes", 20)
    if int(str(square_off)) > int(str(entry)):
        chosen["square_off_minutes"] = entry
    return chosen


def _days(rng: Random, session: str, *, count: int) -> list[int]:
    """Days in a row around a rule change or a special day, weekends among them."""
    special = sorted(SPECIAL_DAYS)
    around = rng.choice(RULE_CHANGES if session == "24x7" else [*RULE_CHANGES, *special])
    anchor = (around - EPOCH).days
    before = rng.randint(1, max(1, count - 1))
    if session == "24x7":
        return list(range(anchor - before, anchor - before + count))
    days = [anchor]
    for step in (-1, 1):
        day = anchor
        wanted = before if step < 0 else count - 1 - before
        while wanted > 0:
            day += step
            days.append(day)
            wanted -= _is_trading_date(day)
    return sorted(days)


def _is_trading_date(day: int) -> bool:
    return _date(day).weekday() < 5 or _date(day) in SPECIAL_DAYS


def _date(day: int) -> date:
    return EPOCH + timedelta(days=day)


def _symbol_rows(
    rng: Random, calendar: Calendar, symbol: str, days: list[int], base_minutes: int, kept: float
) -> Iterator[Row]:
    walk = _Walk(rng, level=rng.choice(LEVELS), is_sparse=kept < 0.5)
    base_ns = base_minutes * MINUTE_NS
    has_prints = rng.random() < 0.3
    for number, day in enumerate(days):
        session = calendar.session(day, symbol)
        opens = [open_ns for open_ns, _ in session.minutes(base_ns)] if session else []
        hole = _hole(rng, len(opens), is_last=number == len(days) - 1)
        walk.jump(0.03)
        for index, open_ns in enumerate(opens):
            if index not in hole and rng.random() < kept:
                yield walk.row(open_ns)
        if calendar.is_nse and has_prints:
            yield from _outside(rng, walk, day, set(opens), base_minutes)


def _hole(rng: Random, count: int, *, is_last: bool) -> range:
    """The minutes of one day that never came: often none, sometimes all."""
    kind = rng.random()
    if kind < (0.5 if is_last else 0.06):
        return range(rng.randint(0, count), count)
    if kind < 0.09:
        return range(rng.randint(0, count))
    if kind < 0.11:
        return range(count)
    if kind < 0.3:
        start = rng.randint(0, count)
        return range(start, start + rng.randint(1, 40))
    return range(0)


def _outside(
    rng: Random, walk: "_Walk", day: int, inside: set[int], base_minutes: int
) -> Iterator[Row]:
    """Prints that must be set aside, at prices that would show if they were not."""
    if base_minutes == 60:
        return  # where the hours of such a print begin is nowhere said
    midnight = day * DAY_NS - IST_NS
    clocks = [(9, 0), (9, 8), (10, 15), (15, 15), (15, 20), (15, 29), (15, 30), (15, 45), (17, 0)]
    for hour, minute in clocks:
        open_ns = midnight + (hour * 60 + minute) * MINUTE_NS
        is_on_grid = minute % base_minutes == 0
        if is_on_grid and open_ns not in inside and rng.random() < 0.5:
            price = round(walk.price * rng.choice([0.8, 0.99, 1.01, 1.2]), 2)
            yield open_ns, price, price, price, price, rng.randint(1, 10**6)


@dataclass(slots=True)
class _Walk:
    """A random walk with regimes, jumps and standstills, on a grid coarse enough for ties."""

    rng: Random
    level: float
    is_sparse: bool
    price: float = field(init=False)
    tick: float = field(init=False)
    sigma: float = field(init=False)
    volume_kind: str = field(init=False)
    drift: float = 0.0
    bars_left: int = 0
    is_flat: bool = False

    def __post_init__(self) -> None:
        self.price = float(self.level)
        self.tick = self.rng.choice([0.05, 0.05, 0.05, 0.01, 0.0001, self.level / 200])
        self.sigma = self.rng.choice([0.0004, 0.001, 0.003]) * (4 if self.is_sparse else 1)
        self.volume_kind = self.rng.choice(["normal", "normal", "thin", "zero", "null"])

    def row(self, open_ns: int) -> Row:
        if self.bars_left == 0:
            self.bars_left = self.rng.randint(5, 60)
            self.is_flat = self.rng.random() < 0.06
            self.drift = self.rng.choice([-0.5, -0.15, 0.0, 0.0, 0.15, 0.5])
        self.bars_left -= 1
        if self.is_flat:
            price = self.price
            return open_ns, price, price, price, price, self._volume()
        if self.rng.random() < 0.02:
            self.jump(0.01)
        path = [self.price]
        sigma = self.sigma
        if self.rng.random() < 0.01:  # opens beyond a bracket and sweeps over both its ends
            self.jump(0.02)
            path, sigma = [self.price], 0.01
        for _ in range(3):
            step = self.rng.gauss(self.drift, 1.0) * sigma * self.level
            path.append(self._on_grid(path[-1] + step))
        self.price = path[-1]
        return open_ns, path[0], max(path), min(path), path[-1], self._volume()

    def jump(self, share: float) -> None:
        self.price = self._on_grid(self.price * (1 + self.rng.uniform(-share, share)))

    def _on_grid(self, price: float) -> float:
        floor, ceiling = self.level / 2, self.level * 2
        price = min(max(price, floor), ceiling)
        return round(round(price / self.tick) * self.tick, 4)

    def _volume(self) -> int | None:
        match self.volume_kind:
            case "null":
                return None
            case "zero":
                return 0
            case "thin":
                return self.rng.choice([0, 0, 0, 1, 5])
            case _:
                return self.rng.randint(0, 50_000)
