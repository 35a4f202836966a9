"""A plain strategy that trades every third bar, and fails where a test says so."""

from collections.abc import Sequence
from typing import ClassVar

from core.book import AccountView
from core.types import Row, Side
from strategies.plain import Proposal
from strategies.settings import StrategySettings

NAME = "tests.daemon.shaky:Shaky"


class Shaky:
    """Remembers nothing, so that it may be asked from any bar on."""

    settings = StrategySettings
    kinds = ("THIRD",)
    fails_at_ns: ClassVar[int] = 0  # close of the bar
    fails_in: ClassVar[int] = 0  # instrument
    error: ClassVar[BaseException] = ValueError("cannot think")

    def __init__(self, settings: StrategySettings, instruments: Sequence[str]) -> None:
        self._timeframe_ns = settings.timeframe_ns

    def on_bar(self, bar: Row, account: AccountView | None) -> Proposal | None:
        if (int(bar.close_ns), int(bar.instrument)) == (Shaky.fails_at_ns, Shaky.fails_in):
            raise Shaky.error
        if int(bar.open_ns) // self._timeframe_ns % 3:
            return None
        return Proposal("THIRD", Side.BUY, atr=float(bar.close) / 200.0)
