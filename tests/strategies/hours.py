"""Hours of a market that never closes, as the bars of three timeframes: for screener and fusion."""

import numpy as np

from backtest.run import session_terms
from core.bars import Resampler
from core.session import MINUTE_NS, parse_day
from core.types import BAR, Market, Records
from providers.dataset import Dataset
from providers.replay import ReplayProvider
from strategies.screening import HIGHER_NS
from strategies.settings import RiskSettings
from tests.datasets import dataset_of
from tests.market import ALWAYS_OPEN

HOUR_NS = 60 * MINUTE_NS
FIRST_DAY = parse_day("2025-01-01")


def hours(days: int, seed: int = 1, *, instruments: int = 1, missing: float = 0.0) -> Dataset:
    """A walk whose drift, spread and volume change every few days.

    `missing`: this share of the hours, and from 05:00 to 10:00 on every twentieth day.
    """
    random = np.random.default_rng(seed)
    count = days * 24
    rows: Records = np.zeros((count, instruments), BAR)
    rows["open_ns"] = (FIRST_DAY * 24 + np.arange(count)[:, None]) * HOUR_NS
    for i in range(instruments):
        mine = rows[:, i]
        season = np.repeat(random.normal(0.0, 1.0, count // 40 + 1), 40)[:count]
        spread = np.repeat(random.uniform(0.002, 0.008, count // 60 + 1), 60)[:count]
        steps = random.normal(0.0, 0.5, (count, 4)) * spread[:, None]
        steps[:, 3] += season * 0.002
        path = (1_000.0 * np.exp(np.cumsum(steps).reshape(count, 4))).round(2)
        mine["instrument"] = i
        mine["open"], mine["close"] = path[:, 0], path[:, 3]
        mine["high"], mine["low"] = path.max(axis=1), path.min(axis=1)
        mine["volume"] = random.gamma(2.0, 500.0, count) * (
            1.0 + 4.0 * (random.random(count) < 0.05)
        )
    kept = random.random((count, instruments)) >= missing
    slot = np.arange(count)
    if missing:
        kept[(slot // 24 % 20 == 19) & (slot % 24 >= 5) & (slot % 24 < 10)] = False
    return dataset_of(
        rows[kept], (ALWAYS_OPEN,) * instruments, market=Market.ALWAYS_OPEN, base_ns=HOUR_NS
    )


def strategy_bars(dataset: Dataset) -> Records:
    """All bars of 1d, 4h and 1h (timeframes 0, 1, 2), in the order in which they close."""
    terms = session_terms(RiskSettings().for_market(dataset.options.market))
    provider = ReplayProvider(dataset, terms)
    resampler = Resampler((HOUR_NS, *HIGHER_NS), dataset.options.base_ns, provider.groups)
    return np.concatenate([resampler.resample(span).strategy_bars for span in provider.day_spans()])
