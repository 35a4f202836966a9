"""The bridge to kernels, and kernel strategies as positions: equal to the gear that trades them."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from backtest.run import run, session_terms
from core.bars import Resampler
from core.errors import ConfigError, DataError
from core.session import MINUTE_NS
from core.types import Float64s, Market, Records
from providers.dataset import DataOptions, Dataset, load
from providers.replay import ReplayProvider
from research.panel.strategy import LOGIC, KernelSignal, StrategyBase
from research.panel.vectorized import Terms, VectorizedEngine
from strategies.table import Table
from tests.datasets import generated, request_on
from tests.research.panel.vectors import bars, frame_of


class Counting(StrategyBase[Table]):
    """Keeps what its kernel was given; answers with how many bars its symbol has had."""

    settings_model = Table
    logic_columns = ("ts", "close", "volume", "up")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[NDArray[np.generic], ...]] = []

    def numba_logic(self, *columns: NDArray[np.generic]) -> Float64s:
        self.seen.append(columns)
        return np.arange(1.0, len(columns[0]) + 1)

    def signal(self, lf: pl.LazyFrame) -> pl.LazyFrame:
        return lf.with_columns(signal=pl.col(LOGIC) * 0)


def two_symbols() -> pl.DataFrame:
    frame = pl.concat([bars([1.0, None, 3.0], [0] * 3), bars([4.0, 5.0], [0] * 2, symbol="B")])
    return frame.with_columns(volume=pl.lit(7, pl.Int32), up=pl.lit(value=True))


def test_a_kernel_gets_each_symbol_as_arrays_of_its_own() -> None:
    strategy = Counting()
    made = strategy.features(two_symbols().lazy()).collect()
    first, second = sorted(strategy.seen, key=lambda columns: -len(columns[0]))

    assert [1.0, 2.0, 3.0, 1.0, 2.0] == made[LOGIC].to_list()
    assert [3, 2] == [len(first[0]), len(second[0])]
    assert ["int64", "float64", "int64", "bool"] == [str(one.dtype) for one in first]
    assert all(one.flags.writeable and one.flags.c_contiguous for one in first)
    assert np.isnan(first[1][1])  # null: NaN before a kernel sees it


def test_a_run_asks_the_kernel_once_a_symbol() -> None:
    strategy = Counting()
    VectorizedEngine().run(two_symbols().lazy(), strategy, data_hash="d", curves=True)

    assert 2 == len(strategy.seen)


def test_a_whole_number_without_a_value_is_refused_by_name() -> None:
    holed = two_symbols().with_columns(volume=pl.Series([1, None, 1, 1, 1]))
    with pytest.raises(DataError, match="column volume has nulls"):
        VectorizedEngine().run(holed.lazy(), Counting(), data_hash="d")


def test_what_is_no_kernel_is_refused() -> None:
    with pytest.raises(ConfigError, match='"fusion" has no kernel'):
        KernelSignal("fusion")
    with pytest.raises(ConfigError, match="hold_bars 0"):
        KernelSignal("pixity", hold_bars=0)
    with pytest.raises(ConfigError, match="ema_fsat"):
        KernelSignal("pixity", {"ema_fsat": 3})


# Both gears can express: in by an event when flat, out after so many bars. So nothing else may
# bind: brackets out of reach, no cooldown, no limit of a day, no charge, a market without a close.
UNBOUND = (
    "sl_mult=1000 tp_mult=1000 cooldown_bars=0 slippage_bps=0 fee_bps=0 max_entries_per_day=100000"
    " max_daily_loss=1e9 max_capital=1e9 initial_cash=1e9 risk_per_trade=1e6"
).split()


def require_equal_gears(
    dataset: Dataset, strategy: str, timeframe: str, hold_bars: int, more: list[str]
) -> int:
    """Every trade of the compiled gear, by its fills; how many there were."""
    own = [f"timeframe={timeframe}", f"time_stop_bars={hold_bars}", *more]
    request = request_on(dataset, *UNBOUND, *own, strategy=strategy)
    theirs = run(request).trades.sort("instrument", "entry_ns")
    # Bars of the gear itself, so that both see the same.
    frame = frame_of(dataset, resampled(dataset, request.settings.timeframe_ns))
    kernel = KernelSignal(strategy, request.settings.model_dump(), hold_bars)
    terms = Terms(timeframe=timeframe, market=Market.ALWAYS_OPEN, fee_bps=0, slippage_bps=0)
    made = VectorizedEngine(terms).run(frame.lazy(), kernel, data_hash="d", curves=True).trades
    assert made is not None
    mine = made.sort("symbol", "entry").filter(pl.col("exit").is_not_null())
    closed = theirs.filter(pl.col("exit_reason") == "TIME")  # the data's end closes what is left

    assert closed.height == mine.height >= theirs.height - len(dataset.instruments)
    assert closed["instrument"].to_list() == mine["symbol"].to_list()
    assert [{"BUY": 1, "SELL": -1}[side] for side in closed["side"]] == mine["side"].to_list()
    for name in ("entry", "exit"):
        assert (closed[f"{name}_ns"] // 1_000_000).equals(
            mine[name].cast(pl.Int64), check_names=False
        )
        prices = closed[f"{name}_price"].to_numpy()  # of the tick, the last digit of a double apart
        assert mine[f"{name}_price"].to_numpy() == pytest.approx(prices, rel=1e-12)
    value = closed["quantity"] * closed["entry_price"] * 100
    returns = (100 * closed["gross_paise"] / value).to_numpy()
    assert mine["price_pct"].to_numpy() == pytest.approx(returns, abs=1e-4)  # whole paise
    longs = mine["side"].to_numpy() == 1
    assert mine["pnl_pct"].to_numpy()[longs] == pytest.approx(returns[longs], abs=1e-4)
    return mine.height


def resampled(dataset: Dataset, timeframe_ns: int) -> Records:
    provider = ReplayProvider(dataset, session_terms(request_on(dataset).risk))
    resampler = Resampler([timeframe_ns], dataset.options.base_ns, provider.groups)
    spans = provider.day_spans()
    return np.concatenate([resampler.resample(one).strategy_bars.copy() for one in spans])


@pytest.mark.parametrize(
    ("strategy", "hold_bars"), [("ema_cross", 1), ("ema_cross", 7), ("pixity", 3)]
)
def test_both_gears_trade_the_same_bars_at_the_same_prices(strategy: str, hold_bars: int) -> None:
    more = ["warmup_bars=10", "ema_fast=3", "ema_slow=8", "atr_period=4"]
    # Every minute there: a missing one is a gap, and gaps are rules of the trade gears.
    whole = generated("24x7", kept=1.0)

    assert require_equal_gears(whole, strategy, "5m", hold_bars, more) > 20


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "hold_bars"), [("ema_cross", 5), ("pixity", 12)])
def test_both_gears_agree_on_years_of_real_bars(
    shared: Path, strategy: str, hold_bars: int
) -> None:
    file = shared / "data" / "crypto_1h_ETHUSDT_2019-12_2025-09.parquet"
    dataset = load([file], DataOptions(market=Market.ALWAYS_OPEN, base_ns=60 * MINUTE_NS))

    assert require_equal_gears(dataset, strategy, "4h", hold_bars, ["gap_policy=accept"]) > 200
