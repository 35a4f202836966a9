"""Paths whose figures are known without drawing, and blocks that keep what hangs together."""

import numpy as np
import pytest

from research.honesty.montecarlo import Draw, block_bootstrap, block_length, trade_paths

TRADES = np.array([0.10, -0.05, 0.20, -0.10, 0.05, -0.02])


def autoregressive(rho: float, size: int, seed: int = 1) -> np.ndarray:
    shocks = np.random.default_rng(seed).normal(0.0, 1.0, size)
    series = np.zeros(size)
    for i in range(1, size):
        series[i] = rho * series[i - 1] + shocks[i]
    return series


def test_a_shuffle_changes_the_falls_and_never_the_total() -> None:
    found = trade_paths(TRADES, Draw.SHUFFLE, paths=500)

    assert found.total_return == pytest.approx(np.full(500, 0.18))
    assert found.sharpe == pytest.approx(np.full(500, TRADES.mean() / TRADES.std(ddof=1)))
    # All gains first, then 1.35 falls by 0.17; the losses spread out, the worst alone remains.
    assert found.max_drawdown.max() <= 0.17 + 1e-12
    assert found.max_drawdown.min() >= 0.10 / 1.35 - 1e-12
    assert np.ptp(found.max_drawdown) > 0.05


def test_a_bootstrap_of_trades_has_the_mean_and_spread_of_the_mean() -> None:
    found = trade_paths(TRADES, paths=20_000)

    # A total of n draws: mean 0.18, variance n times the population variance.
    assert found.total_return.mean() == pytest.approx(0.18, abs=0.01)
    assert found.total_return.std() == pytest.approx(6**0.5 * TRADES.std(), rel=0.02)


def test_one_trade_is_every_path() -> None:
    found = trade_paths(np.array([-0.6]), paths=3)

    assert found.total_return == pytest.approx([-0.6] * 3)
    assert (found.probability_of_loss, found.probability_of_ruin()) == (1.0, 1.0)
    assert found.percentiles()["max_drawdown"]["50"] == pytest.approx(0.6)
    assert found.sharpe.tolist() == [0.0] * 3


def test_whole_blocks_compound_to_the_record_whatever_their_order() -> None:
    found = block_bootstrap(TRADES, compounded=True, mean_block=1e12, paths=50)

    assert found.total_return == pytest.approx(np.full(50, np.prod(1 + TRADES) - 1))


def test_returns_on_the_first_cash_add_up() -> None:
    found = block_bootstrap(TRADES, compounded=False, mean_block=1e12, paths=50)

    assert found.total_return == pytest.approx(np.full(50, 0.18))


def test_blocks_keep_what_hangs_together() -> None:
    series = autoregressive(0.8, 400) / 1000
    alone = block_bootstrap(series, compounded=False, mean_block=1.0)
    blocks = block_bootstrap(series, compounded=False)

    assert blocks.total_return.std() > 1.8 * alone.total_return.std()


@pytest.mark.parametrize("rho", [0.3, 0.7])
def test_block_length_is_the_one_that_theory_has_for_an_autoregression(rho: float) -> None:
    # sum |k| rho^|k| = 2 rho / (1 - rho)^2 and sum rho^|k| = (1 + rho) / (1 - rho), so the length
    # is (2 rho / (1 - rho^2))^(2/3) n^(1/3).
    size = 20_000
    theory = (2 * rho / (1 - rho**2)) ** (2 / 3) * size ** (1 / 3)

    found = np.mean([block_length(autoregressive(rho, size, seed)) for seed in range(5)])

    assert found == pytest.approx(theory, rel=0.15)


@pytest.mark.parametrize("returns", [np.zeros(100), np.full(3, 0.1), np.array([0.1])])
def test_what_has_no_dependence_is_drawn_one_by_one(returns: np.ndarray) -> None:
    assert block_length(returns) == 1.0


def test_a_block_is_never_longer_than_a_third_of_the_record() -> None:
    lengths = [block_length(autoregressive(-0.98, 60, seed)) for seed in range(6)]

    assert max(lengths) == 20.0


def test_the_same_seed_gives_the_same_paths_and_another_gives_others() -> None:
    first, again, other = (block_bootstrap(TRADES, compounded=True, seed=s) for s in (1, 1, 2))

    assert first.percentiles() == again.percentiles()
    assert first.percentiles() != other.percentiles()
