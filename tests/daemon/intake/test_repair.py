"""A feed that dies and comes back: what it did not see is repaired from candles, or flagged."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import structlog

from core.errors import ConnectionLost
from core.minutes import ClosedMinute
from core.ports import Candles, EventKind
from core.session import MINUTE_NS, SECOND_NS, at_ist, ist_text
from core.types import BAR, MISSING, NEVER_NS, PARTIAL, REPAIRED, Instrument, Records
from daemon.clocks import VirtualClock
from daemon.intake.repair import PAUSE_NS, Repairer
from daemon.intake.tape import replayed
from daemon.plan import Plan
from stores.memory import MemoryMarketStore
from tests.core.test_repair import NONE, bar, missing
from tests.core.tick_tapes import OPEN_NS
from tests.daemon.days import play, recorded, rows, synthetic_plan
from tests.daemon.faulty_feeds import dying
from tests.datasets import LIVELY

GRACE_NS, WAIT_NS = 2 * SECOND_NS, 20 * SECOND_NS
DEATH, RETURN = "11:00:20", "11:03:10"
DOUBTFUL = 4  # Minutes 11:00 to 11:03 were not seen whole


def minutes_of(directory: Path) -> dict[int, Records]:
    return {
        event.ts_ns: np.frombuffer(event.blob or b"", BAR)
        for event in recorded(directory, [EventKind.MINUTE])
    }


def lively(*assignments: str) -> Plan:
    return synthetic_plan(
        *LIVELY,
        "max_daily_loss=90000",
        *assignments,
        symbols=("RELIANCE", "INFY"),
        history_sessions=1,
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("undisturbed")
    play(lively(), directory)
    return directory


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("repaired")
    play(dying(lively(), DEATH, RETURN), directory)
    return directory


def test_bars_the_feed_did_not_see_whole_are_the_brokers(repaired: Path, undisturbed: Path) -> None:
    ours, whole = minutes_of(repaired), minutes_of(undisturbed)
    touched = [ns for ns, bars in ours.items() if (bars["quality"] == REPAIRED).any()]

    assert ours.keys() == whole.keys()
    assert len(touched) == DOUBTFUL
    for ns, bars in ours.items():
        assert np.array_equal(bars[list(BAR.names)[2:]], whole[ns][list(BAR.names)[2:]])
        assert {*bars["quality"].tolist()} <= ({REPAIRED} if ns in touched else {0})


def test_a_repaired_day_decides_as_the_undisturbed_one(repaired: Path, undisturbed: Path) -> None:
    assert rows(undisturbed, "signals")
    assert rows(repaired, "signals") == rows(undisturbed, "signals")


def test_repaired_bars_are_stored_as_such(tmp_path: Path) -> None:
    sources: dict[str, int] = {}

    class Noting(MemoryMarketStore):
        def append_bars(self, bars: Records, source: str) -> None:
            sources[source] = sources.get(source, 0) + len(bars)
            super().append_bars(bars, source)

    play(dying(lively(), DEATH, RETURN), tmp_path, open_store=lambda path, ours: Noting(ours))

    assert sources["repair"] == 2 * DOUBTFUL
    assert sources["feed"] == 2 * (375 - DOUBTFUL)


def test_a_repaired_day_comes_out_of_its_ticks_and_the_candles_it_was_given(tmp_path: Path) -> None:
    plan, stores = dying(lively(), DEATH, RETURN), []

    def open_store(path: Path, instruments: Sequence[Instrument]) -> MemoryMarketStore:
        stores.append(MemoryMarketStore(instruments))
        return stores[-1]

    [outcome] = play(plan, tmp_path, open_store=open_store)
    publications = [event.payload for event in recorded(tmp_path, [EventKind.MINUTE])]
    sessions = plan.source.sessions(outcome.day) * 2
    again = list(replayed(sessions, publications, stores[0].ticks(0, NEVER_NS)))
    built = [one.minute.bars.tobytes() for one in again if one.minute is not None]

    assert sum("candles" in one for one in publications) == DOUBTFUL
    assert built == [bars.tobytes() for bars in minutes_of(tmp_path).values()]


def test_without_candles_the_same_minutes_are_flagged(tmp_path: Path) -> None:
    plan = dying(lively(), DEATH, RETURN)
    plan.source.candles = lambda frame, clock: None  # type: ignore[method-assign]
    with structlog.testing.capture_logs() as logs:
        play(plan, tmp_path)
    flagged = {
        ns: bars["quality"].tolist()
        for ns, bars in minutes_of(tmp_path).items()
        if any(bars["quality"])
    }

    assert list(flagged.values()) == [[PARTIAL] * 2, [MISSING] * 2, [MISSING] * 2, [PARTIAL] * 2]
    assert not any(log["event"] == "bars_repaired" for log in logs)


def test_strategy_bars_over_a_flagged_minute_make_no_entry(
    tmp_path: Path, undisturbed: Path
) -> None:
    """A bar that was not seen whole is a gap, also where the feed saw some of it."""
    [first, *_] = [row for row in rows(undisturbed, "signals") if row["status"] == "ACTED"]
    last_s = int(str(first["bar_close_ns"])) - 30 * SECOND_NS
    text = ist_text(last_s)[11:19]
    plan = dying(lively(), text, ist_text(last_s + 5 * SECOND_NS)[11:19])
    plan.source.candles = lambda frame, clock: None  # type: ignore[method-assign]
    play(plan, tmp_path)
    [again, *_] = rows(tmp_path, "signals")

    assert again["refusal"] == "gap"
    assert again["bar_close_ns"] == first["bar_close_ns"]


# --- the feed is dead for good -------------------------------------------------------------------


class Silent:
    """A broker that does not answer."""

    async def last_minute(self, instruments: Sequence[int]) -> Records:
        raise ConnectionLost("no answer")

    async def day(self, instrument: int) -> Records:
        raise ConnectionLost("no answer")


def held_to_the_end() -> Plan:
    return lively("time_stop_bars=200", "sl_mult=40", "tp_mult=40", "square_off_minutes=20")


@pytest.mark.parametrize("broker", ["tells candles", "is silent", "has none"])
def test_a_feed_dead_from_three_on_leaves_no_position(broker: str, tmp_path: Path) -> None:
    plan = dying(held_to_the_end(), "15:00:00")
    if broker != "tells candles":
        candles = Silent() if broker == "is silent" else None
        plan.source.candles = lambda frame, clock: candles  # type: ignore[method-assign]
    [outcome] = play(plan, tmp_path)
    asked = [row for row in rows(tmp_path, "orders") if row["role"] == "SQUARE_OFF"]
    reasons = {row["exit_reason"] for row in rows(tmp_path, "trades")}

    assert outcome.complete
    assert asked
    assert {ist_text(int(str(row["created_ns"])))[11:19] for row in asked} == {"15:10:00"}
    assert rows(tmp_path, "positions") == []
    assert reasons == ({"SQUARE_OFF"} if broker == "tells candles" else {"FORCED"})
    assert not any(
        str(row["role"]) == "ENTRY" and int(str(row["created_ns"])) > at_ist(outcome.day, "15:00")
        for row in rows(tmp_path, "orders")
    )


# --- in time -------------------------------------------------------------------------------------


def asked_of(
    candles: Candles, minutes: Sequence[ClosedMinute], *, now_ns: int, began_ns: int = OPEN_NS
) -> tuple[float, list[int]]:
    """Seconds until the Repairer gives Minutes on, and how many bars it found for each."""

    async def main() -> tuple[float, list[int]]:
        clock = VirtualClock(began_ns)
        repairer = Repairer(candles, clock, WAIT_NS)
        await clock.sleep_until(now_ns)
        given = await repairer.given(minutes, GRACE_NS)
        return (clock.now_ns() - now_ns) / SECOND_NS, [len(one.candles) for one in given]

    return asyncio.run(main())


CLOSED_NS = OPEN_NS + 6 * MINUTE_NS  # of minute 5


class Answers:
    """Gives these answers to questions for last minutes one after the other, the last for ever."""

    def __init__(self, *answers: Records) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def last_minute(self, instruments: Sequence[int]) -> Records:
        self.asked += 1
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    async def day(self, instrument: int) -> Records:
        self.asked += 1
        return NONE


class Hanging:
    """A broker that never comes back."""

    async def last_minute(self, instruments: Sequence[int]) -> Records:
        await asyncio.Event().wait()
        raise AssertionError

    async def day(self, instrument: int) -> Records:
        raise AssertionError


def test_an_answer_at_once_costs_no_time() -> None:
    waited, found = asked_of(Answers(bar(5)), [missing(5, 0)], now_ns=CLOSED_NS + GRACE_NS)

    assert (waited, found) == (0.0, [1])


def test_a_candle_that_comes_late_is_asked_for_again() -> None:
    waited, found = asked_of(
        Answers(bar(4), bar(4), bar(5)), [missing(5, 0)], now_ns=CLOSED_NS + GRACE_NS
    )

    assert (waited, found) == (2 * PAUSE_NS / SECOND_NS, [1])


@pytest.mark.parametrize("candles", [Silent(), Hanging(), Answers(NONE)])
def test_a_minute_waits_for_candles_as_long_as_it_may_and_no_longer(candles: Candles) -> None:
    waited, found = asked_of(candles, [missing(5, 0)], now_ns=CLOSED_NS + GRACE_NS + SECOND_NS)

    assert (waited, found) == (WAIT_NS / SECOND_NS - 1, [0])


def test_minutes_that_were_over_at_the_start_have_the_wait_from_then_on() -> None:
    stretch = [missing(5, 0), missing(6, 0)]
    began_ns = CLOSED_NS + 3_600 * SECOND_NS
    waited, found = asked_of(Silent(), stretch, now_ns=began_ns, began_ns=began_ns)

    assert (waited, found) == (WAIT_NS / SECOND_NS, [0, 0])


def test_a_bug_in_the_broker_is_not_taken_for_silence() -> None:
    class Broken(Silent):
        async def last_minute(self, instruments: Sequence[int]) -> Records:
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        asked_of(Broken(), [missing(5, 0)], now_ns=CLOSED_NS)
