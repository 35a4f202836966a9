"""`train --ledger`: recorded days give the labels of a backtest, and stand beside the new model."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl
import pytest

from backtest.run import Request
from cli.recorded_days import labels_of_days
from core.errors import ConfigError, DataError
from core.session import DAY_NS, parse_day
from daemon.lock import StateLock
from research.folds import Fold, folds
from research.meta.labels import label_events
from research.meta.recorded import compared
from research.meta.training import train
from stores.market import MARKET_FILE, DuckMarketStore
from strategies.model import FOREST_FILE, load
from strategies.pixity import PixitySettings, wanted
from tests.cli.command import call
from tests.daemon.days import play, replay_plan
from tests.datasets import LIVELY, MARKETS, generated, request_on
from tests.market import CASH
from tests.strategies.forests import ADX, forest_of, stump, with_model, write_model

Capture = pytest.CaptureFixture[str]

# Days of one hour, so that five of them are soon played.
DATES = ("2021-11-04", "2022-10-24", "2023-11-12", "2024-11-01", "2025-10-21")
DAYS = [parse_day(date) for date in DATES]
BRISK = (*LIVELY, "timeframe=1m", "last_entry_minutes=0", "square_off_minutes=0")


@pytest.fixture(scope="module")
def request_run(tmp_path_factory: pytest.TempPathFactory) -> Request:
    model = write_model(tmp_path_factory.mktemp("model"), assignments=BRISK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MARKETS, "hours", (DAYS, (CASH, CASH)))
        return request_on(generated("hours", seed=2), *BRISK, *with_model(model))


@pytest.fixture(scope="module")
def directory(request_run: Request, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five days in the daemon, under a model."""
    place = tmp_path_factory.mktemp("state")
    play(replay_plan(request_run), place, *DAYS, open_store=DuckMarketStore)
    return place


@pytest.fixture(autouse=True)
def a_few_days_are_enough() -> Iterator[None]:
    """Two folds of few events under few trees, for what is promised needs no more."""

    def two(decided_ns: object, ended_ns: object) -> list[Fold]:
        return folds(decided_ns, ended_ns, 2)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("research.meta.fitting.TREES", 15)
        patch.setattr("research.meta.training.MIN_EVENTS", 20)
        patch.setattr("research.meta.training.folds", two)
        yield


def test_recorded_events_are_labelled_as_a_backtest_labels_them(
    directory: Path, request_run: Request
) -> None:
    """Those that the model refused as well; features and bars come out of the stores."""
    recorded = labels_of_days(directory, "pixity", None, None)
    wanted_rows = label_events(request_run).frame

    assert recorded.frame.select(wanted_rows.columns).equals(wanted_rows)
    assert 0 == recorded.description["left_out"]
    refused = recorded.frame.filter(pl.col("refusal") == "model")
    assert refused["label"].drop_nulls().len() > 3
    assert (refused["confidence"] < 0.45).all()


def test_days_are_chosen_and_must_be_there(directory: Path) -> None:
    some = labels_of_days(directory, "pixity", DAYS[1], DAYS[2]).frame
    every = labels_of_days(directory, "pixity", None, None).frame

    first, last = DAYS[1] * DAY_NS, (DAYS[2] + 1) * DAY_NS
    assert 0 < some.height < every.height
    assert some.equals(every.filter(pl.col("bar_open_ns").is_between(first, last)))
    with pytest.raises(DataError, match="no closed day of the span: it holds 2021-11-04 to 2025"):
        labels_of_days(directory, "pixity", DAYS[4] + 1, None)


def test_the_new_model_stands_beside_what_ran_on_the_same_events(directory: Path) -> None:
    labels = labels_of_days(directory, "pixity", None, None)
    trained = train(labels)
    new, ran, without = compared(trained.tested, labels).rows(named=True)
    tested = labels.frame.join(trained.tested, on=["instrument", "bar_close_ns"], how="semi")

    assert tested.height == new["events"] == ran["events"] == without["events"]
    assert tested.filter(pl.col("refusal").fill_null("") != "model").height == ran["passed"]
    assert trained.tested["passed"].sum() == new["passed"]
    assert (tested.height, new["mean_r"]) == (without["passed"], without["mean_r_passed"])


def test_a_model_is_trained_from_a_ledger_and_can_run(
    directory: Path, request_run: Request, capfd: Capture, tmp_path: Path
) -> None:
    out = tmp_path / "new"
    answer = call(
        capfd, "train", "--ledger", str(directory), "--from", "2021-11-04", "--out", str(out)
    )
    assert (0, "") == (answer.code, answer.err)
    names = [line.split("  ")[0] for line in answer.out.splitlines()]
    assert ["new, fold by fold", "as recorded", "without", "written"] == names[-4:]
    assert "<h2>Beside what ran</h2>" in (out / "report.html").read_text()
    read = load(str(out), wanted(request_run.settings.model_dump()))
    assert {"from": "2021-11-04", "to": "2025-10-21"} == read.description["span"]


def test_a_day_can_be_learned_from_when_its_model_is_gone(
    directory: Path, request_run: Request
) -> None:
    assert isinstance(request_run.settings, PixitySettings)
    folder = Path(str(request_run.settings.model_path))
    (folder / FOREST_FILE).rename(folder / "gone")
    try:
        assert labels_of_days(directory, "pixity", None, None).frame.height > 20
    finally:
        (folder / "gone").rename(folder / FOREST_FILE)


def test_the_certificate_of_a_day_wants_the_model_that_the_day_had(
    directory: Path, request_run: Request, capfd: Capture
) -> None:
    """Confidence and refusals are computed again with it, or not at all."""
    assert isinstance(request_run.settings, PixitySettings)
    folder = Path(str(request_run.settings.model_path))
    words = ("certify", "--day", DATES[0], "--state-dir", str(directory))
    green = call(capfd, *words)
    write_model(folder, forest_of(stump(ADX, 40.0, 0.3, 0.9)), assignments=BRISK)
    try:
        other = call(capfd, *words)
    finally:
        write_model(folder, assignments=BRISK)

    assert (0, "") == (green.code, green.err)
    assert "verdict      green" in green.out.splitlines()
    assert (2, "") == (other.code, other.out)
    assert f"tradingd: model {folder}: is " in other.err
    assert "these settings know " in other.err


def test_beside_a_running_daemon_it_ends_with_5(directory: Path, capfd: Capture) -> None:
    with StateLock(directory):
        answer = call(capfd, "train", "--ledger", str(directory), "--out", "new")

    assert 5 == answer.code
    assert "already running, PID" in answer.err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (
            ["--strategy", "ema_cross"],
            2,
            "strategy ema_cross did not run on 2021-11-04: pixity did",
        ),
        (["--from", "2027-01-01"], 3, "the ledger holds no closed day of the span: it holds 2021-"),
        (["--from", "2025-10-21"], 3, " labelled events: training needs at least 20"),
    ],
)
def test_days_that_cannot_be_learned_from_are_one_line(
    words: list[str], code: int, told: str, directory: Path, capfd: Capture, tmp_path: Path
) -> None:
    answer = call(
        capfd, "train", "--ledger", str(directory), *words, "--out", str(tmp_path / "new")
    )
    assert (code, "") == (answer.code, answer.out)
    assert told in answer.err
    assert 1 == answer.err.count("\n")


def test_directories_without_stores_are_one_line(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such directory"):
        labels_of_days(tmp_path / "none", "pixity", None, None)
    with pytest.raises(DataError, match=r"there is no .*ledger\.db"):
        labels_of_days(tmp_path, "pixity", None, None)


def test_events_whose_features_were_not_stored_are_counted(directory: Path) -> None:
    """The last test of the module: its directory is altered."""
    every = labels_of_days(directory, "pixity", None, None).frame
    with closing(duckdb.connect(str(directory / MARKET_FILE))) as db:
        db.execute("DELETE FROM decisions WHERE open_ns = ?", [every["bar_open_ns"][0]])
    left = labels_of_days(directory, "pixity", None, None)

    assert every[1:].equals(left.frame)
    assert 1 == left.description["left_out"]
