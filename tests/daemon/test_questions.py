"""A question in SQL to the running daemon: one at a time, bounded, and every outcome an answer."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from daemon.questions import Questions
from stores import market
from stores.market import DuckMarketStore
from stores.memory import MemoryMarketStore
from stores.owner import InlineOwner, OwnerThread
from tests.stores.market_rows import INSTRUMENTS, bars

Told = dict[str, object]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckMarketStore]:
    with closing(DuckMarketStore(tmp_path / "market.duckdb", INSTRUMENTS)) as opened:
        opened.append_bars(bars((0, 0, 100.0), (0, 1, 101.5)), "feed")
        opened.commit()
        yield opened


def told(store: DuckMarketStore, sql: str) -> Told:
    line = asyncio.run(Questions(lambda: store, InlineOwner()).answer(sql))
    assert line.count(b"\n") == 1
    answer: Told = json.loads(line)
    return answer


def test_what_is_committed_is_told(store: DuckMarketStore) -> None:
    assert told(store, "SELECT symbol, close FROM bars ORDER BY close") == {
        "ok": True,
        "names": ["symbol", "close"],
        "rows": [["TCS", 100.0], ["TCS", 101.5]],
        "is_cut": False,
    }


@pytest.mark.parametrize(
    "sql",
    [
        "selec",
        "DELETE FROM bars",
        "SELECT nothing FROM bars",
        "SELECT 1; SELECT 2",
        "\ud800",
        "\0",
        "SELECT INTERVAL 99999999 YEARS",
    ],
)
def test_what_is_no_question_is_refused_and_the_store_goes_on(
    store: DuckMarketStore, sql: str
) -> None:
    answer = told(store, sql)

    assert (answer["ok"], answer["try_again"]) == (False, False)
    assert told(store, "SELECT count(*) FROM bars")["rows"] == [[2]]


def test_one_that_takes_too_long_is_to_be_asked_otherwise(
    store: DuckMarketStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = (
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t"
    )
    monkeypatch.setattr(DuckMarketStore.select, "__defaults__", (0.05,))

    assert (told(store, endless)["ok"], told(store, endless)["try_again"]) == (False, True)
    assert told(store, "SELECT 1 AS n")["rows"] == [[1]]


def test_a_second_question_is_refused_while_the_first_is_answered(store: DuckMarketStore) -> None:
    release = Event()

    async def both() -> tuple[bytes, bytes]:
        owner = OwnerThread("store")
        questions = Questions(lambda: store, owner)
        held = asyncio.create_task(owner.run(release.wait))  # a commit, say
        first = asyncio.create_task(questions.answer("SELECT 1 AS n"))
        await asyncio.sleep(0)
        second = await questions.answer("SELECT 2 AS n")
        release.set()
        await held
        try:
            return await first, second
        finally:
            owner.close()

    first, second = map(json.loads, asyncio.run(both()))

    assert first["rows"] == [[1]]
    assert second == {
        "ok": False,
        "error": "another question is being answered",
        "try_again": True,
    }


def test_a_store_that_is_not_open_or_has_no_file_is_said() -> None:
    for store in (None, MemoryMarketStore(INSTRUMENTS)):
        answer = asyncio.run(Questions(lambda one=store: one, InlineOwner()).answer("SELECT 1"))  # type: ignore[misc]
        assert json.loads(answer)["try_again"]


def test_the_bounds_are_small_enough_for_a_minute_to_wait() -> None:
    assert market.SELECT_WAIT_S <= 5
    assert market.MAX_LIVE_BYTES <= 8_000_000
