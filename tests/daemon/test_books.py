"""Several strategies in one book, several books in one process: whose is what, and whose not."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.book import MAIN_BOOK
from core.ports import EventKind
from core.session import MINUTE_NS
from core.types import Command
from daemon.plan import DayOutcome, Plan, Strategies
from strategies.registry import settings_of
from strategies.settings import RiskSettings, resolve
from tests.daemon.days import (
    crashed_after,
    play,
    recorded,
    replay_plan,
    rows,
    steps_of,
    told,
)
from tests.daemon.test_commands import commanded
from tests.datasets import LIVELY, MARKETS, generated, request_on

DAY = MARKETS["mixed auction"][0][2]
VIEWS = ("signals", "orders", "fills", "trades", "positions")
PIXITY = (*LIVELY, "timeframe=15m", "warmup_bars=4", "max_daily_loss=90000")
QUICK_MINUTES = 5
QUICK_TERMS = "timeframe=5m ema_fast=3 ema_slow=8 warmup_bars=10 sl_mult=3 tp_mult=1.5".split()
QUICK_TERMS += "time_stop_bars=4 cooldown_bars=5".split()


OUTCOMES: dict[Path, DayOutcome] = {}  # of the days that are shared by tests


def instance(name: str, strategy: str, *assignments: str) -> Strategies:
    _, own = resolve(RiskSettings(), settings_of(strategy)(), assignments)
    return ((name, strategy, own),)


QUICK = instance("quick", "ema_cross", *QUICK_TERMS)


def two_strategies() -> Plan:
    """pixity on 15m, then ema_cross on 5m, in one book."""
    plan = replay_plan(request_on(generated("mixed auction", seed=2), *PIXITY))
    return replace(plan, strategies=plan.strategies + QUICK)


def with_shadow() -> Plan:
    """pixity trades, ema_cross in its shadow."""
    return replace(two_strategies(), strategies=alone().strategies, shadows=(("trial", QUICK),))


def alone() -> Plan:
    return replay_plan(request_on(generated("mixed auction", seed=2), *PIXITY))


def day_of(plan: Plan, factory: pytest.TempPathFactory) -> Path:
    directory = factory.mktemp("day")
    OUTCOMES[directory] = play(plan, directory, DAY)[0]
    return directory


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return day_of(two_strategies(), tmp_path_factory)


@pytest.fixture(scope="module")
def shadowed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return day_of(with_shadow(), tmp_path_factory)


@pytest.fixture(scope="module")
def unshadowed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return day_of(alone(), tmp_path_factory)


def of_book(directory: Path, view: str, book: str) -> list[dict[str, object]]:
    return [row for row in rows(directory, view) if row["book"] == book]


# --- several strategies in one book ------------------------------------------------------------


def test_strategies_of_two_timeframes_trade_together(together: Path) -> None:
    spans = {
        (row["strategy"], (int(str(row["bar_close_ns"])) - int(str(row["bar_open_ns"]))))
        for row in rows(together, "signals")
    }
    trades = Counter(row["strategy"] for row in rows(together, "trades"))

    assert {("pixity", 15 * MINUTE_NS), ("quick", 5 * MINUTE_NS)} <= spans
    assert trades["pixity"] >= 2
    assert trades["quick"] >= 2


def test_an_instrument_is_held_by_one_strategy_at_a_time(together: Path) -> None:
    by_instrument: dict[object, list[Mapping[str, object]]] = {}
    for trade in rows(together, "trades"):
        by_instrument.setdefault(trade["instrument"], []).append(trade)
    refused = {
        (row["strategy"], row["refusal"])
        for row in rows(together, "signals")
        if row["status"] == "REFUSED"
    }

    for trades in by_instrument.values():
        for one, following in pairwise(trades):
            assert int(str(one["exit_ns"])) <= int(str(following["entry_ns"]))
    assert {strategy for strategy, refusal in refused if refusal == "position"} == {
        "pixity",
        "quick",
    }


def test_stop_target_and_time_stop_are_those_of_the_strategy_that_entered(together: Path) -> None:
    """pixity: 1 and 2 ATR, 6 bars of 15m; quick: 3 and 1.5 ATR, 4 bars of 5m."""
    terms = {"pixity": (1.0, 2.0, 6), "quick": (3.0, 1.5, 4)}
    signals = {row["signal_id"]: row for row in rows(together, "signals")}
    seen = set()
    for fill in recorded(together, [EventKind.FILL]):
        position = fill.payload["position"]
        if not isinstance(position, dict):
            continue
        sl_mult, tp_mult, _ = terms[position["strategy"]]
        atr = float(str(signals[position["signal_id"]]["atr"]))
        entry = position["entry_price"]
        assert abs(entry - position["stop"]) == pytest.approx(sl_mult * atr, abs=0.06)
        assert abs(entry - position["target"]) == pytest.approx(tp_mult * atr, abs=0.06)
        seen.add(position["strategy"])
    held = {
        (row["strategy"], row["bars_held"])
        for row in rows(together, "trades")
        if row["exit_reason"] == "TIME"
    }

    assert seen == {"pixity", "quick"}
    assert held
    assert held <= {(name, bars) for name, (_, _, bars) in terms.items()}


def test_a_cooldown_is_that_of_the_strategy_that_left(together: Path) -> None:
    """quick waits 5 bars of its own; pixity may enter where quick has just left."""
    exits: dict[tuple[object, object], int] = {}
    trades = sorted(rows(together, "trades"), key=lambda row: int(str(row["entry_ns"])))
    waited = []
    for trade in trades:
        key = (trade["strategy"], trade["instrument"])
        if trade["strategy"] == "quick" and key in exits:
            waited.append(int(str(trade["signal_bar_open_ns"])) - exits[key])
        exits[key] = int(str(trade["exit_ns"]))

    assert waited
    assert all(ns >= (5 - 1) * QUICK_MINUTES * MINUTE_NS for ns in waited)


def test_a_day_of_two_strategies_that_was_killed_ends_like_the_uninterrupted_one(
    together: Path, tmp_path: Path
) -> None:
    kills = crashed_after(two_strategies(), tmp_path / "day", tmp_path, DAY, appends=(40, 130, 290))

    for directory in kills:
        play(two_strategies(), directory, DAY)

        assert told(directory) == told(together), directory.name
        for view in VIEWS:
            assert rows(directory, view) == rows(together, view), directory.name


# --- a shadow ------------------------------------------------------------------------------------


def test_a_shadow_changes_nothing_in_the_main_book(shadowed: Path, unshadowed: Path) -> None:
    assert of_book(shadowed, "trades", "trial") != []
    for view in VIEWS:
        assert of_book(shadowed, view, MAIN_BOOK) == rows(unshadowed, view)


def test_a_shadow_trades_what_its_strategies_would_trade_alone(
    shadowed: Path, tmp_path: Path
) -> None:
    play(replace(alone(), strategies=QUICK), tmp_path, DAY)
    ids = {"signal_id", "order_id", "book"}

    for view in VIEWS:
        in_shadow = [
            {name: value for name, value in row.items() if name not in ids}
            for row in of_book(shadowed, view, "trial")
        ]
        assert in_shadow == [
            {name: value for name, value in row.items() if name not in ids}
            for row in rows(tmp_path, view)
        ]


def test_one_minute_is_one_input_and_then_the_results_of_each_book_in_order(
    shadowed: Path,
) -> None:
    seen = set()
    for (kind, _, _, _), *results in steps_of(shadowed):
        assert kind is EventKind.MINUTE
        deciding = [
            book
            for kind, _, payload, _ in results
            if kind is not EventKind.DAY_CLOSED and payload.get("state") != "OPEN"
            for book in books_in(payload)
        ]
        assert deciding == sorted(deciding)  # main, then trial
        seen.add(tuple(dict.fromkeys(deciding)))

    assert seen == {(), (MAIN_BOOK,), ("trial",), (MAIN_BOOK, "trial")}


def books_in(payload: dict[str, object]) -> list[str]:
    """Of one result; that of several signals has rows."""
    if "rows" not in payload:
        return [str(payload["book"])]
    rows, names = payload["rows"], payload["names"]
    assert isinstance(rows, list)
    assert isinstance(names, list)
    return [row[names.index("book")] for row in rows]


def test_the_same_strategy_in_two_books_has_ids_of_its_own_in_each(tmp_path: Path) -> None:
    twin = replace(two_strategies(), strategies=QUICK, shadows=(("trial", _named("twin")),))
    play(twin, tmp_path, DAY)
    ids = {
        book: [row["signal_id"] for row in of_book(tmp_path, "signals", book)]
        for book in (MAIN_BOOK, "trial")
    }

    assert len(ids["trial"]) == len(ids[MAIN_BOOK]) > 0
    assert not set(ids["trial"]) & set(ids[MAIN_BOOK])


def _named(name: str) -> Strategies:
    return instance(name, "ema_cross", *QUICK_TERMS)


def test_a_day_with_a_shadow_that_was_killed_ends_like_the_uninterrupted_one(
    shadowed: Path, tmp_path: Path
) -> None:
    kills = crashed_after(with_shadow(), tmp_path / "day", tmp_path, DAY, appends=(60, 200))

    for directory in kills:
        play(with_shadow(), directory, DAY)

        assert told(directory) == told(shadowed), directory.name
        for view in VIEWS:
            assert rows(directory, view) == rows(shadowed, view), directory.name


def test_accounts_are_carried_into_the_next_day_book_by_book(tmp_path: Path) -> None:
    plan = with_shadow()
    days = MARKETS["mixed auction"][0][1:]
    for day in days:  # each in a process of its own
        play(plan, tmp_path, day)
    last = recorded(tmp_path, [EventKind.DAY_CLOSED])[-1].payload["books"]
    assert isinstance(last, dict)

    assert list(last) == [MAIN_BOOK, "trial"]
    for book, account in last.items():
        nets = [int(str(row["net_paise"])) for row in of_book(tmp_path, "trades", book)]
        assert account["realised_paise"] == sum(nets)
        assert account["entries"] == len(
            [row for row in rows(tmp_path, "orders", days[1]) if _is_entry_of(row, book)]
        )


def _is_entry_of(row: Mapping[str, object], book: str) -> bool:
    return row["role"] == "ENTRY" and row["book"] == book


def test_the_outcome_of_a_day_is_that_of_the_main_book(shadowed: Path) -> None:
    outcome = OUTCOMES[shadowed]

    assert outcome.trades == len(of_book(shadowed, "trades", MAIN_BOOK))
    assert outcome.signals == len(of_book(shadowed, "signals", MAIN_BOOK))
    assert outcome.net_paise == sum(
        int(str(row["net_paise"])) for row in of_book(shadowed, "trades", MAIN_BOOK)
    )


def test_the_page_has_a_row_of_every_strategy_of_every_book(shadowed: Path) -> None:
    shown = rows(shadowed, "runner_state")
    results = Counter(dict.fromkeys((MAIN_BOOK, "trial"), 0))
    for row in shown:
        results[str(row["book"])] += int(str(row["day_pnl_paise"]))

    assert {(row["book"], row["strategy"]) for row in shown} == {
        (MAIN_BOOK, "pixity"),
        ("trial", "quick"),
    }
    for book, paise in results.items():
        nets = [int(str(row["net_paise"])) for row in of_book(shadowed, "trades", book)]
        assert paise == sum(nets)


def test_a_command_reaches_every_book_and_a_restart_agrees(shadowed: Path, tmp_path: Path) -> None:
    held = 1 + next(
        number for number, books in enumerate(holding(shadowed)) if books >= {MAIN_BOOK, "trial"}
    )
    flattened, copies = tmp_path / "flattened", tmp_path / "copies"
    commanded(flattened, {held: Command.FLATTEN}, DAY, copies, plan=with_shadow())
    trades = rows(flattened, "trades")

    assert {row["book"] for row in trades if row["exit_reason"] == "FLATTEN"} == {
        MAIN_BOOK,
        "trial",
    }
    states = {
        (row["book"], row["refusal"])
        for row in rows(flattened, "signals")
        if row["refusal"] == "state"
    }
    assert states == {(MAIN_BOOK, "state"), ("trial", "state")}
    for directory in copies.iterdir():
        play(with_shadow(), directory, DAY)
        assert told(directory) == told(flattened), directory.name


def holding(directory: Path) -> list[set[str]]:
    """By Minute: the books that then hold a position."""
    held: Counter[str] = Counter()
    by_minute = []
    for step in steps_of(directory):
        for kind, _, payload, _ in step:
            if kind is EventKind.FILL:
                held[str(payload["book"])] += 1 if payload["position"] else -1
        by_minute.append({book for book, count in held.items() if count})
    return by_minute


def three_books() -> Plan:
    shadows = (("trial", _named("twin")), ("lab", _named("third")))
    return replace(two_strategies(), shadows=shadows)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return day_of(three_books(), tmp_path_factory)


@pytest.mark.slow
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(appends=st.lists(st.integers(1, 250), min_size=2, max_size=3))
def test_a_day_of_three_books_killed_anywhere_ends_like_the_uninterrupted_one(
    three: Path, tmp_path_factory: pytest.TempPathFactory, appends: list[int]
) -> None:
    directory = tmp_path_factory.mktemp("killed")
    for number in appends:  # counted from each start
        copies = tmp_path_factory.mktemp("copies")
        for killed in crashed_after(three_books(), directory, copies, DAY, appends=[number]):
            directory = killed
    play(three_books(), directory, DAY)

    assert told(directory) == told(three)
    for view in VIEWS:
        assert rows(directory, view) == rows(three, view)
