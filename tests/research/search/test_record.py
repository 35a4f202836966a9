"""A search as a run of the lab: what is told, every set in the trial ledger, its page."""

import json
from pathlib import Path

import polars as pl
import pytest

from research.evaluation import TradedSubject
from research.honesty.trials import TrialLedger
from research.runs import LabRun, read_lab_run, write_lab_run
from research.search.optimizer import Constraints, ParamOptimizer
from research.search.page import optimize_page, ranked
from research.search.proposals import How
from research.search.record import lab_run, whole_set
from research.search.space import space_from, space_of
from tests.datasets import LIVELY, generated, request_on
from tests.research.search.surfaces import DAYS, PLATEAU, SPIKE, Surface

GRID = space_of(["x=0:9:1", "y=0:9:1"], ["x<=y"])


def run_of(folder: Path, **options: object) -> LabRun:
    optimizer = ParamOptimizer(Surface(), GRID, workers=1, **options)  # type: ignore[arg-type]
    return lab_run(optimizer, optimizer.run(), TrialLedger(folder / "trials.db"), {"search": "x"})


def test_what_is_told_can_be_read_again_and_makes_the_same_page(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    write_lab_run(tmp_path / "out", run, optimize_page(run))
    again = read_lab_run(tmp_path / "out")

    assert optimize_page(again) == (tmp_path / "out" / "report.html").read_text()
    told = again.told
    assert told["chosen"] == {"x": PLATEAU[0], "y": PLATEAU[1]}
    assert told["best"] == {"x": SPIKE[0], "y": SPIKE[1]}
    assert (told["sets"], told["failed"], told["refused"]) == (100, 46, 0)
    daily = again.tables["daily"]
    assert daily.columns == ["day", *map(str, range(1, 101))]
    assert daily["day"].to_physical().to_list() == DAYS.tolist()
    chosen = told["chosen_number"]
    assert again.tables["scores"].row(chosen - 1, named=True)["x"] == PLATEAU[0]
    assert daily[str(chosen)].null_count() == 0
    assert daily["11"].null_count() == len(DAYS)  # x = 1, y = 0 breaks the relation


def test_every_set_that_was_asked_is_a_trial_once_whatever_the_search(tmp_path: Path) -> None:
    ledger = TrialLedger(tmp_path / "trials.db")
    assert run_of(tmp_path).told["evidence"]["trials"] == 55  # 45 break the relation
    assert run_of(tmp_path, objective="calmar").told["evidence"]["trials"] == 55
    wider = ParamOptimizer(Surface(), space_of(["x=0:0.9:0.1", "y=3,4"]), workers=1)
    evidence = lab_run(wider, wider.run(), ledger, {}).told["evidence"]
    assert evidence["trials"] == ledger.count(Surface().data_hash) == 55 + 20
    assert evidence["expected_maximum"] > 0
    assert not evidence["out_of_sample"]


def test_a_trial_is_the_whole_set_not_only_what_was_searched() -> None:
    subject = TradedSubject(request_on(generated("week"), *LIVELY))
    base = whole_set(subject, {})
    assert whole_set(subject, {"sl_mult": 1}) == base  # its default, however it is written
    assert whole_set(subject, {"sl_mult": 2})["sl_mult"] == 2.0
    assert base["ema_fast"] == 3


def test_nothing_is_chosen_where_no_set_meets_the_constraints(tmp_path: Path) -> None:
    run = run_of(tmp_path, constraints=Constraints(1_000))
    assert (run.told["chosen"], run.told["chosen_number"]) == (None, None)
    assert run.told["evidence"] == {"trials": 55}
    assert "No set met the constraints" in optimize_page(run)


@pytest.mark.parametrize("how", [How.RANDOM, How.OPTUNA])
def test_a_page_of_a_sample_has_maps_in_bins(tmp_path: Path, how: How) -> None:
    space = space_of(["x=0:8.5", "y=0.0:9.0"])
    optimizer = ParamOptimizer(Surface(), space, how=how, sets=60, workers=1)
    run = lab_run(optimizer, optimizer.run(), TrialLedger(tmp_path / "trials.db"), {})
    page = optimize_page(run)
    for title in ("In short", "Honesty", "The chosen", "Plateaus and peaks", "Heat maps", "Scores"):
        assert f"<h2>{title}</h2>" in page
    assert page.count('{"type": "heatmap"') == 1


def test_sets_are_ranked_by_what_is_better(tmp_path: Path) -> None:
    run = run_of(tmp_path, objective="max_drawdown")
    falls = ranked(run.told, run.tables["scores"], "max_drawdown")["max_drawdown"]
    assert falls.to_list() == sorted(falls)
    run = run_of(tmp_path)
    rows = ranked(run.told, run.tables["scores"])
    assert rows["number"][0] == run.told["chosen_number"]
    assert rows.filter(pl.col("error").is_not_null()).is_empty()


def test_a_strategy_of_words_and_of_trades_is_told_with_its_evidence(tmp_path: Path) -> None:
    subject = TradedSubject(request_on(generated("week"), *LIVELY))
    space = space_from({"timeframe": ["5m", "10m"], "sl_mult": [1.0, 2.0]})
    optimizer = ParamOptimizer(subject, space, workers=2, constraints=Constraints(1))
    run = lab_run(optimizer, optimizer.run(), TrialLedger(tmp_path / "trials.db"), {})
    evidence = run.told["evidence"]
    assert evidence["trades"] == run.tables["scores"]["trades"][run.told["chosen_number"] - 1]
    assert run.tables["scores"]["timeframe"].to_list() == ["5m", "5m", "10m", "10m"]
    assert json.loads(json.dumps(run.told, allow_nan=False)) == run.told
    assert "timeframe" in optimize_page(run)
