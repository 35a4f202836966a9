"""The summary of a run: counts that add up, money, and ratios by their definitions."""

import statistics
from typing import Any

import polars as pl
import pytest

from backtest.files import TRADE_SCHEMA
from backtest.run import Request, Result, run
from backtest.summary import frame_hash, score_of, summary_of
from core.session import at_ist, day_text
from tests.datasets import LIVELY, WEEK, generated, in_both_gears, request_on

COLUMNS = list(TRADE_SCHEMA)


def trades_of(*nets: int, days: list[int] | None = None) -> pl.DataFrame:
    """Trades that left at noon of `days` (one after another, without: all of the first)."""
    rows = []
    for i, net in enumerate(nets):
        day = days[i] if days else WEEK[0]
        values: dict[str, Any] = dict.fromkeys(COLUMNS, 0)
        values |= {
            "strategy": "pixity",
            "instrument": "A",
            "side": "BUY",
            "signal_id": str(i),
            "kind": "TREND",
            "exit_reason": "STOP",
        }
        values |= {"exit_ns": at_ist(day, "12:00") + i, "net_paise": net, "gross_paise": net}
        rows.append(values)
    return pl.DataFrame(rows, TRADE_SCHEMA)


def result_of(trades: pl.DataFrame, days: list[int]) -> Result:
    signals = run(request_on(generated("week"), *LIVELY)).signals.clear()
    return Result(signals=signals, trades=trades, days=days, base_bars=1_875, seconds=0.5)


def summary(*nets: int) -> dict[str, Any]:
    return summary_of(request_on(generated("week")), result_of(trades_of(*nets), WEEK))


@pytest.fixture(scope="module")
def request_and_result() -> tuple[Request, Result]:
    request = request_on(generated("week"), *LIVELY)
    return request, run(request)


def test_money_adds_up(request_and_result: tuple[Request, Result]) -> None:
    found: dict[str, Any] = summary_of(*request_and_result)

    assert found["net_paise"] == found["gross_paise"] - found["fees_paise"]
    assert found["final_cash_paise"] == 10_000_000 + found["net_paise"]


def test_counts_add_up(request_and_result: tuple[Request, Result]) -> None:
    request, result = request_and_result
    found: dict[str, Any] = summary_of(request, result)

    assert len(result.signals) == sum(found["events"].values()) == sum(found["status"].values())
    assert found["status"]["REFUSED"] == sum(found["refusals"].values())
    assert found["trades"] == sum(found["exits"].values()) == len(result.trades)
    assert len(request.dataset.bars) == found["counts"]["base_bars"]


def test_identity_names_strategy_parameters_data_and_span(
    request_and_result: tuple[Request, Result],
) -> None:
    request, result = request_and_result
    found: dict[str, Any] = summary_of(request, result)

    assert ("pixity", request.dataset.data_hash, request.scope) == (
        found["strategy"],
        found["data_hash"],
        found["run_scope"],
    )
    assert request.parameters == found["parameters"]
    assert {"from": "2026-07-20", "to": "2026-07-24", "days": 5} == found["span"]
    assert "2026-07-20" == day_text(WEEK[0])


def test_both_gears_have_one_summary_but_for_their_speed() -> None:
    one, other = (
        summary_of(each, run(each))
        for each in in_both_gears(request_on(generated("week"), *LIVELY))
    )

    assert {"bars_per_second"} >= {key for key in one if one[key] != other[key]}


@pytest.mark.parametrize(
    ("nets", "win_rate", "profit_factor"),
    [
        ((), None, None),
        ((100, 200), 1.0, None),
        ((-100,), 0.0, 0.0),
        ((300, -100, -100, 0), 0.25, 1.5),
    ],
)
def test_win_rate_and_profit_factor(
    nets: tuple[int, ...], win_rate: float | None, profit_factor: float | None
) -> None:
    found = summary(*nets)

    assert (win_rate, profit_factor) == (found["win_rate"], found["profit_factor"])


@pytest.mark.parametrize(
    ("nets", "drawdown"),
    [((), 0), ((100, 50), 0), ((-70,), 70), ((100, -30, -50, 60, -90, 10), 110)],
)
def test_drawdown_is_the_deepest_fall_of_realised_cash_in_order_of_exits(
    nets: tuple[int, ...], drawdown: int
) -> None:
    request, trades = request_on(generated("week")), trades_of(*nets)

    for rows in (trades, trades.reverse()):
        assert drawdown == score_of(request, result_of(rows, WEEK)).max_drawdown_paise


def test_sharpe_is_that_of_daily_nets_of_every_session() -> None:
    days = [WEEK[0], WEEK[0], WEEK[3]]
    result = result_of(trades_of(5_000, 2_000, -1_000, days=days), WEEK)
    daily = [7_000 / 1e7, 0.0, 0.0, -1_000 / 1e7, 0.0]
    expected = statistics.fmean(daily) / statistics.stdev(daily) * 252**0.5

    assert (
        pytest.approx(expected, rel=1e-12) == score_of(request_on(generated("week")), result).sharpe
    )


@pytest.mark.parametrize("days", [WEEK, WEEK[:1]])
def test_sharpe_of_nothing_or_of_one_day_is_0(days: list[int]) -> None:
    trades = trades_of(*([500] if len(days) == 1 else []))

    assert 0.0 == score_of(request_on(generated("week")), result_of(trades, days)).sharpe


def test_a_hash_tells_rows_apart_and_not_runs() -> None:
    assert frame_hash(trades_of(1, 2)) == frame_hash(trades_of(1, 2))
    assert frame_hash(trades_of(1, 2)) != frame_hash(trades_of(1, 3))
    assert frame_hash(trades_of(1, 2)) != frame_hash(trades_of(2, 1))
