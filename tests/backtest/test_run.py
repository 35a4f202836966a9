"""Running a strategy over recorded bars: spans, warm-up, identity, and what does not fit a gear."""

from dataclasses import replace

import polars as pl
import pytest

from backtest.run import Gear, check_span, run, session_terms
from core.errors import ConfigError, DataError
from core.rules.fees import FeeProfile
from core.session import DAY_NS, IST_OFFSET_NS
from providers.replay import ReplayProvider
from tests.datasets import LIVELY, WEEK, dataset_of, generated, in_both_gears, request_on
from tests.market import ALWAYS_OPEN, flat

QUIET = """
from core.session import MINUTE_NS
from core.types import Side
from strategies.plain import Proposal
from strategies.settings import StrategySettings

class Once:
    settings = StrategySettings
    kinds = ("ONCE",)
    def __init__(self, settings, instruments):
        self.done = False
    def on_bar(self, bar, account):
        if self.done or account.position(0) is not None:
            return None
        self.done = True
        return Proposal(kind="ONCE", side=Side.BUY, atr=1.0)

class Higher(Once):
    timeframes_ns = (5 * MINUTE_NS, 60 * MINUTE_NS)
    def on_bar(self, bar, account):
        return None
"""
EVENTS = ["instrument", "kind", "side", "bar_open_ns", "bar_close_ns", "close", "atr", "vwap"]


@pytest.fixture
def plain(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain_for_runs.py").write_text(QUIET)  # type: ignore[operator]
    monkeypatch.syspath_prepend(str(tmp_path))


def test_earlier_bars_warm_up_and_their_events_are_not_written() -> None:
    dataset = generated("week")
    midnight_ns = WEEK[3] * DAY_NS - IST_OFFSET_NS
    for request in in_both_gears(request_on(dataset, *LIVELY)):
        whole, later = run(request), run(replace(request, from_day=WEEK[3]))
        expected = whole.signals.filter(pl.col("bar_open_ns") >= midnight_ns).select(EVENTS)

        assert len(expected) > 0
        assert expected.equals(later.signals.select(EVENTS))
        assert WEEK[3:] == later.days
        assert later.trades["entry_ns"].min() > midnight_ns  # type: ignore[operator]


def test_a_span_ends_with_its_last_day() -> None:
    for request in in_both_gears(request_on(generated("week"), *LIVELY, to_day=WEEK[1])):
        whole, part = run(replace(request, to_day=None)), run(request)

        assert WEEK[:2] == part.days
        assert part.trades.drop("signal_id").equals(
            whole.trades.head(len(part.trades)).drop("signal_id")
        )


def test_bars_are_counted_once() -> None:
    dataset = generated("week")
    result = run(request_on(dataset, *LIVELY))

    assert len(dataset.bars) == result.base_bars
    assert 5 * 75 == result.strategy_bars
    assert result.seconds > 0.0


def test_progress_is_told_every_bar_warm_up_included() -> None:
    dataset = generated("week")
    for request in in_both_gears(request_on(dataset, *LIVELY, from_day=WEEK[2])):
        told: list[int] = []
        run(request, told.append)

        assert len(dataset.bars) == sum(told)


@pytest.mark.parametrize(("first", "last"), [(WEEK[-1] + 1, None), (None, WEEK[0] - 1)])
def test_a_span_without_bars_is_an_error_that_names_the_cover(
    first: int | None, last: int | None
) -> None:
    request = request_on(generated("week"), *LIVELY, from_day=first, to_day=last)
    with pytest.raises(DataError, match="the data covers 2026-07-20 to 2026-07-24"):
        run(request)


def test_data_without_any_session_is_an_error() -> None:
    request = request_on(generated("week"))
    empty = dataset_of(request.dataset.bars[:0])
    provider = ReplayProvider(empty, session_terms(request.risk))
    with pytest.raises(DataError, match="no bar of any session"):
        check_span(provider, None, None)


def test_a_market_brings_its_own_costs() -> None:
    assert FeeProfile.UPSTOX is session_terms(request_on(generated("week")).risk).fee_profile
    assert FeeProfile.BPS is session_terms(request_on(generated("24x7")).risk).fee_profile


# --- identity ------------------------------------------------------------------------------------


def test_scope_knows_parameters_and_data_but_neither_gear_nor_span() -> None:
    dataset = generated("week")
    scope = request_on(dataset).scope

    assert scope == request_on(dataset, gear=Gear.EVENT, from_day=WEEK[2]).scope
    assert scope != request_on(dataset, "sl_mult=1.5").scope
    assert scope != request_on(generated("week", seed=2)).scope
    assert scope != request_on(dataset, strategy="ema_cross").scope


def test_a_run_has_the_name_of_its_instance_or_of_its_strategy() -> None:
    request = request_on(generated("week"))

    assert ("pixity", "mine") == (request.name, replace(request, instance="mine").name)


def test_every_signal_has_an_id_of_its_own_and_a_trade_the_id_of_its_signal() -> None:
    result = run(request_on(generated("mixed auction"), *LIVELY))
    acted = result.signals.filter(pl.col("status") == "ACTED")

    assert result.signals["signal_id"].is_unique().all()
    assert set(result.trades["signal_id"]) <= set(acted["signal_id"])


# --- 24x7 ----------------------------------------------------------------------------------------


def test_what_is_open_when_24x7_data_ends_is_forced() -> None:
    request = request_on(
        generated("24x7"), *LIVELY, "time_stop_bars=1000", "sl_mult=50", "tp_mult=50"
    )
    for each in in_both_gears(request):
        trades = run(each).trades
        last = trades.filter(pl.col("exit_reason") == "FORCED")

        assert ["A", "B"] == sorted(last["instrument"])
        assert set(last["exit_ns"]) <= {
            int(ns) + 60_000_000_000 for ns in request.dataset.bars["open_ns"]
        }


# --- what a gear cannot do -----------------------------------------------------------------------


@pytest.mark.usefixtures("plain")
def test_a_plain_strategy_runs_in_the_event_gear_alone() -> None:
    request = request_on(
        dataset_of(flat("09:15", "10:30")),
        "timeframe=5m",
        strategy="plain_for_runs:Once",
        gear=Gear.EVENT,
    )

    assert ["ONCE"] == run(request).signals["kind"].to_list()
    with pytest.raises(ConfigError, match="plain_for_runs:Once is plain Python"):
        run(replace(request, gear=Gear.COMPILED))


@pytest.mark.usefixtures("plain")
def test_a_strategy_of_several_timeframes_needs_the_event_gear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = request_on(
        dataset_of(flat("09:15", "10:30")), "timeframe=5m", strategy="plain_for_runs:Higher"
    )
    monkeypatch.setattr("strategies.plain.PlainStrategy.sees_account", False)
    with pytest.raises(ConfigError, match="reads several timeframes"):
        run(request)


def test_no_event_at_all_gives_empty_files() -> None:
    request = request_on(dataset_of(flat("09:15", "10:30", day=WEEK[0])))
    for each in in_both_gears(request):
        result = run(each)

        assert (0, 0) == (len(result.signals), len(result.trades))
        assert "signal_id" in result.trades.columns
    assert ALWAYS_OPEN not in {i.session_class for i in request.dataset.instruments}
