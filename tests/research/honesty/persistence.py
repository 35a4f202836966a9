"""A market whose trends last by a stated strength, or not at all: what an edge is planted in."""

import numpy as np

from core.session import MINUTE_NS, minute_closes, parse_day, recorded_session
from core.types import BAR, Records
from providers.dataset import Dataset
from tests.datasets import dataset_of
from tests.market import CASH

FIRST = parse_day("2024-01-01")
BASE_NS = 15 * MINUTE_NS
SIGMA = 0.003  # of a 15 minute bar


def market(sessions: int, edge: float, seed: int = 1, mean_bars: float = 20.0) -> Dataset:
    """15 minute bars of one share.

    A trend of `edge` deviations a bar, up or down, turns with probability 1 / `mean_bars` at each;
    an edge of 0 is a walk without drift, in which nothing can be known of the next bar.
    """
    random = np.random.default_rng(seed)
    opens = [
        open_ns
        for day in range(FIRST, FIRST + 2 * sessions)
        if (session := recorded_session(day, CASH)) is not None
        for open_ns in minute_closes(session, BASE_NS) - BASE_NS
    ]
    opens = opens[: sessions * 25]
    size = len(opens)
    trend = np.where(np.cumsum(random.random(size) < 1.0 / mean_bars) % 2, 1.0, -1.0)
    steps = SIGMA * (random.normal(0.0, 1.0, size) + edge * trend)
    close = 1000.0 * np.exp(np.cumsum(steps))
    open_ = np.concatenate([[1000.0], close[:-1]])
    reach = 1.0 + SIGMA * np.abs(random.normal(0.0, 0.5, (2, size)))
    bars: Records = np.zeros(size, BAR)
    bars["open_ns"] = opens
    bars["open"], bars["close"] = open_, close
    bars["high"] = np.maximum(open_, close) * reach[0]
    bars["low"] = np.minimum(open_, close) / reach[1]
    bars["volume"] = 1_000_000
    for name in ("open", "high", "low", "close"):
        bars[name] = np.round(bars[name] * 20.0) / 20.0
    return dataset_of(bars, base_ns=BASE_NS)
