"""The meta-model's forest: plain arrays, and the one evaluator that every mode and gear asks.

P(1) of an event = (sum over trees, in order, of the probability at the leaf it falls into) / trees.
Made elsewhere (`research/meta/training.py`), read from a file (`strategies/model.py`); decides
whether a signal passes, never what is traded.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.jit import kernel
from core.types import Float64s, Int32s, Int64s, Records, Refusal

LEAF = -1
MODEL = int(Refusal.MODEL)


class Forest(NamedTuple):
    """Nodes of all trees in one row of arrays, each tree's root before its other nodes.

    Shape: t trees, n nodes. A row goes left where its feature, cast to float32, is at most the
    threshold: scikit-learn's float64 thresholds rounded down to float32 part the same rows.
    """

    roots: Int64s  # [t]
    feature: Int32s  # [n]; LEAF: a leaf
    threshold: NDArray[np.float32]  # [n]
    left: Int32s  # [n] nodes; a leaf's are LEAF
    right: Int32s  # [n]
    probability: Float64s  # [n] share of 1 among the training rows of a leaf


DTYPES: dict[str, np.dtype[Any]] = {
    "roots": np.dtype("<i8"),
    "feature": np.dtype("<i4"),
    "threshold": np.dtype("<f4"),
    "left": np.dtype("<i4"),
    "right": np.dtype("<i4"),
    "probability": np.dtype("<f8"),
}


@dataclass(frozen=True, slots=True)
class Judge:
    """A forest and the pass marks of the two sides."""

    forest: Forest
    long_threshold: float
    short_threshold: float

    def judge(self, signals: Records) -> None:
        """Write confidence, and where it is under the mark the refusal, of signals just raised."""
        judge(self.forest, self.long_threshold, self.short_threshold, signals)


@kernel
def probability(forest: Forest, features: Float64s) -> float:
    """P(1) of one row; bit for bit what scikit-learn's `predict_proba` says of it.

    It adds float64 leaves in the order of the trees and divides once, and so is done here.
    """
    total = 0.0
    for tree in range(len(forest.roots)):
        node = forest.roots[tree]
        while forest.feature[node] >= 0:
            value = np.float32(features[forest.feature[node]])
            if value <= forest.threshold[node]:
                node = np.int64(forest.left[node])
            else:
                node = np.int64(forest.right[node])
        total += forest.probability[node]
    return total / len(forest.roots)


@kernel
def judge(forest: Forest, long_threshold: float, short_threshold: float, signals: Records) -> None:
    """The first event of each bar is the one that may be traded; a bar without one costs a look."""
    for i in range(len(signals)):
        if signals[i].count > 0:
            confidence = probability(forest, signals[i].features)
            mark = long_threshold if signals[i].side[0] > 0 else short_threshold
            signals[i].confidence = confidence
            if confidence < mark:
                signals[i].refusal = MODEL
                signals[i].value = confidence
                signals[i].limit = mark


@kernel
def probabilities(forest: Forest, rows: Float64s, out: Float64s) -> None:
    """P(1) of many rows. Shape: rows[r, features], out[r]."""
    for i in range(len(rows)):
        out[i] = probability(forest, rows[i])


def fault(forest: Forest, features: int) -> str:
    """Why these arrays are no forest over `features` features; empty if they are one.

    Children come after their parent and within its tree, so that every walk ends at a leaf.
    """
    nodes, trees = len(forest.feature), len(forest.roots)
    for name, dtype in DTYPES.items():
        array = getattr(forest, name)
        if array.dtype != dtype or array.shape != ((trees if name == "roots" else nodes),):
            return f"{name} is {array.dtype}{list(array.shape)}"
    if not trees or forest.roots[0] != 0 or (np.diff(forest.roots) <= 0).any():
        return "roots are not in order"
    if forest.roots[-1] >= nodes:
        return f"root {forest.roots[-1]} of {nodes} nodes"
    if (forest.feature < LEAF).any() or (forest.feature >= features).any():
        return f"a feature that is not one of {features}"
    number = np.arange(nodes)
    end = np.append(forest.roots[1:], nodes)[np.searchsorted(forest.roots, number, "right") - 1]
    inner = forest.feature != LEAF
    for name in ("left", "right"):
        child = getattr(forest, name)
        if ((child <= number) | (child >= end))[inner].any():
            return f"{name} leads out of its tree or back"
    if np.isnan(forest.threshold[inner]).any():
        return "a threshold that is no number"
    if not ((forest.probability >= 0.0) & (forest.probability <= 1.0))[~inner].all():
        return "a probability outside 0 to 1"
    return ""
