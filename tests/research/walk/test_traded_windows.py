"""A walk-forward of a strategy: what a window trades is what a backtest of its span trades."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from backtest.run import Gear, Request, run
from research.evaluation import TradedSubject
from research.search.optimizer import ParamOptimizer
from research.search.space import space_from
from research.walk.outcome import stitched
from research.walk.validator import Walked, WalkForwardValidator
from research.walk.windows import Length, Scheme
from tests.datasets import LIVELY, generated, request_on
from tests.research.walk.known import settled

GRID = {"sl_mult": [1.0, 2.0], "tp_mult": [2.0, 3.0]}
EVENT = ("instrument", "kind", "side", "bar_open_ns", "bar_close_ns", "close", "atr", "vwap")


def asked(gear: Gear = Gear.COMPILED) -> Request:
    # Test spans of one session, and a warm-up that is longer: 80 bars of 5m, a session has 75.
    return request_on(generated("week"), *LIVELY, "warmup_bars=80", gear=gear)


def walked(request: Request) -> Walked:
    optimizer = ParamOptimizer(
        TradedSubject(request), space_from(GRID), objective="total_return", workers=1
    )
    return WalkForwardValidator(optimizer, Scheme(Length(2, "d"), Length(1, "d"))).run()


@pytest.fixture(scope="module")
def found() -> Walked:
    return walked(asked())


def test_a_test_span_shorter_than_the_warm_up_trades_as_a_backtest_of_it(found: Walked) -> None:
    assert found.trades is not None
    assert len(found.outcomes) == 3
    for one in found.outcomes:
        alone = run(settled(asked(), one.chosen, one.window.test))
        own = found.trades.filter(pl.col("window") == one.window.number).drop("window")
        assert own.equals(alone.trades)
        assert own.height
        cash_paise = asked().risk.initial_cash * 100
        assert round(float(one.returns.sum()) * cash_paise) == own["net_paise"].sum()


def test_signals_of_a_test_span_are_those_of_the_whole_data_at_the_same_bars(
    found: Walked,
) -> None:
    """The warm-up buffer is all that came before, so nothing of a window depends on its edge."""
    for one in found.outcomes:
        request = settled(asked(), one.chosen, one.window.test)
        alone = run(request).signals.select(EVENT)
        whole = run(replace(request, from_day=None, to_day=None)).signals.select(EVENT)
        first_ns = alone["bar_open_ns"].min()
        inside = pl.col("bar_open_ns").is_between(first_ns, alone["bar_open_ns"].max())
        assert alone.height
        assert alone.equals(whole.filter(inside))


def test_all_windows_are_measured_together_as_one(found: Walked) -> None:
    assert found.trades is not None
    days, returns = stitched(found.outcomes)
    subject = TradedSubject(asked())
    measured = subject.measured(found.trades, days)
    np.testing.assert_array_equal(measured.daily, returns)
    assert found.metrics == measured.metrics
    assert not found.compounded


def test_the_event_gear_walks_to_the_same_trades(found: Walked) -> None:
    other = walked(asked(Gear.EVENT))
    assert other.trades is not None
    assert found.trades is not None
    assert other.trades.equals(found.trades)
    assert [one.chosen for one in other.outcomes] == [one.chosen for one in found.outcomes]
