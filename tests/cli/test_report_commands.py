"""`report DIR`: tables on the terminal and a page, or one line about the folder."""

from pathlib import Path

import pytest

from backtest.files import write_run
from core.errors import DataError
from tests.cli.command import LIVELY_SET, call, lively_csv
from tests.run_files import signals, summary, trades


def written(folder: Path, **changed: object) -> Path:
    more = {"strategy_bars": 3, "base_bars": 9}
    told = summary() | {
        "counts": more,
        "status": {"ACTED": 3},
        "refusals": {},
        "exits": {"STOP": 3},
        "gross_paise": 5_300,
        "bars_per_second": 1,
    }
    write_run(folder, signals(), trades(), told | changed)
    return folder


def test_a_run_is_told_by_months_kinds_and_refusals(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answer = call(capfd, "report", str(written(tmp_path / "out")))
    assert (answer.code, answer.err) == (0, "")
    lines = [line.split() for line in answer.out.splitlines()]
    assert ["2021", "100.00", *"-" * 11, "100.00"] in lines
    assert ["REVERSION", "1", "0.00", "-10.00", "-0.02", "1.00"] in lines
    assert ["cooldown", "TREND", "BUY", "1"] in lines
    assert answer.out.endswith(f"written      {tmp_path}/out/report.html\n")
    assert (tmp_path / "out/report.html").read_text().endswith("</html>")


def test_a_backtest_writes_the_same_page_with_the_bars_it_traded(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    line = (
        "--data",
        str(lively_csv(tmp_path / "bars.csv")),
        "--out",
        str(out),
        "--report",
        *LIVELY_SET,
    )
    assert "report.html" in call(capfd, "backtest", *line).out
    told = (out / "report.html").read_text()
    assert "trades on its bars" in told
    assert "mean R alone" in told  # what the refused would have made
    page = tmp_path / "elsewhere" / "page.html"
    assert call(capfd, "report", str(out), "--out", str(page)).code == 0
    assert "trades on its bars" not in page.read_text()


def test_a_folder_without_a_run_is_one_line(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answer = call(capfd, "report", str(tmp_path))
    assert answer.code == DataError.exit_code
    assert answer.err.startswith(f"tradingd: {tmp_path} cannot be read:")
    trades().rename({"r": "R"}).write_parquet(written(tmp_path / "out") / "trades.parquet")
    answer = call(capfd, "report", str(tmp_path / "out"))
    assert answer.err == f"tradingd: {tmp_path}/out/trades.parquet has not the columns of a run\n"
    written(tmp_path / "day")
    (tmp_path / "day/summary.json").write_text('{"strategy": "pixity"}')
    answer = call(capfd, "report", str(tmp_path / "day"))
    assert (answer.code, "no backtest's summary" in answer.err) == (DataError.exit_code, True)
