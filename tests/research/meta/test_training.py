"""What is reported of a model is out of sample, and what cannot be learned from is told."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import DataError, InvariantBroken
from research.folds import folds
from research.meta import training
from research.meta.fitting import asked
from research.meta.labels import Labels
from research.meta.model_report import report, report_lines
from research.meta.training import Trained, train
from strategies.model import load, save
from strategies.pixity import PixitySettings, wanted
from tests.market import at
from tests.research.events import made_up


@pytest.fixture(scope="module", autouse=True)
def few_trees() -> Iterator[None]:
    """What is promised here does not depend on how many there are; growing them takes the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("research.meta.fitting.TREES", 15)
        yield


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(made_up())


def test_a_model_finds_what_is_there_on_events_it_has_not_seen(trained: Trained) -> None:
    row = training.verdict(trained.tested)

    assert row["precision"] > 0.6 > row["won"] > 0.4
    assert row["mean_r_passed"] > 0.3 > 0.0 > row["mean_r_refused"]
    assert "adx" == trained.importance.sort("model")["feature"][-1]
    assert [1, 2, 3, 4, 5] == trained.folds["fold"].to_list()
    assert trained.tested.height == trained.folds["events"].sum()


def test_it_finds_nothing_in_noise() -> None:
    noise = np.random.default_rng(3).integers(0, 2, 400).astype(np.int8)
    found = train(made_up(label=pl.Series(noise), r=pl.Series(noise * 2.0 - 1.0)))
    row = training.verdict(found.tested)

    assert abs(row["precision"] - row["won"]) < 0.08
    assert abs(row["mean_r_passed"]) < 0.2


def test_the_final_model_knows_all_events_and_is_read_again(
    trained: Trained, tmp_path: Path
) -> None:
    save(tmp_path, trained.forest, trained.description)
    read = load(str(tmp_path), wanted(PixitySettings().model_dump()))
    rows, label = training.matrix(made_up().frame, made_up().features)
    p = asked(read.forest, rows)

    assert ((p >= 0.5) == label).mean() > 0.8  # it has seen them: no evidence, but its own memory
    told = read.description
    assert {"from": "2026-07-22", "to": "2026-10-09"} == told["span"]
    assert (400, 5) == (told["events"], told["folds"]["count"])
    assert {"tradingd", "python", "numpy", "scikit-learn"} == set(told["versions"])


def test_the_same_events_make_the_same_model_to_the_byte(trained: Trained, tmp_path: Path) -> None:
    other = train(made_up())
    for name, one in (("one", trained), ("other", other)):
        save(tmp_path / name, one.forest, one.description)
    for file in ("forest.npz", "model.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_the_order_of_rows_does_not_matter(trained: Trained) -> None:
    labels = made_up()
    turned = Labels(labels.frame.reverse(), labels.description)

    assert trained.folds.equals(train(turned).folds)


def test_the_pass_marks_are_those_of_each_side() -> None:
    labels = made_up()
    settings = {**labels.description["settings"], "long_threshold": 0.0, "short_threshold": 1.0}
    seen = train(Labels(labels.frame, {**labels.description, "settings": settings})).tested

    assert (seen["passed"] == (seen["side"] == "BUY")).all()


def test_curve_and_calibration_count_every_tested_event(trained: Trained) -> None:
    assert trained.calibration["events"].sum() == trained.tested.height
    at_045 = trained.curve.filter(pl.col("threshold") == 0.45).row(0, named=True)
    assert trained.tested["passed"].sum() == at_045["passed"]
    assert trained.curve["passed"].is_sorted(descending=True)


def test_training_stops_at_a_leak_between_its_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folds that forget to purge, on trades that are held for three days."""
    held = (pl.col("bar_close_ns") + 3 * 86_400_000_000_000).alias("exit_ns")
    monkeypatch.setattr(training, "folds", lambda decided, ended: folds(decided, decided))

    with pytest.raises(InvariantBroken, match="fold 1 leaks"):
        train(made_up(exit_ns=held))
    monkeypatch.undo()
    assert train(made_up(exit_ns=held)).folds["purged"].min() > 0


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (made_up(99), "99 labelled events: training needs at least 100"),
        (made_up(0), "0 labelled events"),
        (made_up(label=pl.lit(None, pl.Int8)), "0 labelled events"),
        (made_up(label=pl.lit(0, pl.Int8)), "labels: 400 labelled events, all lost: a model needs"),
        (made_up(label=pl.lit(1, pl.Int8)), "all won"),
        (made_up(bar_close_ns=pl.lit(at("10:00"))), "400 labelled events on one day"),
        (
            made_up(label=(pl.int_range(400) > 200).cast(pl.Int8)),
            "training of fold 1: 65 labelled events, all lost",
        ),
        (
            made_up(exit_ns=pl.col("bar_close_ns") + 10**18),
            "training of fold 1: 0 labelled events, none at all",
        ),
    ],
)
def test_events_that_cannot_be_learned_from_are_one_line(labels: Labels, said: str) -> None:
    with pytest.raises(DataError, match=said):
        train(labels)


def test_the_report_holds_every_number_and_escapes_names(trained: Trained) -> None:
    trained.description["symbols"] = ["<script>alert(1)</script>"]
    text = report(trained)
    lines = list(report_lines(trained))

    assert "<script>alert" not in text
    for title in ("Fold by fold", "Threshold curve", "Calibration", "Importance"):
        assert f"<h2>{title}</h2>" in text
    assert lines[0].startswith("events       400 labelled, ")
    assert 7 == len(lines)
    assert f"{trained.folds['mean_r_passed'][0]:.3f}" in lines[1]
