"""`labels` and `train` as they are typed: files, lines, exit codes."""

from pathlib import Path

import pytest

from research.labels import read_labels
from tests.cli.command import LIVELY_SET, call, lively_csv

Capture = pytest.CaptureFixture[str]


def test_labels_are_written_and_told(capfd: Capture, tmp_path: Path) -> None:
    data, out = lively_csv(tmp_path / "bars.csv"), tmp_path / "new" / "labels.parquet"
    answer = call(capfd, "labels", "--data", str(data), "--out", str(out), *LIVELY_SET)
    labels = read_labels(out)

    assert (0, "") == (answer.code, answer.err)
    lines = answer.out.splitlines()
    assert lines[0].startswith(f"events       {labels.frame.height}, without a label ")
    assert f" of {labels.labelled.height} won, mean " in lines[1]
    assert lines[2].startswith("exits        ")
    assert lines[3] == f"written      {out}"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--out", "."], 2, "tradingd: --out . is a directory\n"),
        (["--out", "bars.csv/l.parquet"], 2, "tradingd: cannot write to bars.csv: Not a directory"),
        (
            ["--out", "l.parquet", "--strategy", "ema_cross"],
            2,
            "tradingd: strategy ema_cross records no features to learn from\n",
        ),
        (["--out", "l.parquet", "--from", "2027-01-01"], 3, "tradingd: no bars from 2027-01-01: "),
    ],
)
def test_what_cannot_be_labelled_is_one_line(
    words: list[str],
    code: int,
    told: str,
    capfd: Capture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    lively_csv(tmp_path / "bars.csv")
    answer = call(capfd, "labels", "--data", "bars.csv", *words)

    assert (code, "") == (answer.code, answer.out)
    assert answer.err.startswith(told)
    assert 1 == answer.err.count("\n")


def test_no_event_at_all_is_a_file_without_rows(capfd: Capture, tmp_path: Path) -> None:
    data, out = lively_csv(tmp_path / "bars.csv"), tmp_path / "labels.parquet"
    answer = call(
        capfd, "labels", "--data", str(data), "--out", str(out), "--set", "warmup_bars=9999"
    )

    assert (0, "events       0, without a label 0") == (answer.code, answer.out.splitlines()[0])
    assert read_labels(out).frame.is_empty()
