"""Which recorded days belong together, and what cannot be learned from them."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from core.errors import ConfigError
from core.session import parse_day
from core.types import BAR, Market
from research.meta.recorded import EVENT_SCHEMA, RecordedDays, recorded_labels
from strategies.registry import settings_of
from strategies.settings import RiskSettings

NOTHING = pl.DataFrame(schema=EVENT_SCHEMA)


def ran(date: str, strategy: str = "pixity", **changes: Any) -> RecordedDays:
    return RecordedDays(
        instance="mine",
        strategy=strategy,
        settings=settings_of(strategy)(**changes),
        risk=RiskSettings().for_market(Market.NSE),
        instruments=(),
        base_ns=60_000_000_000,
        days=(parse_day(date),),
        bars=np.zeros(0, BAR),
    )


@pytest.mark.parametrize(
    ("earlier", "said"),
    [
        (
            ran("2026-07-27", ema_fast=9),
            "mine ran with ema_fast = 9 on 2026-07-27 and 20 on 2026-07-28",
        ),
        (ran("2026-07-27", timeframe="5m"), "mine ran with timeframe = 5m on 2026-07-27 and 15m"),
        (ran("2026-07-27", "ema_cross"), "mine was ema_cross on 2026-07-27 and pixity on 2026-07"),
    ],
)
def test_features_of_different_setups_are_not_mixed(earlier: RecordedDays, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        recorded_labels([earlier, ran("2026-07-28")], NOTHING)


def test_a_strategy_without_features_cannot_be_learned_from() -> None:
    with pytest.raises(ConfigError, match="strategy mine records no features"):
        recorded_labels([ran("2026-07-28", "ema_cross")], NOTHING)
