"""`scan`: a table on the terminal, three files, and a shortlist that every verb understands."""

from pathlib import Path

import pytest

from tests.cli.command import LIVELY_SET, call, rows_of, tree, write_csv
from tests.datasets import generated

SPAN = ("--train-to", "2026-08-03", "--min-trades", "1", "--min-profit-factor", "0.1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with three days of three symbols in it."""
    write_csv(tmp_path / "bars.csv", rows_of(generated("mixed auction")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_scan_writes_the_same_bytes_for_any_number_of_workers(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    grid = ("--grid", "sl_mult=1,2", "tp_mult=2,3")
    line = ("scan", "--data", "bars.csv", *SPAN, *grid, *LIVELY_SET)
    answers = [call(capfd, *line, "--out", out, "--workers", out) for out in ("1", "3")]
    assert [one.code for one in answers] == [0, 0]
    assert "symbols tried        3" in answers[0].out
    names = sorted(path.name for path in (folder / "1").iterdir())
    assert names == ["heat.csv", "scan.csv", "scan.html", "shortlist.txt"]
    for name in names:
        assert (folder / "1" / name).read_bytes() == (folder / "3" / name).read_bytes()


def test_a_shortlist_is_traded_by_naming_its_file(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "list.txt").write_text("# two of three\nC\nA\n")
    line = ("backtest", "--data", "bars.csv", "--out", "out", *LIVELY_SET)
    assert "on 2 instruments" in call(capfd, *line, "--symbols", "@list.txt").out
    (folder / "tradingd.toml").write_text('symbols = ["@list.txt"]\n')
    assert '["C", "A"]' in call(capfd, "config", "show", "--config", "tradingd.toml").out
    (folder / "list.txt").write_text("A\nNOBODY\n")
    answer = call(capfd, *line, "--symbols", "@list.txt")
    assert (answer.code, "not in the data: NOBODY" in answer.err) == (2, True)
    answer = call(capfd, *line, "--symbols", "@none.txt")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "none.txt cannot be read" in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--grid", "sl_mult"), '--grid "sl_mult" is not key=value,value,...'),
        (("--grid", "sl_mult=1", "--grid", "sl_mult=2"), "--grid names sl_mult twice"),
        (("--workers", "0"), "--workers 0 is not 1 to 256"),
        (("--test-from", "2026-08-03"), "within the train period"),
        (("--train-to", "soon"), "--train-to: "),
    ],
)
def test_bad_options_are_one_line_and_leave_nothing(
    folder: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    before = tree(folder)
    answer = call(capfd, "scan", "--data", "bars.csv", "--out", "out", *SPAN, *words)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert said in answer.err
    assert tree(folder) == before
