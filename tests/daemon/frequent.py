"""A strategy that trades by the minute, so that a short live day holds every way in and out."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from core.book import AccountView
from core.session import MINUTE_NS
from core.types import Row, Side
from strategies.plain import Proposal
from strategies.settings import StrategySettings


class FrequentSettings(StrategySettings):
    every: int = Field(3, ge=1, description="minutes from one signal of an instrument to the next")
    atr_bps: float = Field(8.0, gt=0, description="of the close, as ATR")


class Frequent:
    """In every few minutes a signal of each instrument, long and short in turn."""

    settings: ClassVar[type[StrategySettings]] = FrequentSettings
    kinds: ClassVar[tuple[str, ...]] = ("TURN",)

    def __init__(self, settings: FrequentSettings, instruments: Sequence[str]) -> None:
        self._every, self._atr_bps = settings.every, settings.atr_bps

    def on_bar(self, bar: Row, account: AccountView | None) -> Proposal | None:
        turn, rest = divmod(int(bar.open_ns) // MINUTE_NS + int(bar.instrument), self._every)
        if rest:
            return None
        side = Side.BUY if turn % 2 else Side.SELL
        return Proposal("TURN", side, float(bar.close) * self._atr_bps / 10_000.0)
