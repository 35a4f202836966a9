"""What is measured of a signal: against alphalens, by hand, and over time for one symbol."""

import numpy as np
import pytest

from core.errors import DataError
from core.types import Float64s
from research.signals.forward import Horizon, forward_returns, held
from research.signals.measure import BLOCK, Measured, Outcome, measure
from research.signals.statistics import deviation_of, mean_of, t_of_mean
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

    assert (19, 19) == (
        (at := measured(signal, signal, sessions=20).at[0]).ic_lag,
        at.spread_lag,
    )
    alone = measured(signal[:, :1], signal[:, :1], sessions=20).at[0]
    assert (1, 19) == (alone.ic_lag, alone.spread_lag)  # blocks of 63 bars touch


def test_coverage_is_of_the_cells_that_have_a_price() -> None:
    signal = np.full((4, 5), np.nan)
    signal[2:] = np.arange(5.0)
    present = np.ones((4, 5), bool)
    present[0] = False
    rows = held(*weekdays(4), Horizon(1))
    outcome = Outcome(Horizon(1), rows, forward_returns(np.ones((4, 5)), rows))

    assert measure([signal], [outcome], 5, present)[0].coverage == pytest.approx(2 / 3)


def test_one_symbol_is_measured_over_time_in_blocks() -> None:
    random = np.random.default_rng(9)
    signal = random.normal(size=(1_000, 1))
    forward = 0.01 * signal + random.normal(0, 0.02, (1_000, 1))

    found = measured(signal, forward)
    at = found.at[0]

    assert len(at.ics) == len(at.ic_rows) == -(-1_000 // BLOCK)
    assert mean_of(at.ics) == pytest.approx(0.43, abs=0.05)  # 0.447 of normal values, less 3 %
    assert t_of_mean(at.ics) > 5
    assert abs(found.autocorrelation) < 0.1
    assert (np.isfinite(at.means).sum(axis=1) <= 1).all()
    assert np.isnan(at.means[:BLOCK]).all()  # no edge is known yet
    assert mean_of(at.means[:, -1]) > 0.01 > -0.01 > mean_of(at.means[:, 0])


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
