"""Entries with a planted edge are told from chance, entries without one are not."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from backtest.run import Request
from core.errors import ConfigError
from research.honesty.significance import EntryTest, Segment, entry_test, segment_trades
from tests.datasets import generated, request_on
from tests.research.honesty.persistence import FIRST, market

SETTINGS = (
    "ema_fast=3 ema_slow=10 atr_period=10 warmup_bars=30 sl_mult=2 tp_mult=4 time_stop_bars=25"
    " cooldown_bars=1"
).split()


def asked(edge: float, seed: int = 1, sessions: int = 120) -> Request:
    return request_on(market(sessions, edge, seed), *SETTINGS, strategy="ema_cross")


def segment(request: Request, first: int = 30, last: int = 10_000) -> Segment:
    return Segment(request.settings, request.risk, FIRST + first, FIRST + last)


def compared(request: Request, *segments: Segment, draws: int = 200, seed: int = 1) -> EntryTest:
    trades = segment_trades(request, segments)
    found = entry_test(request, segments, trades, draws=draws, seed=seed)
    assert found is not None
    return found


def test_entries_with_a_planted_edge_are_better_than_every_draw() -> None:
    request = asked(edge=0.6)

    found = compared(request, segment(request))

    assert found.p_value == pytest.approx(1 / 201)
    assert found.mean_r > found.random_r + 0.2


def test_entries_without_an_edge_are_chance() -> None:
    requests = [asked(edge=0.0, seed=seed, sessions=60) for seed in range(12)]

    p_values = [compared(request, segment(request, 10)).p_value for request in requests]

    # Of twelve uniform values: their mean, and that not one in four is under 0.05.
    assert 0.3 < np.mean(p_values) < 0.7
    assert sum(p_value <= 0.05 for p_value in p_values) <= 2


def test_the_rule_alone_makes_what_its_run_made_where_nothing_binds() -> None:
    request = asked(edge=0.3)
    segments = [segment(request)]
    trades = segment_trades(request, segments)

    found = entry_test(request, segments, trades, draws=20)

    assert found is not None
    assert found.entries == trades.height
    assert found.mean_r == pytest.approx(trades["r"].mean())


def test_segments_are_compared_each_by_its_own_settings() -> None:
    request = asked(edge=0.6)
    tight = replace(request, settings=request.settings.model_copy(update={"tp_mult": 1.0}))
    segments = [segment(request, 30, 90), segment(tight, 91)]
    trades = segment_trades(request, segments)
    alone = [compared(one, part) for one, part in zip((request, tight), segments, strict=True)]

    found = entry_test(request, segments, trades, draws=20)

    assert found is not None
    assert found.entries == sum(one.entries for one in alone)
    whole = sum(one.entries * one.mean_r for one in alone)
    assert found.entries * found.mean_r == pytest.approx(whole)


def test_the_same_seed_gives_the_same_answer() -> None:
    request = asked(edge=0.2, sessions=60)
    part = segment(request, 10)

    assert compared(request, part, seed=5) == compared(request, part, seed=5)
    assert compared(request, part, seed=5) != compared(request, part, seed=6)


def test_nothing_traded_is_nothing_to_compare() -> None:
    request = asked(edge=0.2, sessions=20)
    none = [segment(request, 5)]

    assert entry_test(request, none, segment_trades(request, none).clear()) is None


def test_several_instruments_are_each_compared_with_their_own_bars() -> None:
    request = request_on(generated("mixed auction"), "warmup_bars=5", strategy="ema_cross")
    whole = [Segment(request.settings, request.risk, 0, 30_000)]
    trades = segment_trades(request, whole)
    assert trades["instrument"].n_unique() > 1

    found = entry_test(request, whole, trades, draws=20)

    assert found is not None
    assert found.entries == trades.height


def test_a_strategy_without_a_kernel_has_no_test() -> None:
    request = request_on(generated("week"), strategy="fusion")
    segments = [Segment(request.settings, request.risk, 0, 30_000)]

    with pytest.raises(ConfigError, match="strategy fusion has no kernel"):
        entry_test(request, segments, pl.DataFrame())
