"""Focused and full replay are one: the same trades, for whatever parameters, on any span."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from backtest.candidates import CandidateFile, read_candidates, write_candidates
from backtest.focus import Plan, focused, plan_of, prove, screen_request, skipped
from backtest.run import Gear, Request, run
from backtest.screen import screen
from benchmarks.focus import random_settings
from core.session import MINUTE_NS, parse_day
from core.types import Market
from providers.dataset import DataOptions, Dataset, load
from tests.datasets import LIVELY, generated, request_on
from tests.strategies.hours import FIRST_DAY, hours

ETH = Path(__file__).parents[3] / "shared/data/crypto_1h_ETHUSDT_2019-12_2025-09.parquet"
SUMMER = (parse_day("2025-06-15"), parse_day("2025-09-30"))


def screened(request: Request, folder: Path) -> CandidateFile:
    wanted, path = screen_request(request), folder / "candidates.jsonl"
    write_candidates(path, wanted, screen(wanted))
    return read_candidates(path, wanted)


def both(request: Request, folder: Path, window: int = 0) -> tuple[int, Plan, float]:
    """Trades of both replays, which are the same; the plan, and the share left out."""
    plan = plan_of(request, screened(request, folder), window)
    one = focused(request, plan)
    full = run(replace(request, gear=Gear.EVENT, focus=None))

    assert full.trades.equals(one.trades), request.parameters
    acted = pl.col("status") == "ACTED"
    assert full.signals.filter(acted).equals(one.signals.filter(acted))
    assert len(one.signals) <= len(full.signals)  # in a position it was not asked
    share = skipped(request, plan, one)
    assert share is not None
    return len(full.trades), plan, share


def fusion(dataset: Dataset, *settings: str, span: tuple[int, int] | None = None) -> Request:
    first, last = span or (None, None)
    return request_on(
        dataset, *settings, strategy="fusion", gear=Gear.EVENT, from_day=first, to_day=last
    )


def test_a_focused_replay_has_the_entries_and_trades_of_the_full_one(tmp_path: Path) -> None:
    request = fusion(hours(70, instruments=2), span=(FIRST_DAY + 50, FIRST_DAY + 69))
    trades, plan, share = both(request, tmp_path)

    assert trades > 3
    assert plan.coverage == plan.density < 0.3
    assert share > 1.0 - plan.density  # in a position it is not asked


def test_a_sweep_of_the_entry_threshold_reuses_one_file(tmp_path: Path) -> None:
    dataset = hours(70)
    found, counts = screened(fusion(dataset), tmp_path), []
    for threshold in (0.40, 0.45, 0.50, 0.55):
        request = fusion(dataset, f"entry_threshold={threshold}")
        plan = plan_of(request, found, 0)
        proof = prove(request, found, plan, focused(request, plan))

        assert ([], proof.recalled) == (proof.mismatches, len(proof.full.trades))
        counts.append(len(proof.full.trades))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1] > 0


def test_a_part_of_the_screened_days_may_be_replayed(tmp_path: Path) -> None:
    dataset = hours(70)
    found = screened(fusion(dataset), tmp_path)
    part = fusion(dataset, span=(FIRST_DAY + 55, FIRST_DAY + 65))
    plan = plan_of(part, found, 0)

    assert 11 * 24 == plan.bars
    assert 0 < plan.candidates < len(found.keys)
    assert [] == prove(part, found, plan, focused(part, plan)).mismatches


def test_a_window_is_counted_in_bars_of_the_instrument_clipped_and_merged(tmp_path: Path) -> None:
    trades, plan, share = both(fusion(hours(70, instruments=2)), tmp_path, window=1)

    assert trades > 3
    assert None is plan.falls_back
    assert plan.density < plan.coverage < 3 * plan.density
    assert share > 1.0 - plan.coverage


def test_too_wide_a_window_is_a_full_replay(tmp_path: Path) -> None:
    trades, plan, share = both(fusion(hours(70)), tmp_path, window=30)

    assert plan.falls_back is not None
    assert "of the bars are covered, over 65%" in plan.falls_back
    assert (0.0, True) == (share, trades > 0)


def test_pixity_is_heard_on_its_candidates_alone_and_trades_the_same(tmp_path: Path) -> None:
    request = request_on(generated("week"), *LIVELY)
    found = screened(request, tmp_path)
    plan = plan_of(request, found, 0)
    result = focused(request, plan)
    proof = prove(request, found, plan, result)

    assert ([], None) == (proof.mismatches, skipped(request, plan, result))
    assert len(proof.full.trades) == proof.recalled > 3
    assert run(request).trades.equals(result.trades)  # the compiled gear, in full


@pytest.mark.slow
def test_whatever_the_parameters_the_trades_are_the_same(tmp_path: Path) -> None:
    random, dataset, trades = np.random.default_rng(6), hours(62, 5), 0
    for _ in range(50):
        drawn, span = random_settings(random), (FIRST_DAY + 52, FIRST_DAY + 61)
        trades += both(fusion(dataset, *drawn, span=span), tmp_path)[0]

    assert trades > 50


@pytest.mark.slow
@pytest.mark.skipif(not ETH.exists(), reason="needs ../shared/data")
def test_a_summer_of_eth_is_the_same_and_leaves_out_six_evaluations_of_seven(
    tmp_path: Path,
) -> None:
    options = DataOptions(base_ns=60 * MINUTE_NS, market=Market.ALWAYS_OPEN)
    trades, _, share = both(fusion(load([ETH], options), span=SUMMER), tmp_path)

    assert trades > 20
    assert share >= 0.85
