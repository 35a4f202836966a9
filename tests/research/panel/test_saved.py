"""Saved runs of the vectorised gear: named after what they are, and one table again."""

from pathlib import Path

import polars as pl
import pytest

from core.errors import DataError
from research.metrics import METRICS
from research.panel.saved import save, saved
from research.panel.vectorized import VectorizedEngine
from tests.research.panel.vectors import FREE, LONG_THEN_SHORT, ONE_PERCENT, OPENS, Cross, bars, run


def test_a_run_is_saved_under_its_name_and_the_same_run_has_the_same(tmp_path: Path) -> None:
    made, again = run(bars(OPENS, LONG_THEN_SHORT)), run(bars(OPENS, LONG_THEN_SHORT))
    dearer = run(bars(OPENS, LONG_THEN_SHORT), ONE_PERCENT)
    path = save(tmp_path / "runs", made)
    row = pl.read_parquet(path).row(0, named=True)

    assert path.name == f"Given_EQ_15m_{made.identity['run_id']}.parquet"
    assert made.name == again.name != dearer.name
    assert (row["params"], row["data_hash"], row["fee_bps"]) == ("{}", "d", 0.0)
    assert {name: row[name] for name in METRICS} == made.metrics
    for part, frame in (("frames", made.frame), ("trades", made.trades), ("equity", made.equity)):
        assert frame is not None
        assert pl.read_parquet(tmp_path / "runs" / part / path.name).equals(frame)


def test_saved_runs_are_one_table_whatever_the_strategies(tmp_path: Path) -> None:
    traded = run(bars(OPENS, LONG_THEN_SHORT))
    idle = VectorizedEngine(FREE).run(bars(OPENS, [0] * 6).lazy(), Cross(), data_hash="e")
    for one in (traded, idle):
        save(tmp_path, one)
    found = saved(tmp_path).sort("data_hash")

    assert ["d", "e"] == found["data_hash"].to_list()
    assert [None, 2] == found["param_fast"].to_list()
    assert [traded.metrics["win_rate"], idle.metrics["win_rate"]] == found["win_rate"].to_list()
    with pytest.raises(DataError, match="cannot be read"):
        saved(tmp_path / "none")
