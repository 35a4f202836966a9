"""Another configuration, other instruments or newer code: what was traded is carried on."""

from pathlib import Path

from backtest.run import Request
from core.ports import EventKind
from stores.market import DuckMarketStore
from tests.daemon.days import play, recorded, replay_plan, rows, synthetic_plan
from tests.datasets import LIVELY, MARKETS, generated, request_on

WEEK = MARKETS["week"][0]
CRYPTO = MARKETS["24x7"][0]
HOLD = "sl_mult=50 tp_mult=50 time_stop_bars=1000 max_daily_loss=90000".split()


def week(*more: str) -> Request:
    return request_on(generated("week", seed=2), *LIVELY, *more)


# --- the next day ------------------------------------------------------------------------------


def test_the_next_day_takes_over_the_account_of_another_setup(tmp_path: Path) -> None:
    play(replay_plan(week()), tmp_path, WEEK[1])
    earned = sum(int(str(row["net_paise"])) for row in rows(tmp_path, "trades"))
    assert earned != 0
    play(replay_plan(week("ema_fast=4", "initial_cash=50000")), tmp_path, WEEK[2])
    [first, second] = recorded(tmp_path, [EventKind.DAY_CLOSED])

    assert first.payload["realised_paise"] == earned
    day = [int(str(row["net_paise"])) for row in rows(tmp_path, "trades", WEEK[2])]
    assert second.payload["realised_paise"] == earned + sum(day)
    assert first.payload["setup"] != second.payload["setup"]


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


def test_a_symbol_that_is_new_is_warmed_up_like_the_others(tmp_path: Path) -> None:
    play(synthetic_plan(*LIVELY), tmp_path, open_store=DuckMarketStore)
    two = synthetic_plan(*LIVELY, symbols=("INFY", "RELIANCE"))
    play(two, tmp_path, open_store=DuckMarketStore)
    [_, opening] = recorded(tmp_path, [EventKind.DAY_OPENED])

    assert opening.payload["history_bars"] == 2 * 4 * 375


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
