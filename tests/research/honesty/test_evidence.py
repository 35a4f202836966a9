"""Evidence is the statistics' own figures, by session and year, and None where there is none."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from backtest.run import Gear, run
from research.evaluation import TradedSubject
from research.honesty.evidence import Evidence, Traded, Tried, evidence_of, traded_by
from research.honesty.overfitting import probability_of_overfitting
from research.honesty.sharpe import deflated_sharpe, min_track_record, probabilistic_sharpe
from research.honesty.significance import EntryTest
from tests.datasets import LIVELY, WEEK, generated, request_on

DAILY = np.random.default_rng(3).normal(0.0005, 0.01, (12, 200))
LATER = np.arange(100, 200)  # the sessions that are out of sample


def made(returns: np.ndarray, tried: Tried, **more: object) -> Evidence:
    told: dict[str, object] = {
        "columns": LATER,
        "periods_per_year": 252.0,
        "compounded": False,
        "out_of_sample": True,
    }
    return evidence_of(returns, tried, **(told | more))  # type: ignore[arg-type]


def test_figures_are_those_of_the_statistics() -> None:
    returns = DAILY[4, LATER]
    ratios = DAILY[:, LATER].mean(axis=1) / DAILY[:, LATER].std(axis=1, ddof=1)
    splits = probability_of_overfitting(DAILY)
    assert splits is not None

    found = made(returns, Tried(DAILY, 500, None))

    assert found["sharpe"] == pytest.approx(ratios[4] * 252**0.5)
    assert found["trials_deviation"] == pytest.approx(ratios.std(ddof=1) * 252**0.5)
    assert found["probabilistic_sharpe"] == probabilistic_sharpe(returns)
    deflated = deflated_sharpe(returns, 500, float(ratios.var(ddof=1)))
    assert found["deflated_sharpe"] == pytest.approx(deflated)
    assert found["min_track_record"] == min_track_record(returns)
    assert found["probability_of_overfitting"] == splits.probability
    assert (found["sessions"], found["trials"], found["sets"]) == (100, 500, 12)


def test_the_ledgers_variance_counts_where_it_is_the_greater() -> None:
    returns = DAILY[4, LATER]
    alone = made(returns, Tried(DAILY, 500, None))

    narrow = made(returns, Tried(DAILY, 500, 1e-9))
    wide = made(returns, Tried(DAILY, 500, 0.04))

    assert narrow == alone
    assert wide["trials_deviation"] == pytest.approx(0.2 * 252**0.5)
    assert wide["deflated_sharpe"] < alone["deflated_sharpe"]


def test_evidence_is_plain_json_and_the_same_again() -> None:
    tried = Tried(np.vstack([DAILY, np.full((1, 200), np.nan)]), 13, None)
    traded = Traded(np.array([0.01, -0.02, 0.03]), EntryTest(3, 0.2, 0.1, 0.04, 1000))

    first, again = (made(DAILY[0, LATER], tried, traded=traded) for _ in range(2))

    assert json.loads(json.dumps(first, allow_nan=False)) == first == again
    assert (first["trades"], first["p_value"]) == (3, 0.04)
    assert set(first["trade_paths"]) == {"bootstrap", "shuffle"}


def test_what_traded_nothing_has_no_figures() -> None:
    found = made(
        np.zeros(100), Tried(np.zeros((1, 200)), 1, None), traded=Traded(np.zeros(0), None)
    )

    nothing = ("sharpe", "deflated_sharpe", "min_track_record", "probability_of_overfitting")
    assert [found[name] for name in (*nothing, "p_value", "trade_paths")] == [None] * 6
    assert (found["trades"], found["bootstrap_return"]) == (0, 0.0)


@pytest.mark.parametrize("gear", Gear)
def test_trades_are_those_of_each_choice_in_its_span(gear: Gear) -> None:
    subject = TradedSubject(request_on(generated("week"), *LIVELY, gear=gear))
    chosen = [({"sl_mult": 2.0}, (WEEK[1], WEEK[2])), ({"initial_cash": 5e4}, (WEEK[3], WEEK[4]))]
    sums = [subject.evaluator(*span).evaluate(values).daily.sum() for values, span in chosen]

    found = traded_by(subject, chosen)

    assert found is not None
    assert found.returns.sum() == pytest.approx(sum(sums))
    assert found.entries is not None
    assert found.entries.entries == len(found.returns) > 2


def test_without_a_kernel_entries_have_no_test() -> None:
    subject = TradedSubject(request_on(generated("week"), strategy="fusion", gear=Gear.EVENT))

    found = traded_by(subject, [({}, (WEEK[0], WEEK[4]))])

    assert found is not None
    assert found.entries is None


def test_signals_made_elsewhere_have_trades_and_no_test(tmp_path: Path) -> None:
    own = request_on(generated("week"), *LIVELY)
    run(own).signals.filter(pl.col("status") == "ACTED").write_parquet(tmp_path / "signals.parquet")
    subject = TradedSubject(
        request_on(
            own.dataset,
            "timeframe=5m",
            f"signals_path={tmp_path / 'signals.parquet'}",
            strategy="precomputed",
        )
    )

    found = traded_by(subject, [({}, (WEEK[0], WEEK[4]))])

    assert found is not None
    assert found.entries is None
    assert len(found.returns) > 1
