"""`optimize`: a few lines on the terminal, a folder that is the same bytes for any workers."""

from pathlib import Path

import pytest

from cli.vector_gear import frame_of
from research.metrics import METRICS
from research.panel.crosses import SmaCross
from research.panel.resample import resample
from research.panel.vectorized import Terms, VectorizedEngine
from research.runs import read_lab_run
from tests.cli.command import LIVELY_SET, call, rows_of, tree, write_csv
from tests.datasets import WEEK, generated

LINE = ("optimize", "--data", "bars.csv", *LIVELY_SET, "--state-dir", "state")
GRID = ("--grid", "sl_mult=1:2:0.5", "tp_mult=2,3")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a week of one symbol in it."""
    write_csv(tmp_path / "bars.csv", rows_of(generated("week")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_search_is_the_same_bytes_for_any_workers_and_when_it_is_repeated(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    some = ("--min-trades", "1", *GRID)
    first = call(capfd, *LINE, *some, "--out", "a", "--workers", "1")
    assert first.code == 0
    for said in ("6 tried, 0 failed, 0 broke", "chosen       sl_mult=", "trials       6 sets"):
        assert said in first.out
    second = call(capfd, *LINE, *some, "--out", "b", "--workers", "3")
    files = ["daily.csv", "daily.parquet", "report.html", "run.json", "scores.csv"]
    assert second.code == 0
    for name in files:
        assert (folder / "a" / name).read_bytes() == (folder / "b" / name).read_bytes()
    third = call(capfd, *LINE, *some, "--out", "a", "--to", "2026-07-23")
    assert "kept apart   6 sets of other data, settings or spans" in third.out
    again = call(capfd, *LINE, *some, "--out", "b")
    assert "resumed      6 sets were known" in again.out
    run = read_lab_run(folder / "b")
    assert (run.kind, run.told["sets"], run.told["keys"]) == ("optimize", 6, ["sl_mult", "tp_mult"])


def test_relations_failures_and_constraints_are_told(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    grid = ("--grid", "ema_fast=3:9:3", "ema_slow=6,8", "--where", "ema_fast<ema_slow")
    answer = call(capfd, *LINE, *grid, "--out", "a", "--min-trades", "1")
    assert answer.code == 0
    assert "6 tried, 3 failed" in answer.out
    assert "failed       ema_fast 6 is not < ema_slow 6, ..." in answer.out
    answer = call(capfd, *LINE, *grid, "--out", "a", "--min-trades", "100000")
    assert answer.code == 1
    assert "chosen       none: " in answer.out


def test_a_sample_is_the_same_in_both_gears(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sample = "--search random --sets 3 --seed 5 --min-trades 1 --grid sl_mult=0.5:2.0".split()
    answer = call(capfd, *LINE, *sample, "--gear", "event", "--out", "a", "--workers", "1")
    assert "3 tried" in answer.out
    again = call(capfd, *LINE, *sample, "--out", "b", "--workers", "1")
    assert again.out.splitlines()[:4] == answer.out.splitlines()[:4]


CROSS = "--gear vectorized --strategy sma_cross --min-trades 1 --grid fast=2,3 slow=5,8".split()


def test_the_vectorised_gear_searches_expressions_and_strategies_that_trade(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    line = ("optimize", "--data", "bars.csv", "--state-dir", "state", "--from", "2026-07-21")
    answer = call(capfd, *line, *CROSS, "--set", "timeframe=5m", "fee_bps=0", "--out", "a")
    assert answer.code == 0
    run = read_lab_run(folder / "a")
    scores = run.tables["scores"]
    assert run.told["identity"]["gear"] == "vectorized"
    assert run.told["compounded"]
    assert run.tables["daily"].height == 4

    engine = VectorizedEngine(Terms(timeframe="5m", fee_bps=0.0))
    bars = resample(frame_of(generated("week")), "5m").collect().lazy()
    for row in scores.iter_rows(named=True):
        strategy = SmaCross({key: row[key] for key in ("fast", "slow")})
        alone = engine.run(bars, strategy, data_hash="", from_day=WEEK[1])
        assert {name: row[name] for name in METRICS} == dict(alone.metrics)

    kernel = ("--gear", "vectorized", "--grid", "ema_fast=3,5", "--min-trades", "1")
    answer = call(
        capfd,
        *line,
        *kernel,
        "--set",
        "timeframe=5m",
        "ema_slow=8",
        "--strategy",
        "ema_cross",
        "--out",
        "b",
    )
    assert answer.code == 0


def test_a_sweep_chooses_what_the_vectorised_gear_chooses(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    line = ("optimize", "--data", "bars.csv", "--state-dir", "state", "--set", "timeframe=5m")
    chosen = []
    for gear in ("vectorized", "sweep"):
        answer = call(capfd, *line, *CROSS, "--gear", gear, "--out", gear)
        assert answer.code == 0
        chosen.append([one for one in answer.out.splitlines() if one.startswith("chosen")])
    assert chosen[0] == chosen[1] != []

    refused = call(capfd, *line, *CROSS, "--gear", "sweep", "--objective", "win_rate", "--out", "c")
    assert (refused.code, refused.out) == (2, "")
    assert '--gear sweep tells no "win_rate"' in refused.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "fats=2"), 'unknown key "fats": did you mean "fast"'),
        (("--set", "fill=never"), "fill"),
        (("--config", "tradingd.toml"), "--gear vectorized reads no configuration"),
        (("--strategy", "smacross"), 'has no vectorised form: did you mean "sma_cross"'),
        (("--strategy", "json:JSONDecoder"), "is not a subclass of StrategyBase"),
        (("--strategy", "no_such:Class"), "cannot be imported"),
        (("--grid", "slaw=1,2"), 'unknown key "slaw": did you mean "slow"'),
    ],
)
def test_bad_options_of_the_vectorised_gear_are_one_line(
    folder: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    answer = call(capfd, "optimize", "--data", "bars.csv", *CROSS, *words, "--out", "out")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert said in answer.err
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--grid", "sl_mult"), '"sl_mult" is not key=value,value or key=low:high:step'),
        (("--grid", "sl_molt=1,2"), 'unknown key "sl_molt": did you mean "sl_mult"'),
        (("--grid", "sl_mult=-1,-2"), "sl_mult = -1 is not allowed: a number > 0"),
        (("--grid", "sl_mult=0.5:2.0"), "has no step for a grid"),
        ((*GRID, "--where", "sl_mult=tp_mult"), "is not a relation"),
        ((*GRID, "--search", "greedy"), '--search "greedy" is not one of grid, random, optuna'),
        ((*GRID, "--sets", "3"), "a grid has as many sets as it has points"),
        ((*GRID, "--objective", "sharp"), 'did you mean "sharpe"'),
        ((*GRID, "--workers", "0"), "0 workers are not 1 to 256"),
        ((*GRID, "--from", "2030-01-01"), "no session from 2030-01-01"),
    ],
)
def test_bad_options_are_one_line_and_leave_nothing(
    folder: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    before = tree(folder)
    answer = call(capfd, *LINE, *words, "--out", "out")
    assert answer.code == (3 if "--from" in words else 2)
    assert answer.err.count("\n") == 1
    assert said in answer.err
    assert tree(folder) == before
