"""Every fault of the data through the daemon: the day ends as docs/faults.md says, and is green.

A bar that differs from the exchange's own candle is flagged, or counted by the audit where nobody
could have seen it.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.ports import EventKind
from core.session import at_ist
from core.session_table import SPECIAL_DAYS
from core.types import MISSING, PARTIAL, REPAIRED
from sandbox.faults.kinds import CATALOGUE, DATA_FAULTS
from sandbox.faults.schedule import fault_of
from sandbox.market.exchange import hours
from sandbox.market.recorded import RecordedWorld
from sandbox.market.world import GeneratedWorld
from tests.daemon.days import recorded, rows
from tests.faults.checker import is_intent
from tests.faults.exchange_days import (
    DAY,
    HOURS,
    LISTED,
    FaultyDay,
    candles_of,
    faulty_day,
    instruments,
)

ROOT = Path(__file__).parents[2]
TIMES = "@13:48:20-13:50"
CUT = "drop=60@13:48:20-13:49:20"  # once
NEXT_LOGIN_NS = at_ist(DAY, "13:49")

# The faults of a day by what becomes of it; the first one is what it is about.
REPAIRED_DAYS: dict[str, tuple[str, ...]] = {
    "drop": ("drop=60",),
    "close": ("close=1000@13:47-13:49", "close=1011"),
    "refuse": (f"refuse{TIMES}", CUT),
    "hang": (f"hang{TIMES}", CUT),
    "freeze": (f"freeze{TIMES}",),
    "mute": (f"mute{TIMES}",),
    "forbid": (f"forbid{TIMES}", CUT),
    "slow-handshake": ("slow-handshake=3", "drop=100"),
    "connections": (f"connections=0{TIMES}", CUT),
    "astray": (f"astray{TIMES}", CUT),
    "ignore": ("ignore=TATAPOWER@13:30-13:50", "drop=60@13:50-13:51"),
    "failed": ("failed=1@13:30-13:47", "drop=60@13:47-13:48"),
    "outage": (f"outage=NSE_EQ{TIMES}",),
    "ghost": ("ghost=30", "drop=100"),
    "repeat-snapshot": ("repeat-snapshot=3", "drop=100"),
    "truncate": ("truncate=0.05",),
    "flip-bits": ("flip-bits=0.2",),
    "oversize": ("oversize=2",),
    "throttle": ("throttle@13:48-13:49:10", CUT),
    "html": ("html=429@13:48-13:49:10", CUT),
    "stale-intraday": ("stale-intraday", "drop=100"),
    "perturb": ("perturb=0.5", "drop=100"),
}
UNTOUCHED_DAYS: dict[str, tuple[str, ...]] = {
    "forbid-first": ("forbid-first=3",),
    "omit": ("omit=0.5",),
    "duplicate": ("duplicate=0.2",),
    "reorder": ("reorder=0.2",),
    "unknown": ("unknown",),
    "stranger": ("stranger",),
}
DOUBTED_DAYS: dict[str, tuple[str, str]] = {
    "bad-price, zero": ("bad-price=zero", "ticks"),
    "bad-price, tenfold": ("bad-price=tenfold", "ticks"),
    "bad-price, NaN": ("bad-price=nan", "ticks"),
    "volume-back": ("volume-back=0.2", "ticks"),
    "halt": ("halt@13:46-13:52", "hours"),
}
AUDITED_DAYS: dict[str, tuple[str, ...]] = {
    "conflate": ("conflate=2",),
    "late": ("late=30",),
    "lag": ("lag=3",),
}
FLAGGED_DAYS: dict[str, tuple[str, ...]] = {
    "html": (f"html=403{TIMES}", CUT),
    "throttle": (f"throttle{TIMES}", CUT),
}
ELSEWHERE = {"quiet", "expire", "no-master"}  # a test of its own


@pytest.fixture(autouse=True)
def _a_day_of_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    special = SPECIAL_DAYS["2025-10-21"]
    monkeypatch.setitem(SPECIAL_DAYS, "2025-10-21", special._replace(parts=(HOURS,)))


@pytest.fixture(scope="module")
def world() -> GeneratedWorld:
    return GeneratedWorld(5, hours)


def checked(day: FaultyDay) -> FaultyDay:
    """What holds on every day, however bad."""
    assert day.outcome.complete
    assert day.certificate.verdict == "green", day.certificate.difference
    assert [] == list(entries_in_doubt(day))
    return day


def entries_in_doubt(day: FaultyDay) -> Iterator[str]:
    doubted: set[tuple[object, object]] = set()
    for event in recorded(day.directory, [EventKind.DOUBT, EventKind.ORDER]):
        if event.kind is EventKind.DOUBT:
            doubt = event.payload["doubt"], event.payload["instrument"]
            (doubted.add if event.payload["open"] else doubted.discard)(doubt)
        elif (
            is_intent(event)
            and event.payload["role"] == "ENTRY"
            and any(name in (None, event.payload["instrument"]) for _, name in doubted)
        ):
            yield f"{event.key} while {doubted}"


def differing(day: FaultyDay, world: GeneratedWorld, *, flagged: bool) -> list[tuple[int, int]]:
    """Instrument and time of bars that are not the exchange's candle; without the flagged ones."""
    known = {(row[0], row[2]): row[3:] for row in candles_of(world).tolist()}
    return [
        (int(bar["instrument"]), int(bar["open_ns"]))
        for bar in day.bars
        if known.get((int(bar["instrument"]), int(bar["open_ns"]))) != bar.tolist()[3:]
        and (flagged or not bar["quality"] & (MISSING | PARTIAL))
    ]


def audited(day: FaultyDay) -> dict[str, int]:
    """How the day's bars compare with the last minutes that the feed told."""
    [told] = [one for one in day.events("bars_audited") if one["against"] == "feed"]
    return {name: int(str(told[name])) for name in ("equal", "differ")}


@pytest.mark.slow
@pytest.mark.parametrize("name", REPAIRED_DAYS)
def test_what_was_not_told_is_doubted_and_repaired(
    name: str, world: GeneratedWorld, tmp_path: Path
) -> None:
    day = checked(faulty_day(tmp_path, *REPAIRED_DAYS[name]))

    assert [] == differing(day, world, flagged=True)
    assert len(candles_of(world)) == len(day.bars)
    assert (day.bars["quality"] & REPAIRED).any()
    assert day.events("feed_lost")
    assert "feed" in {one["doubt"] for one in day.events("doubt_opened")}
    if all("@" in fault for fault in REPAIRED_DAYS[name]):  # others end with the day
        assert len(day.events("doubt_opened")) == len(day.events("doubt_closed"))


@pytest.mark.slow
@pytest.mark.parametrize("name", UNTOUCHED_DAYS)
def test_what_can_be_seen_through_changes_no_bar(
    name: str, world: GeneratedWorld, tmp_path: Path
) -> None:
    day = checked(faulty_day(tmp_path, *UNTOUCHED_DAYS[name]))

    assert [] == differing(day, world, flagged=True)
    assert {0} == set(day.bars["quality"].tolist())
    assert 0 == audited(day)["differ"] < audited(day)["equal"]
    assert day.outcome.entries > 0
    assert [] == [one for one in day.events("doubt_opened") if name != "forbid-first"]


@pytest.mark.slow
@pytest.mark.parametrize("name", DOUBTED_DAYS)
def test_what_cannot_be_true_is_in_no_bar_and_doubted(
    name: str, world: GeneratedWorld, tmp_path: Path
) -> None:
    fault, doubt = DOUBTED_DAYS[name]
    day = checked(faulty_day(tmp_path, fault))

    assert [] == differing(day, world, flagged=True)
    assert {doubt} == {one["doubt"] for one in day.events("doubt_opened")}
    assert any(row["refusal"] == "state" for row in rows(tmp_path, "signals"))


@pytest.mark.slow
@pytest.mark.parametrize("name", AUDITED_DAYS)
def test_what_nobody_can_see_is_counted_by_the_audit(
    name: str, world: GeneratedWorld, tmp_path: Path
) -> None:
    day = checked(faulty_day(tmp_path, *AUDITED_DAYS[name]))
    different = differing(day, world, flagged=False)

    assert len(candles_of(world)) == len(day.bars)
    assert 0 < audited(day)["differ"] <= len(different)


@pytest.mark.slow
@pytest.mark.parametrize("name", FLAGGED_DAYS)
def test_what_nobody_tells_stays_flagged(name: str, world: GeneratedWorld, tmp_path: Path) -> None:
    day = checked(faulty_day(tmp_path, *FLAGGED_DAYS[name]))

    assert day.events("candles_failed")
    assert differing(day, world, flagged=True)
    assert [] == differing(day, world, flagged=False)
    assert len(day.events("doubt_opened")) == len(day.events("doubt_closed"))


@pytest.mark.slow
def test_a_busy_share_that_falls_silent_is_doubted_alone_and_repaired(
    world: GeneratedWorld, tmp_path: Path
) -> None:
    day = checked(faulty_day(tmp_path, f"outage=TATAPOWER{TIMES}"))
    repaired = day.bars[(day.bars["quality"] & REPAIRED) > 0]

    assert [] == differing(day, world, flagged=True)
    assert [("symbol", "TATAPOWER")] == [
        (one["doubt"], one["instrument"]) for one in day.events("doubt_opened")
    ]
    assert {1} == set(repaired["instrument"].tolist())
    assert 1 == len(day.events("feed_up")) == len(day.events("doubt_closed"))


@pytest.mark.slow
def test_a_quiet_market_has_no_bars_and_no_storm_of_connections(
    world: GeneratedWorld, tmp_path: Path
) -> None:
    day = checked(faulty_day(tmp_path, "quiet@13:48-13:50"))
    seen = day.bars[(day.bars["quality"] & MISSING) == 0]

    assert len(candles_of(world)) - 4 == len(seen)  # two minutes of two shares
    assert [] == differing(day, world, flagged=False)
    assert len(day.events("feed_up")) <= 3
    assert len(day.events("doubt_opened")) == len(day.events("doubt_closed"))


@pytest.mark.slow
def test_a_token_that_ended_is_asked_for_and_the_next_one_is_used_without_a_restart(
    world: GeneratedWorld, tmp_path: Path
) -> None:
    day = checked(
        faulty_day(
            tmp_path,
            "expire=next@13:48:20",
            token=lambda now_ns: "given" if now_ns < NEXT_LOGIN_NS else "next",
        )
    )

    assert any("tradingd login" in str(one["reason"]) for one in day.events("feed_lost"))
    assert [] == differing(day, world, flagged=False)
    assert 2 == len(day.events("feed_up"))
    assert len(day.events("doubt_opened")) == len(day.events("doubt_closed"))


@pytest.mark.slow
def test_a_history_that_is_not_told_is_asked_for_until_it_is(
    world: GeneratedWorld, tmp_path: Path
) -> None:
    day = checked(faulty_day(tmp_path, "html=403@00:00-13:44:50"))

    assert 1 == len(day.events("history_fetched"))
    assert [] == differing(day, world, flagged=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["drop", "truncate"])
def test_a_recorded_day_goes_wrong_like_a_generated_one(
    name: str, world: GeneratedWorld, tmp_path: Path
) -> None:
    bars = candles_of(world)
    played = RecordedWorld(bars, instruments())
    day = checked(faulty_day(tmp_path, *REPAIRED_DAYS[name], world=played))

    assert [] == differing(day, world, flagged=True)
    assert (day.bars["quality"] & REPAIRED).any()


def test_a_day_without_a_fault_is_the_exchanges_own(world: GeneratedWorld, tmp_path: Path) -> None:
    day = checked(faulty_day(tmp_path))

    assert candles_of(world).tolist() == day.bars.tolist()
    assert [] == day.events("doubt_opened")
    assert day.outcome.entries > 0


def test_a_fault_of_the_data_is_the_same_day_again(tmp_path: Path) -> None:
    first, again = [faulty_day(tmp_path / name, "drop=60", "reorder=0.1") for name in "ab"]

    assert first.certificate.digest == again.certificate.digest


# --- the document --------------------------------------------------------------------------------

DAYS: dict[str, Callable[[], object]] = {
    "test_what_was_not_told_is_doubted_and_repaired": REPAIRED_DAYS.keys,
    "test_what_can_be_seen_through_changes_no_bar": UNTOUCHED_DAYS.keys,
    "test_what_cannot_be_true_is_in_no_bar_and_doubted": DOUBTED_DAYS.keys,
    "test_what_nobody_can_see_is_counted_by_the_audit": AUDITED_DAYS.keys,
    "test_what_nobody_tells_stays_flagged": FLAGGED_DAYS.keys,
}


def test_the_document_says_of_every_fault_of_the_data_what_the_daemon_does() -> None:
    section = (ROOT / "docs/faults.md").read_text(encoding="utf-8").split("## What the daemon does")
    lines = [line for line in section[1].split("\n## ")[0].splitlines() if line.startswith("| `")]
    table = [line.strip("| ").split(" | ") for line in lines]
    named = {row[0].strip("`"): row for row in table}

    assert [one.name for one in DATA_FAULTS] == list(named)
    for name, row in named.items():
        tests = re.findall(r"`(test_\w+)`", row[-1])
        assert tests
        assert CATALOGUE[name].reports.replace(" ", ", ") == row[1].strip()
        for test in tests:
            if test in DAYS:
                assert name in {str(day).partition(",")[0] for day in DAYS[test]()}, (name, test)


def test_every_fault_of_the_data_has_its_day() -> None:
    days = [*REPAIRED_DAYS, *UNTOUCHED_DAYS, *DOUBTED_DAYS, *AUDITED_DAYS, *FLAGGED_DAYS]
    played = {day.partition(",")[0] for day in days} | ELSEWHERE
    faults = [*REPAIRED_DAYS.values(), *UNTOUCHED_DAYS.values(), *AUDITED_DAYS.values()]

    assert {one.name for one in DATA_FAULTS} == played
    assert all(fault_of(text) for one in faults for text in one)
    assert len(LISTED) == len(instruments())
