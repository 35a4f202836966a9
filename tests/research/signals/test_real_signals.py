"""The library on real bars: 252 daily shares, and minutes around a Muhurat evening."""

from pathlib import Path

import polars as pl
import pytest

from research.panel.adjust import adjust, factors_between, mask
from research.panel.dataset import DataSpec, load_dataset
from research.signals.causality import leaks
from research.signals.library import compute, names_for, resolve

FURTHER = ("avg_price", "trades", "deliv_qty")
LEAST_SHARE = 0.97  # of the rows that are warm: some have no delivery, no range, no trade


@pytest.mark.slow
def test_every_daily_signal_has_finite_values_on_252_shares(shared: Path) -> None:
    raw = load_dataset(
        shared / "data/nse_daily_raw_2019-08_2024-12.parquet", spec=DataSpec(further=FURTHER)
    )
    factors = factors_between(
        raw, load_dataset(shared / "data/nse_daily_upstox_2022-01_2024-12.parquet")
    )
    bars = mask(adjust(raw, factors))
    names = names_for(intraday=False)

    found = compute(bars, names).with_columns(
        series=pl.struct("symbol", pl.col("masked").cum_sum()).rle_id()
    )
    found = found.with_columns(row=pl.int_range(pl.len()).over("series") + 1).collect()

    assert found["symbol"].n_unique() == 252
    for name in names:
        values = found[name]
        warm = found["row"] >= resolve(name).lookback
        assert values.is_finite().all(), name
        assert values.filter(~warm).null_count() == (~warm).sum(), name
        assert values.filter(warm).count() >= LEAST_SHARE * warm.sum(), name


@pytest.mark.slow
def test_no_signal_knows_a_later_minute_around_a_muhurat_evening(shared: Path) -> None:
    bars = load_dataset(
        shared / "data/nse_1m_BAJAJFINSV_2021-01_2024-06.parquet", ("2021-10-28", "2021-11-09")
    ).collect()
    signals = [resolve(name) for name in names_for(intraday=True)]

    assert bars["date"].n_unique() == 8
    assert [str(one) for one in leaks(signals, bars)] == []
