"""A history is filled once: only its last day is asked again; killed, it goes on."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import StoreFailed
from core.session import parse_day
from core.types import BAR, MISSING, Records
from daemon.upstox.backfill_memory import MEMORY_FILE, BackfillMemory, spans_of
from tests.daemon.backfilling import SHARES, Known, Place, day_bars

FIRST, LAST = parse_day("2026-05-04"), parse_day("2026-06-12")
NONE: Records = np.zeros(0, BAR)


def test_what_is_missing_is_fetched_and_the_last_day_once_more(tmp_path: Path) -> None:
    place, broker = Place(tmp_path), Known()
    first = place.fill(broker, FIRST, LAST)
    asked = len(broker.asked)
    second = place.fill(broker, FIRST, LAST)

    assert 6 == asked  # three shares, two months
    assert [("S0", LAST, LAST), ("S1", LAST, LAST), ("S2", LAST, LAST)] == broker.asked[asked:]
    assert (3, 0, "") == (second.compared, second.differing, second.first_difference)
    assert day_bars(1, LAST).tolist() == place.bars(1, LAST).tolist()
    assert 3 * 29 == first.days
    assert 2 * first.days == first.bars
    assert first.days * 373 == first.missing
    assert frozenset(range(3)) == first.anew
    assert frozenset() == second.anew


def test_a_new_day_costs_one_request_that_asks_the_last_one_too(tmp_path: Path) -> None:
    place, broker = Place(tmp_path), Known()
    place.fill(broker, FIRST, LAST - 1)
    broker.asked.clear()

    place.fill(broker, FIRST, LAST)

    assert [(one.symbol, LAST - 1, LAST) for one in SHARES] == broker.asked


def test_a_run_that_was_killed_goes_on_where_it_stood(tmp_path: Path) -> None:
    place, dying, broker = Place(tmp_path), Known(dies_at=4), Known()
    with pytest.raises(MemoryError):
        place.fill(dying, FIRST, LAST)
    held = [len(days) for days in place.store.held_days()]

    place.fill(broker, FIRST, LAST)

    assert 3 == len(dying.asked)
    assert 3 == len({one for one in broker.asked if one[1] > FIRST + 20})  # the second month
    assert sum(held) <= 3 * 23
    assert [29, 29, 29] == [len(days) for days in place.store.held_days("backfill")]


def test_days_without_a_trade_are_remembered_and_not_asked_again(tmp_path: Path) -> None:
    def listed_late(number: int, day: int) -> Records:
        return day_bars(number, day) if number or day > FIRST + 30 else NONE

    place, broker = Place(tmp_path), Known(listed_late)
    filled = place.fill(broker, FIRST, LAST)
    broker.asked.clear()
    place.fill(broker, FIRST, LAST)

    assert 22 == filled.quiet_days
    assert [(one.symbol, LAST, LAST) for one in SHARES] == broker.asked


def test_a_history_that_has_not_come_so_far_is_asked_again(tmp_path: Path) -> None:
    def slow(_: int, day: int) -> Records:
        return day_bars(_, day) if day < LAST - 1 else NONE

    place, broker = Place(tmp_path), Known(slow)
    place.fill(broker, FIRST, LAST)
    later = Known()
    place.fill(later, FIRST, LAST)

    assert [(one.symbol, LAST - 2, LAST) for one in SHARES] == later.asked
    assert [29, 29, 29] == [len(days) for days in place.store.held_days("backfill")]


def test_a_day_of_our_own_becomes_the_brokers_and_differences_are_counted(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.fill(Known(), FIRST, LAST - 1)
    ours = day_bars(0, LAST, minutes=(0, 1, 2, 3))
    ours["close"][1] = ours["high"][1] = 100.05
    place.store.append_bars(ours, "feed")
    place.store.commit()

    filled = place.fill(Known(lambda n, d: day_bars(n, d, minutes=(0, 1, 2, 4))), LAST, LAST)
    bars = place.bars(0, LAST)

    assert (4, 1) == (filled.compared, filled.differing)  # our day, and the last of each before
    assert (1, 4 + 3) == (filled.only_ours, filled.only_theirs)
    assert "S0 2026-06-12T09:16:00+05:30: high 100.05 is 100.01, close" in filled.first_difference
    assert day_bars(0, LAST, minutes=(0, 1, 2, 3, 4)).tolist() == bars.tolist()


def test_an_empty_answer_replaces_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.fill(Known(), FIRST, LAST)

    filled = place.fill(Known(lambda n, d: NONE), FIRST, LAST)

    assert (3, 0) == (filled.requests, filled.compared)
    assert day_bars(2, LAST).tolist() == place.bars(2, LAST).tolist()


def test_prices_apart_by_a_factor_make_the_whole_history_anew(tmp_path: Path) -> None:
    def split(number: int, day: int) -> Records:
        return day_bars(number, day, price=50.0 if number == 1 else 100.0)

    place, broker = Place(tmp_path), Known(split)
    place.fill(Known(lambda n, d: day_bars(n, d, minutes=(0, 1, 2))), FIRST, LAST)
    filled = place.fill(broker, LAST, LAST)  # of the whole history, whatever span is asked

    assert {1: pytest.approx(0.5, abs=1e-3)} == filled.renewed
    assert frozenset({1}) == filled.anew
    assert 3 + 2 == len(broker.asked)
    for day in (FIRST, FIRST + 21, LAST):
        bars = place.bars(1, day)
        assert day_bars(1, day, price=50.0).tolist() == bars[:2].tolist()
        assert [0, 0, MISSING] == bars["quality"].tolist()  # what is only here is in old prices
        assert day_bars(0, day, minutes=(0, 1, 2)).tolist() == place.bars(0, day).tolist()
    assert set() == BackfillMemory(tmp_path).renewing


def test_a_renewal_that_was_killed_begins_again(tmp_path: Path) -> None:
    def split(number: int, day: int) -> Records:
        return day_bars(number, day, price=50.0 if number == 1 else 100.0)

    place = Place(tmp_path)
    place.fill(Known(), FIRST, LAST)
    with pytest.raises(MemoryError):
        place.fill(Known(split, dies_at=5), FIRST, LAST)
    mixed = [place.bars(1, day)["close"][0] for day in (FIRST, LAST - 4, LAST)]
    place.fill(Known(split), LAST, LAST)

    assert [50.0, 100.0, 50.0] == mixed
    assert [50.0] * 3 == [place.bars(1, day)["close"][0] for day in (FIRST, LAST - 4, LAST)]


def test_a_history_that_is_doubted_is_made_anew(tmp_path: Path) -> None:
    place, broker = Place(tmp_path), Known()
    place.fill(Known(), FIRST, LAST)

    filled = place.fill(broker, FIRST, LAST, anew=[2])

    assert frozenset({2}) == filled.anew
    assert ["S0", "S1", "S2", "S2"] == sorted(one[0] for one in broker.asked)


def test_a_history_that_the_broker_does_not_tell_stays_doubted(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.fill(Known(), FIRST, LAST)
    place.store.append_bars(day_bars(2, LAST + 3), "feed")  # the running day
    place.store.commit()

    silent = place.fill(Known(lambda n, d: day_bars(n, d) if d > FIRST else NONE), FIRST, LAST, [2])
    kept = BackfillMemory(tmp_path).renewing
    told = place.fill(Known(), FIRST, LAST)

    assert (frozenset(), {SHARES[2].id}) == (silent.anew, kept)
    assert frozenset({2}) == told.anew
    assert set() == BackfillMemory(tmp_path).renewing


def test_the_memory_is_kept_by_runs_of_days_and_damage_is_said(tmp_path: Path) -> None:
    memory = BackfillMemory(tmp_path)
    memory.add_quiet({"A": [FIRST, FIRST + 1, FIRST + 3], "B": []})
    memory.renew(["A", "C"])
    memory.renewed(["C"])
    again = BackfillMemory(tmp_path)

    assert ({FIRST, FIRST + 1, FIRST + 3}, set()) == (again.quiet("A"), again.quiet("B"))
    assert {"A"} == again.renewing
    assert [("2026-05-04", "2026-05-05"), ("2026-05-07", "2026-05-07")] == spans_of(
        again.quiet("A")
    )
    for damaged in ("{", '{"format": 2}', '{"format": 1, "quiet": {"A": 1}, "renewing": []}'):
        (tmp_path / MEMORY_FILE).write_text(damaged)
        with pytest.raises(StoreFailed, match="remove it"):
            BackfillMemory(tmp_path)
