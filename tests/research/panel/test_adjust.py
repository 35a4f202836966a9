"""Prices on one basis: factors round-trip, real splits are found, what is left over is masked."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from research.panel.adjust import FACTORS, adjust, factors_between, mask, masked_days
from research.panel.dataset import DataSpec, load_dataset
from research.panel.matrix import panel_of

FIRST = date(2024, 1, 1)


def daily(symbol: str, closes: list[float], **columns: list[float]) -> pl.LazyFrame:
    """One row a day; opens are the closes unless given."""
    days = [FIRST + timedelta(days=n) for n in range(len(closes))]
    prices = dict.fromkeys(("open", "high", "low", "close"), closes) | columns
    return pl.LazyFrame({"symbol": symbol, "date": days, **prices, "volume": 1_000}).with_columns(
        ts=pl.col("date").cast(pl.Datetime("ms")).dt.replace_time_zone("Asia/Kolkata"),
        volume=pl.col("volume").cast(pl.Int64),
    )


def factors(*rows: tuple[str, int, float]) -> pl.DataFrame:
    """`(symbol, days after FIRST, factor)`."""
    dated = [(symbol, FIRST + timedelta(days=day), factor) for symbol, day, factor in rows]
    return pl.DataFrame(dated, FACTORS, orient="row")


def test_rows_before_a_factor_are_on_the_new_basis() -> None:
    raw = daily("A", [100.0, 110.0, 11.0, 12.0, 6.0], prev_close=[90.0, 100.0, 110.0, 11.0, 12.0])
    found = adjust(
        pl.concat([raw, daily("B", [7.0], prev_close=[7.0])]),
        factors(("A", 2, 10.0), ("A", 4, 2.0)),
    )

    frame = found.collect()
    assert [5.0, 5.5, 5.5, 6.0, 6.0, 7.0] == frame["close"].to_list()
    assert [20_000, 20_000, 2_000, 2_000, 1_000, 1_000] == frame["volume"].to_list()
    # The close before an ex-date is on the old basis in the file, and on the new one here.
    assert [4.5, 5.0, 5.5, 5.5, 6.0, 7.0] == frame["prev_close"].to_list()


@given(
    closes=st.lists(st.floats(1.0, 5_000.0), min_size=2, max_size=12),
    steps=st.dictionaries(st.integers(0, 12), st.sampled_from([0.1, 1.5, 2.0, 10.0]), max_size=3),
)
def test_adjusting_and_adjusting_back_gives_the_prices_again(
    closes: list[float], steps: dict[int, float]
) -> None:
    raw = daily("A", closes)
    there = factors(*(("A", day, factor) for day, factor in steps.items()))
    back = there.with_columns(factor=1.0 / pl.col("factor"))

    again = adjust(adjust(raw, there), back).collect()
    np.testing.assert_allclose(again["close"], closes, rtol=1e-13)
    assert raw.collect().columns == again.columns


def test_a_factor_that_cannot_be_is_one_clear_line() -> None:
    with pytest.raises(ConfigError, match=r"factor of A 2024-01-03: 0\.0 is not positive"):
        adjust(daily("A", [1.0]), factors(("A", 2, 0.0)))
    with pytest.raises(ConfigError, match="factors: A 2024-01-03 is there twice"):
        adjust(daily("A", [1.0]), factors(("A", 2, 2.0), ("A", 2, 5.0)))


def test_a_jump_that_no_factor_explains_masks_its_day() -> None:
    rows = pl.concat(
        [daily("A", [100.0, 74.0, 75.0, 120.0]), daily("B", [100.0, 76.0, 90.0, 90.0])]
    )
    masked = mask(rows)

    assert [False, True, False, True, *[False] * 4] == masked.collect()["masked"].to_list()
    told = masked_days(masked)
    assert [("A", FIRST + timedelta(days=1), 100.0, 74.0)] == [row[:4] for row in told.rows()[:1]]
    assert [-0.26, 0.6] == told["move"].round(12).to_list()
    close = panel_of(masked, ["close"]).fields["close"]
    np.testing.assert_array_equal([[100, np.nan, 75, np.nan], [100, 76, 90, 90]], close.T)
    assert masked_days(mask(adjust(rows, factors(("A", 1, 4 / 3), ("A", 3, 0.64))))).is_empty()


def test_a_masked_day_of_minutes_is_masked_whole_and_a_first_day_never() -> None:
    minutes = daily("A", [9.0, 9.0, 2.0, 2.0, 2.0]).with_columns(
        date=pl.Series([FIRST, FIRST, *[FIRST + timedelta(days=1)] * 2, FIRST + timedelta(days=2)])
    )

    assert [False, False, True, True, False] == mask(minutes).collect()["masked"].to_list()


@given(st.integers(0, 1_000), st.sampled_from([2.0, 5.0, 10.0, 1.5, 0.1, 4 / 3]))
def test_a_factor_is_found_behind_rounded_prices(seed: int, factor: float) -> None:
    random = np.random.default_rng(seed)
    basis = 200.0 * np.exp(np.cumsum(random.normal(0, 0.02, 60)))
    raw = np.where(np.arange(60) < 30, basis * factor, basis)
    vendor = np.round(basis / 0.05) * 0.05
    vendor[[7, 45]] *= 3.0  # rows that are wrong

    found = factors_between(daily("A", list(raw)), daily("A", list(vendor)))

    assert [("A", FIRST + timedelta(days=30), factor)] == found.rows()


# --- real files ----------------------------------------------------------------------------------

RAW = "nse_daily_raw_2019-08_2024-12.parquet"
VENDOR = "nse_daily_upstox_2022-01_2024-12.parquet"


@pytest.mark.slow
def test_real_splits_are_found_between_the_exchanges_file_and_the_brokers(shared: Path) -> None:
    raw = load_dataset(shared / "data" / RAW, spec=DataSpec(further=("prev_close",)))
    vendor = load_dataset(shared / "data" / VENDOR)

    found = factors_between(raw, vendor)

    known = {(symbol, f"{day}"): factor for symbol, day, factor in found.rows()}
    assert 10.0 == known["TATASTEEL", "2022-07-28"]
    assert 10.0 == known["BAJAJFINSV", "2022-09-13"]
    assert 2.0 == known["RELIANCE", "2024-10-28"]
    assert 2.0 == known["WIPRO", "2024-12-03"]
    # After adjusting, no return over those days is a split: the two files agree on all closes.
    shares = ["TATASTEEL", "BAJAJFINSV", "RELIANCE", "WIPRO"]
    ours = adjust(raw, found).filter(pl.col("symbol").is_in(shares))
    both = ours.join(vendor, on=["symbol", "date"], suffix="_vendor").collect()
    np.testing.assert_allclose(both["close"], both["close_vendor"], rtol=0.0005)


@pytest.mark.slow
def test_real_splits_without_a_factor_are_masked(shared: Path) -> None:
    raw = load_dataset(shared / "data" / RAW)
    found = factors_between(raw, load_dataset(shared / "data" / VENDOR))

    def days(lf: pl.LazyFrame) -> set[tuple[str, str]]:
        return {(row[0], f"{row[1]}") for row in masked_days(mask(lf)).rows()}

    before, after = days(raw), days(adjust(raw, found))
    splits = {("TATASTEEL", "2022-07-28"), ("BAJAJFINSV", "2022-09-13"), ("RELIANCE", "2024-10-28")}
    beyond = {("BSE", "2022-03-21"), ("EICHERMOT", "2020-08-24"), ("M&MFIN", "2020-07-22")}
    listings = {("ROUTE", "2020-09-21"), ("MAZDOCK", "2020-10-12")}
    assert splits | beyond <= before
    assert beyond <= after
    assert not (splits | listings) & after
    # A demerger which the vendor values at more than the share fell by.
    assert {("SCI", "2023-04-19")} == after - before
    assert (95, 64) == (len(before), len(after))
