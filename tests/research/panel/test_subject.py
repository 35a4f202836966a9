"""The vectorised gear under the optimiser: the engine's answers, however many are asked at once."""

import pickle
from functools import partial

import numpy as np
import pytest

from core.errors import ConfigError, DataError
from research.metrics import METRICS
from research.panel.crosses import CrossSettings, SmaCross
from research.panel.strategy import KernelSignal
from research.panel.subject import VectorSubject
from research.panel.vectorized import Terms, VectorizedEngine
from research.search.optimizer import Constraints, ParamOptimizer
from research.search.space import space_of
from tests.datasets import WEEK, generated
from tests.research.panel.vectors import Cross, frame_of

FRAME = frame_of(generated("week"))
MINUTES = Terms(timeframe="1m", fee_bps=0.5, slippage_bps=0)
GRID = space_of(["fast=2:6:1", "slow=8:40:4"])


def subject(make: type[Cross] | type[SmaCross], *, sweep: bool = False) -> VectorSubject:
    return VectorSubject(FRAME, make, MINUTES, data_hash="d", sweep=sweep)


def test_an_answer_is_that_of_the_engine() -> None:
    values = {"fast": 3, "slow": 9}
    whole = VectorizedEngine(MINUTES).run(
        FRAME.lazy(), Cross(values), data_hash="d", from_day=WEEK[1], to_day=WEEK[3]
    )
    asked = subject(Cross)
    evaluator = asked.evaluator(WEEK[1], WEEK[3])
    metrics, daily = evaluator.evaluate(values)

    assert (metrics, daily.tolist()) == (whole.metrics, whole.daily.tolist())
    assert WEEK == asked.days().tolist()
    assert WEEK[1:4] == evaluator.days.tolist()
    assert 247.0 == evaluator.periods_per_year  # of daily returns


@pytest.mark.parametrize(("make", "sweep"), [(Cross, False), (SmaCross, True)])
def test_a_search_is_the_same_for_any_number_of_workers(
    make: type[Cross] | type[SmaCross], sweep: bool
) -> None:
    one, three = (
        ParamOptimizer(
            subject(make, sweep=sweep), GRID, workers=workers, constraints=Constraints(min_trades=5)
        ).run()
        for workers in (1, 3)
    )

    assert one.chosen is not None
    assert one.scores.equals(three.scores)
    assert one.daily.tobytes() == three.daily.tobytes()
    assert one.scores["error"].null_count() == one.scores.height == 45


def test_a_sweep_finds_what_runs_of_the_engine_find() -> None:
    swept = ParamOptimizer(subject(SmaCross, sweep=True), GRID, workers=1).run()
    single = ParamOptimizer(subject(SmaCross), GRID, workers=1).run()

    assert swept.chosen == single.chosen
    assert swept.daily == pytest.approx(single.daily, abs=1e-12)
    for name in METRICS:
        mine, theirs = swept.scores[name], single.scores[name]
        if mine.null_count() < mine.len():
            assert mine.to_numpy() == pytest.approx(theirs.to_numpy(), rel=1e-9)
    lacking = {name for name in METRICS if swept.scores[name].null_count() == 45}
    trades = {"win_rate", "profit_factor", "average_win", "average_loss", "cost_share"}
    assert lacking == trades | {"r2", "days_in_market"}


def test_many_at_once_answer_as_one_by_one_to_the_last_bit() -> None:
    evaluator = subject(SmaCross, sweep=True).evaluator(WEEK[2], None)
    random = np.random.default_rng(2)
    sets = [
        {"fast": int(f), "slow": int(s), "sides": ("both", "long")[i % 2]}
        for i, (f, s) in enumerate(random.integers(1, 60, (50, 2)))
    ]
    many = evaluator.evaluate_many(sets)  # type: ignore[union-attr]

    for values, answer in zip(sets, many, strict=True):
        alone = evaluator.evaluate(values)
        assert alone.metrics == answer.metrics
        assert alone.daily.tobytes() == answer.daily.tobytes()


def test_it_can_be_sent_to_another_process_and_says_what_it_is() -> None:
    kernel = VectorSubject(
        FRAME,
        partial(KernelSignal, "ema_cross", hold_bars=3),
        MINUTES,
        data_hash="d",
        fixed={"timeframe": "1m", "warmup_bars": 10},
    )
    there = pickle.loads(pickle.dumps(kernel))  # noqa: S301 - our own bytes
    values = {"ema_fast": 4}

    assert there.identity == kernel.identity
    assert ("ema_cross", "vectorized", ["A"]) == tuple(
        kernel.identity[key] for key in ("strategy", "gear", "symbols")
    )
    mine, theirs = (one.evaluator(None, None).evaluate(values) for one in (kernel, there))
    assert mine.metrics == theirs.metrics
    assert (mine.metrics["trades"] or 0) > 5


def test_what_is_not_allowed_is_refused_before_anything_runs() -> None:
    with pytest.raises(ConfigError, match="Cross has no sweep"):
        subject(Cross, sweep=True)
    with pytest.raises(ConfigError, match="fats"):
        subject(Cross).check({"fats": 1})
    with pytest.raises(ConfigError, match="slow"):
        subject(SmaCross, sweep=True).evaluator(None, None).evaluate({"slow": 0})
    with pytest.raises(DataError, match="no bars from 2026-07-25"):
        subject(Cross).evaluator(WEEK[-1] + 1, WEEK[-1] + 2)
    assert CrossSettings() == subject(SmaCross).strategy({}).settings
