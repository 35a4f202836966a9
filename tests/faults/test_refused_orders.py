"""What the broker does not take is said in one line, and what is held can still leave."""

from pathlib import Path

import pytest

from core.session import SECOND_NS, at_ist
from core.types import TradingState
from sandbox.accounts import Grant
from sandbox.orders.entry_rules import FAULTY
from tests.daemon.live_day import DAY, LiveDay, Stage
from tests.faults.short_live_days import shorten_hours, watched_day

NOWHERE = "http://127.0.0.1:9"  # loopback, and nobody listens
HELD_NS = at_ist(DAY, "13:46") + 30 * SECOND_NS  # one position, with its stop


@pytest.fixture(autouse=True)
def _a_day_of_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_hours(monkeypatch)


def refusals(day: LiveDay) -> list[str]:
    """As they are logged: one line for each order."""
    lines = day.logged("order_refused")
    assert len(lines) == len({str(one["order_id"]) for one in lines})
    return [str(one["reason"]) for one in lines]


@pytest.mark.slow
@pytest.mark.parametrize("word", FAULTY)
def test_an_entry_that_the_broker_rejects_is_one_line_and_no_position(
    word: str, tmp_path: Path
) -> None:
    day = watched_day(tmp_path, f"reject={word}")

    assert refusals(day)
    assert all(FAULTY[word].message in one for one in refusals(day))
    assert [] == day.tape == day.rows("fills")
    assert {"REJECTED"} == {row["state"] for row in day.rows("orders")}


@pytest.mark.slow
def test_a_host_of_orders_that_nobody_reaches_takes_no_order(tmp_path: Path) -> None:
    day = watched_day(tmp_path, order_host=NOWHERE)

    assert refusals(day)
    assert all(one.startswith("not sent: /v3/order/place") for one in refusals(day))
    assert {} == day.desk.orders


@pytest.mark.slow
def test_with_a_token_that_may_only_read_what_is_held_keeps_its_stop(tmp_path: Path) -> None:
    issued = ["given"]

    async def revoke(stage: Stage) -> None:
        await stage.until("13:46:30")
        issued.append(stage.accounts.issue(Grant.ANALYTICS, HELD_NS))
        await stage.until("13:47:30")
        issued.append("given")

    day = watched_day(tmp_path, script=revoke, token=lambda now_ns: issued[-1])

    assert any(
        "the token is read-only" in str(one["reason"]) for one in day.logged("order_refused")
    )
    assert {} == day.held
    assert day.rows("trades")


@pytest.mark.slow
def test_a_token_that_ends_in_the_day_is_asked_for_and_the_next_one_takes_the_exit(
    tmp_path: Path,
) -> None:
    day = watched_day(
        tmp_path,
        "expire=next@13:46:30",
        token=lambda now_ns: "given" if now_ns < HELD_NS + 60 * SECOND_NS else "next",
    )

    assert any("tradingd login" in str(one["reason"]) for one in day.logged("order_book_unread"))
    assert {} == day.held
    assert day.rows("trades")


@pytest.mark.slow
@pytest.mark.parametrize("status", ["403", "429"])
def test_a_page_of_the_gateway_is_never_taken_for_an_answer(status: str, tmp_path: Path) -> None:
    day = watched_day(tmp_path, f"html={status}@13:46:50-13:47:20")

    assert day.logged("order_refused") or TradingState.HALTED is day.state
    assert {} == day.held
