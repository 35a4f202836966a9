"""A tick that is not as it was stored is found, and is the one that is named."""

from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from stores.market import DuckMarketStore
from tests.stores.market_rows import INSTRUMENTS, ticks

EVER = (0, 2**62)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ticks SET price = 100.2 WHERE seq = 3",
        "UPDATE ticks SET price = NULL WHERE seq = 3",
        "UPDATE ticks SET volume = volume + 1 WHERE seq = 3",
        "UPDATE ticks SET quantity = 0 WHERE seq = 3",
        "UPDATE ticks SET exch_ns = exch_ns + 1 WHERE seq = 3",
        "UPDATE ticks SET connection = 2 WHERE seq = 3",
        "UPDATE ticks SET instrument = 1 WHERE seq = 3",
        "UPDATE ticks SET checksum = 0 WHERE seq = 3",
    ],
)
def test_a_tick_that_was_altered_in_the_file_is_found(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "market.duckdb"
    with closing(DuckMarketStore(path, INSTRUMENTS)) as first:
        first.append_ticks(ticks(5))
    with duckdb.connect(str(path)) as db:
        db.execute(statement)

    with closing(DuckMarketStore(path, INSTRUMENTS)) as second:
        assert second.altered_ticks(*EVER).tolist() == [3]
