"""`screen`: a file of candidates, a few lines about it, and every way it may be asked wrongly."""

import json
from pathlib import Path

import pytest

from tests.cli.command import call, lively_csv, rows_of, write_csv
from tests.strategies.hours import hours

ETH = ("--session", "24x7", "--base", "1h")


@pytest.fixture(scope="module")
def eth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("screen") / "eth.csv", rows_of(hours(90)))


def test_candidates_are_written_and_told(
    eth: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "candidates.jsonl"
    answer = call(capfd, "screen", "--data", str(eth), *ETH, "--out", str(out))

    assert (0, "") == (answer.code, answer.err)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert (
        "screened     2,160 decision bars of 1 instruments, 2025-01-01 to 2025-03-31" in answer.out
    )
    assert f"candidates   {len(rows)}: " in answer.out
    assert "sma20_cross" in answer.out
    assert f"written      {out}, candidates.jsonl.identity" in answer.out


def test_any_number_of_workers_writes_the_same_bytes(
    eth: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for workers in ("1", "2"):
        out = str(tmp_path / workers)
        call(capfd, "screen", "--data", str(eth), *ETH, "--out", out, "--workers", workers)

    one, two = tmp_path / "1", tmp_path / "2"
    assert one.read_bytes() == two.read_bytes() != b""


def test_the_table_screen_of_the_configuration_is_read(
    eth: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "mine.toml"
    config.write_text('[screen]\nmin_score = 0.6\ndecision_bar = "2h"\n')
    out = tmp_path / "c"
    answer = call(
        capfd, "screen", "--data", str(eth), *ETH, "--out", str(out), "--config", str(config)
    )

    assert 0 == answer.code
    assert "screened     1,080 decision bars" in answer.out
    assert all(json.loads(line)["score"] >= 0.6 for line in out.read_text().splitlines())


def test_a_strategy_brings_its_own_screener(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = lively_csv(tmp_path / "week.csv")
    words = ("--strategy", "pixity", "--set", "timeframe=5m", "swing_period=2")
    answer = call(capfd, "screen", "--data", str(data), "--out", str(tmp_path / "c"), *words)

    assert (0, "") == (answer.code, answer.err)
    assert "swing_high_cross" in answer.out


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("--workers 0", 2, "--workers 0 is not 1 to 256"),
        ("--strategy ema_cross --set timeframe=1h", 2, "strategy ema_cross has no screener"),
        ("--strategy pixity", 2, "timeframe 15m is not a multiple of the data's bars of 60m"),
        ("--set decision_bar=90m", 2, "screen.decision_bar 90m is not a multiple"),
        ("--set decision_bar=4h", 2, "must be shorter than 4h"),
        ("--set min_score=2", 2, 'screen.min_score = "2" is not allowed: a number >= 0 and'),
        ("--set volatility_path=no.csv", 2, "volatility_path no.csv: no such file"),
        ("--symbols ZZZ", 2, "symbols: not in the data: ZZZ"),
        ("--from 2026-01-01", 3, "the data covers 2025-01-01 to 2025-03-31"),
        ("--from 2025-03-01 --to 2025-02-01", 2, "--from 2025-03-01 is after --to 2025-02-01"),
    ],
)
def test_what_cannot_be_screened_is_told_in_one_line(
    words: str,
    code: int,
    told: str,
    eth: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "c"
    answer = call(capfd, "screen", "--data", str(eth), *ETH, "--out", str(out), *words.split())

    assert (code, "") == (answer.code, answer.out)
    assert told in answer.err
    assert 1 == answer.err.count("\n")
    assert not out.exists()


def test_a_folder_is_no_file_to_write(
    eth: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = call(capfd, "screen", "--data", str(eth), *ETH, "--out", str(tmp_path))

    assert 2 == answer.code
    assert "is a folder: candidates are one file" in answer.err
