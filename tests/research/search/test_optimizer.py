"""A search: the same rows for any workers and after a kill, failures as rows, no spike chosen."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import ConfigError, DataError
from research.evaluation import TradedSubject
from research.metrics import METRICS
from research.search.backends import Processes, Task, Threads, outcomes_of
from research.search.evaluations import FILE
from research.search.optimizer import Constraints, ParamOptimizer, Searched, run_parallel
from research.search.proposals import How
from research.search.space import space_from, space_of
from tests.datasets import LIVELY, generated, request_on
from tests.research.search.surfaces import DAYS, PLATEAU, SPIKE, ManySurface, Surface, hill

GRID = space_of(["x=0:9:1", "y=0:9:1"])
WIDE = space_of(["x=0:8.5", "y=0:9"])
ROOT = Path(__file__).parents[3]

DIES = """
import sys
from pathlib import Path
from research.search.optimizer import ParamOptimizer
from research.search.space import space_of
from tests.research.search.surfaces import Surface
space = space_of(["x=0:9:1", "y=0:9:1"])
ParamOptimizer(Surface(dies_after=40), space, workers=1, store=Path(sys.argv[1])).run()
"""


def same(one: Searched, other: Searched) -> bool:
    return (
        one.scores.write_csv() == other.scores.write_csv()
        and one.daily.tobytes() == other.daily.tobytes()
        and (one.chosen, one.best, one.points) == (other.chosen, other.best, other.points)
    )


def test_the_chosen_stands_on_a_plateau_and_the_best_is_told_to_be_a_spike() -> None:
    found = ParamOptimizer(Surface(), GRID, workers=1).run()

    assert found.chosen == {"x": PLATEAU[0], "y": PLATEAU[1]}
    assert found.best == {"x": SPIKE[0], "y": SPIKE[1]}
    rows = found.scores.filter((pl.col("x") == SPIKE[0]) & (pl.col("y") == SPIKE[1]))
    assert rows["spike"].to_list() == [True]
    assert rows["sharpe"].to_list() == [found.scores["sharpe"].max()] == [hill(*SPIKE)]
    top = found.scores.filter((pl.col("x") == PLATEAU[0]) & (pl.col("y") == PLATEAU[1]))
    assert top["spike"].to_list() == [False]
    assert top["plateau"].to_list() == pytest.approx([1.9])  # itself and four of its neighbours


def test_columns_are_the_number_the_keys_the_metrics_and_the_verdict() -> None:
    found = ParamOptimizer(Surface(), GRID, workers=1).run()

    verdict = ["plateau", "spike", "fails", "error"]
    assert found.scores.columns == ["number", "x", "y", *METRICS, *verdict]
    assert found.scores["number"].to_list() == list(range(1, 101))
    assert found.daily.shape == (100, len(DAYS))
    assert found.days.tolist() == DAYS.tolist()


@pytest.mark.parametrize("how", How)
def test_workers_change_nothing(how: How) -> None:
    space, sets = (GRID, None) if how is How.GRID else (WIDE, 60)
    one, three = (
        ParamOptimizer(Surface(), space, how=how, sets=sets, seed=3, workers=count).run()
        for count in (1, 3)
    )

    assert same(one, three)
    assert len({tuple(point.values()) for point in one.points}) == one.scores.height


@pytest.mark.slow  # two fresh interpreters
def test_processes_give_the_rows_of_threads() -> None:
    optimizer = ParamOptimizer(Surface(gear="event"), GRID, workers=2)
    assert isinstance(optimizer.backend, Processes)

    threads = ParamOptimizer(Surface(gear="event"), GRID, backend=Threads(1)).run()
    assert same(optimizer.run(), threads)


def test_a_bayesian_search_finds_the_hill_with_its_seed() -> None:
    space = space_of(["x=0:8.5", "y=0:9"])
    found = [
        ParamOptimizer(Surface(), space, how=How.OPTUNA, sets=80, seed=seed, workers=2).run()
        for seed in (1, 1, 2)
    ]

    assert same(found[0], found[1])
    assert not same(found[0], found[2])
    assert found[0].scores["sharpe"].max() > 1.9  # type: ignore[operator]


def test_a_set_that_fails_is_a_row_and_not_the_end() -> None:
    space = space_of(["x=0:9:1", "y=0:9:1"], ["x<=y"])
    found = ParamOptimizer(Surface(), space, workers=2).run()

    broken = found.scores.filter(pl.col("x") > pl.col("y"))
    assert broken.height == 45
    assert broken["error"][0] == "x 1 is not <= y 0"
    raised = found.scores.filter((pl.col("x") == 9) & (pl.col("y") == 9))
    assert raised["error"].to_list() == ["ZeroDivisionError: the strategy divides by nothing"]
    assert raised["sharpe"].to_list() == [None]
    failed = found.scores["error"].is_not_null().to_numpy()
    assert np.isnan(found.daily[failed]).all()
    assert not np.isnan(found.daily[~failed]).any()


def test_constraints_and_a_metric_of_which_less_is_better() -> None:
    strict = Constraints(min_trades=60)
    found = ParamOptimizer(Surface(), GRID, constraints=strict, workers=1).run()
    assert found.best == {"x": PLATEAU[0], "y": PLATEAU[1]}  # the spike has 20 trades
    assert found.scores.filter(pl.col("x") == 5)["fails"].unique().to_list() == ["50 trades"]

    far = ParamOptimizer(Surface(), GRID, constraints=Constraints(80), workers=1).run()
    assert far.chosen == far.best == {"x": 8, "y": PLATEAU[1]}

    least = ParamOptimizer(Surface(), GRID, objective="max_drawdown", workers=1).run()
    assert least.best is not None
    told = least.scores["max_drawdown"]
    row = least.scores.filter((pl.col("x") == least.best["x"]) & (pl.col("y") == least.best["y"]))
    assert row["max_drawdown"].to_list() == [told.min()]
    assert (least.scores["plateau"].drop_nulls() >= 0).all()

    none = ParamOptimizer(Surface(), GRID, constraints=Constraints(10_000), workers=1).run()
    assert (none.chosen, none.best) == (None, None)


def test_a_killed_search_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], cwd=ROOT, check=False)
    assert killed.returncode == -9
    again = Surface()
    resumed = ParamOptimizer(again, GRID, workers=2, store=tmp_path).run()
    whole = ParamOptimizer(Surface(), GRID, workers=1).run()

    assert same(resumed, whole)
    assert resumed.resumed == 36  # three pieces of 12 were whole
    assert len(again.asked) == 100 - 36
    third = Surface()
    assert same(ParamOptimizer(third, GRID, workers=1, store=tmp_path).run(), whole)
    assert third.asked == []


def test_answers_of_another_subject_or_span_are_kept_apart(tmp_path: Path) -> None:
    ParamOptimizer(Surface(), GRID, workers=1, store=tmp_path).run()
    for subject, span in ((Surface("other"), None), (Surface(), int(DAYS[5]))):
        found = ParamOptimizer(subject, GRID, workers=1, store=tmp_path).run(span)
        assert found.resumed == 0
        assert found.others >= 100
        assert len(subject.asked) == 100


def test_a_damaged_store_is_one_line(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is no database" * 100)
    with pytest.raises(DataError, match=r"evaluations.db: .* remove it"):
        ParamOptimizer(Surface(), GRID, workers=1, store=tmp_path).run()


def test_whoever_likes_many_sets_gets_them_and_a_failure_is_still_one_row() -> None:
    many = ManySurface(Surface().evaluator(None, None))
    sets: list[dict[str, object]] = [{"x": x, "y": 1} for x in (1, 9, 2)]
    alone = outcomes_of(Surface().evaluator(None, None), sets)

    together = outcomes_of(many, sets)

    assert many.batches == [3]
    assert [str(one) for one in together] == [str(one) for one in alone]


def test_run_parallel_is_the_search_of_a_strategy_in_one_call() -> None:
    request = request_on(generated("week"), *LIVELY)
    grid = {"sl_mult": [1.0, 2.0], "timeframe": ["5m", "15m"]}
    found = run_parallel(
        request.dataset, "pixity", grid, settings=request.settings, risk=request.risk
    )

    evaluator = TradedSubject(request).evaluator(None, None)
    for row, point in zip(found.scores.iter_rows(named=True), found.points, strict=True):
        alone = evaluator.evaluate(point)
        assert {name: row[name] for name in METRICS} == dict(alone.metrics)
    assert found.scores["timeframe"].to_list() == ["5m", "15m"] * 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"objective": "sharp"}, 'objective "sharp": did you mean "sharpe"'),
        ({"workers": 0}, "0 workers are not 1 to 256"),
        ({"how": How.RANDOM, "sets": 0}, "0 sets are not 1 to 20,000"),
        ({"sets": 10}, "a grid has as many sets as it has points"),
        ({"space": space_from({"z": [1, 2]})}, 'unknown key "z"'),
    ],
)
def test_what_cannot_be_searched_is_one_line(changed: dict[str, object], said: str) -> None:
    options: dict[str, object] = {"space": GRID, "workers": 1} | changed
    with pytest.raises(ConfigError, match=said):
        ParamOptimizer(Surface(), **options).run()  # type: ignore[arg-type]


def test_a_span_outside_the_data_is_one_line() -> None:
    with pytest.raises(DataError, match=r"no session from 2030-01-01 to .*: the data covers 2024"):
        ParamOptimizer(Surface(), GRID, workers=1).run(from_day=21_915)
    assert Task(Surface()).key != Task(Surface(), 20_001).key
