"""kill -9 at random moments of a day, and inside a Minute's transaction: nothing of it is left."""

import signal
from pathlib import Path
from time import perf_counter

import polars as pl
import pytest

from tests.daemon.days import rows
from tests.e2e.kills import day, differences, killed_day
from tests.e2e.processes import result_of, running, wait_for_minutes

KILLS = 10  # `make soak` does thirty


@pytest.mark.slow
def test_a_day_killed_at_random_moments_is_the_day_without_kills(tmp_path: Path) -> None:
    code, lines = result_of(*day(tmp_path / "whole", "max"))
    assert code == 0, lines
    killed = killed_day(tmp_path / "killed", KILLS, seed=1)

    assert list(differences(killed, tmp_path / "whole")) == []
    assert rows(tmp_path / "whole", "trades") != []
    assert killed.inside >= 3


@pytest.mark.slow
def test_fifty_instruments_are_back_within_ten_seconds(shared: Path, tmp_path: Path) -> None:
    """From the start of the process to the first Minute it may enter on, in the middle of a day."""
    data = shared / "data" / "nse_1m_wide_2016-08_2016-09.parquet"
    symbols = pl.scan_parquet(data).select(pl.col("symbol").unique().sort()).collect()["symbol"]
    names = symbols.to_list()[:50]
    replay = ["--feed", "replay", "--data", str(data), "--day", "2016-09-07", "--symbols", *names]
    command = ["run", "--speed", "600", "--port", "0", "--state-dir", str(tmp_path), *replay]
    with running(*command) as first:
        wait_for_minutes(first.address(), 60)
        first.send(signal.SIGKILL)
        first.ended()
    begun_s = perf_counter()
    with running(*command) as second:
        second.line_with("day_resumed")
        second.line_with("day_opened")
        took_s = perf_counter() - begun_s
        second.send(signal.SIGKILL)
        second.ended()

    assert took_s <= 10.0
