"""Small forests for tests, written as models that PixityAI takes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from strategies.forest import DTYPES, LEAF, Forest
from strategies.model import save
from strategies.pixity import FEATURES, PixitySettings
from strategies.settings import RiskSettings, resolve

ADX, VOL_Z = FEATURES.index("adx"), FEATURES.index("vol_z")


def forest_of(*trees: tuple[list[int], list[float], list[int], list[int], list[float]]) -> Forest:
    """Trees of (feature, threshold, left, right, probability), nodes numbered within the tree."""
    columns: dict[str, list[float]] = {name: [] for name in DTYPES}
    for feature, threshold, left, right, probability in trees:
        root = len(columns["feature"])
        columns["roots"].append(root)
        columns["feature"] += feature
        columns["threshold"] += threshold
        columns["left"] += [LEAF if one == LEAF else one + root for one in left]
        columns["right"] += [LEAF if one == LEAF else one + root for one in right]
        columns["probability"] += probability
    return Forest(**{name: np.array(columns[name], dtype) for name, dtype in DTYPES.items()})


def stump(feature: int, threshold: float, at_most: float, over: float) -> Any:
    """A tree of one question."""
    return (
        [feature, LEAF, LEAF],
        [threshold, 0, 0],
        [1, LEAF, LEAF],
        [2, LEAF, LEAF],
        [0.5, at_most, over],
    )


def lively_forest() -> Forest:
    """Says 0.2, 0.45 or 0.7: some events of any market pass, some do not, some just do."""
    return forest_of(stump(ADX, 40.0, 0.3, 0.8), stump(VOL_Z, 0.0, 0.1, 0.6))


def write_model(
    folder: Path,
    forest: Forest | None = None,
    *,
    described: Mapping[str, object] | None = None,
    assignments: Sequence[str] = (),
) -> Path:
    """A model for a PixityAI with these `key=value` settings."""
    _, settings = resolve(RiskSettings(), PixitySettings(), assignments)
    description = {
        "strategy": "pixity",
        "features": list(FEATURES),
        "settings": settings.model_dump(mode="json"),
    }
    save(folder, forest or lively_forest(), {**description, **(described or {})})
    return folder


def with_model(folder: Path) -> tuple[str, str]:
    """Assignments that switch the model in `folder` on."""
    return "skip_meta_model=false", f"model_path={folder}"
