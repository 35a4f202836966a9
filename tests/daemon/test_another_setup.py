"""Another configuration, other instruments or newer code: what was traded is carried on."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from backtest.run import Request
from core.errors import ConfigError
from core.ports import EventKind
from daemon.plan import Plan
from tests.daemon.days import (
    Told,
    crashed_after,
    play,
    play_to,
    recorded,
    replay_plan,
    rows,
    synthetic_plan,
    told,
)
from tests.daemon.test_books import QUICK, alone, with_shadow
from tests.daemon.test_rerun import appends_of_step, crash_points, step_with
from tests.datasets import LIVELY, MARKETS, generated, request_on

WEEK = MARKETS["week"][0]
CRYPTO = MARKETS["24x7"][0]
HOLD = "sl_mult=50 tp_mult=50 time_stop_bars=1000 max_daily_loss=90000".split()


def week(*more: str) -> Request:
    return request_on(generated("week", seed=2), *LIVELY, *more)


def accounts(directory: Path) -> list[dict[str, int]]:
    """The main book's account at the close of each day."""
    closed = recorded(directory, [EventKind.DAY_CLOSED])
    return [event.payload["books"]["main"] for event in closed]  # type: ignore[index]


# --- the next day ------------------------------------------------------------------------------


def test_the_next_day_takes_over_the_account_of_another_setup(tmp_path: Path) -> None:
    play(replay_plan(week()), tmp_path, WEEK[1])
    earned = sum(int(str(row["net_paise"])) for row in rows(tmp_path, "trades"))
    assert earned != 0
    play(replay_plan(week("ema_fast=4", "initial_cash=50000")), tmp_path, WEEK[2])
    [first, second] = accounts(tmp_path)

    assert first["realised_paise"] == earned
    day = [int(str(row["net_paise"])) for row in rows(tmp_path, "trades", WEEK[2])]
    assert second["realised_paise"] == earned + sum(day)


@pytest.mark.slow
def test_a_position_held_over_midnight_is_exited_under_another_setup(tmp_path: Path) -> None:
    request = request_on(generated("24x7", seed=2), *LIVELY, *HOLD)
    play(replay_plan(request), tmp_path, CRYPTO[0])
    held = {str(row["signal_id"]) for row in rows(tmp_path, "positions")}
    assert held
    other = request_on(generated("24x7", seed=2), *LIVELY, "max_daily_loss=90000", "ema_fast=4")
    play(replay_plan(other), tmp_path, CRYPTO[1])
    [first, _] = recorded(tmp_path, [EventKind.DAY_CLOSED])

    exits = [row for row in rows(tmp_path, "trades", CRYPTO[1]) if row["signal_id"] in held]
    assert {str(row["signal_id"]) for row in exits} == held
    assert all(int(str(row["exit_ns"])) > first.ts_ns for row in exits)


def test_each_start_says_whose_day_it_goes_on_from(tmp_path: Path) -> None:
    for more, day in (("ema_fast=3", WEEK[1]), ("ema_fast=4", WEEK[2])):
        play(replay_plan(week(more)), tmp_path, day)
    first, second = [event.payload for event in recorded(tmp_path, [EventKind.RUN_START])]

    assert (first["from_setup"], first["from_code_digest"]) == (None, None)
    assert (second["from_setup"], second["from_code_digest"]) == (
        first["setup"],
        first["code_digest"],
    )
    assert second["setup"] != first["setup"]


# --- within a day ------------------------------------------------------------------------------


def mixed(*more: str) -> Request:
    return request_on(generated("mixed auction", seed=2), *LIVELY, *more)


MIXED_DAY = MARKETS["mixed auction"][0][2]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The uninterrupted day."""
    directory = tmp_path_factory.mktemp("whole")
    play(replay_plan(mixed()), directory, MIXED_DAY)
    return directory


def later_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.floor.code_digest", lambda strategies: "of a later program")


def without_openings(directory: Path) -> list[Told]:
    """Everything told but the openings, and by whom; the closing snapshot bit for bit."""
    return [
        (kind, key, payload | {"code_digest": ""}, blob)
        for kind, key, payload, blob in told(directory)
        if kind is not EventKind.DAY_OPENED
    ]


FEW = ("a position opened, its bracket not acknowledged", "a position closed")


@pytest.mark.parametrize("names", [FEW, pytest.param((), marks=pytest.mark.slow)], ids=["2", "all"])
def test_a_day_taken_over_anywhere_by_code_that_decides_the_same_ends_the_same(
    names: tuple[str, ...], whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was applied is what would have been computed, to the last mark, count and order."""
    points = crash_points(whole)
    for without in ("before the day is opened", "the last Minute"):
        del points[without]
    appends = [points[name] for name in names or points]
    kills = crashed_after(
        replay_plan(mixed()), tmp_path / "day", tmp_path, MIXED_DAY, appends=appends
    )
    later_program(monkeypatch)
    for directory in kills:
        play(replay_plan(mixed()), directory, MIXED_DAY)

        assert without_openings(directory) == without_openings(whole), directory.name
        assert len(recorded(directory, [EventKind.DAY_OPENED])) == 2
        assert rows(directory, "trades") == rows(whole, "trades")


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("fill_on=close",)], ids=["open", "close"])
def test_a_position_held_over_midnight_is_taken_over_within_the_next_day(
    more: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_on(generated("24x7", seed=2), *LIVELY, *HOLD, *more)
    plan = replay_plan(request)
    [left] = crashed_after(plan, tmp_path / "whole", tmp_path, *CRYPTO, appends=[2 * 1000])
    assert rows(left, "positions")
    later_program(monkeypatch)
    play(plan, left)

    assert rows(left, "trades") == rows(tmp_path / "whole", "trades")
    assert rows(left, "orders") == rows(tmp_path / "whole", "orders")


def test_after_a_takeover_the_day_is_run_again_from_there_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_to(replay_plan(mixed()), tmp_path, MIXED_DAY, minutes=100)
    later_program(monkeypatch)
    play_to(replay_plan(mixed("ema_fast=4")), tmp_path, MIXED_DAY, minutes=200)
    with structlog.testing.capture_logs() as logs:
        [outcome] = play(replay_plan(mixed("ema_fast=4")), tmp_path, MIXED_DAY)

    assert outcome.complete
    assert outcome.minutes == 375
    [resumed] = [log for log in logs if log["event"] == "day_resumed"]
    assert resumed["minutes"] >= 200
    assert len(recorded(tmp_path, [EventKind.DAY_OPENED])) == 2


def test_the_morning_stays_as_it_was_recorded_and_counts(tmp_path: Path) -> None:
    play_to(replay_plan(mixed()), tmp_path, MIXED_DAY, minutes=200)
    morning = rows(tmp_path, "trades")
    assert morning
    other = mixed("tp_mult=1.5", "timeframe=15m", "max_daily_loss=90000")
    play(replay_plan(other), tmp_path, MIXED_DAY)
    whole_day = rows(tmp_path, "trades")
    [closed] = accounts(tmp_path)

    assert [row for row in whole_day if row in morning] == morning
    net = sum(int(str(row["net_paise"])) for row in whole_day)
    assert closed["day_realised_paise"] == closed["realised_paise"] == net
    entries = [row for row in rows(tmp_path, "signals") if row["status"] == "ACTED"]
    assert closed["entries"] == len(entries)


def generated_plan(*symbols: str, more: tuple[str, ...] = ()) -> Plan:
    return synthetic_plan(*LIVELY, *more, symbols=symbols)


def test_symbols_may_be_added_taken_away_and_reordered_within_a_day(tmp_path: Path) -> None:
    play_to(generated_plan("RELIANCE", "INFY"), tmp_path, minutes=370)
    traded = rows(tmp_path, "trades")
    assert {row["instrument"] for row in traded} == {"RELIANCE", "INFY"}
    assert rows(tmp_path, "positions") == []
    [outcome] = play(generated_plan("SBIN", "INFY"), tmp_path)
    [closed] = accounts(tmp_path)

    assert outcome.complete
    assert closed["realised_paise"] == sum(int(str(row["net_paise"])) for row in traded)


def test_an_open_position_that_nobody_would_watch_stops_the_start(tmp_path: Path) -> None:
    plan = generated_plan("RELIANCE", "INFY")
    play(plan, tmp_path / "whole")
    filled = step_with(
        tmp_path / "whole",
        lambda order: (order["instrument"], order["state"]) == ("RELIANCE", "FILLED"),
    )
    kill = appends_of_step(tmp_path / "whole")[filled]
    [left] = crashed_after(plan, tmp_path / "day", tmp_path, appends=[kill])
    assert "RELIANCE" in {row["instrument"] for row in rows(left, "positions")}
    before = told(left)

    with pytest.raises(ConfigError, match="open position or order in RELIANCE, and symbol"):
        play(generated_plan("INFY"), left)
    assert told(left) == before


def test_each_book_is_taken_over_and_a_new_one_begins_with_its_cash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(with_shadow(), tmp_path / "whole", MIXED_DAY)
    [left] = crashed_after(with_shadow(), tmp_path / "day", tmp_path, MIXED_DAY, appends=[150])
    morning = copied(left, tmp_path / "morning")
    later_program(monkeypatch)
    play(with_shadow(), left, MIXED_DAY)
    assert without_openings(left) == without_openings(tmp_path / "whole")

    plan = replace(alone(), shadows=(("second", QUICK),))
    play(plan, morning, MIXED_DAY)
    [closed] = [event.payload["books"] for event in recorded(morning, [EventKind.DAY_CLOSED])]
    second = [row for row in rows(morning, "trades") if row["book"] == "second"]
    assert closed["second"]["realised_paise"] == sum(int(str(row["net_paise"])) for row in second)
    assert "trial" not in closed


def copied(directory: Path, to: Path) -> Path:
    return Path(shutil.copytree(directory, to))
