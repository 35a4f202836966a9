"""A day's report: equal where nothing intervened, explained where something did, and kept."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import StoreFailed
from core.session import MINUTE_NS, day_text
from core.types import BAR
from daemon.commands import HALT_FILE
from daemon.plan import Plan
from daemon.proof.reasons import Cause
from daemon.proof.report import FOLDER, LAST_DAYS, Report, report_day, report_path
from stores.memory import MemoryMarketStore
from strategies.registry import settings_of
from tests.daemon.days import play, replay_plan, rows, synthetic_plan
from tests.daemon.faulty_feeds import dying
from tests.datasets import LIVELY, WEEK, dataset_of, generated, request_on

QUARTER_NS = 15 * MINUTE_NS


def week(*more: str, mode: str = "paper") -> Plan:
    """Five days of 25 Minutes each."""
    bars = generated("week", seed=2, kept=1.0).bars
    kept = bars[bars["open_ns"] % QUARTER_NS == 0]
    request = request_on(dataset_of(kept, base_ns=QUARTER_NS), *LIVELY, "timeframe=15m", *more)
    return replay_plan(request, mode=mode)


def reports(directory: Path, plan: Plan, *days: int | None) -> list[Report]:
    """The days played in one process, each reported as its evening does."""
    store = MemoryMarketStore(plan.source.instruments)
    outcomes = play(plan, directory, *days, open_store=lambda path, instruments: store)
    return [report_day(directory, plan, one.day, store) for one in outcomes]


def test_a_day_with_which_nothing_interfered_is_equal(tmp_path: Path) -> None:
    [report] = reports(tmp_path, week(), WEEK[1])

    assert report.found == ()
    assert report.paper == report.backtest
    assert report.paper.trades > 0
    assert report.lines()[0].endswith("row by row equal")


def test_a_day_of_ticks_is_equal_to_the_backtest_of_its_bars(tmp_path: Path) -> None:
    plan = synthetic_plan(*LIVELY)
    [report] = reports(tmp_path, plan, None)

    assert report.paper == report.backtest
    assert (report.found, report.paper.trades > 0) == ((), True)


def test_a_later_day_differs_by_what_was_carried_into_it_at_most(tmp_path: Path) -> None:
    """With so little cash every quantity depends on what was won and lost before."""
    plan = week("initial_cash=10000", "max_daily_loss=900")
    found = [one for report in reports(tmp_path, plan, *WEEK[1:4]) for one in report.found]

    assert found
    assert {one.cause for one in found} <= {Cause.CARRIED, Cause.FOLLOWS}


def test_strategies_of_one_book_share_its_account_also_in_the_backtest(tmp_path: Path) -> None:
    one = synthetic_plan(*LIVELY)
    other = ("second", "ema_cross", settings_of("ema_cross")())
    plan = replace(one, strategies=(*one.strategies, other))
    [report] = reports(tmp_path, plan, None)

    assert {row["strategy"] for row in rows(tmp_path, "signals")} == {"pixity", "second"}
    assert (report.found, report.paper) == ((), report.backtest)


def test_a_day_with_a_lost_feed_is_explained_by_its_doubt(tmp_path: Path) -> None:
    """Candles repair the bars meanwhile; only the entries were off."""
    plan = dying(synthetic_plan(*LIVELY, "max_daily_loss=90000"), "11:00:20", "12:00:10")
    [report] = reports(tmp_path, plan, None)

    assert report.given.told()["doubts"] == 1
    assert report.found[0].cause is Cause.DOUBT
    assert {one.cause for one in report.found} <= {Cause.DOUBT, Cause.FOLLOWS}


def test_a_halted_day_differs_by_its_operator(tmp_path: Path) -> None:
    (tmp_path / HALT_FILE).touch()
    [report] = reports(tmp_path, week(), WEEK[1])

    assert report.paper.trades == 0
    assert report.backtest.trades > 0
    assert {one.cause for one in report.found} == {Cause.OPERATOR, Cause.FOLLOWS}
    assert report.found[0].cause is Cause.OPERATOR
    assert report.given.told()["commands"] == 1


def test_an_observed_day_says_so(tmp_path: Path) -> None:
    [report] = reports(tmp_path, week(mode="observe"), WEEK[1])

    assert report.found[0].cause is Cause.OBSERVE
    assert report.unexplained == []


def test_bars_that_are_not_those_of_the_day_are_not_explained_away(tmp_path: Path) -> None:
    plan, store = week(), MemoryMarketStore(week().source.instruments)
    play(plan, tmp_path, WEEK[1], open_store=lambda path, instruments: store)
    altered = MemoryMarketStore(plan.source.instruments)
    bars = store.bars(0, 2**62)
    for name in ("open", "high", "low", "close"):
        bars[name] *= np.where(bars["open_ns"] > bars["open_ns"][10], 1.02, 1.0)
    altered.append_bars(bars, "import")
    altered.commit()

    assert report_day(tmp_path, plan, WEEK[1], altered).unexplained


# --- the files -----------------------------------------------------------------------------------


def test_the_files_say_what_the_report_says(tmp_path: Path) -> None:
    (tmp_path / HALT_FILE).touch()
    [report] = reports(tmp_path, week(), WEEK[1])
    kept = json.loads(report_path(tmp_path, WEEK[1]).read_text())
    text = (tmp_path / FOLDER / f"{day_text(WEEK[1])}.md").read_text()

    assert kept == json.loads(json.dumps(report.told()))
    assert kept["causes"]["operator"] >= 1
    assert f"# {day_text(WEEK[1])}, paper replay: pixity" in text
    assert f"- {report.found[0].text()}" in text


def test_five_days_are_told_of_in_a_line(tmp_path: Path) -> None:
    made = reports(tmp_path, week(), *WEEK)
    last = made[-1].last_days

    assert [one["day"] for one in last] == [day_text(day) for day in WEEK][-LAST_DAYS:]
    total = sum(one.paper.net_paise for one in made) / 100
    assert f"last 5 days  {sum(one.paper.signals for one in made)} signals" in made[-1].lines()[1]
    assert f"paper Rs {total:,.2f}" in made[-1].lines()[1]


def test_a_file_among_the_reports_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "2026-07-01.json").write_text("{}")

    with pytest.raises(StoreFailed, match=r"2026-07-01\.json is no report"):
        reports(tmp_path, week(), WEEK[1])


def test_a_day_that_is_not_closed_has_no_report(tmp_path: Path) -> None:
    plan = week()
    reports(tmp_path, plan, WEEK[1])
    store = MemoryMarketStore(plan.source.instruments)
    store.append_bars(np.zeros(0, BAR), "import")

    with pytest.raises(StoreFailed, match=f"no closed day {day_text(WEEK[2])}"):
        report_day(tmp_path, plan, WEEK[2], store)
