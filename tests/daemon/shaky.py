"""Plain strategies of the tests: one that fails where it is told to, one that remembers."""

from collections.abc import Sequence
from typing import ClassVar

from core.book import AccountView
from core.types import Row, Side
from strategies.plain import Proposal
from strategies.settings import StrategySettings

NAME = "tests.daemon.shaky:Shaky"
COUNTING = "tests.daemon.shaky:Counting"


class Shaky:
    """Wants to enter on every third bar, by the clock; remembers nothing."""

    settings = StrategySettings
    kinds = ("THIRD",)
    fails_at_ns: ClassVar[int] = 0  # close of the bar
    fails_in: ClassVar[int] = 0  # instrument
    error: ClassVar[BaseException] = ValueError("cannot think")
    is_lost: ClassVar[bool] = False  # cannot even be made

    def __init__(self, settings: StrategySettings, instruments: Sequence[str]) -> None:
        if Shaky.is_lost:
            raise FileNotFoundError("where is my model")
        self._timeframe_ns = settings.timeframe_ns

    def on_bar(self, bar: Row, account: AccountView | None) -> Proposal | None:
        if (int(bar.close_ns), int(bar.instrument)) == (Shaky.fails_at_ns, Shaky.fails_in):
            raise Shaky.error
        if int(bar.open_ns) // self._timeframe_ns % 3:
            return None
        return Proposal("THIRD", Side.BUY, atr=float(bar.close) / 200.0)


class Counting:
    """Wants to enter on every seventh bar it has ever seen."""

    settings = StrategySettings
    kinds = ("SEVENTH",)

    def __init__(self, settings: StrategySettings, instruments: Sequence[str]) -> None:
        self._seen = 0

    def on_bar(self, bar: Row, account: AccountView | None) -> Proposal | None:
        self._seen += 1
        if self._seen % 7:
            return None
        return Proposal("SEVENTH", Side.SELL, atr=float(bar.close) / 200.0)
