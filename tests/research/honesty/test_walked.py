"""From bars to verdict by the real walk-forward: an edge is granted, luck never."""

from pathlib import Path

import numpy as np
import pytest

from research.honesty.evidence import Evidence
from research.honesty.gate import granted, judged
from research.honesty.trials import Trial, TrialLedger, digest_of
from research.honesty.walked import walk_evidence
from research.search.evaluation import TradedSubject
from research.search.optimizer import ParamOptimizer
from research.search.space import space_from
from research.walk.outcome import stitched
from research.walk.validator import Walked, WalkForwardValidator
from research.walk.windows import Length, Scheme
from tests.datasets import request_on
from tests.research.honesty.persistence import market

SESSIONS = 220
SETTINGS = (
    "atr_period=10 warmup_bars=30 sl_mult=2 tp_mult=4 time_stop_bars=25 cooldown_bars=1"
).split()
FREE = ["fee_profile=bps", "fee_bps=0", "slippage_bps=0"]  # or costs alone would refuse
GRID = {"ema_fast": [2, 4, 8], "ema_slow": [10, 20, 40]}
SCHEME = Scheme(Length(80, "d"), Length(35, "d"))
EDGE = 0.6  # deviations of a bar, in trends of 20 bars on average


def walked(edge: float, seed: int, *more: str) -> tuple[TradedSubject, Walked]:
    request = request_on(market(SESSIONS, edge, seed), *SETTINGS, *more, strategy="ema_cross")
    subject = TradedSubject(request)
    optimizer = ParamOptimizer(subject, space_from(GRID), workers=1)
    return subject, WalkForwardValidator(optimizer, SCHEME).run()


def evidence(subject: TradedSubject, found: Walked) -> Evidence:
    return walk_evidence(subject, found, len(found.points), None)


def test_a_planted_edge_is_granted_with_all_costs() -> None:
    told = evidence(*walked(EDGE, 1))

    assert [one.told() for one in judged(told) if not one.passed] == []


def test_evidence_is_of_the_test_spans_and_of_every_set() -> None:
    subject, found = walked(EDGE, 1)
    days, returns = stitched(found.outcomes)

    told = evidence(subject, found)

    assert found.trades is not None
    assert told["out_of_sample"] is True
    assert (told["sessions"], told["trades"]) == (len(days), found.trades.height)
    assert told["sharpe"] == pytest.approx(found.metrics["sharpe"])
    assert told["efficiency"] == found.efficiency.profit
    assert told["sets"] == told["trials"] == 9
    assert found.daily.shape[1] > len(returns)


@pytest.mark.slow
def test_twenty_of_twenty_driftless_walks_are_refused() -> None:
    verdicts = {seed: judged(evidence(*walked(0.0, seed, *FREE))) for seed in range(20)}

    assert [seed for seed, checks in verdicts.items() if granted(checks)] == []
    # Not for want of trades: in most of them only the figures that know of luck say no.
    enough = [
        next(one.passed for one in checks if one.limit.figure == "trades")
        for checks in verdicts.values()
    ]
    assert sum(enough) == 20


@pytest.mark.slow
def test_what_was_tried_before_raises_the_hurdle(tmp_path: Path) -> None:
    subject, found = walked(EDGE, 1)
    ledger = TrialLedger(tmp_path / "trials.db")
    before = evidence(subject, found)
    luck = np.random.default_rng(1).normal(0.0, 4.0, 5_000)
    trials = [Trial(digest_of({"n": number}), float(one)) for number, one in enumerate(luck)]
    ledger.record(
        subject.data_hash, "other", trials, gear="compiled", span=(1, 2), periods_per_year=252
    )

    after = walk_evidence(
        subject, found, ledger.count(subject.data_hash), ledger.sharpe_variance(subject.data_hash)
    )

    assert granted(judged(before))
    assert [one.limit.figure for one in judged(after) if not one.passed] == ["deflated_sharpe"]
    assert after["trials"] == 5_000
