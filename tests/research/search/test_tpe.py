"""Bayesian search: it learns what must not be chosen, never repeats a set, and ends."""

from research.search.optimizer import Constraints, ParamOptimizer
from research.search.proposals import How
from research.search.space import space_of
from research.search.tpe import BATCH, Tpe
from tests.research.search.surfaces import Surface

WIDE = space_of(["x=0:8.5", "y=0:9"])


def test_it_turns_to_where_the_constraints_are_met() -> None:
    few_meet_it = Constraints(min_trades=75)  # x from 7.5 to 8.5; the hill is at 6
    optimizer = ParamOptimizer(
        Surface(), WIDE, how=How.OPTUNA, sets=96, constraints=few_meet_it, workers=1
    )
    fails = optimizer.run().scores["fails"].is_not_null()
    assert fails[:BATCH].mean() > 0.75  # type: ignore[operator]
    assert fails[-BATCH * 2 :].mean() < 0.7  # type: ignore[operator]


def test_a_small_space_is_tried_once_and_the_search_ends() -> None:
    space = space_of(["x=1,2,3", "y=4,5"])
    found = ParamOptimizer(Surface(), space, how=How.OPTUNA, sets=50, workers=1).run()
    assert found.scores.height == 6
    assert len({tuple(point.values()) for point in found.points}) == 6


def test_batches_are_of_one_size_whoever_works() -> None:
    search = Tpe(WIDE, 40, seed=1)
    sizes = []
    while asked := search.ask():
        sizes.append(len(asked))
        search.tell([float(str(point["y"])) for point in asked])
    assert sizes == [BATCH, BATCH, 40 - 2 * BATCH]
    assert search.total == 40
