"""252 daily shares of the exchange: adjusted where the broker's file tells how, else masked."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.session import parse_day
from providers.dataset import DataOptions
from research.panel.adjust import factors_between
from research.panel.dataset import load_dataset
from research.signals.forward import Horizon
from research.signals.study import Asked, Studied, study
from research.signals.universe import Request, Universe

DATA = Path(__file__).parents[4] / "shared/data"
RAW = DATA / "nse_daily_raw_2019-08_2024-12.parquet"
ADJUSTED = DATA / "nse_daily_upstox_2022-01_2024-12.parquet"
EVERY = 4  # of the library's signals one in so many: what is shown does not depend on which
HALF = "2022-06-30"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not RAW.is_file(), reason="../shared/data is not there"),
]


def studied(universe: Universe) -> Studied:
    of = {one.name: one for one in universe.fitting()[0][::EVERY]}
    return study(
        universe.panel,
        list(of),
        lambda names: universe.values([of[name] for name in names]),
        Asked(horizons=(Horizon(1),)),
    )


@pytest.fixture(scope="module")
def whole() -> Studied:
    return studied(Universe(Request(data=[RAW], options=DataOptions())))


def test_every_signal_has_a_row_and_luck_is_told(whole: Studied) -> None:
    board = whole.tables["leaderboard"]
    tried = whole.told["tried"]
    assert isinstance(tried, dict)

    assert (252, 1_303) == (whole.told["symbols"], whole.told["sessions"])
    assert board.height == tried["signals tried"] > 20
    assert (board["dates"] > 500).all()  # the slowest needs two years before its first
    assert (board["t_nw"].abs() < 20).all()
    assert whole.tables["pruned"]["kept"].sum() < board.height


def test_no_coefficient_changes_when_the_future_is_cut_off(whole: Studied) -> None:
    request = Request(data=[RAW], options=DataOptions(), to_day=parse_day(HALF))
    half = studied(Universe(request)).tables["ic"]
    known = half.height - 2  # the last two cannot be sold before the cut
    before = whole.tables["ic"].head(half.height)

    assert half["date"].equals(before["date"])
    for name in half.columns[2:]:
        np.testing.assert_allclose(
            half[name][:known].fill_null(np.nan).to_numpy(),
            before[name][:known].fill_null(np.nan).to_numpy(),
            rtol=0,
            atol=1e-9,
            err_msg=name,
        )


def test_factors_explain_jumps_that_were_masked(whole: Studied, tmp_path: Path) -> None:
    factors_between(load_dataset(RAW), load_dataset(ADJUSTED)).write_parquet(tmp_path / "f.parquet")
    request = Request(data=[RAW], options=DataOptions(), factors=tmp_path / "f.parquet")
    adjusted = Universe(request).panel

    masked = whole.told["masked rows"]
    assert isinstance(masked, int)
    assert 0 < adjusted.masked.sum() < masked - 20
    column = adjusted.symbols.index("TATASTEEL")
    split = int(np.searchsorted(adjusted.days, parse_day("2022-07-28")))
    closes = adjusted.fields["close"][split - 1 : split + 1, column]
    assert abs(closes[1] / closes[0] - 1) < 0.1  # the share was split by ten


def test_the_missing_weeks_of_2019_are_told_and_held_by_nobody(whole: Studied) -> None:
    universe = Universe(Request(data=[RAW], options=DataOptions(symbols=("RELIANCE",))))
    first = whole.tables["ic"].row(0)

    assert universe.told["breaks"] == ["2019-08-23 and 2019-10-01"]
    assert first[2:] == (None,) * (len(first) - 2)


def test_pl_frames_of_the_study_hold_no_nan(whole: Studied) -> None:
    for name, table in whole.tables.items():
        floats = table.select(pl.selectors.float())
        assert not floats.select(pl.any_horizontal(pl.all().is_nan().any())).item(), name
