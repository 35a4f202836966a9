"""No signal of the library knows a later bar, and what does is caught with bar and column."""

from collections.abc import Sequence

import polars as pl
import pytest

from core.errors import ConfigError, DataError, NotReady
from research.signals.causality import ROWS, Leak, dependent, leaks, require_causal
from research.signals.library import compute_specs, names_for, resolve
from research.signals.spec import CLOSE, SESSION, VOLUME, SignalSpec
from tests.research.signals.bars import daily_bars, minute_bars

LONG = 300  # bars of lookback; longer ones are tried on bars of their own


def library(*, intraday: bool) -> list[SignalSpec]:
    return [resolve(name) for name in names_for(intraday=intraday)]


def planted(expression: pl.Expr) -> SignalSpec:
    return SignalSpec(
        name="planted",
        family="planted",
        source="this test",
        direction=0,
        lookback=1,
        expression=expression,
    )


def told(found: Sequence[Leak]) -> list[str]:
    return [str(one) for one in found]


def test_no_daily_signal_changes_with_later_bars() -> None:
    signals = library(intraday=False)
    short = [one for one in signals if one.lookback <= LONG]
    long = [one for one in signals if one.lookback > LONG]

    assert told(leaks(short, daily_bars())) == []
    assert told(leaks(long, daily_bars(sessions=820))) == []


def test_no_intraday_signal_changes_with_later_bars_or_at_a_session_edge() -> None:
    assert told(leaks(library(intraday=True), minute_bars())) == []


@pytest.mark.parametrize("intraday", [False, True])
def test_a_symbol_is_computed_by_itself_unless_the_signal_says_otherwise(intraday: bool) -> None:
    signals = library(intraday=intraday)
    bars = minute_bars(4) if intraday else daily_bars(4)

    assert dependent(signals, bars, "S1") == [one.name for one in signals if one.is_cross_sectional]
    assert {one.family for one in signals if one.is_cross_sectional} <= {"market", "formula"}


def test_a_planted_look_at_the_next_bar_is_caught_with_bar_and_column() -> None:
    bars = daily_bars(1, 40)
    days = bars["ts"].dt.offset_by("330m").dt.date().to_list()

    [leak] = leaks([planted(CLOSE.shift(-2) + VOLUME)], bars)

    first = next(i for i in range(40) if leak.stamp.startswith(str(days[i])))
    assert (leak.signal, leak.symbol, leak.column) == ("planted", "S0", "close")
    assert leak.until.startswith(str(days[first + 2]))


def test_a_mean_over_all_bars_is_caught_up_to_the_last() -> None:
    [leak] = leaks([planted(VOLUME - VOLUME.mean())], daily_bars(1, 40), cuts=5)

    assert leak.column == "volume"
    assert leak.stamp[:10] == "2021-01-01"
    assert leak.until[:10] == "2021-02-25"


def test_who_counts_the_bars_that_are_to_come_is_caught() -> None:
    [leak] = leaks([planted(pl.len().over(SESSION).cast(pl.Float64))], minute_bars(1, 2), cuts=0)

    assert leak.column == ROWS
    assert leak.stamp[:10] == leak.until[:10] == "2021-01-01"


def test_a_look_over_the_session_edge_is_caught_without_any_seeded_cut() -> None:
    next_open = pl.col("open").shift(-1)
    across = pl.when(pl.col("_day").shift(-1) != pl.col("_day")).then(next_open)

    [leak] = leaks([planted(across)], minute_bars(1, 3), cuts=0)

    assert leak.column == "open"
    assert (leak.stamp[:10], leak.until[:10]) == ("2021-01-01", "2021-01-02")


def test_an_expression_of_a_users_own_cannot_reach_another_symbol() -> None:
    """Also where it names the stamp: it is evaluated inside its series."""
    assert dependent([planted(CLOSE.mean().over("ts"))], daily_bars(2, 30), "S0") == []
    assert dependent([planted(CLOSE.cum_sum())], daily_bars(2, 30), "S0") == []


def test_what_looks_ahead_is_refused_before_it_is_measured() -> None:
    bars = daily_bars(3, 500).lazy()

    require_causal([], bars)
    require_causal([resolve("rsi_14"), resolve("market_beta")], bars)
    with pytest.raises(NotReady, match=r"signal planted of S0, .*: reads close of the bar"):
        require_causal([planted(CLOSE.shift(-1))], bars)
    with pytest.raises(ConfigError, match='signal planted needs a column "absent"'):
        require_causal([planted(pl.col("absent"))], bars)


def test_bars_of_one_stamp_prove_nothing() -> None:
    with pytest.raises(DataError, match="1 stamps of bars"):
        leaks([planted(CLOSE)], daily_bars(2, 1))


def test_what_is_scrambled_is_what_a_signal_reads() -> None:
    """The proof would be empty if scrambled bars gave the values they had."""
    signals, bars = library(intraday=False), daily_bars(2, 300)
    reversed_bars = bars.with_columns(pl.exclude("symbol", "ts").reverse() * 1.5)
    one, other = (compute_specs(frame.lazy(), signals).collect() for frame in (bars, reversed_bars))

    same = [signal.name for signal in signals if one[signal.name].equals(other[signal.name])]

    assert same == ["long_term_reversal", "same_month", "turn_of_month"]  # too long; a calendar
