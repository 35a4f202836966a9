"""A question to a store at work: bounded in rows, bytes and time, and it changes nothing."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import ConfigError, TryAgain
from stores import market
from stores.answer import Answer
from stores.market import DuckMarketStore
from tests.stores.market_rows import INSTRUMENTS


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckMarketStore]:
    with closing(DuckMarketStore(tmp_path / "market.duckdb", INSTRUMENTS)) as opened:
        yield opened


def test_an_answer_has_a_bound(store: DuckMarketStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market, "MAX_LIVE_ROWS", 2)
    monkeypatch.setattr(market, "MAX_LIVE_BYTES", 20)

    cut = Answer(["range"], [(0,), (1,)], is_cut=True)
    assert store.select("SELECT * FROM range(100)") == cut
    assert store.select("SELECT * FROM range(2)") == Answer(["range"], cut.rows, is_cut=False)
    assert store.select("SELECT repeat('x', 21) AS range") == Answer(["range"], [], is_cut=True)
    assert store.days() == []


def test_a_question_without_end_is_interrupted(store: DuckMarketStore) -> None:
    with pytest.raises(TryAgain, match=r"no answer within 0\.05 s"):
        store.select("SELECT sum(a.range * b.range) FROM range(9999999) a, range(9999999) b", 0.05)

    assert store.select("SELECT to_timestamp(0) AS at").rows == [("1970-01-01 05:30:00+05:30",)]


def test_rows_written_inside_a_select_reach_no_table(store: DuckMarketStore) -> None:
    store.append_feed_gap(1, 5, 9, "lost")
    store.commit()

    with pytest.raises(ConfigError, match="read-only"):
        store.select("WITH x AS (DELETE FROM feed_gaps RETURNING *) SELECT * FROM x")
    with pytest.raises(ConfigError, match="staged_ticks does not exist"):
        store.select("SELECT * FROM staged_ticks")
    assert store.select("SELECT count(*) FROM feed_gaps").rows == [(1,)]
