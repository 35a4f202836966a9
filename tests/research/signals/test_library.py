"""The registry of signals, when they are warm, and what they do with bad bars and names."""

import re
from pathlib import Path

import polars as pl
import pytest

from core.errors import ConfigError
from research.signals import library
from research.signals.library import (
    compute,
    compute_specs,
    names_for,
    register,
    resolve,
    specs,
)
from research.signals.spec import CLOSE, Cadence, SignalSpec
from tests.research.signals.bars import daily_bars, minute_bars
from tests.research.signals.own_signals import body

PAGE = Path(__file__).parents[3] / "docs/signal-library.md"
OWN = "tests.research.signals.own_signals"
# Null also where a close is the low, or no rank changes: ranks of two symbols seldom do.
LATER = {"alpha_003", "alpha_044", "alpha_053", "alpha_055"}


def values(bars: pl.DataFrame, *names: str) -> pl.DataFrame:
    return compute(bars.lazy(), names).collect()


def test_there_are_fifty_signals_and_each_names_its_source() -> None:
    known = specs()

    assert len(known) >= 50
    assert [name for name, one in known.items() if name != one.name] == []
    assert [
        one.name for one in known.values() if not re.search(r"\b(19|20)\d\d\b|folklore", one.source)
    ] == []
    assert {one.direction for one in known.values()} == {-1, 0, 1}
    assert sum(len(family.SIGNALS) for family in library.FAMILIES) == len(known)


def test_a_daily_signal_is_warm_after_its_lookback_and_not_before() -> None:
    signals = [resolve(name) for name in names_for(intraday=False)]
    frame = compute_specs(daily_bars(sessions=800).lazy(), signals).collect()
    frame = frame.filter(pl.col("symbol") == "S0")

    first = {one.name: int(frame[one.name].is_not_null().arg_max() or 0) + 1 for one in signals}

    wrong = {one.name for one in signals if first[one.name] != one.lookback}
    assert wrong <= LATER, {name: first[name] for name in wrong}
    assert [name for name in wrong if first[name] < resolve(name).lookback] == []


def test_an_intraday_signal_is_warm_after_its_sessions() -> None:
    bars = minute_bars(1)
    frame = compute(bars.lazy(), list(specs(Cadence.INTRADAY))).collect()
    days = (frame["ts"].dt.offset_by("330m").dt.ordinal_day() - 1).to_list()

    for one in specs(Cadence.INTRADAY).values():
        first = int(frame[one.name].is_not_null().arg_max() or 0)
        opened = days.index(days[first])
        assert days[first] == one.sessions, one.name
        assert first - opened + 1 >= one.lookback, one.name


def test_values_do_not_depend_on_the_order_of_rows_or_on_what_else_is_asked_for() -> None:
    names = names_for(intraday=False)
    bars = daily_bars(sessions=120)

    whole = values(bars, *names)
    shuffled = values(bars.sample(fraction=1.0, shuffle=True, seed=1), *names)

    assert whole.equals(shuffled)
    assert whole["symbol"].is_sorted()
    for name in ("alpha_002", "rsi_14", "market_beta"):
        assert values(bars, name)[name].equals(whole[name])


def test_nothing_is_infinite_or_nan_on_bars_that_do_not_move_or_trade() -> None:
    still = daily_bars(sessions=300).with_columns(
        *(pl.lit(100.0).alias(name) for name in ("open", "high", "low", "close", "avg_price")),
        *(pl.lit(0.0).alias(name) for name in ("volume", "trades", "deliv_qty")),
    )
    moving = daily_bars(sessions=300)
    halted = pl.concat([moving.head(150), still.slice(150, 150)])
    holes = moving.with_columns(
        pl.when(pl.int_range(pl.len()) % 7 == 3).then(float("nan")).otherwise(CLOSE).alias("close")
    )

    for bars in (still, halted, holes):
        found = values(bars, *names_for(intraday=False)).select(names_for(intraday=False))
        assert [name for name in found.columns if not found[name].is_finite().all()] == []
        assert found["volatility_21"].drop_nulls().min() in (0.0, None)
    absent = values(holes, "close_location")
    assert absent["close_location"].null_count() == holes["close"].is_nan().sum()


def test_windows_do_not_reach_over_a_jump_that_nothing_explains() -> None:
    bars = daily_bars(1, 120).with_columns((pl.int_range(pl.len()) == 50).alias("masked"))
    names = [name for name in names_for(intraday=False) if not resolve(name).is_cross_sectional]

    whole = values(bars, *names)

    pieces = [values(bars.slice(begin, length), *names) for begin, length in ((0, 50), (50, 70))]
    assert whole.equals(pl.concat(pieces))


def test_the_session_is_that_of_the_date_where_there_is_one() -> None:
    bars = minute_bars(1, 3)
    dated = bars.with_columns(pl.lit(1).cast(pl.Date).alias("date"))

    assert values(bars, "session_gap")["session_gap"].is_not_null().any()
    assert values(dated, "session_gap")["session_gap"].null_count() == len(bars)


def test_a_frame_without_rows_or_a_list_without_names_is_no_error() -> None:
    bars = daily_bars(1, 5)

    assert values(bars, "rsi_14", "market_beta", "vwap_distance").columns[-1] == "vwap_distance"
    assert values(bars.clear(), "rsi_14", "market_beta", "vwap_distance").is_empty()
    assert values(bars).equals(bars)


def test_integers_and_small_floats_give_float64() -> None:
    bars = daily_bars(1, 80).with_columns(
        pl.col("volume").cast(pl.UInt32), pl.col("close").cast(pl.Float32)
    )

    found = values(bars, "alpha_012", "volume_shock")

    assert found["alpha_012"].dtype == found["volume_shock"].dtype == pl.Float64
    assert found["alpha_012"].min() < 0.0 < found["alpha_012"].max()


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r'unknown signal "momentum_12_2".*momentum_12_1'):
        resolve("momentum_12_2")


def test_a_column_that_is_not_there_is_named() -> None:
    bars = daily_bars(1, 5).drop("deliv_qty")

    with pytest.raises(ConfigError, match='signal delivery_share needs a column "deliv_qty"'):
        compute(bars.lazy(), ["delivery_share"])
    with pytest.raises(ConfigError, match="signal rsi_2: the bars have a column of that name"):
        compute(bars.with_columns(rsi_2=pl.lit(1.0)).lazy(), ["rsi_2"])


def test_a_users_own_signal_is_computed_by_its_module_and_function() -> None:
    bars = daily_bars(2, 5)

    found = values(bars, f"{OWN}:body")

    assert found["my_body"].to_list() == (bars["close"] / bars["open"] - 1.0).to_list()
    for name, said in {
        f"{OWN}:nothing": "must be a function that returns a SignalSpec",
        f"{OWN}:absent": "must be a function that returns a SignalSpec",
        "no_such_module:body": "cannot be imported",
    }.items():
        with pytest.raises(ConfigError, match=said):
            resolve(name)


def test_a_registered_signal_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_known", dict(library._known))
    register(body())

    assert values(daily_bars(1, 5), "my_body")["my_body"].is_not_null().all()
    assert "my_body" in names_for(intraday=True)
    with pytest.raises(ConfigError, match='signal "my_body" is there already'):
        register(body())


def test_the_page_lists_every_signal_with_its_source() -> None:
    listed = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]

    assert [row(one) for one in specs().values()] == listed


def test_the_page_has_a_reference_for_every_paper_and_book() -> None:
    cited = {
        name.strip()
        for one in specs().values()
        for name in re.findall(r"[\w&, -]+? (?:19|20)\d\d\b", one.source)
    }
    page = PAGE.read_text()

    listed = set(re.findall(r"^- (.+? (?:19|20)\d\d): ", page, re.M))

    assert cited == listed


def row(signal: SignalSpec) -> str:
    plural = "s" if signal.sessions > 1 else ""
    bars = f"{signal.sessions} session{plural}" if signal.sessions else str(signal.lookback)
    mark = {-1: "−", 0: "", 1: "+"}[signal.direction]
    across = ", across symbols" if signal.is_cross_sectional else ""
    read = " ".join(signal.needs)
    return (
        f"| `{signal.name}` | {signal.family}{across} | {signal.cadence} | {bars} | {mark}"
        f" | {read} | {signal.source} |"
    )


def test_a_signal_says_what_it_reads() -> None:
    assert resolve("alpha_042").needs == ["avg_price", "close"]
    assert resolve("vwap_distance").needs == ["close", "high", "low", "volume"]
    assert resolve("turn_of_month").needs == []
    assert resolve("market_beta").is_cross_sectional
    assert not resolve("rsi_14").is_cross_sectional
    assert isinstance(resolve("rsi_14"), SignalSpec)
