"""What every market store promises (core.ports.MarketStore)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from core.errors import StoreFailed
from core.ports import MarketStore
from core.types import BAR, MISSING, TICK
from stores.market import DuckMarketStore
from stores.memory import MemoryMarketStore
from tests.stores.market_rows import (
    DAY,
    DAY_NS,
    INSTRUMENTS,
    MINUTE_NS,
    OPEN_NS,
    bars,
    decisions,
    ticks,
)

EVER = (0, 2**62)


@pytest.fixture(params=["duckdb", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MarketStore]:
    builders: dict[str, Callable[[], MarketStore]] = {
        "duckdb": lambda: DuckMarketStore(tmp_path / "market.duckdb", INSTRUMENTS),
        "memory": lambda: MemoryMarketStore(INSTRUMENTS),
    }
    opened = builders[request.param]()
    yield opened
    opened.close()


def test_an_empty_store_gives_empty_arrays(store: MarketStore) -> None:
    assert store.bars(*EVER).dtype == BAR
    assert store.ticks(*EVER).dtype == TICK
    assert len(store.bars(*EVER)) == len(store.ticks(*EVER)) == 0
    assert store.days() == []


def test_nothing_is_read_before_it_is_committed(store: MarketStore) -> None:
    store.append_bars(bars((0, 0, 100.0)), "feed")
    store.append_ticks(ticks(3))
    before = len(store.bars(*EVER)), len(store.ticks(*EVER)), store.days()
    store.commit()

    assert before == (0, 0, [])
    assert (len(store.bars(*EVER)), len(store.ticks(*EVER)), store.days()) == (1, 3, [DAY])


def test_a_commit_of_nothing_is_fine(store: MarketStore) -> None:
    store.commit()

    assert store.days() == []


def test_bars_come_by_time_then_instrument_as_they_were(store: MarketStore) -> None:
    late, early = bars((1, 1, 11.0), (0, 1, 101.0)), bars((1, 0, 10.0), (0, 0, 100.0))
    store.append_bars(late, "feed")
    store.append_bars(early, "feed")
    store.commit()

    found = store.bars(*EVER)

    assert found.tolist() == [*early[::-1].tolist(), *late[::-1].tolist()]


def test_a_span_holds_its_start_and_not_its_end(store: MarketStore) -> None:
    store.append_bars(bars(*((0, minute, 100.0) for minute in range(5))), "feed")
    store.append_ticks(ticks(5))
    store.commit()

    found = store.bars(OPEN_NS + MINUTE_NS, OPEN_NS + 3 * MINUTE_NS)
    heard = store.ticks(OPEN_NS + 1_000_000, OPEN_NS + 3_000_000)

    assert found["open_ns"].tolist() == [OPEN_NS + MINUTE_NS, OPEN_NS + 2 * MINUTE_NS]
    assert heard["seq"].tolist() == [1, 2]


def test_ticks_come_as_they_arrived(store: MarketStore) -> None:
    arrived = ticks(5_000)[np.random.default_rng(7).permutation(5_000)]
    for block in np.array_split(arrived, 7):
        store.append_ticks(block)
        store.commit()

    assert np.array_equal(store.ticks(*EVER), arrived)


def test_ticks_are_counted_as_they_are_given(store: MarketStore) -> None:
    store.append_ticks(ticks(5))
    store.commit()

    assert store.tick_count(*EVER) == 5
    assert store.tick_count(OPEN_NS + 1_000_000, OPEN_NS + 3_000_000) == 2


def test_ticks_of_any_value_are_found_unaltered(store: MarketStore) -> None:
    strange = ticks(4)
    strange["price"] = [np.nan, -0.0, np.inf, -1.0]
    strange["quantity"] = [-1, 2**62, 0, -(2**63)]
    store.append_ticks(strange)
    store.commit()

    assert store.altered_ticks(*EVER).tolist() == []


def test_the_caller_may_reuse_its_array_at_once(store: MarketStore) -> None:
    frame = ticks(3)
    store.append_ticks(frame)
    frame["price"] = 0.0
    minute = bars((0, 0, 100.0))
    store.append_bars(minute, "feed")
    minute["close"] = 0.0
    store.commit()

    assert store.ticks(*EVER)["price"].tolist() == [100.0, 100.05, 100.1]
    assert store.bars(*EVER)["close"].tolist() == [100.0]


def test_of_two_bars_of_a_minute_the_better_source_counts(store: MarketStore) -> None:
    closes = {"backfill": 103.0, "repair": 102.0, "feed": 101.0, "import": 100.0}
    for source, close in closes.items():
        store.append_bars(bars((0, 0, close)), source)
    store.append_bars(bars((1, 0, 11.0)), "repair")
    store.append_bars(bars((1, 0, 10.0)), "feed")
    store.commit()

    assert store.bars(*EVER)["close"].tolist() == [103.0, 11.0]


def test_of_two_bars_of_one_source_the_later_counts(store: MarketStore) -> None:
    for close in (100.0, 102.0, 101.0):
        store.append_bars(bars((0, 0, close)), "repair")
        store.commit()

    assert store.bars(*EVER)["close"].tolist() == [101.0]


def test_a_missing_bar_keeps_its_flag_and_has_no_price(store: MarketStore) -> None:
    missing = bars((0, 0, 100.0), quality=MISSING)
    for price in ("open", "high", "low", "close"):
        missing[price] = np.nan
    store.append_bars(missing, "feed")
    store.commit()

    [found] = store.bars(*EVER)
    assert found["quality"] == MISSING
    assert np.isnan([found["open"], found["high"], found["low"], found["close"]]).all()


def test_an_unknown_source_is_refused(store: MarketStore) -> None:
    with pytest.raises(StoreFailed, match="'rumour'"):
        store.append_bars(bars((0, 0, 100.0)), "rumour")


def test_days_are_those_of_the_instruments_sessions(store: MarketStore) -> None:
    late_evening = 14 * 60 + 30  # minutes after 09:15 IST: 23:45 IST, 18:15 UTC
    after_midnight = late_evening + 60  # 00:45 IST of the next day, still the same UTC day
    store.append_bars(bars((1, 0, 10.0), (2, after_midnight, 10.0)), "feed")
    store.append_bars(bars((0, 0, 100.0), day=DAY + 4), "backfill")
    store.commit()

    assert store.days() == [DAY, DAY + 4]
    assert (OPEN_NS + after_midnight * MINUTE_NS) // DAY_NS == DAY


def test_the_days_of_each_instrument_are_told_by_source(store: MarketStore) -> None:
    store.append_bars(bars((0, 0, 100.0), (1, 0, 10.0)), "feed")
    store.append_bars(bars((0, 0, 100.0), day=DAY + 1), "backfill")
    store.append_bars(bars((0, 0, 100.0), day=DAY + 2, quality=MISSING), "backfill")
    store.commit()

    assert [{DAY, DAY + 1}, {DAY}, set()] == store.held_days()
    assert [{DAY + 1}, set(), set()] == store.held_days("backfill")


def test_the_bars_of_one_instrument_come_alone(store: MarketStore) -> None:
    store.append_bars(bars((1, 0, 10.0), (0, 0, 100.0), (0, 1, 101.0), (0, 2, 102.0)), "feed")
    store.append_bars(bars((0, 1, 101.5)), "repair")
    store.commit()

    found = store.bars(OPEN_NS, OPEN_NS + 2 * MINUTE_NS, 0)

    assert found["instrument"].tolist() == [0, 0]
    assert found["close"].tolist() == [100.0, 101.5]
    assert len(store.bars(*EVER, 2)) == 0


def test_a_decision_is_read_back_with_its_gates(store: MarketStore) -> None:
    store.append_decisions("pixity", *decisions(2))
    store.commit()

    first, second = store.decisions(1, DAY, 10)

    assert (first.strategy, first.open_ns, first.close) == ("pixity", OPEN_NS, 100.0)
    assert (second.open_ns, second.close_ns) == (
        OPEN_NS + 15 * MINUTE_NS,
        OPEN_NS + 30 * MINUTE_NS,
    )
    assert (second.events, second.atr, second.limit) == (((2, 0),), 2.0, 500.0)
    assert np.isnan(second.vwap)
    assert second.gates == ((0.0, 0.0, False), (1.0, 0.0, False), (0.0, 0.0, True))


def test_only_the_last_decisions_of_the_day_and_instrument_are_given(store: MarketStore) -> None:
    store.append_decisions("pixity", *decisions(5))
    store.commit()
    store.append_decisions("ema_cross", *decisions(3))
    before = len(store.decisions(1, DAY, 10))
    store.commit()

    found = store.decisions(1, DAY, 4)

    assert before == 5
    assert [(one.strategy, one.close) for one in found] == [
        ("pixity", 102.0),
        ("ema_cross", 102.0),
        ("pixity", 103.0),
        ("pixity", 104.0),
    ]
    assert store.decisions(1, DAY, 0) == store.decisions(0, DAY, 9) == []
    assert store.decisions(1, DAY + 1, 9) == []
