"""A walk-forward written down: its tables, what is told, its trials, its page."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from research.evaluation import TradedSubject
from research.honesty.trials import TrialLedger
from research.kinds import page_of
from research.pages.daily_records import read_record
from research.runs import LabRun, read_lab_run, write_lab_run
from research.search.optimizer import Constraints, ParamOptimizer
from research.search.space import space_of
from research.walk import cpcv
from research.walk.page import walkforward_page
from research.walk.record import lab_run
from research.walk.validator import WalkForwardValidator
from research.walk.windows import Length, Scheme
from tests.datasets import LIVELY, generated, request_on

WORDS = ["sl_mult=1,2,3", "tp_mult=2,3"]
RELATION = ["tp_mult>=sl_mult"]  # one of six sets is none


def recorded(ledger: Path, constraints: Constraints | None = None) -> LabRun:
    subject = TradedSubject(request_on(generated("week"), *LIVELY))
    space = space_of(WORDS, RELATION)
    optimizer = ParamOptimizer(subject, space, workers=1, constraints=constraints)
    validator = WalkForwardValidator(optimizer, Scheme(Length(2, "d"), Length(1, "d")))
    terms = {"objective": "sharpe", "train": "2d", "test": "1d"}
    scheme = cpcv.Scheme(2, 1, purge_sessions=0)
    return lab_run(validator, validator.run(), TrialLedger(ledger), terms, scheme)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LabRun:
    return recorded(tmp_path_factory.mktemp("state") / "trials.db")


def test_every_window_is_a_row_with_its_spans_choice_and_both_results(run: LabRun) -> None:
    windows = run.tables["windows"]
    assert windows["window"].to_list() == [1, 2, 3]
    assert windows["test_from"].cast(pl.String).to_list() == [
        *("2026-07-22", "2026-07-23", "2026-07-24")
    ]
    assert windows.select("train_sessions", "test_sessions").rows() == [(1, 1)] * 3  # embargo
    assert windows["error"].null_count() == 3
    for row in windows.iter_rows(named=True):
        own = run.tables["scores"].filter(
            pl.col("window") == row["window"],
            *(pl.col(key) == row[key] for key in run.told["keys"]),
        )
        assert own["total_return"].to_list() == [row["train_total_return"]]
    chosen = {key: windows[key][-1] for key in run.told["keys"]}
    assert run.told["chosen"] == chosen


def test_tables_hold_what_the_figures_were_made_of(run: LabRun) -> None:
    oos, daily, trades = (run.tables[name] for name in ("oos", "daily", "trades"))
    assert oos["window"].to_list() == [1, 2, 3]
    assert float(oos["net_return"].sum()) == pytest.approx(
        run.told["out_of_sample"]["total_return"]
    )
    assert trades.height == run.told["out_of_sample"]["trades"]
    assert trades["window"].is_sorted()
    assert daily.height == 5
    assert daily.columns == ["day", *map(str, run.tables["sets"]["number"])]
    best = int(np.nanargmax(run.tables["sets"]["sharpe"].to_numpy())) + 1
    held = daily.filter(pl.col("day").is_in(oos["day"].implode()))
    assert oos["hindsight"].to_list() == held[str(best)].to_list()
    assert run.tables["paths"].height == 1
    assert run.told["cpcv"]["mean"] == run.tables["paths"]["sharpe"][0]


def test_a_set_is_one_trial_however_many_windows_tried_it(tmp_path: Path) -> None:
    first = recorded(tmp_path / "trials.db")
    again = recorded(tmp_path / "trials.db")
    assert first.told["sets"] == 5  # the set that breaks the relation is never traded
    assert first.told["evidence"]["trials"] == again.told["evidence"]["trials"] == 5
    assert first.told["evidence"]["out_of_sample"] is True
    assert first.told["evidence"]["efficiency"] == first.told["efficiency"]["profit"]


def test_a_run_is_plain_json_and_its_page_is_made_again_from_its_files(
    run: LabRun, tmp_path: Path
) -> None:
    page = walkforward_page(run)
    write_lab_run(tmp_path, run, page)
    again = read_lab_run(tmp_path)
    assert page_of(again) == page
    compared = read_record(tmp_path, "walk")
    assert compared.returns.tolist() == run.tables["oos"]["net_return"].to_list()
    assert json.loads(json.dumps(again.told)) == json.loads(json.dumps(run.told))
    for title in (
        "Honesty",
        "Out of sample",
        "Windows",
        "Drift of the parameters",
        "Combinatorial",
    ):
        assert f"<h2>{title}" in page


def test_a_walk_in_which_no_window_could_choose_is_a_run_that_says_so(tmp_path: Path) -> None:
    run = recorded(tmp_path / "trials.db", Constraints(min_trades=10_000))
    assert run.told["failed"] == run.told["windows"] == 3
    assert run.told["chosen"] is None
    assert run.told["out_of_sample"]["trades"] == 0
    assert run.told["drift"]["score"] is None
    assert "trades" not in run.tables
    assert "nothing, no set was valid" in walkforward_page(run)
    assert all("trades" in one for one in run.tables["windows"]["error"])
    write_lab_run(tmp_path / "out", run, walkforward_page(run))
    assert page_of(read_lab_run(tmp_path / "out")) == walkforward_page(run)
