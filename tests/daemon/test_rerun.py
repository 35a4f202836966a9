"""A day that was killed and begun again ends like the day that was not."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backtest.run import Request
from core.errors import StoreFailed
from core.ports import EventKind
from core.types import NEVER_NS
from daemon.desk import DeskSetup
from daemon.rerun import last_day
from stores.chain import Link, canonical_json, link_hash
from stores.ledger import HEAD_FILE
from stores.ledger_reader import LEDGER_FILE
from stores.memory import MemoryLedger
from strategies.settings import StrategySettings
from tests.daemon import remembering
from tests.daemon.days import (
    crashed_after,
    play,
    play_to,
    replay_plan,
    rows,
    steps_of,
    synthetic_plan,
    told,
)
from tests.datasets import LIVELY, MARKETS, generated, request_on

DAY = MARKETS["mixed auction"][0][2]  # the sessions of its instruments end apart
CRYPTO_DAY = MARKETS["24x7"][0][1]
OPENED = 2  # appends before the first Minute: RUN_START, DAY_OPENED


def lively(market: str = "mixed auction") -> Request:
    return request_on(generated(market, seed=2), *LIVELY)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The uninterrupted day."""
    directory = tmp_path_factory.mktemp("whole")
    play(replay_plan(lively()), directory, DAY)
    return directory


def appends_of_step(directory: Path) -> list[int]:
    """By Minute: the number of the append that made its decisions durable."""
    numbers, appends = [], OPENED
    for step in steps_of(directory):
        appends += 1
        numbers.append(appends)
        appends += any(is_acknowledgement(event) for event in step)
    return numbers


def is_acknowledgement(event: tuple[object, str, dict[str, object], object]) -> bool:
    return event[0] is EventKind.ORDER and event[2]["state"] == "OPEN"


def step_with(directory: Path, wanted: Callable[[dict[str, object]], bool]) -> int:
    """The first Minute with an ORDER as wanted."""
    return next(
        number
        for number, step in enumerate(steps_of(directory))
        if any(event[0] is EventKind.ORDER and wanted(event[2]) for event in step)
    )


def crash_points(directory: Path) -> dict[str, int]:
    durable = appends_of_step(directory)
    entry = step_with(directory, lambda order: order["role"] == "ENTRY")
    fill = step_with(directory, lambda order: order["state"] == "FILLED")
    exit_ = step_with(directory, lambda order: order["state"] == "CANCELLED")
    return {
        "before the day is opened": 1,
        "before the open": OPENED,
        "after the first Minute": durable[0],
        "in the middle of a strategy bar": durable[7],
        "an entry intended, not acknowledged": durable[entry],
        "an entry pending": durable[entry] + 1,
        "a position opened, its bracket not acknowledged": durable[fill],
        "a position open": durable[fill] + 1,
        "a position closed": durable[exit_],
        "the last Minute": durable[-1],
    }


def test_a_killed_day_goes_on_and_ends_like_the_uninterrupted_one(
    whole: Path, tmp_path: Path
) -> None:
    points = crash_points(whole)
    assert len(set(points.values())) == len(points)
    kills = crashed_after(
        replay_plan(lively()), tmp_path / "day", tmp_path, DAY, appends=points.values()
    )
    assert len(kills) == len(points)

    for directory in kills:
        play(replay_plan(lively()), directory, DAY)

        assert told(directory) == told(whole), directory.name
        for view in ("signals", "orders", "fills", "trades", "positions"):
            assert rows(directory, view) == rows(whole, view), directory.name


@pytest.mark.slow
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(appends=st.lists(st.integers(1, 250), min_size=2, max_size=3))
def test_a_day_killed_several_times_anywhere_ends_like_the_uninterrupted_one(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, appends: list[int]
) -> None:
    directory = tmp_path_factory.mktemp("killed")
    for number in appends:  # counted from each start
        copies = tmp_path_factory.mktemp("kill")
        kept = crashed_after(replay_plan(lively()), directory, copies, DAY, appends=[number])
        directory = kept[0] if kept else directory  # else the day was over before
    play(replay_plan(lively()), directory, DAY)

    assert told(directory) == told(whole)


def test_no_order_is_intended_twice_over_restarts(whole: Path, tmp_path: Path) -> None:
    points = crash_points(whole)
    appends = [points["an entry intended, not acknowledged"], points["an entry pending"]]
    for directory in crashed_after(
        replay_plan(lively()), tmp_path / "day", tmp_path, DAY, appends=appends
    ):
        play(replay_plan(lively()), directory, DAY)
        intents = Counter(
            key
            for _, key, payload, _ in told(directory, [EventKind.ORDER])
            if payload["state"] == "INTENDED"
        )

        assert set(intents.values()) == {1}


def test_a_stopped_day_goes_on_and_ends_like_the_uninterrupted_one(
    whole: Path, tmp_path: Path
) -> None:
    left = play_to(replay_plan(lively()), tmp_path, DAY, minutes=100)
    assert not left.complete
    assert 100 <= left.minutes < 375

    [outcome] = play(replay_plan(lively()), tmp_path, DAY)

    assert outcome.complete
    assert outcome.minutes == 375
    assert told(tmp_path) == told(whole)


def test_a_generated_day_goes_on_from_its_ticks(tmp_path: Path) -> None:
    play(synthetic_plan(*LIVELY), tmp_path / "whole")
    play_to(synthetic_plan(*LIVELY), tmp_path / "left", minutes=77)
    play(synthetic_plan(*LIVELY), tmp_path / "left")

    assert told(tmp_path / "left") == told(tmp_path / "whole")
    assert rows(tmp_path / "left", "trades")


def test_a_plain_strategy_remembers_what_it_saw_before_the_day(tmp_path: Path) -> None:
    """Its memory is in no snapshot: it is shown the history again."""
    plan = replay_plan(lively())
    own = StrategySettings(timeframe="5m", time_stop_bars=5)
    plan = replace(plan, strategies=(*plan.strategies, ("turns", remembering.NAME, own)))
    [directory] = crashed_after(plan, tmp_path / "whole", tmp_path, DAY, appends=[150])
    play(plan, directory, DAY)

    assert told(directory) == told(tmp_path / "whole")
    assert "turns" in {row["strategy"] for row in rows(directory, "trades")}


HOLD = "sl_mult=50 tp_mult=50 time_stop_bars=1000 max_daily_loss=90000".split()


def held_over_midnight() -> Request:
    return request_on(generated("24x7", seed=2), *LIVELY, *HOLD)


def test_a_position_is_carried_over_midnight_into_another_process(tmp_path: Path) -> None:
    days = MARKETS["24x7"][0]
    play(replay_plan(held_over_midnight()), tmp_path / "one", *days)
    play(replay_plan(held_over_midnight()), tmp_path / "two", days[0])
    assert rows(tmp_path / "two", "positions") != []
    play(replay_plan(held_over_midnight()), tmp_path / "two", days[1])

    assert told(tmp_path / "two") == told(tmp_path / "one")
    assert rows(tmp_path / "two", "positions") == []


def held_to_the_end() -> Request:
    """24x7 data whose last day is cut short, with a position open at its end."""
    request = held_over_midnight()
    end_ns = int(request.dataset.bars["open_ns"][-1]) - 3 * 3_600_000_000_000
    bars = request.dataset.bars[request.dataset.bars["open_ns"] < end_ns]
    return replace(request, dataset=replace(request.dataset, bars=bars))


def test_the_end_of_24x7_data_closes_the_day_and_every_position(tmp_path: Path) -> None:
    plan = replay_plan(held_to_the_end())
    assert plan.source.end_ns(CRYPTO_DAY) != NEVER_NS
    [outcome] = play(plan, tmp_path, CRYPTO_DAY)

    assert outcome.complete
    assert outcome.minutes == outcome.minutes_expected < 1440
    assert "FORCED" in {row["exit_reason"] for row in rows(tmp_path, "trades")}
    assert rows(tmp_path, "positions") == []


def test_24x7_data_killed_before_its_end_is_known_is_ended_by_the_next_start(
    tmp_path: Path,
) -> None:
    appends: list[int] = []
    play(
        replay_plan(held_to_the_end()), tmp_path / "whole", CRYPTO_DAY, after_append=appends.append
    )
    before_the_end = appends[-1] - 1
    [directory] = crashed_after(
        replay_plan(held_to_the_end()),
        tmp_path / "day",
        tmp_path,
        CRYPTO_DAY,
        appends=[before_the_end],
    )
    assert rows(directory, "positions") != []

    play(replay_plan(held_to_the_end()), directory, CRYPTO_DAY)

    assert told(directory) == told(tmp_path / "whole")


# --- a re-run that differs ---------------------------------------------------------------------


def test_code_that_decides_otherwise_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same digest with other rules is what an edit of the code looks like."""
    monkeypatch.setattr(DeskSetup, "digest", "always the same")
    play_to(replay_plan(lively()), tmp_path, DAY, minutes=300)
    before = told(tmp_path)
    other = request_on(generated("mixed auction", seed=2), *LIVELY, "sl_mult=2")

    with pytest.raises(StoreFailed, match=r"'A re-run differs' in docs/runbook\.md"):
        play(replay_plan(other), tmp_path, DAY)

    assert told(tmp_path) == before


def test_a_recorded_result_that_was_altered_stops_the_start(tmp_path: Path) -> None:
    play_to(replay_plan(lively()), tmp_path, DAY, minutes=300)
    rewrite(tmp_path, EventKind.FILL, "price", 1.5)

    with pytest.raises(StoreFailed, match=r"run again gives .* 'A re-run differs'"):
        play(replay_plan(lively()), tmp_path, DAY)


@pytest.mark.parametrize("kind", [EventKind.SIGNAL, EventKind.ORDER])
def test_a_recorded_result_that_was_taken_away_stops_the_start(
    kind: EventKind, tmp_path: Path
) -> None:
    play_to(replay_plan(lively()), tmp_path, DAY, minutes=300)
    rewrite(tmp_path, kind, "", None)

    with pytest.raises(StoreFailed, match="'A re-run differs'"):
        play(replay_plan(lively()), tmp_path, DAY)


def rewrite(directory: Path, kind: EventKind, name: str, value: object) -> None:
    """Alter the first event of `kind` (or make it a NOTE) and forge the whole chain after it."""
    with sqlite3.connect(directory / LEDGER_FILE, isolation_level=None) as db:
        db.execute("DROP TRIGGER events_are_not_updated")
        links = [Link(*row) for row in db.execute("SELECT * FROM events ORDER BY seq")]
        place = next(number for number, link in enumerate(links) if link.kind == kind)
        payload = json.loads(links[place].payload)
        if name:
            text = canonical_json(payload | {name: value}, "forged")
            links[place] = links[place]._replace(payload=text)
        else:
            links[place] = links[place]._replace(kind=EventKind.NOTE.value)
        last = ""
        for link in links:
            forged = link._replace(prev_hash=last)
            last = link_hash(*forged[:-1])
            db.execute(
                "UPDATE events SET kind = ?, payload = ?, prev_hash = ?, hash = ? WHERE seq = ?",
                (forged.kind, forged.payload, forged.prev_hash, last, forged.seq),
            )
    db.close()
    head = {"seq": links[-1].seq, "hash": last}
    (directory / HEAD_FILE).write_text(json.dumps(head))


# --- reading the last day ----------------------------------------------------------------------


def test_an_empty_ledger_has_no_last_day() -> None:
    record = last_day(MemoryLedger())

    assert (record.opened, record.closed, record.steps) == (None, None, [])
    assert (record.day, record.last_close_ns) == (-1, 0)
