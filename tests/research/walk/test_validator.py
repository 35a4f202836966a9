"""A walk-forward over returns that the test knows: what is chosen, stitched, measured, resumed."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigError
from core.types import Float64s
from research.search.optimizer import Constraints
from research.search.proposals import How
from research.walk.validator import Walked, WalkForwardValidator
from research.walk.windows import Length, Scheme
from tests.research.walk.known import YEAR, KnownSubject

DAYS = np.arange(18_000, 18_012)
SCHEME = Scheme(Length(4, "d"), Length(2, "d"), embargo_sessions=0)  # 4 windows of 12 sessions


def returns_of(seed: int = 1, sets: int = 5) -> dict[int, Float64s]:
    drawn = np.random.default_rng(seed).normal(0.0, 0.01, (sets, len(DAYS)))
    return dict(enumerate(drawn, start=1))


def walked(subject: KnownSubject, scheme: Scheme = SCHEME, **options: object) -> Walked:
    options.setdefault("objective", "total_return")
    return WalkForwardValidator(subject.optimizer(**options), scheme).run()


def chosen_of(found: Walked) -> list[object]:
    return [None if one.chosen is None else one.chosen["n"] for one in found.outcomes]


# Two sets take turns: on the first six sessions 1 earns, then 2 does.
TURN = {
    1: np.array([0.02] * 6 + [-0.01] * 6),
    2: np.array([-0.01] * 6 + [0.03] * 6),
}


def test_each_window_trades_after_its_train_what_was_best_in_it() -> None:
    found = walked(KnownSubject(TURN, DAYS))
    # Of sessions 0-3, 2-5, 4-7 (0.02 against 0.04) and 6-9.
    assert chosen_of(found) == [1, 1, 2, 2]
    assert found.next_values() == {"n": 2}
    assert [one.window.test for one in found.outcomes] == [
        (18_004, 18_005), (18_006, 18_007), (18_008, 18_009), (18_010, 18_011),
    ]  # fmt: skip
    assert [one.returns.tolist() for one in found.outcomes] == [
        [0.02, 0.02], [-0.01, -0.01], [0.03, 0.03], [0.03, 0.03],
    ]  # fmt: skip


def test_out_of_sample_is_the_compounded_product_of_the_test_spans() -> None:
    found = walked(KnownSubject(TURN, DAYS))
    own = np.array([0.02, 0.02, -0.01, -0.01, 0.03, 0.03, 0.03, 0.03])
    assert found.metrics["total_return"] == pytest.approx(np.prod(1 + own) - 1, rel=1e-12)
    assert found.metrics["trades"] == 8
    assert found.metrics["n_nans"] == 0


def test_a_fixed_initial_cash_is_added_up_and_not_compounded() -> None:
    found = walked(KnownSubject(TURN, DAYS, compounded=False))
    own = np.concatenate([one.returns for one in found.outcomes])
    assert found.metrics["total_return"] == pytest.approx(own.sum(), rel=1e-12)


def test_efficiency_is_profit_a_year_out_of_sample_by_that_in_sample() -> None:
    returns = {1: np.array([0.02, 0.02, 0.02, 0.02, 0.01, 0.01, 0.005, 0.005, 0, 0, 0.0, 0.0])}
    found = walked(KnownSubject(returns, DAYS, compounded=False))
    outside = np.mean(returns[1][4:])
    inside = np.mean([returns[1][2 * i : 2 * i + 4].mean() for i in range(4)])
    assert found.efficiency.profit == pytest.approx(outside / inside, rel=1e-12)
    # The objective, a total return, grows with its span, and is told by the year.
    assert found.efficiency.objective == pytest.approx(outside / inside, rel=1e-12)


def test_efficiency_of_a_loss_in_sample_is_none() -> None:
    assert walked(KnownSubject({1: np.full(12, -0.01)}, DAYS)).efficiency.profit is None


def test_a_window_without_a_valid_set_trades_nothing_and_says_why() -> None:
    quiet = {n: np.where(np.arange(12) < 4, 0.0, one) for n, one in TURN.items()}
    found = walked(KnownSubject(quiet, DAYS), constraints=Constraints(min_trades=2))
    first = found.outcomes[0]
    assert first.chosen is None
    assert first.error == "no set could be chosen: 2 of 2 have '0 trades'"
    np.testing.assert_array_equal(first.returns, [0.0, 0.0])
    assert found.outcomes[1].error is None
    assert found.metrics["trades"] == 6


def test_a_choice_that_fails_in_its_test_is_a_row_and_trades_nothing() -> None:
    def asked(n: int, first: int, last: int) -> None:
        if first == 18_008:
            raise ZeroDivisionError("it divides")

    found = walked(KnownSubject(TURN, DAYS, asked=asked))
    said = [one.error for one in found.outcomes]
    failed = "the chosen set failed in the test span: ZeroDivisionError: it divides"
    assert said == [None, None, failed, None]
    assert found.outcomes[2].train is not None
    np.testing.assert_array_equal(found.outcomes[2].returns, [0.0, 0.0])


def test_a_set_that_always_fails_is_a_row_of_every_window_and_of_no_return() -> None:
    def asked(n: int, first: int, last: int) -> None:
        if n == 1:
            raise ZeroDivisionError("it divides")

    found = walked(KnownSubject(TURN, DAYS, asked=asked))
    assert chosen_of(found) == [2] * 4
    assert found.outcomes[0].scores["error"].to_list() == ["ZeroDivisionError: it divides", None]
    assert np.isnan(found.daily[0]).all()
    assert found.hindsight == 1


def test_every_set_is_told_once_over_all_sessions() -> None:
    returns = returns_of()
    found = walked(KnownSubject(returns, DAYS))
    assert [one["n"] for one in found.points] == list(returns)
    np.testing.assert_array_equal(found.daily, np.array(list(returns.values())))
    assert len(found.sharpes) == len(returns)
    many = walked(KnownSubject(returns, DAYS), how=How.OPTUNA, sets=3, seed=4)
    assert len({one["n"] for one in many.points}) == len(many.points) >= 3


@pytest.mark.parametrize("how", [How.GRID, How.OPTUNA])
def test_a_walk_that_was_killed_goes_on_and_ends_as_one_that_was_not(
    tmp_path: Path, how: How
) -> None:
    heard: list[tuple[int, int, int]] = []

    def asked(n: int, first: int, last: int) -> None:
        heard.append((n, first, last))
        if len(heard) == 9:
            raise KeyboardInterrupt

    options = {"how": how, "sets": None if how is How.GRID else 4, "seed": 2}
    subject = KnownSubject(returns_of(), DAYS)
    whole = walked(subject, **options)
    with pytest.raises(KeyboardInterrupt):
        walked(KnownSubject(returns_of(), DAYS, asked=asked), store=tmp_path, **options)
    before = len(heard)
    found = walked(KnownSubject(returns_of(), DAYS, asked=asked), store=tmp_path, **options)

    assert chosen_of(found) == chosen_of(whole)
    np.testing.assert_array_equal(found.daily, whole.daily)
    assert found.metrics == whole.metrics
    again = heard[before:]
    assert len(set(heard)) == len(heard) - 1  # none twice, but the one that was killed
    assert again[0] == heard[before - 1]


DIES = """
import os, signal, sys
from pathlib import Path
from tests.research.walk.known import KnownSubject
from tests.research.walk.test_validator import DAYS, returns_of, walked

heard = []

def asked(*told):
    heard.append(told)
    if len(heard) == 9:
        os.kill(os.getpid(), signal.SIGKILL)

walked(KnownSubject(returns_of(), DAYS, asked=asked), store=Path(sys.argv[1]))
"""


def test_a_walk_whose_process_died_evaluates_only_what_was_left(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    died = subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], cwd=root, check=False)
    assert died.returncode == -signal.SIGKILL
    heard: list[tuple[int, int, int]] = []

    subject = KnownSubject(returns_of(), DAYS, asked=lambda *told: heard.append(told))
    found = walked(subject, store=tmp_path)

    whole = walked(KnownSubject(returns_of(), DAYS))
    assert len(heard) == 4 * (5 + 1) + 5 - 8
    assert found.metrics == whole.metrics
    np.testing.assert_array_equal(found.daily, whole.daily)


def test_workers_change_nothing() -> None:
    def found(workers: int) -> Walked:
        subject = KnownSubject(returns_of(), DAYS)
        optimizer = subject.optimizer(objective="sharpe", workers=workers)
        return WalkForwardValidator(optimizer, SCHEME).run()

    one, four = found(1), found(4)
    assert chosen_of(one) == chosen_of(four)
    assert one.metrics == four.metrics
    assert one.daily.tobytes() == four.daily.tobytes()
    for a, b in zip(one.outcomes, four.outcomes, strict=True):
        assert a.scores.equals(b.scores)


def test_progress_counts_every_evaluation() -> None:
    told: list[int] = []
    subject = KnownSubject(returns_of(), DAYS)
    validator = WalkForwardValidator(subject.optimizer(), SCHEME)
    validator.run(told.append)
    assert sum(told) == validator.total == 4 * (5 + 1) + 5


def test_more_sets_than_a_table_takes_are_refused_before_anything_is_tried() -> None:
    subject = KnownSubject(returns_of(sets=50), np.arange(18_000, 19_000))
    optimizer = subject.optimizer(how=How.OPTUNA, sets=50)
    with pytest.raises(ConfigError, match=r"24,900 sets are not 1 to 20,000"):
        WalkForwardValidator(optimizer, SCHEME)


def test_the_best_of_many_worthless_rules_earns_nothing_out_of_sample() -> None:
    """Forty rules that buy and sell by a coin, on walks without a drift."""
    days = np.arange(18_000, 18_504)
    inside, outside = [], []
    for seed in range(8):
        random = np.random.default_rng(seed)
        walk = random.normal(0.0, 0.01, len(days))
        rules = {n: walk * random.choice([-1.0, 1.0], len(days)) for n in range(40)}
        scheme = Scheme(Length(126, "d"), Length(42, "d"))
        found = walked(KnownSubject(rules, days), scheme, objective="sharpe")
        inside += [one.train.metrics["sharpe"] for one in found.outcomes if one.train]
        outside.append(found.metrics["sharpe"])
    years = 8 * 378 / YEAR
    assert np.mean(inside) > 1.0  # what choosing alone makes of noise
    assert abs(np.mean(outside)) < 2 / np.sqrt(years)  # two standard errors of a Sharpe of 0
