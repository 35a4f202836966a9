"""`labels` and `train`: requests into labelled events, labelled events into a model."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from backtest.files import check_writable, write_text
from backtest.run import Request
from cli.progress import progress
from core.errors import ConfigError
from research.meta.labels import Labels, label_events, write_labels
from strategies.model import FOREST_FILE, MODEL_FILE, save

REPORT_FILE = "report.html"


def check_file_writable(path: Path) -> None:
    """Raise ConfigError if `path` cannot become a file, before anything is computed."""
    if path.is_dir():
        raise ConfigError(f"--out {path} is a directory")
    check_writable(path.parent)


def labels(request: Request, out: Path) -> None:
    """Label, write, say what came of it."""
    with progress(f"labels of {request.name}", len(request.dataset.bars), "bars") as advance:
        made = label_events(request, advance)
    write_labels(out, made)
    for line in label_lines(made):
        print(line)
    print(f"written      {out}")


def label_lines(labels: Labels) -> Iterator[str]:
    """The events in a few lines for a terminal."""
    frame, labelled = labels.frame, labels.labelled
    without = frame["no_label"].drop_nulls().value_counts().sort("no_label").rows()
    told = ", ".join(f"{count} {why}" for why, count in without)
    yield f"events       {len(frame)}, without a label {len(frame) - len(labelled)}" + (
        f": {told}" if told else ""
    )
    if labelled.is_empty():
        return
    won = int((labelled["label"] == 1).sum())
    mean_r = float(labelled.select(pl.mean("r")).item())
    yield f"outcomes     {won} of {len(labelled)} won, mean {mean_r:+.3f} R"
    exits = labelled["exit_reason"].value_counts().sort("exit_reason").rows()
    yield f"exits        {', '.join(f'{count} {reason}' for reason, count in exits)}"


def train(labels: Labels, out: Path) -> None:
    """Train, write the model and its report, say how the folds did.

    Labels of recorded days know what ran then: it stands beside the new model.
    """
    from research.meta.model_report import (  # a second of imports
        compared_lines,
        report,
        report_lines,
    )
    from research.meta.recorded import compared
    from research.meta.training import train as trained_on

    trained = trained_on(labels)
    beside = compared(trained.tested, labels) if "refusal" in labels.frame.columns else None
    for line in report_lines(trained):
        print(line)
    if beside is not None:
        for line in compared_lines(beside, int(labels.description["left_out"])):
            print(line)
    write_text(out / REPORT_FILE, report(trained, beside))
    save(out, trained.forest, trained.description)
    print(f"written      {out}/{FOREST_FILE}, {MODEL_FILE}, {REPORT_FILE}")


def check_model_folder(out: Path) -> None:
    """Raise ConfigError where a model cannot go, before anything is computed.

    One that is there stays: a configuration may name it, and a running day has decided by it.
    """
    if (out / MODEL_FILE).exists():
        raise ConfigError(f"--out {out} holds a model: name a folder for the new one")
    check_writable(out)


def labels_for_training(request: Request) -> Labels:
    """Labels of --data, made as `labels` makes them."""
    with progress(f"labels of {request.name}", len(request.dataset.bars), "bars") as advance:
        return label_events(request, advance)
