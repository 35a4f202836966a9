"""pixity.md 2 and 3 read in plain Python: every value of every bar from the whole history.

Slow and obvious on purpose: each indicator is computed anew from its definition.
"""

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.types import Records
from strategies.pixity import PixitySettings

NAN = math.nan


@dataclass(frozen=True, slots=True)
class Reading:
    """Bar t of one instrument: values and the events (kind, side) in order."""

    atr: float
    adx: float
    vwap: float
    swing_high: float
    swing_low: float
    features: tuple[float, ...]
    events: tuple[tuple[str, int], ...]


def smooth(values: list[float], alpha: float) -> list[float]:
    means = [values[0]]
    for value in values[1:]:
        means.append(means[-1] + alpha * (value - means[-1]))
    return means


def read(bars: Records, s: PixitySettings) -> list[Reading]:
    """Readings of one instrument's bars, in order."""
    n = len(bars)
    high, low, close = (bars[name].tolist() for name in ("high", "low", "close"))
    day, volume = bars["day"].tolist(), bars["volume"].tolist()
    fast = smooth(close, 2 / (s.ema_fast + 1))
    slow = smooth(close, 2 / (s.ema_slow + 1))
    ranges = [high[0] - low[0]]
    ranges += [
        max(high[t] - low[t], abs(high[t] - close[t - 1]), abs(low[t] - close[t - 1]))
        for t in range(1, n)
    ]
    atr = [
        v if t + 1 >= s.atr_period else NAN for t, v in enumerate(smooth(ranges, 1 / s.atr_period))
    ]
    adx = _adx(high, low, ranges, s.adx_period)
    readings = []
    for t in range(n):
        vwap = _vwap(bars[: t + 1])
        up, down = _swing(high, t, s.swing_period, max), _swing(low, t, s.swing_period, min)
        band = s.reversion_k * atr[t]
        before, now = (close[t - 1] if t else 0.0), close[t]
        same_day = t > 0 and day[t] == day[t - 1]
        calm = adx[t] < s.adx_limit and same_day and not s.skip_reversion
        said = [
            (now > vwap and fast[t] > slow[t] and before <= up < now, "TREND", 1),
            (now < vwap and fast[t] < slow[t] and before >= down > now, "TREND", -1),
            (calm and before < vwap - band <= now, "REVERSION", 1),
            (calm and before > vwap + band >= now, "REVERSION", -1),
        ]
        warm = t + 1 >= s.warmup_bars
        minute = (int(bars["open_ns"][t]) // 60_000_000_000 + 330) % 1440
        window = volume[max(0, t - 99) : t + 1]
        spread = statistics.stdev(window) if len(window) >= 20 else 0.0
        features = (
            (now - vwap) / vwap,
            (fast[t] - fast[t - 1]) / fast[t - 1] if t else 0.0,
            0.0 if math.isnan(atr[t]) else atr[t] / now,
            0.0 if math.isnan(adx[t]) else adx[t],
            float(minute // 60),
            float(minute % 60),
            (window[-1] - statistics.fmean(window)) / spread if spread else 0.0,
        )
        events = tuple((kind, side) for held, kind, side in said if held and warm)
        readings.append(Reading(atr[t], adx[t], vwap, up, down, features, events))
    return readings


def _vwap(bars: Records) -> float:
    today = bars[bars["day"] == bars["day"][-1]]
    typical = [float((b.high + b.low + b.close) / 3) for b in today]
    volumes = today["volume"].tolist()
    if sum(volumes) == 0:
        return float(np.cumsum(typical)[-1]) / len(typical)
    turnover = [t * v for t, v in zip(typical, volumes, strict=True)]
    return float(np.cumsum(turnover)[-1] / sum(volumes))


def _swing(values: list[float], t: int, p: int, extreme: Callable[[list[float]], float]) -> float:
    for i in range(t - p, p - 1, -1):
        if values[i] == extreme(values[i - p : i + p + 1]):
            return values[i]
    return NAN


def _adx(high: list[float], low: list[float], ranges: list[float], n: int) -> list[float]:
    count = len(high)
    found = [NAN] * count
    if count < 2:
        return found
    up = [high[t] - high[t - 1] for t in range(1, count)]
    down = [low[t - 1] - low[t] for t in range(1, count)]
    plus = smooth([u if u > d and u > 0 else 0.0 for u, d in zip(up, down, strict=True)], 1 / n)
    minus = smooth([d if d > u and d > 0 else 0.0 for u, d in zip(up, down, strict=True)], 1 / n)
    mean_range = smooth(ranges, 1 / n)
    value = NAN
    for t in range(1, count):
        if mean_range[t] > 0:
            p, m = (100 * x[t - 1] / mean_range[t] for x in (plus, minus))
            if p + m > 0:
                dx = 100 * abs(p - m) / (p + m)
                value = dx if math.isnan(value) else value + (dx - value) / n
        found[t] = value if t + 1 >= 2 * n else NAN
    return found
