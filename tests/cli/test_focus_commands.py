"""`backtest --candidates`: its report, its proof, and every file it does not replay."""

import json
import shutil
from pathlib import Path

import pytest

from backtest import focus
from tests.cli.command import call, rows_of, write_csv
from tests.strategies.hours import hours

ETH = "--session 24x7 --base 1h --data eth.csv"
FUSION = f"backtest --strategy fusion {ETH} --out out"
SPAN = "--from 2025-02-22 --to 2025-03-11"


@pytest.fixture(scope="module")
def screened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bars and their candidates."""
    folder = tmp_path_factory.mktemp("focus")
    write_csv(folder / "eth.csv", rows_of(hours(70)))
    return folder


@pytest.fixture
def folder(
    screened: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Path:
    monkeypatch.chdir(screened)
    if not (screened / "candidates.jsonl").exists():
        call(capfd, "screen", *f"{ETH} --out candidates.jsonl".split())
    shutil.copytree(screened, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(text: str) -> dict[str, str]:
    return {line.split()[0]: line for line in text.splitlines()}


def test_a_focused_replay_is_told_and_proven(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = f"{FUSION} {SPAN} --candidates candidates.jsonl --verify".split()
    answer = call(capfd, *words)
    told = lines(answer.out)
    summary = json.loads((folder / "out" / "summary.json").read_text())

    assert 0 == answer.code
    assert "on 432 decision bars: density " in told["candidates"]
    assert "(window 0)" in told["candidates"]
    assert "% left out" in told["evaluations"]
    assert "times as quick" in told["times"]
    assert told["recall"].endswith("entries of the full replay (100.00%)")
    assert f"verified     {summary['trades']} trades are the same, one by one" == told["verified"]
    assert summary["trades"] > 3


def test_a_window_that_covers_nearly_all_is_a_full_replay_and_said_so(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = f"{FUSION} {SPAN} --candidates candidates.jsonl --window 40".split()
    answer = call(capfd, *words)

    assert 0 == answer.code
    assert "replay       in full: " in answer.out
    assert "of the bars are covered, over 65%" in answer.out
    assert ", 0.00% left out" in answer.out


def test_a_difference_is_told_and_is_exit_code_1(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the strategy could enter where the screener saw nothing."""
    honest = focus.plan_of

    def forgetful(*given: object) -> focus.Plan:
        plan = honest(*given)  # type: ignore[arg-type]
        return focus.Plan(plan.keys[::2], plan.bars, plan.candidates, plan.window)

    monkeypatch.setattr("cli.focus_commands.plan_of", forgetful)
    answer = call(capfd, *f"{FUSION} --candidates candidates.jsonl --verify".split())

    assert 1 == answer.code
    assert "missing in the focused replay" in answer.out
    assert "verified" not in answer.out
    assert "100.00%" not in lines(answer.out)["recall"]


def test_no_entry_at_all_proves_nothing_and_is_exit_code_3(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = f"{FUSION} --candidates candidates.jsonl --verify --set entry_threshold=1"
    answer = call(capfd, *words.split())

    assert 3 == answer.code
    assert "recall       0 of 0 entries of the full replay" in answer.out
    assert "tradingd: --verify: the full replay has no entry, so nothing was proven\n" in answer.err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("--candidates nowhere", 3, "nowhere cannot be read: No such file"),
        ("--candidates eth.csv", 3, "eth.csv line 1: is no JSON object"),
        ("--candidates empty", 3, "empty holds no candidate"),
        ("--candidates candidates.jsonl --set min_adx=30", 3, "screened with min_adx = 22.0"),
        ("--candidates candidates.jsonl --set timeframe=2h", 3, "with timeframe = 1h, not 2h"),
        ("--candidates candidates.jsonl --window 9999", 2, "--window 9999 is not 0 to 1000"),
        ("--candidates candidates.jsonl --window -1", 2, "--window -1 is not 0 to 1000"),
        ("--candidates candidates.jsonl --gear compiled", 2, "needs the event gear"),
        ("--candidates candidates.jsonl --from 2024-12-01", 3, "covers 2025-01-01 to 2025-03-11"),
        ("--candidates candidates.jsonl --symbols ZZ", 2, "not in the data: ZZ"),
        ("--verify", 2, "--window and --verify belong to --candidates FILE"),
        ("--window 1", 2, "--window and --verify belong to --candidates FILE"),
    ],
)
def test_what_cannot_be_replayed_is_told_in_one_line(
    words: str, code: int, told: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "empty").touch()
    answer = call(capfd, *f"{FUSION} {words}".split())

    assert (code, "") == (answer.code, answer.out)
    assert told in answer.err
    assert 1 == answer.err.count("\n")
    assert not (folder / "out").exists()


def test_a_strategy_without_a_screener_is_not_replayed(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = f"{FUSION} --candidates candidates.jsonl --set timeframe=1h".replace(
        "fusion", "ema_cross"
    )
    answer = call(capfd, *words.split())

    assert (2, "") == (answer.code, answer.out)
    assert "strategy ema_cross has no screener: pixity and fusion have" in answer.err
