"""Not ready is said when an entry cannot be expected, by the name of what does not flow."""

import pytest

from core.types import TradingState
from daemon.orders.reconciliation import Reconciled
from daemon.plan import Standing
from daemon.pulse.health import MINUTE_MARGIN_NS, STALE_FRAME_MS
from daemon.pulse.vitals import Vitals
from providers.live import MAX_WAITING_MINUTES
from tests.daemon.vital_signs import NOW_NS, Signs
from tests.market import MINUTE_NS, at


def test_a_sound_session_is_ready() -> None:
    signs = Signs()

    assert [] == signs.wrong()
    assert "105 of 375, the last 30.0 s ago, at most 75" == signs.detail("minutes")


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("feed", {"feed_up": False}),
        ("frames", {"feed_age_ms": STALE_FRAME_MS + 1}),
        ("frames", {"feed_age_ms": None}),
        ("minutes", {"last_minute_ns": NOW_NS - MINUTE_NS - MINUTE_MARGIN_NS - 1}),
        ("minutes", {"last_minute_ns": None}),
        ("trading_state", {"trading_state": TradingState.HALTED}),
        ("trading_state", {"trading_state": TradingState.REDUCING}),
    ],
)
def test_what_does_not_flow_in_an_open_market_is_named(name: str, facts: dict[str, object]) -> None:
    assert [name] == Signs(**facts).wrong()


def test_a_closed_market_owes_nothing() -> None:
    signs = Signs(market_open=False, feed_up=False, feed_age_ms=None, last_minute_ns=None)

    assert [] == signs.wrong()
    assert "the market is closed" == signs.detail("feed")


def test_instruments_that_are_not_told_are_counted_and_the_others_may_be_entered() -> None:
    signs = Signs(stale=frozenset({"A", "B"}))

    assert [] == signs.wrong()
    assert "synthetic is up, but for 2 instruments" == signs.detail("feed")


def test_the_first_frame_and_minute_may_take_their_time() -> None:
    signs = Signs(feed_age_ms=None, last_minute_ns=None)
    signs.now_ns = at("09:15") + STALE_FRAME_MS * 1_000_000

    assert [] == signs.wrong()


def test_recorded_bars_come_a_minute_at_a_time() -> None:
    age_ms = MINUTE_NS // 1_000_000

    assert [] == Signs(feed_age_ms=age_ms, ticks_seen=0).wrong()
    assert ["frames"] == Signs(feed_age_ms=age_ms, ticks_seen=1).wrong()


def test_a_store_that_fails_is_told_until_it_takes_rows_again() -> None:
    signs = Signs()
    signs.vitals.meters.stored(failure="disk full")
    assert ["market_store"] == signs.wrong()
    assert "disk full" == signs.detail("market_store")
    signs.vitals.meters.stored()

    assert [] == signs.wrong()
    assert "1 failures since the start" == signs.detail("market_store")


def test_a_full_queue_is_told() -> None:
    signs = Signs()
    signs.waiting = MAX_WAITING_MINUTES - 1
    assert [] == signs.wrong()
    signs.waiting = MAX_WAITING_MINUTES

    assert ["queues"] == signs.wrong()
    assert f"minutes {MAX_WAITING_MINUTES}" == signs.detail("queues")


def test_a_loop_that_lags_by_a_second_is_told() -> None:
    signs = Signs()
    signs.vitals.lag_s = 1.2

    assert ["loop"] == signs.wrong()


def test_a_start_is_told_step_by_step() -> None:
    signs = Signs()
    signs.vitals = Vitals()
    for step in ("ledger", "history"):
        signs.vitals.step(step)

    assert "start" in signs.wrong()
    assert signs.detail("start").startswith("ledger 0.0")
    assert signs.detail("start").endswith(" s, history under way")


def test_a_process_that_stops_is_not_ready_and_lives() -> None:
    signs = Signs()
    signs.vitals.stop()

    assert ["start"] == signs.wrong()
    assert [True] == [check.ok for check in signs.health.live()]


def test_real_orders_are_told_without_the_whole_account() -> None:
    """/health answers also who has no token."""
    live = Signs(mode="live", broker="upstox", account="AB1234")

    assert "LIVE: real orders at upstox, account ..34" == live.detail("mode")
    assert "paper: no order is real" == Signs().detail("mode")


def test_a_ledger_and_a_broker_that_differ_are_told_without_their_numbers() -> None:
    text = "position RELIANCE: the ledger has +10, the broker +4"
    differ = Signs(standing=Standing(reconciled=Reconciled(NOW_NS, (text,))))
    agree = Signs(standing=Standing(reconciled=Reconciled(NOW_NS)))

    assert ["reconciliation"] == differ.wrong()
    assert "at 11:00:30 position RELIANCE differs (1 of 1)" == differ.detail("reconciliation")
    assert "at 11:00:30 agreed" == agree.detail("reconciliation")
    assert "reconciliation" not in [check.name for check in Signs().health.ready()]
