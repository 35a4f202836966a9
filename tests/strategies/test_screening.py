"""The screener: its kernel against the same text in polars expressions, and each rule by itself."""

import numpy as np
import polars as pl
import pytest

from core.errors import ConfigError
from core.types import STRATEGY_BAR, Records
from strategies.screening import (
    DECISION,
    HIGHER_NS,
    SENTINELS,
    ScreenSettings,
    candidates,
    reasons_text,
    screen,
    timeframes_of,
)
from tests.strategies.hours import HOUR_NS, hours, strategy_bars

KEYS = ScreenSettings()
ALPHA = 1.0 / 14.0
FEATURES = ("sma_fast", "sma_slow", "rsi", "atr", "adx", "score")


def screened(bars: Records, calm: bool = True, **keys: object) -> Records:
    """Rows of the decision bars."""
    everywhere = np.full(len(bars), calm)
    rows = screen(ScreenSettings.model_validate(keys), HOUR_NS, bars, everywhere)
    return rows[bars["timeframe"] == DECISION]


def same(one: Records, other: Records) -> bool:
    """To the bit, NaN equal to NaN."""
    return all(
        np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f")
        for name in one.dtype.names or ()
    )


def smooth(name: str) -> pl.Expr:
    return pl.col(name).ewm_mean(alpha=ALPHA, adjust=False, ignore_nulls=True)


def true_range() -> pl.Expr:
    previous = pl.col("close").shift(1)
    return pl.max_horizontal(
        pl.col("high") - pl.col("low"),
        (pl.col("high") - previous).abs(),
        (pl.col("low") - previous).abs(),
    )


def table(bars: Records, timeframe: int) -> pl.DataFrame:
    own = bars[bars["timeframe"] == timeframe]
    names = ("close_ns", "open_ns", "day", "high", "low", "close", "volume")
    return pl.DataFrame({name: own[name] for name in names})


def adx(bars: pl.DataFrame) -> pl.DataFrame:
    """`close_ns, adx` by Wilder, as expressions over the whole column."""
    up = pl.col("high") - pl.col("high").shift(1)
    down = pl.col("low").shift(1) - pl.col("low")
    first = up.is_null()
    bars = bars.with_columns(
        tr=true_range(),
        plus=pl.when(first).then(None).when((up > down) & (up > 0)).then(up).otherwise(0.0),
        minus=pl.when(first).then(None).when((down > up) & (down > 0)).then(down).otherwise(0.0),
    ).with_columns(tr=smooth("tr"), plus=smooth("plus"), minus=smooth("minus"))
    bars = bars.with_columns(
        dx=100.0 * (pl.col("plus") - pl.col("minus")).abs() / (pl.col("plus") + pl.col("minus")),
        row=pl.int_range(pl.len()),
    ).with_columns(adx=smooth("dx"))
    known = pl.when(pl.col("row") >= 27).then("adx")
    return bars.select("close_ns", adx=known)


def read(bars: Records) -> pl.DataFrame:
    """screener.md 1 as polars expressions."""
    change = pl.col("close").diff()
    fast, slow = pl.col("sma_fast"), pl.col("sma_slow")
    days = table(bars, 0).select(
        "close_ns", trend=pl.col("close").rolling_mean(20) > pl.col("close").rolling_mean(50)
    )
    text = table(bars, DECISION).with_columns(
        gain=change.clip(lower_bound=0.0), loss=(-change).clip(lower_bound=0.0), tr=true_range()
    )
    text = text.with_columns(
        sma_fast=pl.col("close").rolling_mean(20).shift(1),
        sma_slow=pl.col("close").rolling_mean(50).shift(1),
        gain=smooth("gain"),
        loss=smooth("loss"),
        atr=smooth("tr"),
        usual=pl.col("volume").cast(float).rolling_mean(20).shift(1),
        spread=pl.col("volume").cast(float).rolling_std(20).shift(1),
        row=pl.int_range(pl.len()),
    ).with_columns(
        rsi=pl.when(pl.col("row") >= 15).then(
            (100.0 * pl.col("gain") / (pl.col("gain") + pl.col("loss"))).shift(1)
        ),
        atr=pl.when(pl.col("row") >= 13).then("atr"),
    )
    text = text.with_columns(
        wild=pl.when(pl.col("row") >= 13 + 99).then(
            pl.col("atr") > pl.col("atr").shift(1).rolling_quantile(0.75, "linear", 99)
        ),
        atr=pl.col("atr").shift(1),
    )
    text = text.join_asof(adx(table(bars, 1)), on="close_ns").join_asof(days, on="close_ns")
    up, down = pl.col("close") > fast, pl.col("close") < fast

    def crosses(mean: pl.Expr) -> pl.Expr:
        previous = pl.col("close").shift(1)
        over = (previous <= mean) & (pl.col("close") > mean)
        return (over | ((previous >= mean) & (pl.col("close") < mean))).fill_null(value=False)

    missing = pl.col("open_ns") - pl.col("close_ns").shift(1)
    inside = pl.col("day") == pl.col("day").shift(1)
    wild = pl.col("wild").shift(1)
    fired = [
        crosses(fast),
        crosses(slow),
        wild != wild.shift(1),
        pl.col("volume") > pl.col("usual") + 2.0 * pl.col("spread"),
        inside & (missing > 2 * HOUR_NS),
    ]
    rsi = pl.when(down).then(100.0 - pl.col("rsi")).otherwise("rsi")
    aligned = (up & pl.col("trend")) | (down & ~pl.col("trend"))
    return text.with_columns(
        sentinels=pl.sum_horizontal(
            f.fill_null(value=False).cast(pl.Int64) * (1 << bit) for bit, f in enumerate(fired)
        ),
        side=pl.when(up & (pl.col("rsi") < 70) & (pl.col("adx") > 20))
        .then(1)
        .when(down & (pl.col("rsi") > 30) & (pl.col("adx") > 20))
        .then(-1)
        .otherwise(0),
        score=0.3 * (pl.col("adx") / 50.0).clip(0, 1)
        + 0.2 * ((rsi - 30.0) / 40.0).clip(0, 1)
        + 0.3 * aligned.fill_null(value=False).cast(float)
        + 0.2,
    ).with_columns(
        candidate=(
            (pl.col("sentinels") > 0)
            & (pl.col("side") != 0)
            & (pl.col("score") >= 0.35)
            & (pl.col("adx") >= 22.0)
        ).fill_null(value=False)
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_the_kernel_says_what_the_text_says_as_polars_expressions(seed: int) -> None:
    bars = strategy_bars(hours(120, seed, missing=0.03))
    rows, text = screened(bars), read(bars)

    for name in FEATURES:
        want = text[name].cast(float).fill_null(np.nan).to_numpy()
        np.testing.assert_allclose(rows[name], want, rtol=1e-9, err_msg=name)
    for name in ("sentinels", "side", "candidate"):
        assert text[name].to_list() == rows[name].tolist()
    assert set(range(5)) <= {bit for bit in range(5) if (rows["sentinels"] >> bit & 1).any()}
    assert {-1, 1} == set(rows["side"][rows["candidate"]].tolist())


def test_bar_by_bar_and_in_one_pass_are_the_same_to_the_bit() -> None:
    bars = strategy_bars(hours(90, instruments=2, missing=0.02))
    whole = screen(KEYS, HOUR_NS, bars, np.ones(len(bars), np.bool_))
    for instrument in (0, 1):
        own = bars["instrument"] == instrument
        alone = screen(KEYS, HOUR_NS, bars[own], np.ones(int(own.sum()), np.bool_))

        assert same(whole[own], alone)


def test_no_row_changes_with_the_bars_after_it() -> None:
    bars = strategy_bars(hours(90))
    whole = screen(KEYS, HOUR_NS, bars, np.ones(len(bars), np.bool_))
    cut = len(bars) * 3 // 4
    bars["close"][cut:] *= 1.3
    bars["volume"][cut:] *= 9
    again = screen(KEYS, HOUR_NS, bars, np.ones(len(bars), np.bool_))

    assert same(whole[:cut], again[:cut])
    assert not same(whole[cut:], again[cut:])


def test_higher_bars_count_from_the_minute_in_which_they_close() -> None:
    """The ADX of an hour that ends a 4h bar is that of this 4h bar; an hour earlier the old one."""
    bars = strategy_bars(hours(40))
    rows = screened(bars)
    hour = bars[bars["timeframe"] == DECISION]["open_ns"] // HOUR_NS % 24
    changed = np.diff(rows["adx"]) != 0.0
    known = np.isfinite(rows["adx"][:-1])

    assert {3, 7, 11, 15, 19, 23} == set(hour[1:][changed & known].tolist())


def test_a_turbulent_day_costs_a_fifth_of_the_score() -> None:
    bars = strategy_bars(hours(90))
    calm, wild = screened(bars)["score"], screened(bars, calm=False)["score"]

    np.testing.assert_allclose(0.2, (calm - wild)[np.isfinite(calm)])


def test_thresholds_only_take_candidates_away() -> None:
    bars = strategy_bars(hours(90))
    usual = screened(bars)["candidate"]

    for keys in ({"min_score": 0.6}, {"min_adx": 35.0}):
        fewer = screened(bars, **keys)["candidate"]
        assert 0 < fewer.sum() < usual.sum()
        assert not (fewer & ~usual).any()


def day_bars(opens_h: list[int], day_length_h: int = 24) -> Records:
    rows: Records = np.zeros(len(opens_h), STRATEGY_BAR)
    rows["timeframe"] = DECISION
    rows["open_ns"] = np.array(opens_h) * HOUR_NS
    rows["close_ns"] = rows["open_ns"] + HOUR_NS
    rows["day"] = np.array(opens_h) // day_length_h
    for name in ("open", "high", "low", "close"):
        rows[name] = 100.0
    return rows


@pytest.mark.parametrize(
    ("opens_h", "fires"),
    [([1, 2], False), ([1, 4], False), ([1, 5], True), ([20, 30], False)],
    ids=["none missing", "two missing", "three missing", "over night"],
)
def test_more_than_two_missing_bars_break_a_session(opens_h: list[int], fires: bool) -> None:
    rows = screened(day_bars(opens_h))

    assert [0, 16 if fires else 0] == rows["sentinels"].tolist()


def test_candidates_name_rows_sides_scores_and_reasons() -> None:
    bars = strategy_bars(hours(90))
    found = candidates(KEYS, HOUR_NS, bars, np.ones(len(bars), np.bool_))

    assert 0 < len(found.rows) < len(bars)
    assert (bars["timeframe"][found.rows] == DECISION).all()
    assert SENTINELS == found.names
    assert (found.scores >= 0.35).all()
    assert "sma20_cross,volume_spike" == reasons_text(9, found.names)


def test_no_bars_have_no_candidates() -> None:
    none: Records = np.zeros(0, STRATEGY_BAR)

    assert 0 == len(candidates(KEYS, HOUR_NS, none, np.zeros(0, np.bool_)).rows)


def test_decision_bars_are_shorter_than_the_higher_ones() -> None:
    assert (HOUR_NS, *HIGHER_NS) == timeframes_of(HOUR_NS)
    with pytest.raises(ConfigError, match="must be shorter than 4h"):
        timeframes_of(4 * HOUR_NS)
