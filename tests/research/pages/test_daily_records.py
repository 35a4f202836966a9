"""Every kind of run gives its daily returns and the figures that it wrote itself."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import DataError
from core.session import parse_day
from research.metrics import METRICS
from research.pages.daily_records import read_record
from research.runs import LabRun, write_lab_run

FIRST = parse_day("2021-01-28")
DAYS = pl.Series(range(FIRST, FIRST + 3), dtype=pl.Int32).cast(pl.Date)
TOLD = {
    "identity": {"strategy": "pixity", "data_hash": "d", "parameters": {"sl_mult": 1.0, "a": 2}},
    "compounded": False,
    "periods_per_year": 252.0,
}
FIGURES = {name: float(place) for place, name in enumerate(METRICS)}


def search(chosen: int | None) -> LabRun:
    told = {**TOLD, "chosen_number": chosen, "chosen": {"sl_mult": 2.0}}
    scores = pl.DataFrame([{"number": n, "sl_mult": n * 1.0, **FIGURES} for n in (1, 2)])
    daily = pl.DataFrame({"day": DAYS, "1": [None, None, None], "2": [0.1, 0.0, -0.1]})
    return LabRun("optimize", told, {"scores": scores, "daily": daily})


def test_a_search_is_its_chosen_set_with_the_figures_of_its_row(tmp_path: Path) -> None:
    write_lab_run(tmp_path, search(2), "")
    found = read_record(tmp_path, "s")

    assert (found.kind, found.strategy, found.data_hash) == ("optimize", "pixity", "d")
    assert found.settings == {"sl_mult": 2.0, "a": 2}
    assert (list(found.days), list(found.returns)) == (
        [FIRST + n for n in range(3)],
        [0.1, 0, -0.1],
    )
    assert found.metrics() == FIGURES
    first = found.on(np.array([FIRST])).metrics()
    assert (first["total_return"], first["trades"]) == (pytest.approx(0.1), None)


def test_a_walk_forward_is_what_was_unknown_to_whoever_chose(tmp_path: Path) -> None:
    told = {**TOLD, "keys": ["sl_mult"], "out_of_sample": FIGURES}
    oos = pl.DataFrame({"day": DAYS, "net_return": [0.1, 0.2, 0.3], "hindsight": [1.0, 1.0, 1.0]})
    write_lab_run(tmp_path, LabRun("walkforward", told, {"oos": oos}), "")
    found = read_record(tmp_path, "w")

    assert list(found.returns) == [0.1, 0.2, 0.3]
    assert found.settings == {"sl_mult": "chosen anew in each window", "a": 2}
    assert found.metrics() == FIGURES


def test_a_run_without_daily_returns_is_one_line(tmp_path: Path) -> None:
    write_lab_run(tmp_path / "none", search(None), "")
    with pytest.raises(DataError, match="no set met the constraints"):
        read_record(tmp_path / "none", "x")
    write_lab_run(tmp_path / "signals", LabRun("signals", {}, {}), "")
    with pytest.raises(DataError, match='a run of kind "signals" has no daily returns'):
        read_record(tmp_path / "signals", "x")
    told = {name: value for name, value in search(2).told.items() if name != "compounded"}
    write_lab_run(tmp_path / "old", search(2)._replace(told=told), "")
    with pytest.raises(DataError, match=r"run\.json: 'compounded' is missing"):
        read_record(tmp_path / "old", "x")
