"""Runner state reaches the ledger when it changed, and the page at every look."""

import asyncio
from collections.abc import Sequence

import pytest
import structlog

from core.errors import StoreFailed
from core.types import TradingState
from daemon.clocks import VirtualClock
from daemon.dashboard.source import LiveSource
from daemon.scanner import DaemonFacts, Scanner, snapshot
from daemon.state import ROWS_AT_ONCE, WRITE_EVERY_S, State
from stores.memory import MemoryLedger
from stores.owner import InlineOwner
from tests.market import DAY, at
from tests.virtual_loop import VirtualLoop, run_virtual

COLUMNS = (
    "book strategy instrument instrument_id timeframe bias confidence signal_state status"
    " last_signal last_bar_open_ns last_bar_open last_bar_close_ns last_bar_close position"
    " day_pnl_paise updated_ns updated"
).split()


class CountingLedger(MemoryLedger):
    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def write_runner_state(self, rows: Sequence[dict[str, object]]) -> None:
        self.writes += 1
        super().write_runner_state(rows)

    def update_runner_state(self, rows: Sequence[dict[str, object]]) -> None:
        self.updated = [str(row["instrument"]) for row in rows]
        super().update_runner_state(rows)


class FailingLedger(MemoryLedger):
    def write_runner_state(self, rows: Sequence[dict[str, object]]) -> None:
        raise StoreFailed("disk full")


class Bench:
    def __init__(self, ledger: MemoryLedger, symbols: Sequence[str] = ("A",)) -> None:
        self.scanner = Scanner(
            [("main", "pixity", "15m", 50)], [(one, f"NSE_EQ|{one}") for one in symbols]
        )
        self.clock = VirtualClock(at("09:15"))
        self.feed_up = True
        self.stale: frozenset[str] = frozenset()
        self.source = LiveSource(self.snapshot)
        self.state = State(
            scanner=self.scanner,
            facts=self.facts,
            now_ns=self.clock.now_ns,
            ledger=ledger,
            owner=InlineOwner(),
            source=self.source,
        )

    def snapshot(self) -> dict[str, object]:
        return snapshot(self.scanner, self.facts(), self.clock.now_ns())

    def facts(self) -> DaemonFacts:
        return DaemonFacts(
            mode="paper",
            feed="synthetic",
            feed_up=self.feed_up,
            stale=self.stale,
            feed_age_ms=None,
            day=DAY,
            trading_state=TradingState.ACTIVE,
            market_open=True,
            minutes_done=0,
            minutes_expected=375,
            last_minute_ns=None,
            ticks_seen=0,
        )


def test_a_row_has_the_columns_of_the_specification() -> None:
    ledger = MemoryLedger()
    bench = Bench(ledger)
    asyncio.run(bench.state.write())
    [row] = ledger.rows("runner_state")

    assert set(row) == set(COLUMNS)
    assert (row["signal_state"], row["bias"], row["day_pnl_paise"]) == ("WARMING", "NONE", 0)
    assert row["updated_ns"] == at("09:15")


def test_rows_of_what_is_not_told_are_stale_and_the_others_run() -> None:
    ledger = MemoryLedger()
    bench = Bench(ledger, ("A", "B"))
    bench.stale = frozenset({"B"})
    bench.state.refresh()
    asyncio.run(bench.state.write())

    assert [("A", "RUNNING"), ("B", "STALE")] == [
        (row["instrument"], row["status"]) for row in ledger.rows("runner_state")
    ]


def test_rows_are_written_when_they_changed_and_only_then() -> None:
    ledger = CountingLedger()
    bench = Bench(ledger)

    async def main() -> None:
        for _ in range(3):
            bench.state.refresh()
            await bench.state.write()
        bench.feed_up = False
        for _ in range(3):
            bench.state.refresh()
            await bench.state.write()

    asyncio.run(main())

    assert (1, ["A"]) == (ledger.writes, ledger.updated)
    assert ledger.rows("runner_state")[0]["status"] == "STALE"


def test_only_rows_that_changed_are_written_again() -> None:
    ledger = CountingLedger()
    bench = Bench(ledger, symbols="ABC")

    async def main() -> None:
        await bench.state.write()
        bench.scanner.bar_closed("pixity", "B", at("09:15"), at("09:30"), 1)
        await bench.state.write()

    asyncio.run(main())

    assert (1, ["B"]) == (ledger.writes, ledger.updated)
    closed = [row["last_bar_close_ns"] for row in ledger.rows("runner_state")]
    assert [None, at("09:30"), None] == closed


def test_many_rows_that_changed_leave_the_loop_to_others_in_between() -> None:
    bench = Bench(MemoryLedger(), symbols=[f"S{number}" for number in range(2_400)])
    turns = 0

    async def main() -> None:
        nonlocal turns
        task = asyncio.create_task(bench.state.run())
        while bench.source.version == 0:
            turns += 1
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(main())

    assert turns > 2_400 // ROWS_AT_ONCE


def test_the_page_is_told_at_every_look_that_time_has_moved() -> None:
    bench = Bench(MemoryLedger())
    seen = [bench.snapshot()["updated_at"]]
    version = bench.source.version
    asyncio.run(bench.clock.sleep_until(at("09:16")))
    bench.state.refresh()
    seen.append(bench.snapshot()["updated_at"])

    assert seen == ["2026-07-22T09:15:00+05:30", "2026-07-22T09:16:00+05:30"]
    assert bench.source.version > version


def test_it_looks_once_a_second_until_it_is_ended() -> None:
    bench = Bench(MemoryLedger())
    loop = VirtualLoop()

    async def main() -> int:
        before = bench.source.version
        task = asyncio.create_task(bench.state.run())
        await asyncio.sleep(10.5 * WRITE_EVERY_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return bench.source.version - before

    assert run_virtual(loop, main()) == 11


def test_state_that_cannot_be_written_is_told_and_nothing_else_happens() -> None:
    bench = Bench(FailingLedger())
    with structlog.testing.capture_logs() as logs:
        asyncio.run(bench.state.write())

    assert [log["event"] for log in logs] == ["runner_state_failed"]
