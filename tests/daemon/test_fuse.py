"""A strategy that raises is off for the day, and alone: the others, its position and a restart."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from core.book import MAIN_BOOK
from core.engine import Engine
from core.errors import InvariantBroken, StoreFailed
from core.events import Effect
from core.ports import EventKind
from core.session import DAY_NS, MINUTE_NS, at_ist
from core.types import Records
from daemon.fuse import SWITCHED_OFF
from daemon.plan import Plan
from daemon.proof.certificate import certify_day
from stores.memory import MemoryMarketStore
from strategies.kernel import KernelStrategy
from strategies.settings import StrategySettings
from tests.daemon.days import (
    Hook,
    copy_of_a_kill,
    crashed_after,
    play,
    play_to,
    recorded,
    rows,
    synthetic_plan,
    told,
)
from tests.daemon.shaky import COUNTING, NAME, Shaky
from tests.daemon.test_books import DAY, QUICK, VIEWS, alone
from tests.datasets import LIVELY

SHAKY = (
    "shaky",
    NAME,
    StrategySettings(timeframe="5m", warmup_bars=0, sl_mult=8, tp_mult=8, time_stop_bars=5),
)


def shaky_plan() -> Plan:
    """pixity, then the shaky one, in one book."""
    plan = alone()
    return replace(plan, strategies=(*plan.strategies, SHAKY))


@pytest.fixture(autouse=True)
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing a test asks for is left to the next."""
    monkeypatch.setattr(Shaky, "fails_at_ns", 0)
    monkeypatch.setattr(Shaky, "fails_in", 0)
    monkeypatch.setattr(Shaky, "error", ValueError("cannot think"))
    monkeypatch.setattr(Shaky, "is_lost", False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The day on which nothing fails."""
    directory = tmp_path_factory.mktemp("whole")
    play(shaky_plan(), directory, DAY)
    return directory


@pytest.fixture(scope="module")
def fatal_ns(whole: Path) -> int:
    """A bar in the middle of a position of the shaky strategy, in the first instrument."""
    trade = next(
        row
        for row in rows(whole, "trades")
        if row["strategy"] == "shaky" and row["instrument"] == "A" and row["exit_reason"] == "TIME"
    )
    return int(str(trade["signal_bar_open_ns"])) + 3 * 5 * MINUTE_NS


@pytest.fixture(scope="module")
def failed(whole: Path, fatal_ns: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The day on which the second instrument's bar is too much for it."""
    directory = tmp_path_factory.mktemp("failed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Shaky, "fails_at_ns", fatal_ns)
        patch.setattr(Shaky, "fails_in", 1)
        play(shaky_plan(), directory, DAY)
    return directory


def notes(directory: Path) -> list[dict[str, object]]:
    return [
        event.payload
        for event in recorded(directory, [EventKind.NOTE])
        if event.key == SWITCHED_OFF
    ]


def signals(directory: Path, strategy: str) -> list[dict[str, object]]:
    return [row for row in rows(directory, "signals") if row["strategy"] == strategy]


def close_of(row: dict[str, object]) -> int:
    return int(str(row["bar_close_ns"]))


# --- off for the day -----------------------------------------------------------------------------


def test_a_strategy_that_raises_says_nothing_more_today(
    whole: Path, failed: Path, fatal_ns: int
) -> None:
    before = [row for row in signals(whole, "shaky") if close_of(row) < fatal_ns]
    said = [row for row in signals(failed, "shaky") if close_of(row) < fatal_ns]

    assert said == before
    assert all(close_of(row) <= fatal_ns for row in signals(failed, "shaky"))
    assert len(signals(failed, "shaky")) < len(signals(whole, "shaky"))
    assert notes(failed) == [
        {
            "strategy": "shaky",
            "answered": 1,  # the first instrument's bar of that Minute
            "reason": "ValueError: cannot think",
            "day": DAY,
            "book": MAIN_BOOK,
        }
    ]


def test_its_open_position_still_leaves_by_its_own_terms(
    whole: Path, failed: Path, fatal_ns: int
) -> None:
    def open_then(directory: Path) -> list[dict[str, object]]:
        return [
            row
            for row in rows(directory, "trades")
            if row["strategy"] == "shaky"
            and int(str(row["entry_ns"])) < fatal_ns < int(str(row["exit_ns"]))
        ]

    assert "TIME" in {row["exit_reason"] for row in open_then(failed)}
    assert open_then(failed) == open_then(whole)


def test_the_other_strategies_go_on(failed: Path, fatal_ns: int) -> None:
    assert [row for row in signals(failed, "pixity") if close_of(row) > fatal_ns]


def test_it_is_an_error_in_the_log_and_off_on_the_page(
    fatal_ns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shaky, "fails_at_ns", fatal_ns)
    with structlog.testing.capture_logs() as logs:
        play(shaky_plan(), tmp_path, DAY)
    [told_of] = [one for one in logs if one["event"] == "strategy_failed"]

    assert (told_of["log_level"], told_of["strategy"], told_of["book"]) == (
        *("error", "shaky"),
        MAIN_BOOK,
    )
    assert "in on_bar" in told_of["trace"]
    assert {
        row["strategy"] for row in rows(tmp_path, "runner_state") if row["status"] == "OFF"
    } == {"shaky"}


def test_it_is_on_again_the_next_day(
    fatal_ns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Shaky, "fails_at_ns", fatal_ns - DAY_NS)
        play(shaky_plan(), tmp_path, DAY - 1)
    play(shaky_plan(), tmp_path, DAY)

    assert [note["day"] for note in notes(tmp_path)] == [DAY - 1]
    assert {row["day"] for row in signals(tmp_path, "shaky")} == {DAY - 1, DAY}
    assert "OFF" not in {row["status"] for row in rows(tmp_path, "runner_state")}


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SystemExit(3), "SystemExit: 3"),
        (ValueError("half of a pair: \ud83d"), r"ValueError: half of a pair: \ud83d"),
        (Unspeakable(), "tests.daemon.test_fuse.Unspeakable: <exception str() failed>"),
    ],
    ids=["exit", "surrogate", "unspeakable"],
)
def test_whatever_it_raises_the_day_is_played_to_its_end(
    error: BaseException,
    reason: str,
    fatal_ns: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Shaky, "fails_at_ns", fatal_ns)
    monkeypatch.setattr(Shaky, "error", error)
    [outcome] = play(shaky_plan(), tmp_path, DAY)

    assert outcome.complete
    assert [note["reason"] for note in notes(tmp_path)] == [reason]


def test_a_kernel_that_raises_is_off_alone(
    fatal_ns: int, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "killed"
    with monkeypatch.context() as patch:
        patch.setattr(KernelStrategy, "on_bars", starved_at(fatal_ns))
        play(
            shaky_plan(), tmp_path / "day", DAY, after_append=kill_once_off(tmp_path / "day", copy)
        )
    play(shaky_plan(), copy, DAY)

    assert [note["strategy"] for note in notes(tmp_path / "day")] == ["pixity"]
    assert all(close_of(row) < fatal_ns for row in signals(tmp_path / "day", "pixity"))
    assert signals(tmp_path / "day", "shaky")[-1] == signals(whole, "shaky")[-1]
    assert told(copy) == told(tmp_path / "day")


def starved_at(close_ns: int, name: str = "pixity") -> Callable[..., Records]:
    """A kernel that runs out of memory from a bar on."""
    answer = KernelStrategy.on_bars

    def on_bars(kernel: KernelStrategy, bars: Records, account: object = None) -> Records:
        if kernel.name == name and len(bars) and bars["close_ns"].max() >= close_ns:
            kernel.states["count"] += 1  # half-way through
            raise MemoryError
        return answer(kernel, bars)

    return on_bars


def test_a_fault_of_the_engine_still_stops_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(engine: Engine, event: object) -> list[Effect]:
        raise InvariantBroken("a bug of ours")

    monkeypatch.setattr(Engine, "_decided", broken)

    with pytest.raises(InvariantBroken, match="a bug of ours"):
        play(shaky_plan(), tmp_path, DAY)


# --- a restart -----------------------------------------------------------------------------------


def kill_once_off(directory: Path, copy: Path, *, appends_later: int = 0) -> Hook:
    """What a kill would leave, so many appends after a strategy has gone off."""
    since = -1

    def after(number: int) -> None:
        nonlocal since
        if since < 0 and not recorded(directory, [EventKind.NOTE]):
            return
        since += 1
        if since == appends_later:
            copy_of_a_kill(directory, copy)

    return after


@pytest.mark.parametrize("appends_later", [0, 25])
def test_a_restart_keeps_it_off_though_it_would_not_raise_again(
    appends_later: int, failed: Path, fatal_ns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What made it raise has passed; the day that is run again knows that it did."""
    day, copy = tmp_path / "day", tmp_path / "killed"
    with monkeypatch.context() as patch:
        patch.setattr(Shaky, "fails_at_ns", fatal_ns)
        patch.setattr(Shaky, "fails_in", 1)
        play(
            shaky_plan(),
            day,
            DAY,
            after_append=kill_once_off(day, copy, appends_later=appends_later),
        )
    with structlog.testing.capture_logs() as logs:
        play(shaky_plan(), copy, DAY)

    assert told(copy) == told(failed)
    assert [one["strategy"] for one in logs if one["event"] == "strategy_failed"] == ["shaky"]
    for view in VIEWS:
        assert rows(copy, view) == rows(failed, view)


def test_one_that_raises_only_when_run_again_stops_the_start(
    fatal_ns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its recorded signals cannot be vouched for: a person must look."""
    play_to(shaky_plan(), tmp_path, DAY, minutes=330)
    monkeypatch.setattr(Shaky, "fails_at_ns", fatal_ns)

    with pytest.raises(StoreFailed, match="'A re-run differs'"):
        play(shaky_plan(), tmp_path, DAY)


def test_one_that_the_history_is_too_much_for_is_off_from_the_open(
    fatal_ns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = tmp_path / "day"
    with monkeypatch.context() as patch:
        patch.setattr(Shaky, "fails_at_ns", fatal_ns - DAY_NS)
        kills = crashed_after(shaky_plan(), day, tmp_path / "kills", DAY, appends=(60,))
    for copy in kills:
        play(shaky_plan(), copy, DAY)

        assert told(copy) == told(day)
    [opened] = recorded(day, [EventKind.DAY_OPENED])
    off = opened.payload["off"]
    assert isinstance(off, list)

    assert [row["strategy"] for row in off] == ["shaky"]
    assert signals(day, "shaky") == []
    assert signals(day, "pixity") != []


def test_one_that_cannot_be_made_on_a_later_morning_is_off_that_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one process; a start without it is refused, as with any configuration."""

    def lose(number: int) -> None:
        Shaky.is_lost = Shaky.is_lost or bool(recorded(tmp_path, [EventKind.DAY_CLOSED]))

    play(shaky_plan(), tmp_path, DAY - 1, DAY, after_append=lose)
    off = [event.payload["off"] for event in recorded(tmp_path, [EventKind.DAY_OPENED])]

    assert off == [
        [],
        [{"strategy": "shaky", "answered": 0, "reason": "FileNotFoundError: where is my model"}],
    ]
    assert {row["day"] for row in signals(tmp_path, "shaky")} == {DAY - 1}
    assert {row["day"] for row in signals(tmp_path, "pixity")} == {DAY - 1, DAY}


# --- what no snapshot holds ----------------------------------------------------------------------


def test_a_plain_strategy_remembers_its_history_over_a_restart(tmp_path: Path) -> None:
    counting = ("counting", COUNTING, SHAKY[2].model_copy(update={"timeframe": "15m"}))
    plan = replace(shaky_plan(), strategies=(*shaky_plan().strategies, counting))
    [killed] = crashed_after(plan, tmp_path / "day", tmp_path, DAY, appends=(150,))
    play(plan, killed, DAY)

    assert len(signals(tmp_path / "day", "counting")) > 5
    assert told(killed) == told(tmp_path / "day")


# --- a certificate -------------------------------------------------------------------------------


@pytest.mark.parametrize("in_history", [False, True], ids=["in the day", "in its history"])
def test_a_day_of_books_and_a_failure_that_has_passed_is_certified(
    in_history: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From generated ticks and stored history: a shadow, and a strategy that would not fail now."""
    plan = replace(
        synthetic_plan(*LIVELY, seed=3, symbols=("RELIANCE", "INFY")),
        shadows=(("lab", (SHAKY,)),),  # sorts before the main book
    )
    store = MemoryMarketStore(plan.source.instruments)
    day = plan.source.next_day(-1)
    fatal_ns = at_ist(day - 3 if in_history else day, "11:00")  # the day is a Monday
    with monkeypatch.context() as patch:
        patch.setattr(Shaky, "fails_at_ns", fatal_ns)
        play(plan, tmp_path, open_store=lambda path, instruments: store)
    certificate = certify_day(tmp_path, day, store)

    assert certificate.difference is None
    assert certificate.given["opening states"] == "computed"
    assert len(notes(tmp_path)) == (0 if in_history else 1)
    assert (signals(tmp_path, "shaky") == []) is in_history


def test_a_kernel_that_its_history_was_too_much_for_is_off_in_the_certificate_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its states are part of the opening that is computed again."""
    plan = replace(
        synthetic_plan(*LIVELY, seed=3, symbols=("RELIANCE", "INFY")), shadows=(("trial", QUICK),)
    )
    store = MemoryMarketStore(plan.source.instruments)
    day = plan.source.next_day(-1)
    with monkeypatch.context() as patch:
        patch.setattr(KernelStrategy, "on_bars", starved_at(at_ist(day - 3, "11:00"), "quick"))
        play(plan, tmp_path, open_store=lambda path, instruments: store)
    certificate = certify_day(tmp_path, day, store)

    assert certificate.difference is None
    assert certificate.given["opening states"] == "computed"
    assert signals(tmp_path, "quick") == []
