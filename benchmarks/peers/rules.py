"""The strategy of W1 as plain Python, the same text under every event-driven peer.

EMA 10 / 30 cross on 15m bars with an ATR bracket: entries until 14:45, flat from 15:15 IST. Knows
bars and times only; how an order is sent is the peer's business. Written so that its arithmetic is
that of our own kernel, operation by operation.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

EMA_FAST, EMA_SLOW, ATR_PERIOD, WARMUP_BARS = 10, 30, 14, 50
RISK_RUPEES, SL_MULT, TP_MULT = 500.0, 1.0, 2.0
TICK_PAISE = 5
CASH = 1e9

MINUTE_NS = 60_000_000_000
DAY_NS = 86_400_000_000_000
IST_NS = 19_800_000_000_000
LAST_ENTRY_NS = (14 * 60 + 45) * MINUTE_NS  # of the IST day
SQUARE_OFF_NS = (15 * 60 + 15) * MINUTE_NS


class CrossRules:
    """State of one symbol. `side` is what the last bar asks for: 1, -1 or 0."""

    __slots__ = ("atr", "bars", "close", "close_sum", "fast", "slow")

    def __init__(self) -> None:
        self.bars = 0
        self.fast = self.slow = self.atr = self.close = self.close_sum = 0.0

    def on_bar(self, high: float, low: float, close: float) -> int:
        """Take one closed 15m bar; returns the side of the event, 0 without one."""
        self.bars += 1
        self.close_sum += close
        was_over, was_under = self.fast > self.slow, self.fast < self.slow
        if self.bars == 1:
            self.fast = self.slow = close
            self.atr = high - low
        else:
            range_ = max(high - low, abs(high - self.close), abs(low - self.close))
            self.fast += 2.0 / (EMA_FAST + 1) * (close - self.fast)
            self.slow += 2.0 / (EMA_SLOW + 1) * (close - self.slow)
            self.atr += 1.0 / ATR_PERIOD * (range_ - self.atr)
        self.close = close
        if self.bars < WARMUP_BARS:
            return 0
        if self.fast > self.slow and not was_over:
            return 1
        if self.fast < self.slow and not was_under:
            return -1
        return 0

    @property
    def quantity(self) -> int:
        return math.floor(RISK_RUPEES / (SL_MULT * self.atr))

    def bracket(self, side: int, price: float) -> tuple[float, float]:
        """Stop and target of an entry at `price`, both on the tick away from it."""
        stop = on_tick(price - side * SL_MULT * self.atr, -side)
        return stop, on_tick(price + side * TP_MULT * self.atr, side)


def on_tick(price: float, direction: int) -> float:
    ticks = price * 100.0 / TICK_PAISE
    steps = math.ceil(ticks - 1e-6) if direction > 0 else math.floor(ticks + 1e-6)
    return steps * TICK_PAISE / 100.0


def may_enter(close_ns: int) -> bool:
    return (close_ns + IST_NS) % DAY_NS <= LAST_ENTRY_NS


def must_be_flat(close_ns: int) -> bool:
    return (close_ns + IST_NS) % DAY_NS >= SQUARE_OFF_NS


def load(folder: str, number: int) -> dict[str, "np.ndarray[Any, Any]"]:
    """Columns of one symbol: open_ns, open, high, low, close, volume."""
    with np.load(Path(folder) / f"S{number:04d}.npz") as columns:
        return {name: columns[name] for name in columns.files}


def checks(
    rules: Sequence[CrossRules], fills: Sequence[tuple[bool, int, float]]
) -> dict[str, float]:
    """What must agree; `fills` are (is an entry, quantity, price)."""
    entries = [fill for fill in fills if fill[0]]
    exits = [fill for fill in fills if not fill[0]]
    return {
        "bars_15m": sum(one.bars for one in rules),
        "close_sum": round(sum(one.close_sum for one in rules), 2),
        "entries": len(entries),
        "exits": len(exits),
        "shares": sum(quantity for _, quantity, _ in entries),
        "entry_value": round(sum(q * p for _, q, p in entries), 2),
        "exit_value": round(sum(q * p for _, q, p in exits), 2),
    }
