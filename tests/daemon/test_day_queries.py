"""What the page is told of a day, over both kinds of market store."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import StoreFailed
from core.ports import MarketStore
from core.session import ist_text
from daemon import day_queries
from daemon.bootstrap import Daemon
from daemon.day_queries import MAX_TABLE_ROWS, StoredDay
from daemon.scanner import Json
from providers.live import DayFrame
from stores.market import DuckMarketStore
from stores.memory import MemoryMarketStore
from stores.owner import InlineOwner
from tests.daemon.days import synthetic_plan
from tests.daemon.scanned import run
from tests.stores.market_rows import DAY, INFY, INSTRUMENTS, MINUTE_NS, OPEN_NS, bars, decisions


class Pixity:
    """The names of a strategy whose decisions `tests.stores.market_rows` makes."""

    name = "pixity"
    kinds = ("TREND", "REVERSION")
    gates = ("warm", "over", "under")


@pytest.fixture(params=["duckdb", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MarketStore]:
    builders: dict[str, Callable[[], MarketStore]] = {
        "duckdb": lambda: DuckMarketStore(tmp_path / "market.duckdb", INSTRUMENTS),
        "memory": lambda: MemoryMarketStore(INSTRUMENTS),
    }
    opened = builders[request.param]()
    yield opened
    opened.close()


def told(store: MarketStore, table: list[Json] | None = None) -> StoredDay:
    frame = DayFrame(DAY, bars(), bars(), 375, OPEN_NS, OPEN_NS + 375 * MINUTE_NS, MINUTE_NS)

    async def ledger_rows(view: str, day: int | None) -> list[Json]:
        assert day == DAY
        return table or []

    return StoredDay(
        instruments=INSTRUMENTS,
        frame=lambda: frame,
        strategies=lambda: [Pixity()],
        store=lambda: store,
        store_owner=InlineOwner(),
        ledger_rows=ledger_rows,
        directory=Path("nowhere"),
    )


def test_bars_are_those_of_the_day_and_the_instrument_in_order(store: MarketStore) -> None:
    store.append_bars(bars((1, 1, 11.0), (1, 0, 10.0), (0, 0, 100.0), (1, 375, 12.0)), "feed")
    store.commit()

    rows = run(told(store).bars("INFY"))

    assert ["2026-07-23T09:15:00+05:30", "2026-07-23T09:16:00+05:30"] == [r["time"] for r in rows]
    assert {
        "time_ns": OPEN_NS,
        "time": "2026-07-23T09:15:00+05:30",
        "open": 9.5,
        "high": 11.0,
        "low": 9.0,
        "close": 10.0,
        "volume": 1_000,
        "gap": False,
    } == rows[0]


def test_a_symbol_and_its_key_are_the_same_instrument(store: MarketStore) -> None:
    store.append_bars(bars((1, 0, 10.0)), "feed")
    store.commit()
    queries = told(store)

    assert run(queries.bars(INFY.symbol)) == run(queries.bars(INFY.id)) != []
    assert queries.knows(INFY.symbol)
    assert queries.knows(INFY.id)
    assert not queries.knows("infy")


def test_a_decision_names_its_event_its_refusal_and_its_gates(store: MarketStore) -> None:
    closed, decided = decisions(1)
    decided["side"][:, 0] = -1
    decided["status"], decided["refusal"] = 2, 7  # REFUSED, COOLDOWN
    decided["value"], decided["limit"] = 1.0, 3.0
    store.append_decisions("pixity", closed, decided)
    store.commit()

    [row] = run(told(store).decisions("INFY"))

    assert ([{"kind": "REVERSION", "side": "SELL"}], "REFUSED") == (row["events"], row["status"])
    assert {"rule": "cooldown", "value": 1.0, "limit": 3.0} == row["refusal"]
    assert [
        {"gate": "warm", "value": 0.0, "threshold": 0.0, "passed": False},
        {"gate": "over", "value": 0.0, "threshold": 0.0, "passed": False},
        {"gate": "under", "value": 0.0, "threshold": 0.0, "passed": True},
    ] == row["gates"]
    assert (None, 2.0) == (row["vwap"], row["atr"])


def test_the_last_entry_time_is_told_as_a_time(store: MarketStore) -> None:
    closed, decided = decisions(1)
    decided["side"][:, 0] = 1
    decided["status"], decided["refusal"] = 2, 5  # REFUSED, LAST_ENTRY
    decided["value"], decided["limit"] = OPEN_NS + MINUTE_NS, OPEN_NS
    store.append_decisions("pixity", closed, decided)
    store.commit()

    [row] = run(told(store).decisions("INFY"))

    assert {
        "rule": "last_entry",
        "value": ist_text(OPEN_NS + MINUTE_NS),
        "limit": ist_text(OPEN_NS),
    } == row["refusal"]


def test_a_bar_without_an_event_has_gates_and_no_status(store: MarketStore) -> None:
    closed, decided = decisions(1)
    decided["count"] = 0
    store.append_decisions("pixity", closed, decided)
    store.commit()

    [row] = run(told(store).decisions("INFY"))

    assert ([], None, None, 3) == (
        row["events"],
        row["status"],
        row["refusal"],
        len(row["gates"]),
    )


def test_decisions_of_a_strategy_that_does_not_run_are_left_out(store: MarketStore) -> None:
    store.append_decisions("ema_cross", *decisions(1))
    store.commit()

    assert [] == run(told(store).decisions("INFY"))


def test_answers_are_bounded_and_keep_the_newest(
    store: MarketStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_queries, "MAX_BARS", 2)
    monkeypatch.setattr(day_queries, "MAX_DECIDED_BARS", 2)
    closed, decided = decisions(5)
    decided["side"][:, 0] = 1
    decided["status"] = 1
    store.append_decisions("pixity", closed, decided)
    store.append_bars(bars(*((1, minute, 10.0 + minute) for minute in range(5))), "feed")
    store.commit()
    queries = told(store)

    assert [13.0, 14.0] == [row["close"] for row in run(queries.bars("INFY"))]
    assert [103.0, 104.0] == [row["close"] for row in run(queries.decisions("INFY"))]


def test_a_table_keeps_its_last_rows_and_tells_its_times() -> None:
    table: list[Json] = [
        {"n": n, "created_ns": OPEN_NS, "updated_ns": OPEN_NS + n} for n in range(600)
    ]
    rows = run(told(MemoryMarketStore(INSTRUMENTS), table).table("orders"))

    assert list(range(600 - MAX_TABLE_ROWS, 600)) == [row["n"] for row in rows]
    assert {ist_text(OPEN_NS)} == {row["created"] for row in rows}


def test_one_question_is_asked_at_a_time() -> None:
    asked: list[str] = []

    async def ledger_rows(view: str, day: int | None) -> list[Json]:
        asked.append(f"{view} begins")
        await asyncio.sleep(0)
        asked.append(f"{view} ends")
        return []

    async def main() -> None:
        queries = told(MemoryMarketStore(INSTRUMENTS))
        queries._ledger_rows = ledger_rows
        await asyncio.gather(queries.table("orders"), queries.table("trades"))

    run(main())

    assert ["orders begins", "orders ends", "trades begins", "trades ends"] == asked


@pytest.mark.parametrize("open_store", [DuckMarketStore, lambda _, some: MemoryMarketStore(some)])
def test_a_played_day_is_told_as_it_was_decided(
    tmp_path: Path, open_store: Callable[..., MarketStore]
) -> None:
    async def main() -> tuple[dict[str, list[Json]], list[Json]]:
        daemon = Daemon(
            synthetic_plan("warmup_bars=10", symbols=["RELIANCE"]),
            tmp_path,
            ledger_owner=InlineOwner(),
            store_owner=InlineOwner(),
            open_store=open_store,
        )
        queries = daemon.queries
        with pytest.raises(StoreFailed):
            await queries.bars("RELIANCE")  # nothing is open yet
        try:
            await daemon.open()
            day = await daemon.choose_day(None)
            assert day is not None
            await daemon.play(day)
            answers = {
                "bars": await queries.bars("RELIANCE"),
                "decisions": await queries.decisions("RELIANCE"),
            } | {view: await queries.table(view) for view in ("orders", "trades", "positions")}
            return answers, await daemon.day_rows("signals", day)
        finally:
            await daemon.close()

    answers, signals = run(main())
    decided = answers["decisions"]
    told_events = [
        (row["close_ns"], event["kind"], event["side"])
        for row in decided
        for event in row["events"]
    ]

    assert [(row["bar_close_ns"], row["kind"], row["side"]) for row in signals] == told_events
    assert told_events != []
    assert (375, 25, []) == (len(answers["bars"]), len(decided), answers["positions"])
    assert len(answers["trades"]) == len(
        [row for row in answers["orders"] if row["role"] == "ENTRY"]
    )
