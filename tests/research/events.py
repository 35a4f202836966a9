"""Labelled events that were never traded, for what only learns from them."""

from typing import Any

import numpy as np
import polars as pl

from core.session import DAY_NS
from core.types import Market
from research.meta.labels import FORMAT, Labels
from strategies.pixity import FEATURES, PixitySettings
from strategies.settings import RiskSettings
from tests.market import DAY, at

HOUR_NS = DAY_NS // 24


def made_up(count: int = 400, seed: int = 1, a_day: int = 5, **changes: Any) -> Labels:
    """Events that win more often the lower their ADX; `changes` are columns."""
    random = np.random.default_rng(seed)
    features = {name: random.normal(0, 1, count) for name in FEATURES}
    features["adx"] = random.uniform(0, 80, count)
    label = (random.uniform(0, 80, count) > features["adx"]).astype(np.int8)
    number = np.arange(count)
    decided = at("10:00", DAY) + number // a_day * DAY_NS + number % a_day * HOUR_NS
    frame = pl.DataFrame(
        {
            "strategy": ["pixity"] * count,
            "instrument": ["A"] * count,
            "kind": ["TREND"] * count,
            "side": np.where(random.random(count) < 0.5, "BUY", "SELL").tolist(),
            "bar_open_ns": decided - HOUR_NS // 4,
            "bar_close_ns": decided,
            **features,
            "label": label,
            "r": np.where(label == 1, 1.8, -1.2) + random.normal(0, 0.1, count),
            "exit_ns": decided + HOUR_NS,
        }
    ).with_columns(**changes)
    description = {
        "format": FORMAT,
        "strategy": "pixity",
        "features": list(FEATURES),
        "settings": PixitySettings().model_dump(mode="json"),
        "risk": RiskSettings().for_market(Market.NSE).model_dump(mode="json"),
        "symbols": ["A"],
        "data_hash": "0" * 64,
    }
    return Labels(frame, description)
