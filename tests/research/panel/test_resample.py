"""Bars of a frame are the bars of the live Resampler, whatever the session and the timeframe."""

from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bars import Resampler
from core.errors import ConfigError, DataError
from core.rules.fees import FeeProfile
from core.session import MINUTE_NS
from core.types import Market, Records
from providers.dataset import DataOptions, Dataset, StampLabel, load
from providers.replay import ReplayProvider, SessionTerms
from research.panel.dataset import DataSpec, load_dataset, zone_of
from research.panel.resample import resample
from strategies.settings import timeframe_ns
from tests.datasets import MARKETS, generated

TERMS = SessionTerms(
    last_entry_minutes=0, square_off_minutes=0, fee_profile=FeeProfile.BPS, fee_bps=0.0
)
NUMBERS = ("open", "high", "low", "close", "volume", "minutes_seen", "minutes_expected")
BAJAJFINSV = "nse_1m_BAJAJFINSV_2021-01_2024-06.parquet"


def live(dataset: Dataset, timeframe: str) -> pl.DataFrame:
    """What the Resampler emits, Minute by Minute, in the order of a frame."""
    provider = ReplayProvider(dataset, TERMS)
    resampler = Resampler([timeframe_ns(timeframe)], dataset.options.base_ns, provider.groups)
    spans = [resampler.resample(span).strategy_bars for span in provider.day_spans()]
    bars: Records = np.concatenate(spans)
    names = pl.Series([instrument.symbol for instrument in dataset.instruments])
    stamps = {
        name: pl.Series(bars[f"{end}_ns"] // 1_000_000).cast(pl.Datetime("ms", "UTC"))
        for name, end in (("ts", "open"), ("close_ts", "close"))
    }
    return pl.DataFrame(
        {
            "symbol": names[bars["instrument"]],
            "date": pl.Series(bars["day"]).cast(pl.Date),
            **{
                name: stamp.dt.convert_time_zone(zone_of(dataset.options.market))
                for name, stamp in stamps.items()
            },
            **{name: bars[name] for name in NUMBERS},
        }
    ).sort("symbol", "ts")


def frame_of(dataset: Dataset) -> pl.LazyFrame:
    """The dataset's bars as a frame, with its rows outside the sessions."""
    rows: Records = np.concatenate([dataset.bars, dataset.outside])
    names = pl.Series([instrument.symbol for instrument in dataset.instruments])
    stamps = pl.Series(rows["open_ns"] // 1_000_000).cast(pl.Datetime("ms", "UTC"))
    columns = {name: rows[name] for name in ("open", "high", "low", "close", "volume")}
    return pl.LazyFrame({"symbol": names[rows["instrument"]], "ts": stamps, **columns}).sort(
        "symbol", "ts"
    )


@given(
    market=st.sampled_from(sorted(MARKETS)),
    seed=st.integers(0, 1_000),
    kept=st.sampled_from([0.02, 0.3, 0.95, 1.0]),
    timeframe=st.sampled_from(["1m", "7m", "15m", "75m", "1h", "4h", "1d"]),
)
def test_bars_are_those_of_the_live_resampler(
    market: str, seed: int, kept: float, timeframe: str
) -> None:
    dataset = generated(market, seed, kept)
    auctions = tuple(i.symbol for i in dataset.instruments if i.session_class.name.endswith("ION"))
    options = DataOptions(market=dataset.options.market, closing_auction=auctions or "none")

    found = resample(frame_of(dataset), timeframe, options)

    assert live(dataset, timeframe).equals(found.collect())


@pytest.mark.slow
@pytest.mark.parametrize("timeframe", ["15m", "75m", "1h", "1d"])
@pytest.mark.parametrize(
    ("file", "options"),
    [
        (BAJAJFINSV, DataOptions()),  # outage, Muhurat evenings, drills, missing minutes
        ("nse_1m_eq_2026-07_2026-08.parquet", DataOptions()),  # the closing auction begins
        ("nse_1m_eq_2026-07_2026-08.parquet", DataOptions(closing_auction=("INFY",))),
        ("nse_1m_index_2021-01_2022-06_endlabel.parquet", DataOptions(label=StampLabel.END)),
        (
            "crypto_1h_ETHUSDT_2019-12_2025-09.parquet",
            DataOptions(market=Market.ALWAYS_OPEN, base_ns=60 * MINUTE_NS),
        ),
    ],
)
def test_bars_of_real_files_are_those_of_the_live_resampler(
    shared: Path, file: str, options: DataOptions, timeframe: str
) -> None:
    if timeframe_ns(timeframe) < options.base_ns:
        timeframe = "4h"
    path = shared / "data" / file

    found = resample(load_dataset(path, spec=DataSpec(options=options)), timeframe, options)

    assert live(load([path], options), timeframe).equals(found.collect())


def rows(*clocks: str, close: float | None = 5.0) -> pl.LazyFrame:
    """One share on 2024-03-02, a Saturday of two parts: 09:15-10:00 and 11:30-12:30."""
    stamps = [datetime.fromisoformat(f"2024-03-02T{clock}+05:30") for clock in clocks]
    prices = {name: [5.0] * len(clocks) for name in ("open", "high", "low")}
    return pl.LazyFrame(
        {"symbol": "A", "ts": stamps, **prices, "close": close, "volume": 1},
        schema_overrides={"ts": pl.Datetime("us", "UTC"), "close": pl.Float64},
    )


def test_a_bar_never_spans_two_parts_but_that_of_a_day() -> None:
    day = rows("09:15", "09:59", "10:00", "11:29", "11:30", "12:29", "12:30")

    hours = resample(day, "1h").collect()
    assert ["09:15", "11:30"] == hours["ts"].dt.strftime("%H:%M").to_list()
    assert ["10:00", "12:30"] == hours["close_ts"].dt.strftime("%H:%M").to_list()
    assert [2, 2] == hours["minutes_seen"].to_list()

    [whole] = resample(day, "1d").collect().rows(named=True)
    assert (date(2024, 3, 2), 4, 105) == (
        whole["date"],
        whole["volume"],
        whole["minutes_expected"],
    )


def test_a_row_without_a_price_is_no_bar() -> None:
    assert resample(rows("09:15", close=None), "15m").collect().is_empty()
    assert resample(rows("09:15", close=float("nan")), "15m").collect().is_empty()
    assert resample(rows("09:15").head(0), "15m").collect().is_empty()


def test_what_cannot_be_resampled_is_one_clear_line() -> None:
    with pytest.raises(DataError, match=r"^A 2024-03-02T09:15:00\+05:30: a row is not in order"):
        resample(rows("09:16", "09:15"), "15m").collect()
    with pytest.raises(DataError, match=r"^A 2024-03-02T09:15:30\+05:30: a row is off the grid"):
        resample(rows("09:15:30"), "15m").collect()
    apart = pl.concat(
        [rows("09:15"), rows("09:15").with_columns(symbol=pl.lit("B")), rows("09:16")]
    )
    with pytest.raises(DataError, match="the rows of a symbol are not together"):
        resample(apart, "15m").collect()
    with pytest.raises(ConfigError, match="timeframe 5m is shorter than the bars"):
        resample(rows("09:15"), "5m", DataOptions(base_ns=15 * MINUTE_NS))
    with pytest.raises(ConfigError, match="no column open; there are symbol, ts, high"):
        resample(rows("09:15").drop("open"), "15m")
    with pytest.raises(ConfigError, match="volume is Float64"):
        resample(rows("09:15").with_columns(pl.col("volume").cast(pl.Float64)), "15m")
