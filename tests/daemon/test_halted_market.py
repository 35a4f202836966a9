"""A market that is halted in mid-session: no entry, Minutes go on, nothing is repaired."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import structlog

from core.ports import Clock, EventKind, Feed, FeedItem, Heartbeat, MarketStatus, TickBatch
from core.session import SECOND_NS, at_ist, ist_text
from core.types import MISSING, PARTIAL, Instrument
from daemon.plan import Plan
from daemon.proof.certificate import certify_day
from stores.memory import MemoryMarketStore
from tests.daemon.days import play, recorded, rows
from tests.daemon.live_like import live_plan
from tests.datasets import LIVELY


class HaltedFeed:
    """`inner` whose exchange halts everything from one moment to another, and says so."""

    def __init__(self, inner: Feed, from_ns: int, to_ns: int) -> None:
        self._inner = inner
        self._span_ns = (from_ns, to_ns)

    async def stream(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        from_ns, to_ns = self._span_ns
        halted = False
        async for item in self._inner.stream(instruments):
            was_halted, halted = halted, from_ns <= item.recv_ns < to_ns
            if halted != was_halted:
                status = "NORMAL_CLOSE" if halted else "NORMAL_OPEN"
                yield MarketStatus(item.recv_ns, "NSE_EQ", status)
            yield Heartbeat(item.recv_ns) if halted and isinstance(item, TickBatch) else item


def halted(plan: Plan, begins: str, ends: str) -> Plan:
    """From half a minute past one time to half a minute past the other."""
    healthy = plan.source.open_feed  # type: ignore[attr-defined]

    def open_feed(day: int, clock: Clock) -> Feed:
        from_ns, to_ns = (at_ist(day, moment) + 30 * SECOND_NS for moment in (begins, ends))
        return HaltedFeed(healthy(day, clock), from_ns, to_ns)

    plan.source.open_feed = open_feed  # type: ignore[attr-defined]
    return plan


@pytest.mark.parametrize("is_live", [True, False])
def test_a_halted_market_stops_entries_and_nothing_else(tmp_path: Path, is_live: bool) -> None:
    """Half an hour without a bar is no gap, and there is nothing to be repaired."""
    plan = live_plan(*LIVELY, "max_daily_loss=90000")
    plan.source.is_live = is_live
    store = MemoryMarketStore(plan.source.instruments)
    with structlog.testing.capture_logs() as logs:
        [outcome] = play(
            halted(plan, "11:00", "11:30"), tmp_path, open_store=lambda path, instruments: store
        )
    day = outcome.day
    doubts = [
        (ist_text(one.ts_ns)[11:16], one.payload["doubt"], one.payload["open"])
        for one in recorded(tmp_path, [EventKind.DOUBT])
        if one.ts_ns < at_ist(day, "12:00")
    ]
    bars = store.bars(at_ist(day, "11:01"), at_ist(day, "11:30"))
    meanwhile = [
        row["status"]
        for row in rows(tmp_path, "signals")
        if at_ist(day, "11:01") < int(str(row["bar_close_ns"])) < at_ist(day, "11:30")
    ]

    assert outcome.complete
    assert [("11:00", "hours", True), ("11:30", "hours", False)] == doubts
    assert 0 == len(bars)
    assert "ACTED" not in meanwhile
    assert not any(log["event"] == "bars_repaired" for log in logs)
    whole = store.bars(at_ist(day, "11:31"), at_ist(day, "15:15"))
    assert len(whole) > 200
    assert not (whole["quality"] & (MISSING | PARTIAL)).any()
    assert certify_day(tmp_path, day, store).difference is None
