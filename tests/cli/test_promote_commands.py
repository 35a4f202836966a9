"""`promote`: a configuration that every verb takes, or exit 1 and nothing on the disk."""

from pathlib import Path

import pytest

from daemon.config import load
from daemon.provenance import Origin, provenance_of
from research.runs import LabRun
from strategies.ema_cross import EmaCrossSettings
from tests.cli.command import call
from tests.research.honesty.walk_run import EDGE, run_of, written

LINE = ("promote", "walked", "--state-dir", "var", "--out", "live/promoted.toml")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LabRun:
    return run_of(EDGE, 1, tmp_path_factory.mktemp("state"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: LabRun) -> Path:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "walked", run)
    return tmp_path


def test_a_granted_run_becomes_a_configuration_with_its_evidence(
    folder: Path, run: LabRun, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = call(capfd, *LINE)
    assert answer.code == 0, answer.err
    assert "ok           deflated_sharpe" in answer.out
    assert "granted      all 8 checks passed" in answer.out
    assert "written      live/promoted.toml, live/promoted.evidence.json" in answer.out

    checked = call(capfd, "config", "check", "--config", "live/promoted.toml")
    configured = load({"ema_cross": EmaCrossSettings}, file=folder / "live/promoted.toml")

    assert (checked.code, checked.err) == (0, "")
    own = configured.strategies["ema_cross"].settings.model_dump()
    assert {key: own[key] for key in run.told["chosen"]} == run.told["chosen"]
    assert configured.settings.symbols == ("A",)
    (found,) = provenance_of(configured, ["A"])
    assert found.origin is Origin.PROMOTED
    assert f"deflated {run.told['evidence']['deflated_sharpe']:.2f}" in found.told


def test_a_changed_setting_is_told(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    call(capfd, *LINE)
    path = folder / "live/promoted.toml"
    path.write_text(path.read_text().replace("sl_mult = 2.0", "sl_mult = 1.2"))

    (found,) = provenance_of(load({"ema_cross": EmaCrossSettings}, file=path), ["A"])

    assert found.told == "differs from its evidence: sl_mult 1.2, was 2.0"


def test_a_refused_run_leaves_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = call(capfd, *LINE, "--limit", "trades=10000", "efficiency=0.99")

    assert answer.code == 1
    assert "FAILED       trades" in answer.out
    assert "refused      2 of 8 checks failed, nothing is written" in answer.out
    assert not list(folder.glob("live/*"))


def test_a_loosened_limit_is_said_and_kept(
    folder: Path, run: LabRun, capfd: pytest.CaptureFixture[str]
) -> None:
    refused = call(capfd, *LINE, "--limit", "trades=10")
    answer = call(capfd, *LINE, "--loosen", "trades=10")
    configured = load({"ema_cross": EmaCrossSettings}, file=folder / "live/promoted.toml")
    (found,) = provenance_of(configured, ["A"])

    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "asks for less than the gate does (>= 50)" in refused.err
    assert "granted      all 8 checks passed, 1 of them loosened" in answer.out
    assert "loosened from 50" in answer.out
    assert found.told.endswith("loosened: trades")


def test_an_optimisation_has_no_evidence_to_promote(
    folder: Path, run: LabRun, capfd: pytest.CaptureFixture[str]
) -> None:
    written(folder / "walked", run._replace(kind="optimize"))

    answer = call(capfd, *LINE)

    assert (answer.code, answer.out) == (1, "")
    assert "refused: walked is a run of optimize, without out-of-sample evidence" in answer.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--limit", "trades=many"), 2, "--limit trades=many is not a number"),
        (("--loosen", "trade=1"), 2, 'did you mean "trades"'),
        (("--out", "live/promoted.json"), 2, "is not a .toml file"),
    ],
)
def test_bad_input_is_one_line(
    folder: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, said: str
) -> None:
    answer = call(capfd, *LINE, *words)

    assert (answer.code, answer.err.count("\n")) == (code, 1)
    assert said in answer.err


def test_a_configuration_is_not_overwritten_and_a_folder_that_is_no_run_is_named(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    call(capfd, *LINE)
    again = call(capfd, *LINE)
    nothing = call(capfd, "promote", "live", "--state-dir", "var", "--out", "other.toml")

    assert (again.code, "is not overwritten" in again.err) == (2, True)
    assert (nothing.code, "live cannot be read" in nothing.err) == (3, True)
