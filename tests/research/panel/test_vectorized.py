"""The vectorised gear against accounts kept by hand, and what it refuses."""

import inspect
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from core.errors import ConfigError, DataError
from core.types import Market
from research.panel.adjust import mask
from research.panel.crosses import SmaCross
from research.panel.dataset import load_dataset
from research.panel.strategy import KernelSignal
from research.panel.vectorized import (
    Terms,
    VectorizedEngine,
    VectorRun,
    bars_per_session,
    code_of,
)
from tests.datasets import WEEK, generated
from tests.research.panel.vectors import (
    CLOSES,
    FREE,
    LONG_THEN_SHORT,
    MONDAY,
    ONE_PERCENT,
    OPENS,
    Cross,
    Given,
    bars,
    frame_of,
    run,
)


def nets(made: VectorRun) -> list[float]:
    assert made.frame is not None
    return made.frame["net"].to_list()


def test_a_signal_is_traded_at_the_next_open_and_earns_from_fill_to_fill() -> None:
    made = run(bars(OPENS, LONG_THEN_SHORT, CLOSES))

    # Long from 110 to 121 and on to 108.9, short from there to 98.01.
    assert nets(made) == pytest.approx([0, 0, 0.10, -0.10, 0.10, 0])
    assert made.metrics["total_return"] == pytest.approx(1.1 * 0.9 * 1.1 - 1)
    assert made.metrics["max_drawdown"] == pytest.approx(0.1)
    assert (made.metrics["trades"], made.metrics["days_in_market"]) == (2, 1)


def test_it_may_be_traded_at_the_next_close_instead() -> None:
    made = run(bars(OPENS, LONG_THEN_SHORT, CLOSES), Terms(**{**dict(FREE), "fill": "next_close"}))

    assert nets(made) == pytest.approx([0, 0, 0, -0.10, 0, 0])


def test_costs_are_taken_from_what_is_traded() -> None:
    made = run(bars(OPENS, LONG_THEN_SHORT, CLOSES), ONE_PERCENT)

    # In at 110: 1; over to short at 108.9: 2; out at 98.01: 1 percent.
    assert nets(made) == pytest.approx([0, -0.01, 0.10, -0.12, 0.09, 0])
    sessions = 247 * 25 / 6  # of 2026, six bars each
    assert made.metrics["turnover"] == pytest.approx(4 * sessions, rel=1e-9)


def test_the_trade_log_tells_both_trades() -> None:
    made = run(bars(OPENS, LONG_THEN_SHORT, CLOSES), ONE_PERCENT)
    assert made.trades is not None
    assert made.frame is not None
    stamps = made.frame["ts"].to_list()
    long, short = made.trades.iter_rows(named=True)

    assert (long["side"], long["entry"], long["exit"], long["bars"]) == (1, stamps[1], stamps[3], 2)
    assert (long["entry_price"], long["exit_price"]) == (110.0, 108.9)
    assert long["price_pct"] == pytest.approx(-1.0)
    assert long["pnl_pct"] == pytest.approx(100 * (0.99 * 1.1 * 0.89 - 1))
    assert (short["side"], short["entry"], short["exit"]) == (-1, stamps[3], stamps[4])
    assert short["pnl_pct"] == pytest.approx(100 * (0.99 * 1.09 - 1))
    assert short["price_pct"] == pytest.approx(10.0)
    assert made.metrics["win_rate"] == 0.5


def test_a_target_may_be_a_part_and_a_position_may_stay_open() -> None:
    made = run(bars(OPENS, [0.5, 0.25, 0.25, 0.25, 0.25, 0.25]), ONE_PERCENT)
    assert made.trades is not None
    [only] = made.trades.iter_rows(named=True)

    assert nets(made)[:3] == pytest.approx([0, -0.005, 0.5 * 0.10 - 0.0025])
    assert (only["strength"], only["exit"], only["exit_price"]) == (0.5, None, 98.01)


def test_a_universe_is_spread_evenly_over_the_symbols_that_have_a_bar() -> None:
    flat = bars([50.0] * 4, [0] * 4, symbol="B")
    made = run(pl.concat([bars(OPENS, LONG_THEN_SHORT, CLOSES), flat]))

    assert made.equity is not None
    assert made.equity["net"].to_list() == pytest.approx([0, 0, 0.05, -0.05, 0.10, 0])


def test_a_price_that_is_not_known_is_counted_and_books_nothing() -> None:
    holed = bars([100.0, 110.0, None, 108.9, float("nan"), 98.01], LONG_THEN_SHORT)
    made = run(holed)

    # Unknown: into and out of the hole while long, into the second while short.
    assert nets(made) == [0, 0, None, None, None, 0]
    assert (made.metrics["n_nans"], made.metrics["total_return"]) == (3, 0.0)


def test_a_masked_jump_is_no_return() -> None:
    masked = bars(OPENS, LONG_THEN_SHORT).with_columns(
        masked=pl.Series([False, False, True, False, False, False])
    )
    made = run(masked)

    assert nets(made) == pytest.approx([0, 0, None, -0.10, 0.10, 0])
    assert 1 == made.metrics["n_nans"]
    assert made.trades is not None
    assert made.trades["price_pct"].to_list() == [None, pytest.approx(10.0)]  # over it, after it


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (bars(OPENS, LONG_THEN_SHORT).drop("open"), "no column open"),
        (bars([None] * 6, LONG_THEN_SHORT), "A: no bar has a price"),
        (bars(OPENS, [0, 2, 0, 0, 0, 0]), "A: signal 2 is not allowed: from -1 to 1"),
        (bars(OPENS, LONG_THEN_SHORT).reverse(), "A: its bars are not in order"),
        (bars([], []), "no bars at all"),
    ],
)
def test_bad_data_is_one_clear_line(frame: pl.DataFrame, words: str) -> None:
    with pytest.raises(DataError, match=words):
        run(frame)


def test_a_span_without_bars_and_a_value_out_of_range_are_refused() -> None:
    with pytest.raises(DataError, match="no bars from 2026-07-21"):
        run(bars(OPENS, LONG_THEN_SHORT), from_day=MONDAY + 1)
    with pytest.raises(ConfigError, match="decides on bars of 5m, the engine has 15m"):
        VectorizedEngine().run(
            bars(OPENS, LONG_THEN_SHORT).lazy(),
            KernelSignal("ema_cross", {"timeframe": "5m"}),
            data_hash="d",
        )
    with pytest.raises(ConfigError, match="fast"):
        Cross({"fast": 0})
    with pytest.raises(ConfigError, match="fats"):
        Cross({"fats": 3})


@pytest.mark.parametrize("fill", ["next_open", "next_close"])
def test_the_tail_never_changes_an_earlier_row(fill: str) -> None:
    frame = frame_of(generated("two parts"))
    engine = VectorizedEngine(Terms(timeframe="1m", fill=fill))
    whole = engine.aligned(frame.lazy(), Cross()).collect()
    random = np.random.default_rng(3)

    for cut in random.integers(1, frame.height, 16):
        noise = pl.Series(random.uniform(0.5, 2.0, frame.height))
        later = pl.int_range(pl.len()) >= int(cut)
        scrambled = frame.with_columns(
            pl.when(later).then(pl.col(name) * noise).otherwise(pl.col(name))
            for name in ("open", "high", "low", "close")
        )
        made = engine.aligned(scrambled.lazy(), Cross()).collect()
        assert made.head(int(cut)).equals(whole.head(int(cut)), null_equal=True)


def test_a_span_begins_flat_and_warm() -> None:
    frame = frame_of(generated("week"))
    engine = VectorizedEngine(Terms(timeframe="1m"))
    whole = engine.run(frame.lazy(), Cross(), data_hash="d", curves=True)
    part = engine.run(
        frame.lazy(), Cross(), data_hash="d", from_day=WEEK[1], to_day=WEEK[3], curves=True
    )
    assert whole.frame is not None
    assert part.frame is not None
    same = whole.frame.filter(pl.col("day").is_between(WEEK[1], WEEK[3]))

    assert WEEK[1:4] == part.days.tolist()
    assert same["signal"].equals(part.frame["signal"])  # the means were warm
    assert part.frame["held"][:2].to_list() == [0.0, 0.0]
    assert part.frame["net"][2:].equals(same["net"][2:])
    assert part.daily[1:] == pytest.approx(whole.daily[2:4], rel=1e-12)


def test_only_what_was_asked_for_is_collected() -> None:
    made = VectorizedEngine(FREE).run(bars(OPENS, LONG_THEN_SHORT).lazy(), Given(), data_hash="d")

    assert (None, None, None) == (made.frame, made.equity, made.trades)
    assert made.metrics == run(bars(OPENS, LONG_THEN_SHORT)).metrics


def test_a_session_has_the_bars_of_its_hours() -> None:
    minute_ns = 60 * 10**9

    assert 25 == bars_per_session(np.array([MONDAY]), Market.NSE, 15 * minute_ns)
    assert 7 == bars_per_session(np.array([MONDAY]), Market.NSE, 60 * minute_ns)  # the last short
    assert 24 == bars_per_session(np.array([MONDAY]), Market.ALWAYS_OPEN, 60 * minute_ns)


@pytest.mark.slow
@pytest.mark.parametrize("fill", ["next_open", "next_close"])
def test_years_of_daily_shares_have_no_jump_of_a_split_in_them(shared: Path, fill: str) -> None:
    lf = mask(load_dataset(shared / "data" / "nse_daily_raw_2019-08_2024-12.parquet"))
    terms = Terms.model_validate({"timeframe": "1d", "fill": fill, "market": "nse"})
    made = VectorizedEngine(terms).run(
        lf, SmaCross({"fast": 5, "slow": 50}), data_hash="d", curves=True
    )
    assert made.frame is not None
    assert made.equity is not None
    held = made.frame.filter(pl.col("held") != 0.0)
    unknown = held.filter(pl.col("net").is_null())
    masked = lf.filter("masked").select("symbol", "ts").collect()

    assert 252 == made.identity["symbols"]
    assert made.metrics["n_nans"] == unknown.height > 0
    assert unknown.join(masked, on=["symbol", "ts"]).height == unknown.height
    assert held["returns"].abs().max() < 0.6
    assert made.equity["net"].abs().max() < 0.15  # not one share could do that by itself
    assert made.daily == pytest.approx(made.equity["net"].to_numpy(), abs=1e-12)


def test_the_page_of_the_gear_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[3] / "docs" / "vectorized.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    given = {"minutes": frame_of(generated("week")).lazy(), "identity": {"data_hash": "d"}}
    names: dict[str, Any] = {"__name__": "page", **given}

    assert 2 == len(blocks)
    for block in blocks:
        exec(block, names)  # noqa: S102 - our own page
    assert names["run"].metrics["trades"] > 1
    assert 1 == len(list((tmp_path / "runs").glob("Cross_EQ_15m_*.parquet")))
    assert 1 == len(list((tmp_path / "cache").iterdir()))


def test_the_text_of_a_class_is_read_once_whatever_threads_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Threads that read it at once fail each other in the parser of Python 3.11."""

    class Own(SmaCross):
        """Of this test alone, so nobody has asked before."""

    asked: list[type] = []
    read = inspect.getsource

    def counting(strategy: type) -> str:
        asked.append(strategy)
        return read(strategy)

    monkeypatch.setattr(inspect, "getsource", counting)
    with ThreadPoolExecutor(8) as threads:
        digests = set(threads.map(code_of, [Own] * 64))

    assert 1 == len(digests) == len(asked)
