"""Fitting the meta-model: scikit-learn's random forest, handed on as the plain arrays that trade.

The only place that imports scikit-learn. Decides how a forest is grown (pixity.md 4), never which
events it is grown on.
"""

from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from core.types import Float64s, Int64s
from strategies.forest import DTYPES, LEAF, Forest, probabilities

TREES, DEPTH, SEED = 100, 7, 42


def fitted(features: Float64s, labels: Int64s) -> RandomForestClassifier:
    """The classifier grown on rows of float32 features; labels are 0 and 1, both present.

    One thread: then its trees are added up in order, which is what our evaluator does.
    """
    classifier = RandomForestClassifier(
        n_estimators=TREES, max_depth=DEPTH, random_state=SEED, n_jobs=1
    )
    classifier.fit(features.astype(np.float32), labels)
    return classifier


def plain(classifier: RandomForestClassifier) -> Forest:
    """Its trees as our arrays, with the share of label 1 at every leaf."""
    trees = [one.tree_ for one in classifier.estimators_]
    counts = [tree.node_count for tree in trees]
    roots = np.cumsum([0, *counts[:-1]])

    def column(name: str) -> Any:
        return np.concatenate([getattr(tree, name) for tree in trees])

    first = np.repeat(roots, counts)
    left, right = column("children_left"), column("children_right")
    leaf = left < 0
    value = np.concatenate([tree.value[:, 0, 1] for tree in trees])
    arrays = {
        "roots": roots,
        "feature": np.where(leaf, LEAF, column("feature")),
        "threshold": np.where(leaf, 0.0, float32_below(column("threshold"))),
        "left": np.where(leaf, LEAF, left + first),
        "right": np.where(leaf, LEAF, right + first),
        "probability": value,
    }
    return Forest(**{name: arrays[name].astype(dtype) for name, dtype in DTYPES.items()})


def float32_below(thresholds: Float64s) -> Float64s:
    """The largest float32 at or below each: `x <= t` of a float32 x is then the same question."""
    rounded = thresholds.astype(np.float32)
    lower = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(rounded.astype(np.float64) > thresholds, lower, rounded).astype(np.float64)


def asked(forest: Forest, features: Float64s) -> Float64s:
    """P(1) of every row, by the evaluator that trades."""
    out: Float64s = np.empty(len(features))
    probabilities(forest, np.ascontiguousarray(features), out)
    return out


def importance(classifier: RandomForestClassifier) -> list[float]:
    """Of each feature: mean fall of impurity, adding up to 1."""
    told: list[float] = classifier.feature_importances_.tolist()
    return told
