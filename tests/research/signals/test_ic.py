"""Rank ICs against scipy's spearmanr and a published example; ties, NaN and near ties."""

import warnings

import numpy as np
import pytest
from scipy.stats import ConstantInputWarning, spearmanr

from core.errors import DataError
from core.types import Float64s
from research.signals import ic
from research.signals.ic import rank_ics, time_series_ics

WIDTHS = (3, 4, 31, 255, 256, 257, 500, 512, 513, 1025)


def by_scipy(signal: Float64s, forward: Float64s, least_pairs: int = 3) -> Float64s:
    """One spearmanr a row over the pairs without a NaN."""
    found = np.full(len(signal), np.nan)
    for t, (x, y) in enumerate(zip(signal, forward, strict=True)):
        both = ~(np.isnan(x) | np.isnan(y))
        if both.sum() >= least_pairs:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConstantInputWarning)
                found[t] = spearmanr(x[both], y[both]).statistic
    return found


def with_holes(random: np.random.Generator, matrix: Float64s, share: float) -> Float64s:
    return np.where(random.random(matrix.shape) < share, np.nan, matrix)


@pytest.mark.parametrize("symbols", WIDTHS)
def test_equals_scipy_with_nans_ties_constants_and_infinities(symbols: int) -> None:
    random = np.random.default_rng(symbols)
    walk = random.normal(size=(8, symbols))
    forward = with_holes(random, walk.round(1), 0.1)
    forward[0] = walk[0]  # no ties, no holes
    forward[1], forward[2, 1:] = 5.0, np.nan
    noise = random.normal(size=(8, symbols))
    lacking = with_holes(random, noise, 0.3)
    noise[3, :2] = np.inf, -np.inf
    signals = [noise, noise.round(1), lacking, np.sign(noise), np.zeros_like(noise), -walk]

    found = rank_ics(signals, forward)

    for signal, row in zip(signals, found, strict=True):
        np.testing.assert_allclose(row, by_scipy(signal, forward), rtol=0, atol=1e-12)
    assert np.isnan(found[:, 1]).all()
    assert np.isnan(found[:, 2]).all()
    assert found[5, 0] == -1.0


def test_the_published_example_of_hours_and_iq() -> None:
    """The ten pairs of the encyclopaedia's article on Spearman's coefficient: rho = -29/165."""
    iq = [106.0, 100.0, 86.0, 101.0, 99.0, 103.0, 97.0, 113.0, 112.0, 110.0]
    hours = [7.0, 27.0, 2.0, 50.0, 28.0, 29.0, 20.0, 12.0, 6.0, 17.0]

    assert rank_ics([np.array([iq])], np.array([hours]))[0, 0] == pytest.approx(
        -29 / 165, abs=1e-15
    )


def test_values_that_differ_in_their_last_bits_alone_rank_as_they_are() -> None:
    """Their keys have the same leading bits: the column would decide."""
    random = np.random.default_rng(7)
    steps = random.permutation(400).astype(np.float64)
    near = 1.0 + steps * np.finfo(np.float64).eps
    near[::7] = near[3]
    signal, forward = np.stack([near, -near]), random.normal(size=(2, 400))

    np.testing.assert_allclose(
        rank_ics([signal], forward)[0], by_scipy(signal, forward), rtol=0, atol=1e-12
    )


def test_both_zeros_are_one_value() -> None:
    signal, forward = np.array([[0.0, -0.0, 1.0, -1.0]]), np.array([[1.0, 2.0, 3.0, 0.0]])

    assert rank_ics([signal], forward)[0, 0] == pytest.approx(spearmanr(signal[0], forward[0])[0])


def test_no_bit_depends_on_the_order_of_the_symbols_or_on_the_other_signals() -> None:
    random = np.random.default_rng(3)
    signals = with_holes(random, random.normal(size=(3, 40, 300)).round(2), 0.05)
    forward = with_holes(random, random.normal(size=(40, 300)).round(2), 0.05)
    shuffled = random.permutation(300)

    found = rank_ics(signals, forward)

    assert found.tobytes() == rank_ics(signals[:, :, shuffled], forward[:, shuffled]).tobytes()
    assert found[1].tobytes() == rank_ics(signals[1:2], forward)[0].tobytes()


def test_fewer_pairs_than_asked_for_are_no_coefficient() -> None:
    signal, forward = np.array([[1.0, 2.0, 3.0, np.nan]]), np.array([[1.0, 3.0, np.nan, 4.0]])

    assert np.isnan(rank_ics([signal], forward)).all()
    assert rank_ics([signal], forward, least_pairs=2)[0, 0] == 1.0
    assert np.isnan(rank_ics([np.full((1, 4), np.nan)], forward, least_pairs=0)).all()


def test_no_symbols_or_no_timestamps_give_no_coefficients() -> None:
    assert np.isnan(rank_ics([np.empty((3, 0))], np.empty((3, 0)))).tolist() == [[True] * 3]
    assert rank_ics([np.empty((0, 3))], np.empty((0, 3))).shape == (1, 0)
    assert rank_ics([], np.zeros((2, 3))).shape == (0, 2)


def test_one_symbol_has_a_coefficient_over_time() -> None:
    random = np.random.default_rng(5)
    signal, forward = random.normal(size=(2_000, 2)), random.normal(size=(2_000, 2))
    signal[:50, 0] = np.nan

    found = time_series_ics([signal], forward)

    np.testing.assert_allclose(found[0], by_scipy(signal.T, forward.T), rtol=0, atol=1e-12)
    assert time_series_ics([signal[:, :1]], forward[:, :1])[0, 0] == found[0, 0]


def test_what_cannot_be_ranked_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = np.zeros((2, 5))
    with pytest.raises(DataError, match=r"signal 1 has shape \(2, 4\), the returns have \(2, 5\)"):
        rank_ics([forward, np.zeros((2, 4))], forward)
    monkeypatch.setattr(ic, "MOST_PAIRS", 4)
    with pytest.raises(DataError, match="5 pairs to rank at once, 4 at most"):
        rank_ics([forward], forward)
