"""Training the meta-model: tested fold by fold on what it had not seen, then fitted on everything.

Decides what is reported of it. Thresholds are reported, never tuned: the marks are those of the
settings, whatever the curve says.
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import polars as pl

from backtest.summary import code_version
from core.errors import DataError
from core.session import day_text, ist_day
from core.types import Float64s, Int64s
from research.folds import EMBARGO_NS, Fold, folds, require_apart
from research.meta.fitting import DEPTH, SEED, TREES, asked, fitted, importance, plain
from research.meta.labels import Labels
from strategies.forest import Forest

MIN_EVENTS = 100
CALIBRATION_BINS = 10
CURVE = np.arange(20, 81) / 100.0
CLASSES = ("lost", "won")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The model and the evidence for it; every number but `importance` is out of sample."""

    forest: Forest
    description: dict[str, Any]
    tested: pl.DataFrame  # one row per event of a test fold: fold, p, passed, label, r, side
    folds: pl.DataFrame
    calibration: pl.DataFrame
    curve: pl.DataFrame
    importance: pl.DataFrame


def train(labels: Labels) -> Trained:
    """The forest of all labelled events, and how it does on events it has not seen.

    Raises DataError where there are too few events, or of one outcome only.
    """
    events = labels.labelled.sort("bar_close_ns", maintain_order=True)
    _require_enough(events["label"].to_numpy(), "labels")
    rows, outcome = matrix(events, labels.features)
    decided_ns, ended_ns = (events[name].to_numpy() for name in ("bar_close_ns", "exit_ns"))
    made = folds(decided_ns, ended_ns)
    if not made:
        raise DataError(f"{len(events)} labelled events on one day: training needs several")
    require_apart(made, decided_ns, ended_ns)
    settings = labels.description["settings"]
    tested, by_fold, weights = [], [], {}
    for number, fold in enumerate(made, 1):
        _require_both(outcome[fold.train], f"training of fold {number}")
        classifier = fitted(rows[fold.train], outcome[fold.train])
        seen = judged(events[fold.test], asked(plain(classifier), rows[fold.test]), settings)
        tested.append(seen.with_columns(fold=pl.lit(number)))
        by_fold.append(fold_row(number, fold, seen))
        weights[f"fold {number}"] = importance(classifier)
    whole = fitted(rows, outcome)
    pooled = pl.concat(tested)
    return Trained(
        forest=plain(whole),
        description=description_of(labels, events, len(made)),
        tested=pooled,
        folds=pl.DataFrame(by_fold),
        calibration=calibration(pooled),
        curve=curve(pooled),
        importance=pl.DataFrame(
            {"feature": labels.features, "model": importance(whole), **weights}
        ),
    )


def matrix(events: pl.DataFrame, features: list[str]) -> tuple[Float64s, Int64s]:
    """Feature rows and labels."""
    rows = events.select(features).to_numpy()
    return np.ascontiguousarray(rows, np.float64), events["label"].to_numpy().astype(np.int64)


def judged(events: pl.DataFrame, p: Float64s, settings: Mapping[str, Any]) -> pl.DataFrame:
    """What the model says of events, at the pass mark of each side."""
    mark = (
        pl.when(pl.col("side") == "BUY")
        .then(pl.lit(float(settings.get("long_threshold", 0.5))))
        .otherwise(pl.lit(float(settings.get("short_threshold", 0.5))))
    )
    return (
        events.select("instrument", "side", "kind", "bar_close_ns", "label", "r")
        .with_columns(p=pl.Series(p))
        .with_columns(passed=pl.col("p") >= mark)
    )


def verdict(seen: pl.DataFrame) -> dict[str, int | float | None]:
    """How the passed events did, beside the refused ones and all."""
    passed, refused = seen.filter("passed"), seen.filter(~pl.col("passed"))
    return {
        "events": seen.height,
        "won": mean(seen, "label"),
        "passed": passed.height,
        "precision": mean(passed, "label"),
        "mean_r": mean(seen, "r"),
        "mean_r_passed": mean(passed, "r"),
        "mean_r_refused": mean(refused, "r"),
        "brier": mean(seen.select(b=(pl.col("p") - pl.col("label")) ** 2), "b"),
    }


def fold_row(number: int, fold: Fold, seen: pl.DataFrame) -> dict[str, object]:
    days = [day_text(ist_day(int(seen["bar_close_ns"][place]))) for place in (0, -1)]
    return {
        "fold": number,
        "trained_on": len(fold.train),
        "purged": len(fold.purged),
        "embargoed": len(fold.embargoed),
        "from": days[0],
        "to": days[1],
        **verdict(seen),
    }


def calibration(seen: pl.DataFrame) -> pl.DataFrame:
    """Of events whose P lies in one tenth: the mean P and the share that won."""
    tenth = (pl.col("p") * CALIBRATION_BINS).floor().clip(0, CALIBRATION_BINS - 1)
    return (
        seen.group_by((tenth / CALIBRATION_BINS).alias("p_from"))
        .agg(events=pl.len(), mean_p=pl.mean("p"), won=pl.mean("label"))
        .sort("p_from")
    )


def curve(seen: pl.DataFrame) -> pl.DataFrame:
    """What one mark for both sides would have passed, for many marks."""
    rows = []
    for mark in CURVE.tolist():
        passed = seen.filter(pl.col("p") >= mark)
        rows.append(
            {
                "threshold": mark,
                "passed": passed.height,
                "precision": mean(passed, "label"),
                "mean_r": mean(passed, "r"),
                "total_r": float(passed["r"].sum()),
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def mean(frame: pl.DataFrame, column: str) -> float | None:
    """None of no rows."""
    return None if frame.is_empty() else float(frame.select(pl.mean(column)).item())


def description_of(labels: Labels, events: pl.DataFrame, made: int) -> dict[str, Any]:
    """`model.json`, without what the arrays themselves are."""
    told = labels.description
    days = [day_text(ist_day(int(events["bar_close_ns"][place]))) for place in (0, -1)]
    return {
        **{key: told[key] for key in ("strategy", "features", "settings", "risk", "symbols")},
        "data_hash": told["data_hash"],
        "span": {"from": days[0], "to": days[1]},
        "events": events.height,
        "won": int(events["label"].sum()),
        "folds": {"count": made, "embargo_ns": EMBARGO_NS},
        "forest": {"trees": TREES, "depth": DEPTH, "seed": SEED},
        "versions": {
            "tradingd": code_version(),
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "scikit-learn")},
        },
    }


def _require_enough(outcome: Int64s, what: str) -> None:
    if len(outcome) < MIN_EVENTS:
        raise DataError(f"{len(outcome)} labelled events: training needs at least {MIN_EVENTS}")
    _require_both(outcome, what)


def _require_both(outcome: Int64s, what: str) -> None:
    found = np.unique(outcome)
    if len(found) < len(CLASSES):
        told = f"all {CLASSES[found[0]]}" if len(found) else "none at all"
        raise DataError(
            f"{what}: {len(outcome)} labelled events, {told}: a model needs both outcomes"
        )
