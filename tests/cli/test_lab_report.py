"""`report` of each kind of run of the lab: the page of its verb again, byte for byte."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from core.errors import DataError
from tests.cli.command import LIVELY_SET, call, lively_csv

BARS = ("--data", "bars.csv")
SEARCH = ("--grid", "sl_mult=1,2", "tp_mult=1,2", "--min-trades", "1", "--state-dir", "state")
WINDOWS = ("--train", "2d", "--test", "1d", "--embargo", "0")
VERBS: Mapping[str, tuple[str, ...]] = {
    "optimize": ("optimize", *BARS, *SEARCH, *LIVELY_SET),
    "walkforward": ("walkforward", *BARS, *SEARCH, *WINDOWS, *LIVELY_SET),
    "compare": ("compare", "near", "wide"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lab")
    lively_csv(folder / "bars.csv")
    return folder


@pytest.fixture
def runs(folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    for name, sl_mult in (("near", "1"), ("wide", "2")):
        if not (folder / name).exists():
            line = ("backtest", *BARS, "--out", name, *LIVELY_SET, f"sl_mult={sl_mult}")
            assert call(capfd, *line).code == 0
    return folder


@pytest.mark.parametrize("kind", VERBS)
def test_the_page_of_a_run_is_made_again_from_its_files(
    kind: str, runs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call(capfd, *VERBS[kind], "--out", kind).code == 0
    before = (runs / kind / "report.html").read_bytes()
    (runs / kind / "report.html").unlink()
    answer = call(capfd, "report", kind)

    assert (answer.code, answer.err) == (0, "")
    for table in json.loads((runs / kind / "run.json").read_text())["tables"]:
        assert f"{table}: " in answer.out
    assert (runs / kind / "report.html").read_bytes() == before


def test_a_walk_forward_shows_how_far_its_trades_went(
    runs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call(capfd, *VERBS["walkforward"], "--out", "far").code == 0

    assert "How far it went" in (runs / "far/report.html").read_text()


def test_a_run_of_the_lab_that_is_not_whole_is_one_line(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    head = {"format": "tradingd lab run 1", "kind": "other", "tables": [], "told": {}}
    (tmp_path / "run.json").write_text(json.dumps(head))
    answer = call(capfd, "report", str(tmp_path))
    assert (answer.code, 'kind "other" is none of' in answer.err) == (DataError.exit_code, True)

    (tmp_path / "run.json").write_text(json.dumps(head | {"kind": "compare"}))
    answer = call(capfd, "report", str(tmp_path))
    assert answer.err == f"tradingd: {tmp_path}: run.json: 'runs' is missing\n"
