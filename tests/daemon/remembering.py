"""A plain Python strategy with a memory of its own, which no snapshot can hold."""

from collections.abc import Sequence
from typing import ClassVar

from core.book import AccountView
from core.types import Row, Side
from strategies.plain import Proposal
from strategies.settings import StrategySettings

NAME = f"{__name__}:Remembering"
EVERY_BARS = 9


class Remembering:
    """Buys or sells by turns, every so many bars of those it has ever seen."""

    settings: ClassVar[type[StrategySettings]] = StrategySettings
    kinds: ClassVar[tuple[str, ...]] = ("TURN",)

    def __init__(self, settings: StrategySettings, instruments: Sequence[str]) -> None:
        self._seen = 0

    def on_bar(self, bar: Row, account: AccountView | None) -> Proposal | None:
        self._seen += 1
        turn, rest = divmod(self._seen, EVERY_BARS)
        side = Side.BUY if turn % 2 else Side.SELL
        return None if rest else Proposal("TURN", side, atr=0.5)
