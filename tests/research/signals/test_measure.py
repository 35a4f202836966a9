"""What is measured of a signal: against alphalens, by hand, and over time for one symbol."""

import numpy as np
import pytest

from core.errors import DataError
from core.types import Float64s
from research.signals.forward import Horizon, forward_returns, held
from research.signals.measure import Measured, Outcome, measure
from research.signals.quantiles import BLOCK
from research.signals.statistics import deviation_of, mean_of, newey_west_t, t_of_mean
from tests.research.signals.panels import ALPHALENS, alphalens_panel, weekdays


def measured(signal: Float64s, forward: Float64s, count: int = 5, sessions: int = 1) -> Measured:
    outcome = Outcome(Horizon(sessions), held(*weekdays(len(signal)), Horizon(sessions)), forward)
    return measure([signal], [outcome], count, np.isfinite(signal))[0]


@pytest.mark.parametrize("sessions", [1, 5])
def test_coefficients_are_those_of_alphalens(sessions: int) -> None:
    panel = alphalens_panel()
    dates = slice(panel.dates)
    found = measured(panel.signal[dates], panel.forward[sessions][dates])

    assert mean_of(found.at[0].ics) == pytest.approx(ALPHALENS.ic_mean[sessions], rel=1e-12)
    assert deviation_of(found.at[0].ics) == pytest.approx(ALPHALENS.ic_std[sessions], rel=1e-12)
    assert found.autocorrelation == pytest.approx(ALPHALENS.autocorrelation, rel=1e-12)
    assert found.turnover[[0, 4]] == pytest.approx([*ALPHALENS.turnover.values()], rel=1e-12)


def test_the_spread_is_the_highest_bucket_less_the_lowest() -> None:
    signal = np.tile(np.arange(6.0), (3, 1))
    forward = np.array([[1.0, 3, 9, 9, 5, 7], [0, 0, 0, 0, 1, np.nan], [np.nan] * 6]) / 100

    at = measured(signal, forward, 3).at[0]

    np.testing.assert_allclose(at.spreads, [0.04, 0.01, np.nan])


def test_how_many_neighbours_share_time_is_told_with_the_coefficients() -> None:
    signal = np.random.default_rng(1).normal(size=(200, 8))

    assert measured(signal, signal, sessions=20).at[0].lag == 19
    assert measured(signal[:, :1], signal[:, :1], sessions=20).at[0].lag == 19


def test_coverage_is_of_the_cells_that_have_a_price() -> None:
    signal = np.full((4, 5), np.nan)
    signal[2:] = np.arange(5.0)
    present = np.ones((4, 5), bool)
    present[0] = False
    rows = held(*weekdays(4), Horizon(1))
    outcome = Outcome(Horizon(1), rows, forward_returns(np.ones((4, 5)), rows))

    assert measure([signal], [outcome], 5, present)[0].coverage == pytest.approx(2 / 3)


def test_one_symbol_is_measured_against_its_own_past() -> None:
    random = np.random.default_rng(9)
    signal = random.normal(size=(4_000, 1))
    forward = 0.01 * signal + random.normal(0, 0.02, (4_000, 1))

    found = measured(signal, forward)
    at = found.at[0]

    # rho of normal values is 0.447; Spearman's is 6 / pi asin(rho / 2).
    assert mean_of(at.ics) == pytest.approx(6 / np.pi * np.arcsin(0.447 / 2), abs=0.03)
    assert t_of_mean(at.ics) > 20
    assert abs(found.autocorrelation) < 0.1
    assert (np.isfinite(at.means).sum(axis=1) <= 1).all()
    assert np.isnan(at.means[:BLOCK]).all()  # no edge is known yet
    assert np.isnan(at.ics[: 2 * BLOCK]).all()
    assert mean_of(at.means[:, -1]) > 0.01 > -0.01 > mean_of(at.means[:, 0])


@pytest.mark.parametrize(("bars", "most"), [(14, 0.4), (1_500, 1.6)])
def test_what_a_walk_did_is_no_signal_of_it(bars: int, most: float) -> None:
    random = np.random.default_rng(17)
    ts = []
    for _ in range(60):
        level = np.cumsum(random.normal(size=1_500))
        moved = level - np.concatenate([np.zeros(bars), level])[:1_500]
        forward = np.append(np.diff(level), np.nan)
        at = measured(moved[:, None], forward[:, None]).at[0]
        ts.append(newey_west_t(at.ics, 0))

    # Of the whole level the mean is -1.2: Stambaugh's bias, which no estimate of a mean is free of.
    # Within blocks of 63 bars it would be -10 and more.
    assert -most < np.mean(ts) < 0.4


def test_the_spread_over_time_is_a_difference_of_means_with_their_errors() -> None:
    random = np.random.default_rng(3)
    signal, forward = random.normal(size=(3_000, 1)), random.normal(size=(3_000, 1))
    at = measured(signal, forward, 4).at[0]
    top, bottom = (at.means[np.isfinite(at.means[:, end]), end] for end in (-1, 0))
    welch = np.sqrt(top.var(ddof=1) / len(top) + bottom.var(ddof=1) / len(bottom))

    assert mean_of(at.spreads) == pytest.approx(top.mean() - bottom.mean())
    assert t_of_mean(at.spreads) == pytest.approx((top.mean() - bottom.mean()) / welch, rel=0.01)


@pytest.mark.parametrize("symbols", [2, 4])
def test_too_few_symbols_to_rank_are_told_what_is_possible(symbols: int) -> None:
    with pytest.raises(DataError, match=f"^{symbols} symbols are too few to rank, 5 are needed"):
        measured(np.ones((9, symbols)), np.ones((9, symbols)))
