"""`labels` and `train` as they are typed: files, lines, exit codes."""

from pathlib import Path

import pytest

from core.session import parse_day
from research.meta.labels import read_labels, write_labels
from tests.cli.command import LIVELY_SET, call, lively_csv, rows_of, write_csv
from tests.datasets import MARKETS, generated
from tests.market import CASH
from tests.research.events import made_up

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


# --- train ---------------------------------------------------------------------------------------

MONTH = [parse_day(f"2026-07-{date:02}") for date in range(1, 32)]


def test_a_model_is_trained_from_bars_or_from_their_labels_and_trades(
    capfd: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(
        MARKETS, "month", ([day for day in MONTH if day % 7 not in (2, 3)], (CASH,))
    )
    write_csv(tmp_path / "bars.csv", rows_of(generated("month")))
    call(capfd, "labels", "--data", "bars.csv", "--out", "l.parquet", *LIVELY_SET)
    one = call(capfd, "train", "--data", "bars.csv", "--out", "one", *LIVELY_SET)
    other = call(capfd, "train", "--labels", "l.parquet", "--out", "other")

    assert (0, "") == (one.code, one.err)
    assert one.out.splitlines()[:-1] == other.out.splitlines()[:-1]
    assert "written      one/forest.npz, model.json, report.html" == one.out.splitlines()[-1]
    for name in ("forest.npz", "model.json", "report.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    model = ("skip_meta_model=false", "model_path=one")
    ran = call(capfd, "backtest", "--data", "bars.csv", "--out", "out", *LIVELY_SET, *model)
    assert (0, "") == (ran.code, ran.err)
    assert " model" in ran.out.split("refusals")[1].splitlines()[0]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "train learns from --data, from --labels or from --ledger: name one"),
        (
            ["--data", "bars.csv", "--labels", "l"],
            2,
            "train learns from --data, from --labels or from",
        ),
        (["--labels", "none.parquet"], 3, "none.parquet: no such file"),
        (["--labels", "bars.csv"], 3, "bars.csv is not a file of labels: "),
        (["--labels", "few.parquet"], 3, "20 labelled events: training needs at least 100"),
        (["--data", "bars.csv"], 3, "3 labelled events: training needs at least 100"),
        (["--labels", "few.parquet", "--out", "model"], 2, "--out model holds a model: name a"),
        (["--labels", "few.parquet", "--out", "bars.csv/m"], 2, "cannot write to bars.csv/m: Not"),
    ],
)
def test_what_cannot_be_trained_is_one_line(
    words: list[str],
    code: int,
    told: str,
    capfd: Capture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    lively_csv(tmp_path / "bars.csv")
    write_labels(tmp_path / "few.parquet", made_up(20))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text("{}")
    answer = call(capfd, "train", *(words if "--out" in words else [*words, "--out", "new"]))

    assert (code, "") == (answer.code, answer.out)
    assert answer.err.startswith(f"tradingd: {told}")
    assert 1 == answer.err.count("\n")


@pytest.mark.parametrize("verb", ["backtest", "run", "config check", "validate"])
def test_a_missing_model_is_told_by_every_verb_that_would_trade_with_it(
    verb: str, capfd: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lively_csv(tmp_path / "bars.csv")
    words = {"backtest": ["--data", "bars.csv", "--out", "out"], "validate": ["--data", "bars.csv"]}
    answer = call(
        capfd,
        *verb.split(),
        *words.get(verb, []),
        *("--set", "skip_meta_model=false", "model_path=gone"),
    )

    assert (2, "") == (answer.code, answer.out)
    assert "tradingd: model gone/model.json: No such file or directory\n" == answer.err
