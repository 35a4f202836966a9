"""The market as the oracle sees it: sessions of a date, ticks, charges and files.

Written from market.md and cli.md 3 alone, in plain Python, as the second opinion that tests
compare the product with. It must never import from the product.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import polars as pl

Row = tuple[int, float, float, float, float, int | None]
"""open_ns, open, high, low, close, volume of one base bar."""
Rows = dict[str, list[Row]]

MINUTE_NS = 60_000_000_000
DAY_NS = 1440 * MINUTE_NS
IST_NS = 330 * MINUTE_NS
EPOCH = date(1970, 1, 1)

# ------------------------------------------------------------------ sessions (market.md 2)

FULL_DAY = ("09:15-15:30",)
AUCTION_DAY = ("09:15-15:15",)
TWO_PARTS = ("09:15-10:00", "11:30-12:30")
MUHURAT = ("18:15-19:15",)
CLOSING_AUCTION_FROM = date(2026, 8, 3)

SPECIAL_DAYS: dict[date, tuple[str, ...]] = {
    date(2015, 2, 28): FULL_DAY,
    date(2020, 2, 1): FULL_DAY,
    date(2024, 1, 20): FULL_DAY,
    date(2025, 2, 1): FULL_DAY,
    date(2026, 2, 1): FULL_DAY,
    date(2024, 3, 2): TWO_PARTS,
    date(2024, 5, 18): TWO_PARTS,
    date(2019, 10, 27): MUHURAT,
    date(2020, 11, 14): MUHURAT,
    date(2021, 11, 4): MUHURAT,
    date(2022, 10, 24): MUHURAT,
    date(2023, 11, 12): MUHURAT,
    date(2026, 11, 8): MUHURAT,
    date(2024, 11, 1): ("18:00-19:00",),
    date(2025, 10, 21): ("13:45-14:45",),
    date(2021, 2, 24): ("09:15-15:30", "15:45-17:00"),
}


@dataclass(frozen=True, slots=True)
class Session:
    """The continuous session of one instrument on one date, as (open_ns, close_ns) parts."""

    parts: tuple[tuple[int, int], ...]

    @property
    def close_ns(self) -> int:
        return self.parts[-1][1]

    def minutes(self, base_ns: int) -> Iterator[tuple[int, int]]:
        """Every base period of the session as (open_ns, close_ns); the last of a part may be
        short."""
        for part_open, part_close in self.parts:
            for open_ns in range(part_open, part_close, base_ns):
                yield open_ns, min(open_ns + base_ns, part_close)

    def period(self, open_ns: int, timeframe_ns: int) -> tuple[int, int]:
        """The strategy bar that a base bar at `open_ns` belongs to (market.md 4)."""
        if timeframe_ns >= DAY_NS:
            return self.parts[0][0], self.close_ns
        for part_open, part_close in self.parts:
            if part_open <= open_ns < part_close:
                start = open_ns - (open_ns - part_open) % timeframe_ns
                return start, min(start + timeframe_ns, part_close)
        raise ValueError(f"{open_ns} lies outside the session {self.parts}")


class Calendar:
    """Days are counted from 1970-01-01, in IST for "nse" and in UTC for "24x7"."""

    def __init__(self, session: str, closing_auction: str | set[str]) -> None:
        if session not in ("nse", "24x7"):
            raise ValueError(f"session {session!r} is neither nse nor 24x7")
        self.is_nse = session == "nse"
        self.closing_auction = closing_auction
        self._zone_ns = IST_NS if self.is_nse else 0

    def day(self, ns: int) -> int:
        return (ns + self._zone_ns) // DAY_NS

    def session(self, day: int, symbol: str) -> Session | None:
        """None on a date without a session."""
        if not self.is_nse:
            return Session(((day * DAY_NS, (day + 1) * DAY_NS),))
        auction = self.closing_auction == "all" or (
            isinstance(self.closing_auction, set) and symbol in self.closing_auction
        )
        return _nse_session(day, auction)


@cache
def _nse_session(day: int, closing_auction: bool) -> Session | None:
    on = EPOCH + timedelta(days=day)
    parts = SPECIAL_DAYS.get(on)
    if parts is None:
        if on.weekday() >= 5:
            return None
        parts = AUCTION_DAY if closing_auction and on >= CLOSING_AUCTION_FROM else FULL_DAY
    midnight = day * DAY_NS - IST_NS
    return Session(
        tuple(
            (midnight + _clock_ns(opens), midnight + _clock_ns(closes))
            for opens, closes in (part.split("-") for part in parts)
        )
    )


def _clock_ns(clock: str) -> int:
    hour, minute = clock.split(":")
    return (int(hour) * 60 + int(minute)) * MINUTE_NS


def date_ist(ns: int) -> date:
    return EPOCH + timedelta(days=(ns + IST_NS) // DAY_NS)


# ------------------------------------------------------------------ ticks (market.md 5)

TICKS_2025 = ((250.0, 1), (1000.0, 5), (5000.0, 10), (10000.0, 50), (20000.0, 100), (math.inf, 500))
"""(price below which the tick holds, tick in paise)."""


def tick_paise(price: float, on: date) -> int:
    if on < date(2024, 6, 10):
        return 5
    if on < date(2025, 4, 15):
        return 1 if price < 250.0 else 5
    return next(paise for below, paise in TICKS_2025 if price < below)


def to_tick(price: float, tick: int, *, up: bool) -> float:
    """The tick at or above (below) `price`; a price within 1e-6 tick of the grid is on it."""
    ticks = price * 100.0 / tick
    nearest = round(ticks)
    if abs(ticks - nearest) > 1e-6:
        nearest = math.ceil(ticks) if up else math.floor(ticks)
    return nearest * tick / 100


# ------------------------------------------------------------------ money (market.md 6)


def value_paise(quantity: int, price: float) -> int:
    return math.floor(quantity * price * 100 + 0.5 + 1e-6)


def _share(value: int, numerator: int, denominator: int) -> int:
    """value * numerator / denominator, rounded half-up."""
    return (2 * value * numerator + denominator) // (2 * denominator)


def fee_paise(profile: str, value: int, on: date, *, is_buy: bool) -> int:
    """Charges of one executed order of `value` paise."""
    stt = 0 if is_buy else _share(value, 25, 100_000)
    match profile:
        case "bps":
            return _share(value, 10, 10_000)
        case "flat20_stt":
            return 2000 + stt
        case "upstox":
            pass
        case _:
            raise ValueError(f"fee_profile {profile!r} is none of upstox, flat20_stt, bps")
    brokerage = min(2000, _share(value, 1, 1000))
    if on < date(2024, 10, 1):
        transaction = _share(value, 345, 10_000_000)
    elif on < date(2026, 3, 1):
        transaction = _share(value, 297, 10_000_000)
    else:
        transaction = _share(value, 30_699, 1_000_000_000)
    ipft = _share(value, 1, 1_000_000 if on < date(2026, 3, 1) else 1_000_000_000)
    sebi = _share(value, 1, 1_000_000)
    stamp = _share(value, 3, 100_000) if is_buy and on >= date(2020, 7, 1) else 0
    gst = _share(brokerage + transaction + sebi, 18, 100)
    return brokerage + stt + transaction + ipft + sebi + stamp + gst


# ------------------------------------------------------------------ files (cli.md 3)


def load(path: Path | str, *, label: str = "open", base_minutes: int = 1) -> Rows:
    """Base bars of a Parquet file by symbol, in order of time, equal duplicates dropped."""
    shift = {"open": 0, "end": base_minutes * MINUTE_NS}[label]
    frame = (
        pl.read_parquet(path, columns=["symbol", "ts", "open", "high", "low", "close", "volume"])
        .with_columns(
            pl.col("ts").dt.cast_time_unit("ns").dt.epoch("ns") - shift,
            pl.col("volume").fill_null(0),
        )
        .unique()
        .sort("symbol", "ts")
    )
    if frame.select(pl.struct("symbol", "ts").is_duplicated().any()).item():
        raise ValueError(f"{path}: two rows of one symbol and time disagree")
    return {
        str(symbol): part.drop("symbol").rows()
        for (symbol,), part in frame.partition_by(
            "symbol", as_dict=True, maintain_order=True
        ).items()
    }
