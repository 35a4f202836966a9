"""Generated bars for signals: daily ones of a few shares, and minutes of uneven sessions."""

import numpy as np
import polars as pl

from core.session import DAY_NS, IST_OFFSET_NS, MINUTE_NS, parse_day

FIRST_DAY = parse_day("2021-01-01")
OPEN_MINUTE = 9 * 60 + 15
EVENING = (18 * 60 + 15, 20)  # an evening session: the minute it opens, its bars
MS = 1_000_000


def daily_bars(symbols: int = 2, sessions: int = 320, seed: int = 1) -> pl.DataFrame:
    """Working days without holidays, every column of the exchange's daily file."""
    days = [day for day in range(FIRST_DAY, FIRST_DAY + 2 * sessions) if (day + 3) % 7 < 5]
    stamps = np.array(days[:sessions]) * DAY_NS - IST_OFFSET_NS
    return pl.concat(_share(number, stamps, seed, 0.1) for number in range(symbols))


def minute_bars(symbols: int = 2, sessions: int = 7, bars: int = 60, seed: int = 1) -> pl.DataFrame:
    """Sessions of `bars` minutes, the sixth in the evening; every tenth minute is missing."""
    stamps = []
    for session in range(sessions):
        first, count = EVENING if session == 5 else (OPEN_MINUTE, bars)
        opened = (FIRST_DAY + session) * DAY_NS - IST_OFFSET_NS + first * MINUTE_NS
        stamps.append(opened + np.arange(count) * MINUTE_NS)
    shares = []
    for number in range(symbols):
        kept = np.random.default_rng(seed + 100 + number).random(sum(map(len, stamps))) < 0.9
        shares.append(_share(number, np.concatenate(stamps)[kept], seed, 0.02))
    return pl.concat(shares)


def _share(number: int, stamps_ns: np.ndarray, seed: int, size: float) -> pl.DataFrame:
    random = np.random.default_rng((seed, number))
    steps = random.normal(0.0, size, (len(stamps_ns), 4))
    waves = 0.3 * np.sin(np.cumsum(steps))  # prices that cross each other often
    path = np.round(100.0 * np.exp(waves).reshape(-1, 4), 2)
    volume = random.integers(1_000, 50_000, len(stamps_ns)).astype(np.float64)
    high, low = path.max(axis=1), path.min(axis=1)
    return pl.DataFrame(
        {
            "symbol": [f"S{number}"] * len(stamps_ns),
            "ts": pl.Series(stamps_ns // MS).cast(pl.Datetime("ms")),
            "open": path[:, 0],
            "high": high,
            "low": low,
            "close": path[:, 3],
            "volume": volume,
            "avg_price": (high + low + path[:, 3]) / 3.0,
            "trades": np.round(volume / random.integers(20, 80, len(stamps_ns))),
            "deliv_qty": np.round(volume * random.uniform(0.1, 0.9, len(stamps_ns))),
        }
    )
