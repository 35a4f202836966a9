"""Which screeners there are: the general one, and those that strategies bring along.

A strategy's screener promises that its candidates hold every bar on which it can enter, whatever
its other settings are; `parameters` are all that its candidates depend on.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import ConfigError
from core.types import Records
from strategies import pixity
from strategies.fusion import FusionSettings
from strategies.pixity import PixitySettings
from strategies.screening import (
    CALM_VOLATILITY,
    Candidates,
    ScreenKeys,
    ScreenSettings,
    candidates,
    timeframes_of,
)
from strategies.settings import StrategySettings
from strategies.volatility import Volatility

FOCUSABLE = ("pixity", "fusion")


@dataclass(frozen=True, slots=True)
class Screener:
    """`find` takes STRATEGY_BAR of `timeframes_ns` (the decision timeframe first) from the first
    bar on, of any instruments: what it finds of one does not depend on the others."""

    timeframes_ns: tuple[int, ...]
    parameters: dict[str, object]
    find: Callable[[Records], Candidates]


def general(keys: ScreenKeys, timeframe: str, decision_ns: int) -> Screener:
    """screener.md 1; the strategy fusion has the same."""
    volatility = Volatility(keys.volatility_path)
    series = volatility.days.tobytes() + volatility.values.tobytes()
    parameters: dict[str, object] = {
        "screener": "general",
        "timeframe": timeframe,
        "min_score": keys.min_score,
        "min_adx": keys.min_adx,
        "volatility": hashlib.sha256(series).hexdigest()[:16] if series else None,
    }

    def find(bars: Records) -> Candidates:
        calm = volatility.calm(bars["day"], CALM_VOLATILITY)
        return candidates(keys, decision_ns, bars, calm)

    return Screener(timeframes_of(decision_ns), parameters, find)


def of_settings(settings: ScreenSettings) -> Screener:
    """The general screener as [screen] has it."""
    return general(settings, settings.decision_bar, settings.timeframe_ns)


def of_strategy(name: str, settings: StrategySettings) -> Screener:
    """The screener of a strategy of the registry. Raises ConfigError where it has none."""
    if isinstance(settings, FusionSettings):
        return general(settings, settings.timeframe, settings.timeframe_ns)
    if isinstance(settings, PixitySettings):
        parameters = {key: getattr(settings, key) for key in pixity.SCREENED_BY}
        return Screener(
            (settings.timeframe_ns,),
            {"screener": "pixity", **parameters},
            lambda bars: pixity.candidates(settings, bars),
        )
    raise ConfigError(f"strategy {name} has no screener: {' and '.join(FOCUSABLE)} have")
