"""From bars to verdict by the real walk-forward: an edge is granted, luck never."""

from pathlib import Path

import numpy as np
import pytest

from research.evaluation import TradedSubject
from research.honesty.evidence import Evidence
from research.honesty.gate import granted, judged
from research.honesty.trials import Trial, TrialLedger, digest_of
from research.honesty.walked import walk_evidence
from research.walk.outcome import stitched
from research.walk.validator import Walked
from tests.research.honesty.walk_run import EDGE, walked

FREE = ["fee_profile=bps", "fee_bps=0", "slippage_bps=0"]  # or costs alone would refuse


def evidence(subject: TradedSubject, found: Walked) -> Evidence:
    return walk_evidence(subject, found, len(found.points), None)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_planted_edge_is_granted_with_all_costs(seed: int) -> None:
    told = evidence(*walked(EDGE, seed))

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
    verdicts = {
        seed: judged(evidence(*walked(0.0, seed, *FREE, sessions=150))) for seed in range(20)
    }

    assert [seed for seed, checks in verdicts.items() if granted(checks)] == []
    # Not for want of trades: what knows of luck says no to each of them.
    by_luck = [
        next(one for one in checks if one.limit.figure == "deflated_sharpe")
        for checks in verdicts.values()
    ]
    assert [one.value for one in by_luck if one.passed] == []


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
