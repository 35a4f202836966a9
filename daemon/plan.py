"""What a daemon is to run, and what came of a day: values that bootstrap takes and gives."""

from dataclasses import dataclass

from core.session import SECOND_NS
from daemon.sources import Source
from providers.replay import SessionTerms
from strategies.settings import MarketRisk, StrategySettings

BOOK = "main"
LATE_NS = 30 * SECOND_NS  # a Minute handled later than this after its close is late


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the daemon is to run."""

    mode: str
    source: Source
    strategies: tuple[tuple[str, str, StrategySettings], ...]  # (instance, registry name, settings)
    risk: MarketRisk
    terms: SessionTerms
    late_ns: int = LATE_NS

    @property
    def scope(self) -> str:
        """pixity.md 7: a replayed day belongs to its data, any other to mode, account and book."""
        if self.source.name == "replay":
            return self.source.identity.replace(" ", "|")
        return f"{self.mode}|paper|{BOOK}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOutcome:
    """What came of one run of a day."""

    day: int
    complete: bool
    minutes: int
    minutes_expected: int
    signals: int
    entries: int
    trades: int
    net_paise: int
