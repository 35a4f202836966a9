"""Plain Python strategies: a class with `on_bar` looks like any other to the book."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pytest

from core.book import AccountView
from core.session import MINUTE_NS
from core.types import Row, Side
from strategies.plain import PlainStrategy, Proposal
from strategies.settings import StrategySettings
from tests.strategies.bars import bars_of


class Dip:
    """Buys a close under 100."""

    settings: ClassVar[type[StrategySettings]] = StrategySettings
    kinds: ClassVar[tuple[str, ...]] = ("RALLY", "DIP")

    def __init__(self, settings: StrategySettings, instruments: Sequence[str]) -> None:
        self.instruments = instruments

    def on_bar(self, bar: Row, account: AccountView | None) -> Proposal | None:
        if bar.close >= 100.0:
            return None
        return Proposal(kind="DIP", side=Side.BUY, atr=1.5, vwap=101.0, confidence=0.7)


class Confused(Dip):
    def on_bar(self, bar: Row, account: AccountView | None) -> Proposal | None:
        return Proposal(kind="TYPO", side=Side.BUY, atr=1.5)


class TwoTimeframes(Dip):
    timeframes_ns = (5 * MINUTE_NS, 60 * MINUTE_NS)


def test_a_proposal_becomes_the_signal_of_its_bar() -> None:
    strategy = PlainStrategy(Dip, StrategySettings(), ["A"], "dip")
    signals = strategy.on_bars(bars_of([101.0, 99.0]))

    assert [0, 1] == signals["count"].tolist()
    last = signals[1]
    assert (2, 1, 99.0, 1.5, 101.0, 0.7) == (
        last.kind[0],
        last.side[0],
        last.close,
        last.atr,
        last.vwap,
        last.confidence,
    )
    assert np.isnan(signals[0].atr)


def test_it_sees_the_account_and_has_neither_gates_nor_features() -> None:
    strategy = PlainStrategy(Dip, StrategySettings(timeframe="1h"), ["A"], "dip")

    assert strategy.sees_account
    assert ("dip", (60 * MINUTE_NS,)) == (strategy.name, strategy.timeframes_ns)
    assert ((), ()) == (strategy.gates, strategy.features)


def test_it_may_read_higher_timeframes() -> None:
    strategy = PlainStrategy(TwoTimeframes, StrategySettings(), ["A"], "two")

    assert (5 * MINUTE_NS, 60 * MINUTE_NS) == strategy.timeframes_ns


def test_a_kind_that_was_not_declared_is_a_bug_of_the_strategy() -> None:
    strategy = PlainStrategy(Confused, StrategySettings(), ["A"], "confused")
    with pytest.raises(ValueError, match="not in tuple"):
        strategy.on_bars(bars_of([99.0]))
