"""The canonical figures: computed by hand, and again by the plainest numpy."""

import numpy as np
import pytest

from backtest.score import score
from core.session import parse_day
from core.types import Float64s, Market
from research.metrics import (
    BLOCK,
    METRICS,
    OF_RETURNS,
    OF_TRADES,
    metrics_of,
    ordered,
    periods_per_year_of,
    trade_metrics,
)

FOUR = np.array([0.10, -0.10, 0.05, 0.0])  # account 1.1, 0.99, 1.0395, 1.0395


def plain(returns: Float64s, periods: float, *, compounded: bool) -> dict[str, float]:
    """empyrical's definitions over whole arrays; r2 is its stability_of_timeseries."""
    account = np.cumprod(1 + returns) if compounded else 1 + np.cumsum(returns)
    best = np.maximum.accumulate(np.concatenate([[1.0], account]))[1:]
    fall = float((1 - account / best).max())
    cagr = float(account[-1] ** (periods / len(returns)) - 1)
    losses = np.minimum(returns, 0)
    return {
        "sharpe": float(returns.mean() / returns.std(ddof=1) * np.sqrt(periods)),
        "sortino": float(returns.mean() / np.sqrt((losses**2).mean()) * np.sqrt(periods)),
        "calmar": cagr / fall,
        "cagr": cagr,
        "volatility": float(returns.std(ddof=1) * np.sqrt(periods)),
        "total_return": float(account[-1] - 1),
        "max_drawdown": fall,
        "r2": float(np.corrcoef(np.arange(len(returns)), np.log(account))[0, 1] ** 2),
        "n_nans": 0,
        "days_in_market": int((returns != 0).sum()),
    }


def test_four_quarters_by_hand() -> None:
    # Mean 0.0125; squared deviations 0.021875; losses 0.01 / 4; of the account, see FOUR.
    deviation = (0.021875 / 3) ** 0.5
    expected = {
        "sharpe": 0.0125 / deviation * 2,
        "sortino": 0.0125 / 0.05 * 2,
        "calmar": 0.0395 / 0.1,
        "cagr": 0.0395,
        "volatility": deviation * 2,
        "total_return": 0.0395,
        "max_drawdown": 0.1,
        "n_nans": 0,
        "days_in_market": 3,
    }
    made = metrics_of(FOUR, 4)

    assert {name: made[name] for name in expected} == pytest.approx(expected, rel=1e-12)


def test_a_fixed_stake_by_hand() -> None:
    # Account 1.1, 1.0, 1.05, 1.05: half the cagr's years are two.
    made = metrics_of(FOUR, 2, compounded=False)

    assert made["total_return"] == pytest.approx(0.05)
    assert made["max_drawdown"] == pytest.approx(0.1 / 1.1)
    assert made["cagr"] == pytest.approx(1.05**0.5 - 1)


@pytest.mark.parametrize("compounded", [True, False])
@pytest.mark.parametrize("count", [2, BLOCK, BLOCK + 1, 5 * BLOCK + 7])
@pytest.mark.parametrize("deviation", [0.001, 0.05])  # the second leaves the series of the log
def test_any_series_as_plain_numpy_has_it(count: int, deviation: float, compounded: bool) -> None:
    returns = np.random.default_rng(count).normal(0.0002, deviation, count)
    returns[0] = -deviation  # a fall, also where there are two returns only
    stake = 1.0 if compounded else 0.02  # an account that adds up would be lost by chance

    made = metrics_of(returns * stake, 252, compounded=compounded)

    assert made == pytest.approx(plain(returns * stake, 252, compounded=compounded), rel=1e-9)


def test_sharpe_of_daily_nets_is_that_of_a_backtest() -> None:
    random = np.random.default_rng(7)
    days = np.arange(20_000, 20_250)
    nets = random.integers(-50_000, 52_000, len(days))
    theirs = score(
        days * 86_400_000_000_000 + 1,
        nets,
        np.zeros_like(nets),
        days=days,
        initial_cash=100_000.0,
        always_open=True,
    )

    made = metrics_of(nets / (100_000.0 * 100), 252, compounded=False)

    assert theirs.sharpe == made["sharpe"]  # to the last bit


def test_returns_that_are_not_known_are_counted_and_left_out() -> None:
    holes = np.array([np.nan, 0.10, -0.10, np.nan, 0.05, 0.0])
    made = metrics_of(holes, 4)

    assert metrics_of(FOUR, 4) | {"n_nans": 2} == made
    assert metrics_of(holes, 4, days=np.array([1, 1, 1, 2, 2, 3])) == made | {"days_in_market": 2}


@pytest.mark.parametrize("compounded", [True, False])
@pytest.mark.parametrize("returns", [[], [0.01], [np.nan], [0.0, 0.0], [0.01] * 9])
def test_what_does_not_exist_is_none(returns: list[float], compounded: bool) -> None:
    made = metrics_of(np.array(returns), 252, compounded=compounded)

    assert tuple(made) == OF_RETURNS
    assert made["sharpe"] == 0.0  # as backtest/score.py has it
    assert made["sortino"] is None
    assert made["calmar"] is None
    assert all(value is None or np.isfinite(value) for value in made.values())


@pytest.mark.parametrize(("compounded", "fall"), [(True, 1.0), (False, 1.5)])
def test_an_account_that_was_lost_stays_lost(compounded: bool, fall: float) -> None:
    made = metrics_of(np.array([0.0, -1.5, 0.4]), 3, compounded=compounded)

    assert (made["max_drawdown"], made["r2"]) == (pytest.approx(fall), None)
    assert made["total_return"] == pytest.approx(-1.0 if compounded else -1.1)
    assert made["cagr"] == (-1.0 if compounded else None)


def test_five_trades_by_hand() -> None:
    # Before costs 5, -3, 3, 1, -1 percent; each paid 1 percent.
    made = trade_metrics(np.array([0.04, -0.04, 0.02, 0.0, -0.02]), np.full(5, 0.01), 12.0)

    assert tuple(made) == OF_TRADES
    assert made == pytest.approx(
        {
            "turnover": 12.0,
            "trades": 5,
            "win_rate": 0.4,
            "profit_factor": 1.0,
            "average_win": 0.03,
            "average_loss": -0.03,
            "cost_share": 0.05 / 0.13,
        }
    )


def test_no_trade_has_no_rates() -> None:
    made = trade_metrics(np.empty(0), np.empty(0), None)

    assert [None, 0, None, None, None, None, None] == list(made.values())


def test_both_halves_make_the_schema() -> None:
    made = ordered(metrics_of(FOUR, 4) | trade_metrics(FOUR, FOUR * 0, 1.0))

    assert METRICS == tuple(made)
    assert sorted(METRICS) == sorted((*OF_RETURNS, *OF_TRADES))


def test_a_year_has_the_sessions_of_the_calendar() -> None:
    def days(*texts: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array([parse_day(text) for text in texts])

    # 2024 as the table has it: weekdays less closures, three Saturdays and the evening of Diwali.
    year = periods_per_year_of(days("2024-03-01", "2024-06-03"), Market.NSE)
    all_three = periods_per_year_of(days("2024-03-01", "2026-06-03"), Market.NSE)

    assert 249.0 == year
    assert all_three == periods_per_year_of(days("2018-01-01"), Market.NSE)  # years not covered
    assert 366.0 == periods_per_year_of(days("2024-03-01"), Market.ALWAYS_OPEN)
    assert year * 25 == periods_per_year_of(days("2024-03-01"), Market.NSE, 25)
