"""Plain Python strategies: a class with `on_bar`, run in the event gear only.

    class Breakout:
        settings = StrategySettings          # or a subclass with keys of its own
        kinds = ("BREAKOUT",)
        def __init__(self, settings, instruments): ...
        def on_bar(self, bar, account): ...  # -> Proposal | None

`bar` is one STRATEGY_BAR, `account` what may be seen of the account (`core.book.AccountView`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from core.book import AccountView
from core.types import Records, Row, Side
from strategies.kernel import blank, raise_event, signal_dtype
from strategies.settings import StrategySettings


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a plain strategy wants; `atr` in rupees is the unit of its stop and target."""

    kind: str
    side: Side
    atr: float
    vwap: float = float("nan")
    confidence: float = 0.5


class PlainClass(Protocol):
    """What the class itself must have."""

    settings: ClassVar[type[StrategySettings]]
    kinds: ClassVar[tuple[str, ...]]

    def __init__(self, settings: StrategySettings, instruments: Sequence[str]) -> None: ...

    def on_bar(self, bar: Row, account: AccountView | None) -> Proposal | None: ...


class PlainStrategy:
    """Makes a plain strategy look like any other to the book."""

    sees_account = True
    gates: tuple[str, ...] = ()
    features: tuple[str, ...] = ()

    def __init__(
        self,
        cls: type[PlainClass],
        settings: StrategySettings,
        instruments: Sequence[str],
        name: str,
    ) -> None:
        self.name = name
        self.settings = settings
        self.kinds = cls.kinds
        self.timeframes_ns: tuple[int, ...] = getattr(
            cls, "timeframes_ns", (settings.timeframe_ns,)
        )
        self._strategy = cls(settings, instruments)
        self._dtype = signal_dtype(0, 0)

    def on_bars(self, bars: Records, account: AccountView | None = None) -> Records:
        """SIGNAL rows for closed strategy bars, in order."""
        signals: Records = np.zeros(len(bars), self._dtype)
        for bar, signal in zip(bars, signals, strict=True):
            blank(signal, bar)
            proposal = self._strategy.on_bar(bar, account)
            if proposal is not None:
                signal.atr, signal.vwap = proposal.atr, proposal.vwap
                signal.confidence = proposal.confidence
                raise_event(signal, self.kinds.index(proposal.kind) + 1, int(proposal.side))
        return signals
