"""W2 and W7 at toy size: what is timed makes the figures that the plainest numpy makes."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import w2, w7
from benchmarks.data import BARS_PER_DAY, Size, ensure
from benchmarks.returns import CHECKED as COMPARED
from benchmarks.returns import PERIODS_PER_YEAR, series
from benchmarks.sets import BARS, CHECKED, SETS, checks, closes, figures_of

TOY = Size(symbols=1, days=12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure(TOY, tmp_path_factory.mktemp("bench") / "toy")


def test_every_part_that_somebody_slow_takes_holds_what_is_compared() -> None:
    assert len(SETS) == 1_000
    for every in (5, 10, 100):
        assert set(CHECKED) <= set(SETS[::every])


@pytest.mark.parametrize("timeframe", BARS)
def test_the_sweep_that_is_timed_finds_what_plain_arrays_find(folder: Path, timeframe: str) -> None:
    ticks = closes(folder, timeframe).ticks
    assert len(ticks) == TOY.days * BARS_PER_DAY // BARS[timeframe]
    returns = np.concatenate([[0.0], ticks[1:] / ticks[:-1] - 1.0])
    found = []
    for fast, slow in CHECKED:
        means = []
        for window in (fast, slow):
            windows = np.lib.stride_tricks.sliding_window_view(ticks, window)
            means.append(np.concatenate([np.full(window - 1, np.nan), windows.mean(axis=1)]))
        position = np.concatenate([[False], (means[0] > means[1])[:-1]])
        held = np.concatenate([[False], position[:-1]])
        found.append(figures_of(int((position != held).sum()), held * returns))
    measured = w2.measure(timeframe, folder)

    assert measured.items == 1_000
    assert measured.checks == pytest.approx(checks(found), rel=1e-9)
    assert measured.checks["changes_sum"] > 20


def test_the_figures_that_are_timed_are_those_of_the_series() -> None:
    returns, measured = series(), w7.measure()

    assert tuple(measured.checks) == COMPARED
    assert measured.items == len(returns) == 1_000_000
    assert measured.checks["sharpe"] == pytest.approx(
        returns.mean() / returns.std(ddof=1) * PERIODS_PER_YEAR**0.5
    )
    assert measured.checks["total_return"] == pytest.approx(np.prod(1.0 + returns) - 1.0)
