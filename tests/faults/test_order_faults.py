"""Every fault of the order side through the daemon in mode live: real sockets, virtual time.

A day that goes wrong has one broker order per id, each fill of the exchange's tape in the ledger
once, and no position that stands without its exit order for five seconds and is not HALTED.
"""

from pathlib import Path

import pytest

from core.types import Command, TradingState
from sandbox.faults.kinds import CATALOGUE, DATA_FAULTS
from sandbox.faults.schedule import fault_of
from tests.daemon.live_day import LiveDay, Stage
from tests.faults.short_live_days import shorten_hours, watched_day
from tests.faults.tables import faults_with_their_tests

ORDER_FAULTS = [one.name for one in CATALOGUE.values() if one not in DATA_FAULTS]
DOCUMENT, SECTION = "docs/live-faults.md", "## What becomes of a live day"

# The entry of one share is filled at 13:46:03, its stop is sent at once, and changed into its exit
# at 13:47:02; then the other share's entry is sent, which takes fourteen seconds to be filled.
AT_THE_STOP = "@13:46:03-13:46:50"
AT_THE_EXIT = "@13:46:50-13:47:20"
# What is asked of a fault that stands here, day by day; of any other it is the fault all day.
DAYS: dict[str, list[str]] = {
    "unanswered": ["unanswered=3"],
    "order-answer": [
        f"order-answer=500{AT_THE_EXIT}",
        *(f"order-answer=taken-{one}" for one in ("500", "html", "empty", "wrong-id")),
    ],
    "order-401": [f"order-401{AT_THE_STOP}", f"order-401{AT_THE_EXIT}"],
    "order-429": [f"order-429{AT_THE_EXIT}"],
    "black-hole": [f"black-hole{AT_THE_STOP}", f"black-hole{AT_THE_EXIT}"],
    "drop-updates": ["drop-updates=20"],
    "reject": [
        *(f"reject={one}" for one in ("funds", "freeze", "closed", "intraday")),
        f"reject=band{AT_THE_STOP}",
    ],
    "square-off": ["square-off@13:46:30"],
    "by-hand": ["by-hand@13:46:30"],
}
PLAYED = [day for name in ORDER_FAULTS for day in DAYS.get(name, [name])]

# Where nothing is left open by a fault, nothing is halted: the day trades as without it.
HARMLESS = {
    "unanswered=3",
    "late-answer",
    "mute-updates",
    "drop-updates=20",
    "late-updates",
    "double-updates",
    "lost-ack",
    "ack-after-fill",
    "partial",
}


@pytest.fixture(autouse=True)
def _a_day_of_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_hours(monkeypatch)


def shares_out(day: LiveDay) -> list[tuple[object, ...]]:
    """What was traded, whatever the price."""
    return [(row["instrument"], row["quantity"], row["exit_reason"]) for row in day.rows("trades")]


@pytest.fixture(scope="module")
def peaceful(tmp_path_factory: pytest.TempPathFactory) -> LiveDay:
    with pytest.MonkeyPatch.context() as patch:
        shorten_hours(patch)
        return watched_day(tmp_path_factory.mktemp("peaceful"))


@pytest.mark.slow
@pytest.mark.parametrize("fault", PLAYED)
def test_a_live_day_survives_a_fault_of_its_orders(
    fault: str, peaceful: LiveDay, tmp_path: Path
) -> None:
    day = watched_day(tmp_path, fault)

    if fault in HARMLESS:
        assert day.state is TradingState.ACTIVE
        assert shares_out(peaceful) == shares_out(day)


def test_a_day_without_a_fault_trades_and_ends_flat(peaceful: LiveDay) -> None:
    assert [] == peaceful.notes("breaker_tripped")
    assert {} == peaceful.held
    assert 3 == len(peaceful.rows("trades"))


@pytest.mark.slow
def test_a_position_whose_stop_is_not_answered_is_halted(tmp_path: Path) -> None:
    day = watched_day(tmp_path, f"black-hole{AT_THE_STOP}")

    assert "has been without a working exit order" in str(day.notes("breaker_tripped")[0]["reason"])
    assert TradingState.HALTED is day.state


@pytest.mark.slow
def test_trades_that_the_broker_does_not_tell_halt_and_are_booked_later(
    tmp_path: Path,
) -> None:
    day = watched_day(tmp_path, "stale-book=30")

    assert "its trades have not been told" in str(day.notes("breaker_tripped")[0]["reason"])
    assert day.rows("trades")


@pytest.mark.slow
def test_a_fill_of_a_cancelled_entry_is_named(tmp_path: Path) -> None:
    async def flatten(stage: Stage) -> None:
        await stage.until("13:46:03")
        await stage.command(Command.FLATTEN)

    day = watched_day(tmp_path, "fill-cancelled", script=flatten)

    assert TradingState.HALTED is day.state
    assert "no such order works" in str(day.notes("breaker_tripped")[0]["reason"])


@pytest.mark.slow
def test_exits_go_on_once_the_host_of_orders_answers(tmp_path: Path) -> None:
    day = watched_day(tmp_path, f"order-401{AT_THE_EXIT}")

    assert {} == day.held
    assert ["TIME"] == [row["exit_reason"] for row in day.rows("trades")][:1]
    assert any("tradingd login" in str(one["reason"]) for one in day.logged("order_refused"))


# --- the document --------------------------------------------------------------------------------


def test_the_document_says_of_every_fault_of_the_order_side_what_the_daemon_does() -> None:
    table = faults_with_their_tests(DOCUMENT, SECTION)

    assert ORDER_FAULTS == list(table)
    for day in PLAYED:
        assert fault_of(day).kind.name in table
