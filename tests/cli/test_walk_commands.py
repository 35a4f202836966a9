"""`walkforward`: windows on the terminal, a folder of tables, a page that can be made again."""

import json
from pathlib import Path

import polars as pl
import pytest

from tests.cli.command import LIVELY_SET, call, rows_of, tree, write_csv
from tests.datasets import generated

GRID = ("--grid", "sl_mult=1,2", "tp_mult=2,3")
SPAN = ("--train", "2d", "--test", "1d", "--min-trades", "1")
LINE = ("walkforward", "--data", "bars.csv", *GRID, *SPAN, "--state-dir", "state", *LIVELY_SET)
TABLES = ("windows", "oos", "trades", "drift", "scores", "sets", "daily", "paths", "splits")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with five days of one symbol in it."""
    write_csv(tmp_path / "bars.csv", rows_of(generated("week")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_walk_writes_the_same_bytes_for_any_number_of_workers_and_after_a_stop(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cpcv = ("--cpcv", "2,1", "--embargo", "0")
    answers = [call(capfd, *LINE, *cpcv, "--out", out, "--workers", out) for out in ("1", "3")]
    assert [one.code for one in answers] == [0, 0]
    for said in ("out of sample  2026-07-22 to 2026-07-24: Sharpe", "efficiency     profit"):
        assert said in answers[0].out
    assert "cpcv           1 paths: Sharpe" in answers[0].out
    assert "evidence       4 trials, deflated Sharpe" in answers[1].out
    again = call(capfd, *LINE, *cpcv, "--out", "1")  # every set is known
    assert again.out == answers[0].out
    names = {f"{name}.{end}" for name in TABLES for end in ("parquet", "csv")}
    assert names < {path.name for path in (folder / "1").iterdir()}
    for name in (*names, "run.json", "report.html"):
        assert (folder / "1" / name).read_bytes() == (folder / "3" / name).read_bytes()


def test_the_report_makes_the_page_again(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(capfd, *LINE, "--out", "out").code == 0
    page = (folder / "out/report.html").read_bytes()
    (folder / "out/report.html").unlink()
    assert call(capfd, "report", "out").code == 0
    assert (folder / "out/report.html").read_bytes() == page


def test_what_is_chosen_next_and_the_windows_trades_are_told(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = call(capfd, *LINE, "--out", "out", "--anchored", "--from", "2026-07-21")
    told = json.loads((folder / "out/run.json").read_text())["told"]
    values = " ".join(f"{key}={value}" for key, value in told["chosen"].items())
    assert f"next           {values}" in answer.out
    windows = pl.read_parquet(folder / "out/windows.parquet")
    assert windows["train_from"].cast(pl.String).to_list() == ["2026-07-21"] * 2
    trades = pl.read_parquet(folder / "out/trades.parquet")
    assert trades.height == windows["test_trades"].sum() == told["out_of_sample"]["trades"]


def test_the_vectorised_gear_walks_too_and_compounds(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cross = ("--gear", "vectorized", "--strategy", "sma_cross", "--grid", "fast=2,3", "slow=5,8")
    line = ("walkforward", "--data", "bars.csv", *cross, *SPAN, "--state-dir", "state")
    answer = call(capfd, *line, "--out", "out")
    assert answer.code == 0
    told = json.loads((folder / "out/run.json").read_text())["told"]
    assert told["compounded"] is True
    oos = pl.read_parquet(folder / "out/oos.parquet")
    grown = (1 + oos["net_return"]).product() - 1
    assert told["out_of_sample"]["total_return"] == pytest.approx(grown, rel=1e-12)
    assert not (folder / "out/trades.parquet").exists()


def test_a_walk_without_a_choice_is_written_and_fails(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = call(capfd, *LINE, "--out", "out", "--min-trades", "10000")
    assert answer.code == 1
    assert "window 1: no set could be chosen: " in answer.out
    assert "next           none" in answer.out
    assert (folder / "out/run.json").is_file()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--train", "3w"), 2, '--train "3w" is not months or sessions, 1 to 10,000'),
        (("--train", "12m"), 2, "train 12m, test 1d and step 1d are not all in months (m)"),
        (("--train", "9d"), 3, "no window fits: train 9d and test 1d, the data has 5 sessions"),
        (("--test", "2d", "--step", "1d"), 2, "test windows would overlap"),
        (("--cpcv", "8"), 2, '--cpcv "8" is not N,K'),
        (("--cpcv", "5,2"), 2, "a group needs 4 sessions or more"),
        (("--objective", "luck"), 2, 'objective "luck"'),
        (("--grid", "sl_molt=1"), 2, 'unknown key "sl_molt"'),
        (("--from", "2027-01-01"), 3, "no session of the data lies in the span"),
    ],
)
def test_bad_options_are_one_line_and_leave_nothing(
    folder: Path,
    capfd: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    before = tree(folder)
    answer = call(capfd, *LINE, "--out", "out", *words)
    assert (answer.code, answer.err.count("\n")) == (code, 1)
    assert said in answer.err
    assert tree(folder) == before
