"""`tradingd slippage`: live fills beside paper's, of a day or a span, told and in files."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from core.session import day_text
from tests.cli.command import call
from tests.daemon.brokered import DAYS, PAPER, AsOnPaper, Brokered, setup_of
from tests.daemon.slippage.live_days import TIMED, Worse, written

DAY = DAYS[2]
TEXT = day_text(DAY)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    days = []
    for day in DAYS[1:3]:
        played = Worse(day, *TIMED)
        played.play(day)
        days.append(played)
    setup = replace(setup_of(*TIMED), fills_are_told=True)
    return written(tmp_path_factory.mktemp("state"), *days, setup=setup)


def test_a_day_is_told_fill_by_fill(directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = call(capfd, "slippage", "--day", TEXT, "--state-dir", str(directory))
    lines = answer.out.splitlines()

    assert (0, "") == (answer.code, answer.err)
    assert lines[0].startswith(f"slippage     {TEXT}: ")
    assert any(line.startswith("by role        entry ") for line in lines)
    assert any(line.startswith("by hour") for line in lines)
    assert sum(line.startswith("leg ") for line in lines) == int(lines[0].split()[2])
    assert "contract note" in lines[-1]


def test_a_span_is_told_in_figures(directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = call(capfd, "slippage", "--to", TEXT, "--state-dir", str(directory))

    assert answer.code == 0
    assert f"{day_text(DAYS[1])} to {TEXT}, 2 live days" in answer.out
    assert "leg  " not in answer.out


@pytest.mark.parametrize("form", ["csv", "parquet", "html"])
def test_it_is_written_in_the_form_of_the_name(
    form: str, directory: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / f"slippage.{form}"
    answer = call(capfd, "slippage", "--state-dir", str(directory), "--out", str(out))

    assert (0, "") == (answer.code, answer.err)
    assert f"legs to {out}" in answer.out
    if form == "html":
        text = out.read_text()
        assert text.count("data-chart=") >= 2
        assert "By instrument and hour" in text
        assert "plotly" in text.lower()
    else:
        frame = pl.read_csv(out) if form == "csv" else pl.read_parquet(out)
        assert (frame["difference_paise"] > 0).all()
        assert frame["day"].n_unique() == 2


def test_a_paper_day_and_a_day_that_is_not_there_are_refused(
    directory: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    quiet = AsOnPaper(DAY).paper
    paper = written(tmp_path, Brokered(DAY, quiet), setup=PAPER, mode="paper")
    of_paper = call(capfd, "slippage", "--day", TEXT, "--state-dir", str(paper))
    none = call(capfd, "slippage", "--day", "2020-01-01", "--state-dir", str(directory))
    nowhere = call(capfd, "slippage", "--state-dir", str(tmp_path / "none"))

    assert (3, 3, 3) == (of_paper.code, none.code, nowhere.code)
    assert f"{TEXT} was a day of mode paper: its fills are paper's" in of_paper.err
    assert f"no live day of this span: it holds {day_text(DAYS[1])} to {TEXT}" in none.err
    assert "there is no" in nowhere.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--day", TEXT, "--to", TEXT), "--day DATE, or --from and --to"),
        (("--out", "x.pdf"), "must end in .html, .parquet, .csv"),
    ],
)
def test_what_makes_no_sense_is_refused(
    words: tuple[str, ...], said: str, directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = call(capfd, "slippage", "--state-dir", str(directory), *words)
    assert answer.code == 2
    assert said in answer.err


def test_a_live_day_is_exported_and_compared_like_any_other(
    directory: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    exported = call(
        capfd, "data", "export", "--day", TEXT, "--state-dir", str(directory), "--out", out
    )
    same = call(capfd, "diff", f"{directory}@{TEXT}", out)
    itself = call(capfd, "diff", f"{directory}@{TEXT}", f"{directory}@{TEXT}")

    assert (0, 0, 0) == (exported.code, same.code, itself.code)
    assert pl.read_parquet(tmp_path / "out" / "trades.parquet").height > 2
    assert any(
        line.startswith("trade ") and line.endswith("equal") for line in same.out.splitlines()
    )
    assert any(
        line.startswith("fill ") and line.endswith("equal") for line in itself.out.splitlines()
    )
