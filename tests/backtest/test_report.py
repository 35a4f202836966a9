"""The report adds up what the files of a run hold: by hand here, and drawn in a real browser."""

import json
import re
from pathlib import Path

import polars as pl
import pytest

from backtest.files import write_text
from backtest.report import by, months, refusals, report_of, with_times
from core.session import IST_OFFSET_NS, ist_ns
from tests.e2e.browser import PROGRAM, browser
from tests.run_files import signals, summary, trades


def charts(text: str) -> list[dict[str, list[dict[str, object]]]]:
    found = re.findall(r'<script type="application/json" id="chart\d+">(.*?)</script>', text, re.S)
    return [json.loads(one) for one in found]


def test_months_are_those_of_the_exit_in_the_clock_of_the_market() -> None:
    table = months(with_times(trades(), IST_OFFSET_NS))
    assert table[""].to_list() == ["2021", "2022"]
    assert table["Jan"].to_list() == [100.0, -50.0]
    assert table["Dec"].to_list() == [None, None]
    assert table["year"].to_list() == [100.0, -50.0]


def test_groups_count_and_add_up_what_lies_in_them() -> None:
    told = with_times(trades(), IST_OFFSET_NS)
    assert by(told, "kind").rows() == [
        ("REVERSION", 1, 0.0, -10.0, -0.02, 1.0),
        ("TREND", 2, 50.0, 60.0, pytest.approx(0.06), 2.0),
    ]
    assert by(told, "hour")["hour"].to_list() == [9, 10, 14]
    assert by(told, "weekday")["weekday"].to_list() == [0, 4]  # Monday, Fridays


def test_a_market_that_never_closes_is_shown_in_utc() -> None:
    assert by(with_times(trades(), 0), "hour")["hour"].to_list() == [4, 9]
    assert "times in UTC" in report_of(summary("24x7"), signals(), trades())


def test_what_became_of_signals_names_the_rule_or_the_status() -> None:
    assert refusals(signals())["became"].to_list() == ["acted", "cooldown", "suppressed"]
    assert refusals(signals())["signals"].to_list() == [3, 1, 1]


def test_a_refused_signal_tells_what_it_would_have_made_and_a_suppressed_one_nothing() -> None:
    alone = pl.DataFrame(
        {
            "instrument": ["TCS"] * 4,
            "bar_open_ns": [0, 1, 3, 4],
            "net_paise": [500, -200, 70_000, 900],
            "r": [0.5, None, 1.4, 0.9],
        }
    )
    table = refusals(signals(), alone)
    assert table["became"].to_list() == ["acted", "cooldown", "suppressed"]
    assert table["net alone"].to_list() == [3.0, 700.0, 0.0]
    assert table["mean R alone"].to_list() == [0.5, 1.4, None]


def test_equity_goes_by_exits_and_falls_from_its_peak() -> None:
    equity = charts(report_of(summary(), signals(), trades()))[0]["data"]
    assert equity[0]["y"] == [100.0, 60.0, 50.0]
    assert equity[1]["y"] == [0.0, -40.0, -50.0]


def test_a_run_without_a_trade_has_a_report() -> None:
    text = report_of(summary(), signals(), trades().clear())
    assert "Signals and refusals" in text
    assert not charts(text)


def test_trades_lie_on_the_bars_that_hold_them() -> None:
    """An entry at a bar's open is in it, an exit stamped with its close as well."""
    opened = [ist_ns(f"2022-01-03T{hour:02d}:00:00+05:30") for hour in (9, 10, 11)]
    bars = pl.DataFrame(
        {"instrument": ["TCS"] * 3, "open_ns": opened}
        | {name: [100.0] * 3 for name in ("open", "high", "low", "close")}
    )
    text = report_of(summary(), signals(), trades(), bars)
    candles, won, lost, buys, sells = charts(text)[-1]["data"]
    assert len(candles["close"]) == 3  # type: ignore[arg-type]
    assert (won["x"], lost["x"]) == ([], [1, 1, None])
    assert (buys["x"], sells["x"]) == ([1], [])


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")
def test_a_real_browser_draws_every_chart_and_complains_of_nothing(tmp_path: Path) -> None:
    text = report_of(summary(), signals(), trades())
    write_text(tmp_path / "report.html", text)
    with browser() as page:
        page.open(f"file://{tmp_path}/report.html", width=1200, height=900)
        page.until(f"document.querySelectorAll('.main-svg').length >= {len(charts(text))}")
        assert page.complaints == []
