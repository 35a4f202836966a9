"""The session of docs/notebook.md runs, cell after cell, on generated minutes."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from backtest.files import write_run
from backtest.run import run
from backtest.summary import daily_of, summary_of
from core.session import MINUTE_NS, at_ist, parse_day
from research import lab
from research.metrics import METRICS
from tests.datasets import LIVELY, generated, request_on
from tests.test_docs import ROOT, fenced

SESSIONS = 45
FIRST = parse_day("2026-02-02")  # a Monday; weekdays alone are sessions of a file


def minutes(symbols: str) -> pl.DataFrame:
    """A walk for each symbol over SESSIONS weekdays."""
    random = np.random.default_rng(5)
    days = [day for day in range(FIRST, FIRST + 2 * SESSIONS) if (day - FIRST) % 7 < 5][:SESSIONS]
    stamps = np.concatenate([at_ist(day, "09:15") + MINUTE_NS * np.arange(375) for day in days])
    frames = []
    for symbol in symbols:
        path = np.exp(np.cumsum(random.normal(0, 0.0009, (len(stamps), 4)))).reshape(-1, 4) * 500
        columns = {"open": path[:, 0], "high": path.max(axis=1), "low": path.min(axis=1)}
        frames.append(
            pl.DataFrame({"symbol": [symbol] * len(stamps), "ts": stamps})
            .with_columns(pl.from_epoch("ts", time_unit="ns").dt.replace_time_zone("UTC"))
            .with_columns(**{name: pl.Series(one) for name, one in columns.items()})
            .with_columns(close=pl.Series(path[:, 3]), volume=pl.lit(1_000))
        )
    return pl.concat(frames)


@pytest.mark.slow
def test_every_cell_of_the_session_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    minutes("ABCDEF").write_parquet("bars.parquet")
    for name, sl_mult in (("near", 1), ("wide", 2)):
        request = request_on(generated("week"), *LIVELY, f"sl_mult={sl_mult}")
        made = run(request)
        told = summary_of(request, made), daily_of(request, made)
        write_run(tmp_path / name, made.signals, made.trades, *told)
    cells = fenced(ROOT / "docs/notebook.md", "python")
    names: dict[str, object] = {}
    for cell in cells:
        exec(compile(cell, "docs/notebook.md", "exec"), names)  # noqa: S102

    assert len(cells) > 6
    vector, walked = names["run"], names["walked"]
    assert set(vector.metrics) == set(METRICS)  # type: ignore[attr-defined]
    assert names["searched"].scores.height == 12  # type: ignore[attr-defined]
    assert len(walked.outcomes) == 3  # type: ignore[attr-defined]
    assert lab.show(names["two"])._repr_html_().startswith("<iframe sandbox=")  # type: ignore[arg-type]


def test_the_page_of_names_holds_what_it_says() -> None:
    assert sorted(lab.__all__, key=lambda name: (not name.isupper(), name)) == lab.__all__
    assert all(hasattr(lab, name) for name in lab.__all__)
