"""Doubts: opened by what the feed does, inputs of the day, and no entry while one is open (I13)."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import structlog

from core.doubts import Doubt, DoubtKind
from core.errors import StoreFailed
from core.ports import Clock, EventKind, Feed, MarketStore
from core.session import at_ist, ist_text, parse_day
from core.types import TICK, MinuteSpan, Records
from daemon.clocks import VirtualClock
from daemon.intake.doubts import Doubts
from daemon.intake.watch import Watch
from daemon.plan import Plan
from daemon.sources import SyntheticSource
from providers.synthetic import SyntheticFeed
from stores.memory import MemoryMarketStore
from stores.owner import Owner
from tests.daemon.days import crashed_after, play, recorded, rows, synthetic_plan
from tests.daemon.faulty_feeds import BadTicks, dying
from tests.daemon.live_like import live_plan
from tests.datasets import LIVELY

SYMBOLS = ("RELIANCE", "INFY")
FEED = Doubt(DoubtKind.FEED)
Told = tuple[str, str, str | None, bool]  # time of the Minute before, kind, instrument, open


def lively(*assignments: str) -> Plan:
    return synthetic_plan(
        *LIVELY, "max_daily_loss=90000", *assignments, symbols=SYMBOLS, history_sessions=1
    )


def doubts_of(directory: Path) -> list[Told]:
    return [
        (
            ist_text(event.ts_ns)[11:16],
            str(event.payload["doubt"]),
            event.payload["instrument"],  # type: ignore[misc]
            bool(event.payload["open"]),
        )
        for event in recorded(directory, [EventKind.DOUBT])
    ]


def refused_in(directory: Path, since: str, until: str) -> dict[str, set[object]]:
    """By instrument, what became of its signals between two times of the day."""
    found: dict[str, set[object]] = {}
    for row in rows(directory, "signals"):
        if since <= ist_text(int(str(row["bar_close_ns"])))[11:16] <= until:
            found.setdefault(str(row["instrument"]), set()).add(row["refusal"])
    return found


# --- by what the feed does -----------------------------------------------------------------------


def test_nothing_is_doubted_on_a_healthy_day(tmp_path: Path) -> None:
    play(lively(), tmp_path)

    assert doubts_of(tmp_path) == []


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day whose feed is away from 11:00:20 to 12:00:10, while the broker still tells candles."""
    directory = tmp_path_factory.mktemp("lost")
    play(dying(lively(), "11:00:20", "12:00:10"), directory)
    return directory


def test_a_lost_feed_is_doubted_until_it_is_up_again(lost: Path) -> None:
    assert doubts_of(lost) == [("11:00", "feed", None, True), ("12:00", "feed", None, False)]


def test_while_the_feed_is_lost_entries_are_refused_state(lost: Path) -> None:
    by_instrument = refused_in(lost, "11:02", "12:00")

    assert {*by_instrument} == {*SYMBOLS}
    assert all(None not in refusals for refusals in by_instrument.values())
    assert any("state" in refusals for refusals in by_instrument.values())
    assert None in refused_in(lost, "12:02", "15:00")["RELIANCE"]


@pytest.mark.slow
def test_a_day_with_doubts_killed_anywhere_ends_like_the_uninterrupted_one(
    lost: Path, tmp_path: Path
) -> None:
    plan = dying(lively(), "11:00:20", "12:00:10")
    copies = crashed_after(plan, tmp_path / "day", tmp_path / "kills", appends=[110, 130])
    for directory in copies:
        plan = dying(lively(), "11:00:20", "12:00:10")
        play(plan, directory)
        signals = rows(directory, "signals")

        assert doubts_of(directory)[-1] == ("12:00", "feed", None, False)
        assert [row["refusal"] for row in signals] == [
            row["refusal"] for row in rows(lost, "signals")
        ]


def test_an_instrument_with_bad_ticks_is_doubted_until_a_clean_minute(tmp_path: Path) -> None:
    plan = lively()
    healthy = plan.source.open_feed  # type: ignore[attr-defined]

    def open_feed(day: int, clock: Clock) -> Feed:
        return BadTicks(healthy(day, clock), 1, at_ist(day, "11:00") + 1, at_ist(day, "11:30"))

    plan.source.open_feed = open_feed  # type: ignore[attr-defined]
    play(plan, tmp_path)

    assert doubts_of(tmp_path) == [
        ("11:00", "ticks", "INFY", True),
        ("11:30", "ticks", "INFY", False),
    ]
    assert None not in refused_in(tmp_path, "11:05", "11:30").get("INFY", set())


# --- by silence, where the market goes on by itself ----------------------------------------------


def silent(plan: Plan, back: str | None = "11:03:10") -> Plan:
    return dying(plan, "11:00:20", back, says_so=False)


def test_a_live_feed_that_falls_silent_is_lost_until_it_speaks(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        play(silent(live_plan()), tmp_path)

    assert [("11:00", "feed", None, True), ("11:03", "feed", None, False)] == [
        one for one in doubts_of(tmp_path) if one[1] == "feed"
    ]
    assert ("feed_lost", "no frame for 5 s") in [(log["event"], log.get("reason")) for log in logs]
    assert any(log["event"] == "bars_repaired" for log in logs)


def test_the_silence_of_a_day_that_waits_means_nothing(tmp_path: Path) -> None:
    play(silent(synthetic_plan()), tmp_path)

    assert doubts_of(tmp_path) == []


def test_a_live_feed_silent_for_good_leaves_no_position(tmp_path: Path) -> None:
    plan = live_plan(
        *LIVELY, "max_daily_loss=90000", "time_stop_bars=200", "sl_mult=40", "tp_mult=40"
    )
    [outcome] = play(dying(plan, "15:00:00", says_so=False), tmp_path)

    assert outcome.complete
    assert [row["role"] for row in rows(tmp_path, "orders")].count("SQUARE_OFF") > 0
    assert rows(tmp_path, "positions") == []


# --- by our own side -----------------------------------------------------------------------------


def test_a_store_that_fails_is_doubted_until_it_stores_again(tmp_path: Path) -> None:
    class Failing(MemoryMarketStore):
        commits = 0

        def commit(self) -> None:
            self.commits += 1
            if 100 <= self.commits < 110:
                raise StoreFailed("disk full")
            super().commit()

    play(synthetic_plan(), tmp_path, open_store=lambda path, ours: Failing(ours))
    opened, closed = doubts_of(tmp_path)

    assert (opened[1:], closed[1:]) == (("store", None, True), ("store", None, False))


# --- the level -----------------------------------------------------------------------------------


def kinds(doubts: Doubts, close_ns: int, known: frozenset[Doubt]) -> list[tuple[str, bool]]:
    return [(one.doubt.kind.value, one.is_open) for one in doubts.changes(close_ns, known)]


def quote(exch_ns: int) -> Records:
    ticks: Records = np.zeros(1, TICK)
    ticks["exch_ns"] = exch_ns
    return ticks


def test_a_loop_that_stood_still_is_doubted_until_a_fresh_quote() -> None:
    now_ns = at_ist(parse_day("2026-07-27"), "10:00")
    doubts = Doubts(SYMBOLS)
    watch = Watch(doubts, len(SYMBOLS), VirtualClock(now_ns))
    watch.lagged(1.5)
    watch.frame(now_ns, quote(now_ns - 1))
    assert doubts.told() == ["lag all: the event loop stood still for 1.5 s"]
    watch.frame(now_ns, quote(now_ns))

    assert doubts.told() == []


def test_on_a_day_that_waits_for_us_nothing_is_old() -> None:
    doubts = Doubts(SYMBOLS)
    Watch(doubts, len(SYMBOLS), None).lagged(30.0)

    assert doubts.told() == []


def test_a_minute_is_doubted_for_what_was_doubted_when_it_closed() -> None:
    """It waited in the queue, and meanwhile all is well again."""
    doubts = Doubts()
    doubts.open(FEED, "lost")
    doubts.of_minute(1)
    doubts.close(FEED)
    doubts.of_minute(2)

    assert kinds(doubts, 1, frozenset()) == [("feed", True)]
    assert kinds(doubts, 2, frozenset({FEED})) == [("feed", False)]


def test_a_minute_that_waited_is_doubted_for_what_is_doubted_now() -> None:
    doubts = Doubts()
    doubts.of_minute(1)
    doubts.open(FEED, "lost")

    assert kinds(doubts, 1, frozenset()) == [("feed", True)]


def test_a_doubt_that_comes_and_goes_between_two_minutes_is_no_input() -> None:
    doubts = Doubts()
    doubts.open(FEED, "lost")
    doubts.close(FEED)
    doubts.of_minute(1)

    assert kinds(doubts, 1, frozenset()) == []


def test_what_the_ledger_doubts_at_a_start_stays_doubted_until_there_is_a_reason() -> None:
    doubts = Doubts(["A"], [Doubt(DoubtKind.TICKS, 0)])

    assert kinds(doubts, 1, frozenset({Doubt(DoubtKind.TICKS, 0)})) == []
    doubts.close(Doubt(DoubtKind.TICKS, 0))
    assert kinds(doubts, 2, frozenset({Doubt(DoubtKind.TICKS, 0)})) == [("ticks", False)]


# --- prices of another history -------------------------------------------------------------------


def split_store(plan: Plan) -> MemoryMarketStore:
    """A history in which the second instrument still has the prices of before a 1:2 split."""
    day = plan.source.next_day(-1)
    feed = SyntheticFeed(1, day, VirtualClock(0))
    bars = feed.history(plan.source.instruments, 1)
    for price in ("open", "high", "low", "close"):
        bars[price][bars["instrument"] == 1] *= 2
    store = MemoryMarketStore(plan.source.instruments)
    store.append_bars(bars, "import")
    store.commit()
    return store


def test_a_history_in_other_prices_makes_no_entry_until_it_is_made_anew(tmp_path: Path) -> None:
    store = split_store(lively())
    play(lively(), tmp_path, open_store=lambda path, ours: store)
    [(_, kind, symbol, is_open)] = doubts_of(tmp_path)
    assert (kind, symbol, is_open) == ("corporate_action", "INFY", True)

    play(lively(), tmp_path, open_store=lambda path, ours: store)  # the next day: yesterday is new
    first, second = recorded(tmp_path, [EventKind.DAY_OPENED])
    assert (first.payload["doubts"], second.payload["doubts"]) == (
        [],
        [["corporate_action", "INFY"]],
    )
    acted = {row["instrument"] for row in rows(tmp_path, "signals") if row["status"] == "ACTED"}
    assert acted == {"RELIANCE"}

    play(lively(), tmp_path)  # with a store that holds nothing, history is made anew
    *_, third = recorded(tmp_path, [EventKind.DAY_OPENED])

    assert third.payload["doubts"] == []
    assert len(doubts_of(tmp_path)) == 1


class Renewing(SyntheticSource):
    """Makes anew what it is told is doubted."""

    doubted = frozenset[int]()

    async def fetch_history(
        self, day: int, store: MarketStore, owner: Owner, doubted: frozenset[int]
    ) -> None:
        self.doubted = doubted

    def history(self, day: int, store: MarketStore) -> Iterator[MinuteSpan]:
        spans = super().history(day, store)
        self.backfilled = self.doubted
        return spans


def test_a_new_process_has_the_doubted_history_made_anew(tmp_path: Path) -> None:
    store, plan = split_store(lively()), lively()
    play(plan, tmp_path, open_store=lambda path, ours: store)
    source = Renewing(
        seed=1,
        symbols=SYMBOLS,
        speed=math.inf,
        terms=plan.terms,
        history_sessions=1,
        grace_ns=2_000_000_000,
    )

    play(replace(plan, source=source), tmp_path, open_store=lambda path, ours: store)
    *_, opened = recorded(tmp_path, [EventKind.DAY_OPENED])

    assert frozenset({1}) == source.doubted
    assert [] == opened.payload["doubts"]
