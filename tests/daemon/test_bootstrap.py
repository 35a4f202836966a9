"""The daemon's days: equal to the backtest, in order, each once, in a directory of their own."""

from pathlib import Path

import pytest
import structlog

from backtest.run import Result
from backtest.run import run as run_backtest
from core.errors import ConfigError, DataError, StoreFailed
from core.ports import EventKind, LedgerEvent
from core.session import parse_day
from daemon.plan import Plan
from daemon.sources import ReplaySource
from providers.dataset import DataOptions, load, trusted
from stores.memory import MemoryMarketStore
from tests.daemon.days import (
    files_of,
    play,
    play_to,
    recorded,
    replay_plan,
    rows,
    synthetic_plan,
    told,
)
from tests.datasets import LIVELY, MARKETS, generated, request_on

WEEK = MARKETS["week"][0]


def lively(market: str = "week", *more: str, seed: int = 2) -> Plan:
    return replay_plan(request_on(generated(market, seed=seed), *LIVELY, *more))


def assert_equal(backtest: Result, directory: Path) -> None:
    """Every row and column; the signal_id says which run it was."""
    for name in ("signals", "trades"):
        expected = getattr(backtest, name).drop("signal_id")
        actual = [{k: row[k] for k in expected.columns} for row in rows(directory, name)]
        assert actual == expected.to_dicts()


# --- a day is the backtest's day ---------------------------------------------------------------


@pytest.mark.parametrize("market", MARKETS)
def test_replayed_days_give_the_rows_of_the_backtest(market: str, tmp_path: Path) -> None:
    request = request_on(generated(market, seed=2), *LIVELY)
    plan = replay_plan(request)
    assert isinstance(plan.source, ReplaySource)
    play(plan, tmp_path, *plan.source.days)
    backtest = run_backtest(request)

    assert len(backtest.trades) > 0
    assert_equal(backtest, tmp_path)


def test_a_generated_day_gives_the_rows_of_the_backtest_of_its_bars(tmp_path: Path) -> None:
    """Ticks, bars, Minutes and decisions: what the store was told is what was traded."""
    stores: list[MemoryMarketStore] = []

    def keep(path: Path, instruments: object) -> MemoryMarketStore:
        stores.append(MemoryMarketStore(plan.source.instruments))
        return stores[-1]

    plan = synthetic_plan(*LIVELY)
    [outcome] = play(plan, tmp_path, open_store=keep)
    dataset = trusted(plan.source.instruments, stores[0].bars(0, 2**62), DataOptions())
    request = request_on(dataset, *LIVELY, from_day=outcome.day)
    backtest = run_backtest(request)

    assert len(backtest.trades) > 0
    assert_equal(backtest, tmp_path)


@pytest.mark.parametrize(("date", "minutes"), [("2026-07-22", 375), ("2026-08-05", 360)])
def test_a_real_day_gives_the_rows_of_the_backtest(
    shared: Path, tmp_path: Path, date: str, minutes: int
) -> None:
    """On the second day the closing auction has begun: its prints stay out, 24 bars of 15m."""
    day = parse_day(date)
    dataset = load([shared / "data" / "nse_1m_eq_2026-07_2026-08.parquet"], DataOptions())
    request = request_on(dataset, from_day=day, to_day=day)
    [outcome] = play(replay_plan(request), tmp_path, day)
    backtest = run_backtest(request)

    assert (outcome.minutes, outcome.minutes_expected) == (minutes, minutes)
    assert backtest.strategy_bars == minutes // 15 * len(dataset.instruments)
    assert len(backtest.signals) > 0
    assert_equal(backtest, tmp_path)


def test_the_same_day_in_two_directories_is_the_same_chain(tmp_path: Path) -> None:
    for name in "ab":
        play(lively(), tmp_path / name, WEEK[1], WEEK[2])

    assert recorded(tmp_path / "a") == recorded(tmp_path / "b")
    assert (tmp_path / "a" / "head.json").read_bytes() == (
        tmp_path / "b" / "head.json"
    ).read_bytes()


def test_observing_decides_everything_and_sends_nothing(tmp_path: Path) -> None:
    request = request_on(generated("week", seed=2), *LIVELY)
    play(replay_plan(request), tmp_path / "paper", WEEK[1])
    play(replay_plan(request, mode="observe"), tmp_path / "observe", WEEK[1])
    observed = rows(tmp_path / "observe", "signals")

    assert {row["refusal"] for row in observed if row["status"] == "REFUSED"} >= {"observe"}
    assert not any(row["status"] == "ACTED" for row in observed)
    assert rows(tmp_path / "observe", "orders") == []
    assert rows(tmp_path / "paper", "orders") != []


# --- which day ---------------------------------------------------------------------------------


def test_a_finished_day_is_not_played_again_and_nothing_is_written(tmp_path: Path) -> None:
    play(lively(), tmp_path, WEEK[1])
    before = files_of(tmp_path)

    assert play(lively(), tmp_path, WEEK[1]) == []
    assert files_of(tmp_path) == before


def test_an_earlier_finished_day_is_not_played_again_either(tmp_path: Path) -> None:
    play(lively(), tmp_path, WEEK[1], WEEK[3])

    assert play(lively(), tmp_path, WEEK[1]) == []


def test_days_go_forward(tmp_path: Path) -> None:
    play(lively(), tmp_path, WEEK[3])

    with pytest.raises(ConfigError, match="days go forward"):
        play(lively(), tmp_path, WEEK[1])


def test_an_unfinished_day_is_finished_before_another(tmp_path: Path) -> None:
    play_to(lively(), tmp_path, WEEK[1], minutes=50)

    with pytest.raises(ConfigError, match="2026-07-21 is unfinished"):
        play(lively(), tmp_path, WEEK[2])
    assert [one.day for one in play(lively(), tmp_path)] == [WEEK[1]]


def test_generated_days_follow_one_another(tmp_path: Path) -> None:
    first, second = play(synthetic_plan(), tmp_path, None, None)

    assert (first.day, second.day) == (parse_day("2026-07-27"), parse_day("2026-07-28"))


def test_after_the_last_day_of_the_data_there_is_none(tmp_path: Path) -> None:
    play(lively(), tmp_path, WEEK[-1])

    with pytest.raises(DataError, match="no day after 2026-07-24"):
        play(lively(), tmp_path)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (lambda: lively(seed=3), "replay"),
        (lambda: synthetic_plan(), "synthetic seed 1"),
        (
            lambda: replay_plan(request_on(generated("week", seed=2), *LIVELY), mode="observe"),
            "mode observe",
        ),
    ],
)
def test_a_directory_of_another_mode_feed_or_data_is_refused(
    other: object, named: str, tmp_path: Path
) -> None:
    play(lively(), tmp_path, WEEK[1])
    before = told(tmp_path)

    with pytest.raises(ConfigError, match=f"belongs to mode paper, replay .*{named}"):
        play(other(), tmp_path, WEEK[2])  # type: ignore[operator]
    assert told(tmp_path) == before


# --- stores that fail --------------------------------------------------------------------------


class FailingStore(MemoryMarketStore):
    """Cannot commit anything, not even what is left when it is closed."""

    def commit(self) -> None:
        raise StoreFailed("disk full")

    def close(self) -> None:
        self.commit()


def test_a_market_store_that_fails_refuses_entries_and_does_not_hold_the_day_back(
    tmp_path: Path,
) -> None:
    """Nor does it fail the stop: what it could not keep is in the ledger."""
    play(lively(), tmp_path / "sound", WEEK[1])
    with structlog.testing.capture_logs() as logs:
        [outcome] = play(
            lively(), tmp_path / "failing", WEEK[1], open_store=lambda _, many: FailingStore(many)
        )

    assert outcome.complete
    assert told(tmp_path / "failing", [EventKind.MINUTE]) == told(
        tmp_path / "sound", [EventKind.MINUTE]
    )
    assert {row["refusal"] for row in rows(tmp_path / "failing", "signals")} >= {"state"}
    assert rows(tmp_path / "failing", "orders") == []
    assert sum(log["event"] == "market_store_failed" for log in logs) >= 375


def test_a_ledger_that_fails_ends_the_day_and_the_next_start_goes_on(tmp_path: Path) -> None:
    def fail(number: int) -> None:
        if number == 200:
            raise StoreFailed("disk full")

    play(lively(), tmp_path / "sound", WEEK[1])
    with pytest.raises(StoreFailed, match="disk full") as failed:
        play(lively(), tmp_path / "failing", WEEK[1], after_append=fail)
    assert failed.value.exit_code == 70
    play(lively(), tmp_path / "failing", WEEK[1])

    assert told(tmp_path / "failing") == told(tmp_path / "sound")


def test_each_start_says_what_it_runs(tmp_path: Path) -> None:
    plan = lively()
    play_to(plan, tmp_path, WEEK[1], minutes=50)
    play(lively(), tmp_path, WEEK[1])
    starts: list[LedgerEvent] = recorded(tmp_path, [EventKind.RUN_START])

    assert len(starts) == 2
    assert starts[0].payload | {"from_setup": "", "from_code_digest": ""} == (
        starts[1].payload | {"from_setup": "", "from_code_digest": ""}
    )
    assert starts[0].payload["source"] == plan.source.identity
    assert starts[0].payload["scope"] == plan.source.identity.replace(" ", "|")
